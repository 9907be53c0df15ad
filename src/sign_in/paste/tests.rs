use std::time::{Duration, Instant};

use proptest::prelude::*;
use url::form_urlencoded;

use super::*;

const STATE: &str = "p0-Wq8rT2uYhB6nMk_4sDfGhJkLzXcVbNmQwErTyUiO";
const CODE: &str = "ac_9x-Yz_0123456789";

fn url() -> String {
    format!("http://localhost:1455/auth/callback?code={CODE}&state={STATE}")
}

fn approval() -> CallbackQuery {
    CallbackQuery::parse(&format!("code={CODE}&state={STATE}"))
}

#[track_caller]
fn reads(text: &str) {
    assert_eq!(read(text).as_ref(), Ok(&approval()), "{text:?}");
    assert!(is_complete(text), "{text:?}");
}

#[track_caller]
fn refuses(text: &str, error: PasteError) {
    assert_eq!(read(text), Err(error), "{text:?}");
    assert!(!is_complete(text));
}

#[test]
fn every_form_is_read() {
    reads(&url());
    reads(&format!("code={CODE}&state={STATE}"));
    reads(&format!("?code={CODE}&state={STATE}"));
    reads(&format!("state={STATE}&scope=openid&code={CODE}"));
    reads(&format!("{CODE}#{STATE}"));
}

#[test]
fn the_address_itself_does_not_matter() {
    for address in [
        "https://localhost/auth/callback",
        "http://127.0.0.1:9999/",
        "HTTP://[::1]:1457/auth/callback",
        "https://workspace-1455.app.github.dev/auth/callback",
        "localhost:1455/auth/callback",
        "Location: http://localhost:1455/auth/callback",
        "http://localhost:1455/#/a=b",
    ] {
        reads(&format!("{address}?code={CODE}&state={STATE}"));
    }
    reads(&format!("{}#", url()));
    reads(&format!("{}#_=_", url()));
    reads(&format!("{}&iss=https://auth.openai.com/?x=1", url()));
    reads(&format!(
        "code={CODE}&state={STATE}&iss=https://auth.openai.com"
    ));
}

#[test]
fn what_stands_around_it_is_forgiven() {
    let url = url();
    for (before, after) in [
        ("  ", "\t"),
        ("\n\n", "\r\n"),
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("```\n", "\n```"),
        ("<", ">"),
        ("“", "”"),
        ("‘", "’"),
        ("« ", " »"),
        (" <\"", "\"> "),
        ("> ", ""),
        ("\u{feff}", "\u{200b}"),
        ("\u{1b}[200~", "\u{1b}[201~"),
        ("│ ", " │"),
        ("| ", " |"),
    ] {
        reads(&format!("{before}{url}{after}"));
        reads(&format!("{before}{CODE}#{STATE}{after}"));
    }
}

#[test]
fn wrapping_is_forgiven_at_every_place() {
    let url = url();
    for at in 1..url.len() {
        let (head, tail) = url.split_at(at);
        for wrap in [
            "\n",
            "\r\n",
            "\r",
            " ",
            "\n    ",
            " │\n│ ",
            " |\r\n| ",
            "\n> ",
            "\u{2028}",
        ] {
            reads(&format!("{head}{wrap}{tail}"));
        }
    }
}

