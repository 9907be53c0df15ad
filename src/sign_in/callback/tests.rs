use proptest::prelude::*;

use super::*;

fn one(value: &str) -> Parameter {
    Parameter::One(value.to_owned())
}

#[test]
fn an_approval_is_read() {
    let query = CallbackQuery::parse("code=abc&state=xyz");
    assert_eq!(query.code, one("abc"));
    assert_eq!(query.state, one("xyz"));
    assert_eq!(query.error, Parameter::Absent);
    assert_eq!(query.error_description, None);
}

#[test]
fn a_denial_is_read() {
    let query =
        CallbackQuery::parse("error=access_denied&error_description=not+now%2C%20ever&state=s");
    assert_eq!(query.error, one("access_denied"));
    assert_eq!(query.error_description.as_deref(), Some("not now, ever"));
    assert_eq!(query.code, Parameter::Absent);
}

#[test]
fn a_parameter_without_a_value_is_absent() {
    for query in ["", "code=&state=&error=", "code&state&error", "&&&"] {
        assert_eq!(CallbackQuery::parse(query), CallbackQuery::default());
    }
}

#[test]
fn a_repetition_is_told_apart_even_when_it_is_empty_or_the_same() {
    for query in [
        "code=a&code=b",
        "code=a&code=a",
        "code=&code=a",
        "code&code",
    ] {
        assert_eq!(
            CallbackQuery::parse(query).code,
            Parameter::Repeated,
            "{query}"
        );
    }
    assert!(CallbackQuery::parse("state=s&state=s").state == Parameter::Repeated);
    assert!(CallbackQuery::parse("error=&error=").error == Parameter::Repeated);
    assert!(CallbackQuery::parse("c%6fde=a&code=a").code == Parameter::Repeated);
}

#[test]
fn what_we_do_not_know_is_ignored_however_often_it_comes() {
    let query = CallbackQuery::parse("iss=a&iss=b&scope=x&scope=&code=c&Code=d&state=s");
    assert_eq!((query.code, query.state), (one("c"), one("s")));
}

#[test]
fn the_suffix_an_issuer_appends_to_the_state_stays() {
    let state = "xyz.onboarding_entrypoint=life_sciences";
    assert_eq!(
        CallbackQuery::parse(&format!("state={state}")).state,
        one(state)
    );
}

#[test]
fn hostile_bytes_are_only_text() {
    assert_eq!(
        CallbackQuery::parse("state=%FF%00%").state,
        one("\u{FFFD}\0%")
    );
    let many = "a=1&".repeat(4_096);
    assert_eq!(CallbackQuery::parse(&many), CallbackQuery::default());
    let repeated = "state=x&".repeat(2_048);
    assert!(CallbackQuery::parse(&repeated).state == Parameter::Repeated);
    let long = format!("code={}", "%41".repeat(5_461));
    assert_eq!(CallbackQuery::parse(&long).code, one(&"A".repeat(5_461)));
}

#[test]
fn debug_shows_no_secret() {
    let query =
        CallbackQuery::parse("code=SECRET&state=SECRET&error=e%1b&error_description=SECRET");
    let debug = format!("{query:?} {:?}", query.code);
    assert!(!debug.contains("SECRET"), "{debug}");
    assert!(debug.contains("\"e\""), "{debug}");
}

proptest! {
    #[test]
    fn it_never_panics_and_agrees_with_the_form_decoder(
        query in "((state|code|error|x|%63ode)?[=&%+a\u{0}\u{e9}]{0,4}){0,8}|.{0,200}"
    ) {
        let read = CallbackQuery::parse(&query);
        for (name, parameter) in [("state", read.state), ("code", read.code), ("error", read.error)] {
            let values: Vec<String> = form_urlencoded::parse(query.as_bytes())
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .collect();
            let expected = match values.as_slice() {
                [] => Parameter::Absent,
                [value] if value.is_empty() => Parameter::Absent,
                [value] => one(value),
                _ => Parameter::Repeated,
            };
            prop_assert_eq!(parameter, expected);
        }
    }
}

fn state() -> OAuthState {
    OAuthState::new("right".to_owned())
}

fn check(query: &str) -> Result<Callback, Ignored> {
    state().check(CallbackQuery::parse(query))
}

#[track_caller]
fn assert_ignored(query: &str, why: Ignored) {
    assert_eq!(check(query).unwrap_err(), why, "{query}");
}

#[test]
fn a_wrong_absent_or_doubled_state_is_ignored() {
    for query in [
        "",
        "code=c",
        "code=c&state=wrong",
        "code=c&state=",
        "code=c&state=right&state=right",
        "error=access_denied&state=wrong",
        "code=c&state=rightx",
        "code=c&state=right.onboarding_entrypoint=other",
    ] {
        assert_ignored(query, Ignored::StateMismatch);
    }
}

#[test]
fn a_doubled_code_or_error_and_a_missing_code_are_ignored() {
    assert_ignored("state=right&code=a&code=b", Ignored::Repeated);
    assert_ignored("state=right&error=a&error=a", Ignored::Repeated);
    assert_ignored("state=right", Ignored::MissingCode);
    assert_ignored("state=right&code=&error=", Ignored::MissingCode);
}

#[test]
fn the_issuers_suffix_on_the_state_is_accepted() {
    let callback = check("code=a&state=right.onboarding_entrypoint%3Dlife_sciences").unwrap();
    assert!(matches!(callback, Callback::Code(code) if code.expose_secret() == "a"));
}

#[test]
fn an_error_takes_precedence_over_a_code() {
    let callback = check("code=a&state=right&error=access_denied").unwrap();
    assert!(matches!(callback, Callback::Error { code, .. } if code == "access_denied"));
}

#[test]
fn the_same_code_or_error_is_a_repetition_and_another_is_not() {
    let [code, error] = ["code=a&state=right", "code=a&state=right&error=x"];
    for (query, first, repeats) in [
        (code, code, true),
        (error, error, true),
        ("error=x&state=right", error, true),
        ("code=b&state=right", code, false),
        ("error=y&state=right", error, false),
        (error, code, false),
        (code, error, false),
    ] {
        let [callback, of_first] = [query, first].map(|query| check(query).unwrap());
        assert_eq!(
            callback.repeats(&of_first),
            repeats,
            "{query} after {first}"
        );
    }
}
