//! The words that another product's sign-in never says.

/// Codex's names and files, in lower case.
const CODEX: [&str; 7] = [
    "codex",
    "chatgpt",
    "openai",
    "auth.json",
    "auth.lock",
    "config.toml",
    "codex_home",
];

/// Asserts that a text speaks of Acme alone, and of no flag of a command line.
#[track_caller]
pub fn are_acmes(what: &str, text: &str) {
    if let Some(word) = stranger(text) {
        panic!("{what} says {word}:\n{text}");
    }
}

fn stranger(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    let name = CODEX.iter().find(|word| text.contains(**word));
    let is_flag = |word: &&str| {
        let name = word.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '-');
        let name = name.strip_prefix("--");
        name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let flag = text.split_whitespace().find(is_flag);
    name.copied().or(flag).map(str::to_owned)
}

#[test]
fn a_word_of_codex_is_seen_wherever_it_stands() {
    for text in [
        "Signed in to Codex CLI",
        "https://chatgpt.com/backend-api",
        "OPENAI_API_KEY is set",
        "Waiting for /home/zoe/auth.lock",
        "Choose another port (--port N)",
        "use: `--device-auth`",
    ] {
        assert!(stranger(text).is_some(), "{text}");
    }
    assert_eq!(stranger("Signed in to Acme -- welcome"), None);
}
