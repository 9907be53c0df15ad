//! Text that is no API key.

use super::*;

#[test]
fn what_could_not_be_a_key_is_named_and_what_was_there_stays() {
    let long = vec![b'x'; 5000];
    let huge = vec![b'x'; 10_000_000];
    for (key, why) in [
        (&b""[..], "The API key is empty"),
        (b"\n", "The API key is empty"),
        (b"   \t \n", "The API key is empty"),
        (b"sk-1 2\n", "a space at position 5"),
        (b"sk-\x1b[2J\n", "a control character at position 4"),
        (b"sk-\0\n", "a control character"),
        ("sk-é\n".as_bytes(), "not ASCII at position 4"),
        (b"\xff\xfe\n", "not ASCII"),
        (b"sk-first-half\nsecond-half\n", "More than one line"),
        (b"sk-first-half\nsecond-half", "More than one line"),
        (b"sk-proj-****abcd\n", "is masked"),
        ("sk-proj…abcd\n".as_bytes(), "is masked"),
        (
            b"http://localhost:1455/auth/callback?code=c&state=s\n",
            "a web address",
        ),
        (b"'at-0123456789'\n", "login --with-access-token"),
        (&long, "5000 bytes long"),
        (&huge, "bytes long"),
    ] {
        let stage = Stage::new();
        stage.sign_in();
        let before = stage.auth_json();
        let ended = Run::new(&stage, &["login", "--with-api-key"]).takes(key);
        let ended = ended.failed(1, why);
        is_clear(&ended);
        ended.never_says("sk-");
        assert_eq!(stage.auth_json(), before);
    }
}

#[test]
fn the_same_rule_holds_for_an_access_token() {
    for (token, why) in [
        (&b"at-first-half\nsecond-half\n"[..], "More than one line"),
        (b"at-****abcd\n", "is masked"),
        (b"https://auth.example/\n", "a web address"),
        (b"OPENAI_API_KEY=sk-1\n", "login --with-api-key"),
        (b"at-1 2\n", "a space at position 5"),
    ] {
        let stage = Stage::new();
        stage.sign_in();
        let before = stage.auth_json();
        let run = Run::new(&stage, &["login", "--with-access-token"]);
        is_clear(&run.takes(token).failed(1, why));
        assert_eq!(stage.auth_json(), before);
    }
}

#[test]
fn as_json_it_is_a_failed_event_of_kind_usage() {
    let stage = Stage::new();
    let ended = Run::new(&stage, &["login", "--with-api-key", "--json"]).takes(b"\n");
    let events = ended.failed(1, "").events();
    assert_eq!(events[0]["error"]["kind"], "usage");
}