#[test]
fn an_address_in_another_dress_is_read() {
    let url = url();
    let escaped = |characters: &[char], escape: fn(char) -> String| -> String {
        let escape = |c| {
            if characters.contains(&c) {
                escape(c)
            } else {
                c.to_string()
            }
        };
        url.chars().map(escape).collect()
    };
    let json_slashes = escaped(&['/'], |c| format!("\\{c}"));
    for dressed in [
        url.replace('&', "&amp;"),
        url.replace('&', "&amp;amp;"),
        url.replace('&', "&#38;"),
        url.replace('&', "&#x26;"),
        url.replace('&', "^&"),
        url.replace('&', "^^^&"),
        url.replace('&', "`&"),
        url.replace('&', "\\u0026"),
        url.replace('&', "\\x26"),
        url.replace('&', "\\u0026").replace('=', "\\u003D"),
        escaped(&['?', '&', '='], |c| format!("\\{c}")),
        format!("{{\"url\":\"{}\"}}", json_slashes.replace('&', "\\u0026")),
        format!("\"{json_slashes}\\n\""),
        format!("[the page I land on]({url})"),
        format!("[{url}]({url})"),
        format!("see [{url}]({url} \"title\"), thanks"),
        format!("<a href=\"{url}\">{url}</a>"),
        format!("<a href='{}'>here</a>", url.replace('&', "&amp;")),
        format!("<{url}|localhost>"),
        format!("**{url}**"),
        format!("curl '{url}' -H 'Accept: */*'"),
        format!("GET {url} HTTP/1.1"),
        format!("GET /auth/callback?code={CODE}&state={STATE} HTTP/1.1"),
        format!("code=\"{CODE}\"&state=\"{STATE}\""),
    ] {
        reads(&dressed);
    }
}

#[test]
fn an_address_that_is_encoded_as_a_whole_is_read() {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let once = encode(&url());
    let twice = encode(&once);
    for text in [
        once.clone(),
        once.to_lowercase()
            .replace(&STATE.to_lowercase(), STATE)
            .replace(&CODE.to_lowercase(), CODE),
        twice,
        format!("https://links.example/?u={once}&e=1"),
        format!("\"{once}\"."),
        format!("code%3D{CODE}%26state%3D{STATE}"),
        format!("code={CODE}%26state%3D{STATE}"),
    ] {
        reads(&text);
    }
    // The address's own encoding is undone last.
    let query = read(&encode("http://localhost/?code=a%2Bb&state=s")).unwrap();
    assert_eq!(query.code.one(), Some("a+b"));
}

#[test]
fn words_and_punctuation_around_it_do_not_matter() {
    let url = url();
    let state_first = format!("http://localhost:1455/auth/callback?state={STATE}&code={CODE}");
    for address in [&url, &state_first, &format!("{CODE}#{STATE}")] {
        for (before, after) in [
            ("(", ")"),
            ("", "."),
            ("", ","),
            ("", "!"),
            ("[", "]"),
            ("{", "};"),
            ("\"", "\"."),
            ("(see ", ")."),
            (
                "Is it this one? ",
                " It says that the page cannot be reached.",
            ),
            ("I landed on: ", ", what now?"),
            ("a=b #1 ", " #2 c=d"),
        ] {
            reads(&format!("{before}{address}{after}"));
        }
    }
    // Across lines, the end of the state is known.
    for (before, after) in [
        ("It shows:\n", "\nwhat now?"),
        ("", "\n\nSent from my phone"),
    ] {
        reads(&format!("{before}{url}{after}"));
    }
}

#[test]
fn the_end_of_another_sign_in_is_told_apart() {
    for text in [
        "http://localhost:1455/success",
        "http://localhost:1455/success?needs_setup=false&page=x",
        "localhost:1455/success",
        "(http://localhost:1455/success/).",
        "it says http://localhost:1455/success?a=b now",
    ] {
        refuses(text, PasteError::ReceivedElsewhere);
    }
    refuses("http://localhost:1455/unsuccess", PasteError::NotACallback);
}

#[test]
fn control_characters_are_dropped() {
    let text: String = url()
        .chars()
        .flat_map(|c| [c, '\0', '\u{7f}', '\u{9b}'])
        .collect();
    reads(&text);
}

#[test]
fn encoding_is_undone_in_a_query_and_literal_beside_a_hash() {
    let query = read("?code=a%2Bb+c&state=s%3D").unwrap();
    assert_eq!(query.code.one(), Some("a+b c"));
    assert_eq!(query.state.one(), Some("s="));
    let query = read("a+b%20/=#s").unwrap();
    assert_eq!(query.code.one(), Some("a+b%20/="));
    let query = read("code=a?b&state=s?t").unwrap();
    assert_eq!(
        (query.code.one(), query.state.one()),
        (Some("a?b"), Some("s?t"))
    );
}

