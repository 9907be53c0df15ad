//! Who may know whom. The folders are the architecture; the arrows point one way.

#![allow(clippy::unwrap_used)] // A test may panic.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the crate that a file names, whichever way it writes them.
fn known_by(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    ["crate::", "codex_onboarding::"]
        .iter()
        .flat_map(|root| {
            code.split(root)
                .skip(1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .flat_map(|rest| {
            // `crate::{a, b::c}` names two, `crate::a::b` one.
            match rest.strip_prefix('{') {
                Some(group) => top_level_names(group),
                None => vec![name(&rest)],
            }
        })
        .collect()
}

fn name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn top_level_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            c if depth == 0 => names.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    names.iter().map(|text| name(text.trim())).collect()
}

fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .flat_map(|entry| files_below(&entry.unwrap().path()))
        .filter(|file| file.extension().is_some_and(|end| end == "rs"))
        .collect()
}

/// `foo.rs` and everything below `foo/`.
fn module(name: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = files_below(&source.join(name));
    files.extend(files_below(&source.join(format!("{name}.rs"))));
    assert!(!files.is_empty(), "there is no module {name}");
    files
}

/// What any module may use: the leaves.
const LEAVES: [&str; 10] = [
    "crypto_provider",
    "product",
    "error",
    "html",
    "text",
    "Error",
    "ErrorKind",
    "Result",
    "environment",
    "signals",
];

fn assert_knows_only(name: &str, allowed: &[&str]) {
    for file in module(name) {
        for known in known_by(&file) {
            let fine = known == name
                || known.is_empty()
                || LEAVES.contains(&known.as_str())
                || allowed.contains(&known.as_str());
            assert!(fine, "{} must not know {known}", file.display());
        }
    }
}

#[test]
fn leaves_know_nobody() {
    assert_knows_only("error", &[]);
    assert_knows_only("html", &[]);
    assert_knows_only("text", &[]);
    assert_knows_only("environment", &[]);
    assert_knows_only("signals", &[]);
}

#[test]
fn auth_knows_nobody() {
    assert_knows_only("auth", &[]);
}

#[test]
fn the_terminal_knows_nobody() {
    assert_knows_only("terminal", &[]);
    assert_knows_only("hidden_input", &["terminal"]);
}

#[test]
fn the_sign_in_knows_only_auth() {
    assert_knows_only("sign_in", &["auth"]);
}

#[test]
fn the_embedded_issuer_knows_nobody() {
    assert_knows_only("demo", &[]);
}

#[test]
fn the_screens_know_the_sign_in_and_auth() {
    assert_knows_only(
        "onboarding",
        &[
            "sign_in",
            "auth",
            "browser",
            "terminal",
            "hidden_input",
            "remote",
        ],
    );
}

#[test]
fn the_view_only_reads_the_model() {
    let mut files = module("onboarding/view");
    files.retain(|file| !file.ends_with("update.rs"));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for stranger in [
            "tokio",
            "super::update",
            "Runtime",
            "SignIn::",
            "std::fs",
            "Instant",
        ] {
            assert!(
                !text.contains(stranger),
                "{} knows {stranger}",
                file.display()
            );
        }
    }
}

#[test]
fn nobody_knows_the_commands() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files_below(&source) {
        let is_binary = [
            "main.rs",
            "commands.rs",
            "cli.rs",
            "settings.rs",
            "trace.rs",
        ]
        .iter()
        .any(|name| file.ends_with(name))
            || file.starts_with(source.join("commands"));
        if !is_binary {
            assert!(
                !known_by(&file).contains(&"commands".to_owned()),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn the_library_prints_nothing() {
    for name in [
        "auth",
        "sign_in",
        "onboarding",
        "demo",
        "browser",
        "remote",
        "terminal",
    ] {
        for file in module(name) {
            let text = fs::read_to_string(&file).unwrap();
            for printer in ["println!", "eprintln!", "print!(", "dbg!"] {
                let at = text.find(printer);
                assert!(at.is_none(), "{} uses {printer}", file.display());
            }
        }
    }
}

#[test]
fn no_module_is_hidden_in_a_mod_rs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "tests", "benches"] {
        for file in files_below(&root.join(folder)) {
            assert!(!file.ends_with("mod.rs"), "{}", file.display());
        }
    }
}

#[test]
fn every_test_that_security_md_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let names = rows.flat_map(|row| row.rsplit('|').nth(1).unwrap_or("").split('`'));
    let names: Vec<&str> = names.filter(|name| name.contains('_')).collect();
    assert!(names.len() > 20, "{names:?}");
    let files = ["src", "tests"].map(|folder| files_below(&root.join(folder)));
    let texts = files.iter().flatten().map(fs::read_to_string);
    let code: String = texts.map(Result::unwrap).collect();
    for name in names {
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
}