#[test]
fn the_suffix_an_issuer_appends_to_the_state_is_read_in_every_form() {
    let state = format!("{STATE}.onboarding_entrypoint=life_sciences");
    for text in [format!("?code=c&state={state}"), format!("c#{state}")] {
        assert_eq!(read(&text).unwrap().state.one(), Some(state.as_str()));
        assert!(is_complete(&text));
    }
}

#[test]
fn an_error_redirect_is_taken() {
    let text = format!(
        "http://localhost:1455/auth/callback?error=access_denied&error_description=no+thanks&state={STATE}"
    );
    let query = read(&text).unwrap();
    assert_eq!(query.error.one(), Some("access_denied"));
    assert_eq!(query.error_description.as_deref(), Some("no thanks"));
    assert!(is_complete(&text));
    refuses(
        "http://localhost:1455/auth/callback?error=access_denied",
        PasteError::MissingState,
    );
}

#[test]
fn the_link_to_open_is_told_apart() {
    let link = format!(
        "https://auth.openai.com/oauth/authorize?response_type=code&client_id=app_1&redirect_uri=\
         http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&code_challenge=c&state={STATE}"
    );
    for text in [
        link.as_str(),
        &format!("<{link}>"),
        &link[..70],
        link.split_once('?').unwrap().1,
        &format!("Is this it? {link} Thanks."),
        &link.replace('&', "&amp;"),
        &form_urlencoded::byte_serialize(link.as_bytes()).collect::<String>(),
        "http://localhost:1455/login/Ab3dE",
    ] {
        assert!(text.len() > 30);
        refuses(text, PasteError::AuthorizationLink);
    }
    assert_eq!(
        Error::from(PasteError::AuthorizationLink).message(),
        "that is the link to open: paste the address you land on afterwards"
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    for text in ["", "  \r\n", "\"\"", "<>", "``` ```", "\u{1b}\0", "│ │"] {
        refuses(text, PasteError::Empty);
    }
    for text in [
        "https://example.com/",
        "https://auth.openai.com/log-in?flow=1",
        "http://localhost:1455/auth/callback",
        "http://localhost:1455/auth/callback#frag",
        "ftp://localhost/?code=c&state=s",
    ] {
        refuses(text, PasteError::NotACallback);
    }
    for text in [
        CODE,
        "code=c",
        "?code=c&state=",
        "http://localhost:1455/?code=c",
        "c#",
        "what?",
    ] {
        refuses(text, PasteError::MissingState);
    }
    for text in [
        "state=s",
        "?code=&state=s",
        "http://localhost:1455/?state=s",
        "#s",
    ] {
        refuses(text, PasteError::MissingCode);
    }
    refuses(&format!("{}{}", url(), url()), PasteError::Repeated);
    refuses(&format!("{}\n{}", url(), url()), PasteError::Repeated);
    refuses(&format!("{} {}", url(), url()), PasteError::Repeated);
    refuses("code=a&code=a&state=s", PasteError::Repeated);
}

#[test]
fn more_than_8_kib_is_refused_and_blanks_around_do_not_count() {
    let fits = format!(
        "code={}&state={STATE}",
        "c".repeat(MAX_BYTES - 12 - STATE.len())
    );
    assert_eq!(fits.len(), MAX_BYTES);
    assert!(is_complete(&format!("\n {fits}\n")));
    refuses(&format!("c{fits}"), PasteError::TooLong);
    refuses(&"x".repeat(1024 * 1024), PasteError::TooLong);
    refuses(&" ".repeat(1024 * 1024), PasteError::Empty);
}

#[test]
fn a_paste_that_is_cut_off_does_not_submit_itself() {
    let url = url();
    for end in 0..url.len() {
        assert!(!is_complete(&url[..end]), "{end}");
    }
    assert!(is_complete(&url));
}

#[test]
fn every_refusal_is_a_sentence_without_a_full_stop() {
    for error in [
        PasteError::Empty,
        PasteError::TooLong,
        PasteError::AuthorizationLink,
        PasteError::ReceivedElsewhere,
        PasteError::Unreadable,
        PasteError::NotACallback,
        PasteError::MissingState,
        PasteError::MissingCode,
        PasteError::Repeated,
    ] {
        let text = error.to_string();
        assert!(
            text.contains("paste ") && !text.ends_with('.') && !text.contains("  "),
            "{text}"
        );
    }
}

/// Eight times the text takes about eight times as long; quadratic time would be 64 times as long.
/// The shortest of several runs counts, because any run may be slow on a busy machine.
#[test]
fn the_worst_texts_are_read_in_time_linear_in_their_length() {
    let time = |text: &str| {
        let start = Instant::now();
        let _ = read(text);
        start.elapsed()
    };
    for pattern in [
        "?",
        "=",
        "&",
        "#",
        "%",
        "://",
        "code=",
        "\n|",
        "\n> ",
        "│",
        "\"",
        "\u{1b}[200~",
        "e\u{301}",
        "&amp;",
        "\\u0026",
        "%25",
        "](",
        " code=a",
        " /success",
    ] {
        let long = pattern.repeat(MAX_BYTES / pattern.len());
        let short = pattern.repeat(MAX_BYTES / pattern.len() / 8);
        let (mut of_long, mut of_short) = (Duration::MAX, Duration::MAX);
        let is_linear = (0..100).any(|round| {
            of_long = of_long.min(time(&long));
            of_short = of_short.min(time(&short));
            round > 2 && of_long < of_short * 24
        });
        assert!(is_linear, "{pattern:?}: {of_short:?}, then {of_long:?}");
    }
}

/// Returns an address in one of its possible forms.
fn dressed(url: &str, dress: usize) -> String {
    match dress {
        0 => url.replace('&', "&amp;"),
        1 => url.replace('&', "\\u0026"),
        2 => form_urlencoded::byte_serialize(url.as_bytes()).collect(),
        3 => url.replace('?', "\\?").replace('&', "\\&"),
        4 => format!("({url})"),
        5 => format!("{url}."),
        6 => format!("[{url}]({url})"),
        _ => format!("Here it is: {url} is that right?"),
    }
}

proptest! {
    #[test]
    fn a_dressed_address_reads_as_the_plain_one(
        code in "[A-Za-z0-9_~-]{1,200}",
        state in "[A-Za-z0-9_-]{43}",
        dress in 0_usize..8,
        state_first in any::<bool>(),
    ) {
        let (first, second) = if state_first {
            (format!("state={state}"), format!("code={code}"))
        } else {
            (format!("code={code}"), format!("state={state}"))
        };
        let url = format!("http://localhost:1455/auth/callback?{first}&{second}");
        let expected = CallbackQuery::parse(&format!("{first}&{second}"));
        prop_assert_eq!(read(&url), Ok(expected));
        prop_assert_eq!(read(&dressed(&url, dress)), read(&url));
    }

    #[test]
    fn it_never_panics(text in ".{0,300}|[codestarehtp:/?=&#%<>\"|\n \u{1b}]{0,300}|((code|state|error|amp;|u0026|%3D|%25|&|=|#|\\\\|\\]\\(| |\n)){0,100}") {
        if let Ok(query) = read(&text) {
            prop_assert!(query.state.one().is_some());
            prop_assert!(query.code.one().or(query.error.one()).is_some());
        } else {
            prop_assert!(!is_complete(&text));
        }
    }

    #[test]
    fn a_wrapped_and_quoted_address_reads_as_the_plain_one(
        code in "[A-Za-z0-9._~-]{1,200}",
        state in "[A-Za-z0-9_-]{43}",
        width in 5_usize..120,
        indent in "[ \t│]{0,4}",
        quotes in prop::sample::select(vec![("", ""), ("\"", "\""), ("“", "”"), ("<", ">"), ("`", "`")]),
    ) {
        let url = format!("http://localhost:1455/auth/callback?code={code}&state={state}");
        let lines: Vec<String> = url
            .as_bytes()
            .chunks(width)
            .map(|line| format!("{indent}{}", String::from_utf8_lossy(line)))
            .collect();
        let text = format!("{}{}{}", quotes.0, lines.join("\r\n"), quotes.1);
        prop_assert_eq!(read(&text), read(&url));
        prop_assert!(is_complete(&text));
    }
}
