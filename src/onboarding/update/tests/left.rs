//! An interrupted sign-in is offered first.

use super::*;

/// Adds an interrupted sign-in with ten minutes left.
fn left(mut model: Model) -> Model {
    model.facts.interrupted = Some(DeviceCode {
        user_code: "ABCD-12345".to_owned(),
        verification_url: "https://auth.openai.com/codex/device".to_owned(),
        expires_in: Duration::from_mins(10),
    });
    Model::new(model.facts)
}

#[test]
fn a_sign_in_that_was_left_is_the_first_choice_and_goes_on_with_its_code() {
    for key in ["1", "\n"] {
        let mut model = left(model());
        assert_eq!(type_keys(&mut model, key), "ResumeSignIn");
        let Screen::SignIn(screen) = &model.screen else {
            panic!("{:?}", model.screen);
        };
        assert!(matches!(screen.code, CodeStep::Issued { .. }));
        assert_eq!(type_keys(&mut model, "\u{1b}"), "CancelSignIn");
        assert_eq!(
            type_keys(&mut model, "1"),
            "StartSignIn(Browser)",
            "it has ended"
        );
    }
    assert_eq!(type_keys(&mut left(model()), "2"), "StartSignIn(Browser)");
}

#[test]
fn its_code_is_shown_at_once_until_the_code_expires() {
    let mut model = left(model());
    send(&mut model, tick_at(60));
    type_keys(&mut model, "1");
    let Screen::SignIn(SignInScreen { code, .. }) = &model.screen else {
        panic!("{:?}", model.screen);
    };
    let CodeStep::Issued { code, ends, .. } = code else {
        panic!("{code:?}");
    };
    assert_eq!(code.user_code, "ABCD-12345");
    assert_eq!(*ends, Some(Duration::from_mins(10)));
}

#[test]
fn it_is_the_first_choice_beside_an_account_too() {
    assert_eq!(type_keys(&mut left(signed_in()), "1"), "ResumeSignIn");
    assert_eq!(type_keys(&mut left(signed_in()), "2"), "Quit(SignedIn)");
}

#[test]
fn it_stays_on_offer_until_another_code_takes_its_place() {
    let mut model = left(model());
    type_keys(&mut model, "2\u{1b}");
    assert!(model.facts.interrupted.is_some());
    type_keys(&mut model, "4");
    send(&mut model, device_code());
    assert!(model.facts.interrupted.is_none());
}

#[test]
fn what_the_settings_forbid_is_not_offered() {
    let mut model = left(model());
    model.facts.forced = Some(Mode::ApiKey);
    assert_eq!(
        Facts::welcome_choices(&model.facts)[0],
        WelcomeChoice::Begin(Choice::Account)
    );
}

#[test]
fn its_minutes_tick_and_with_the_last_it_goes() {
    let mut model = left(model());
    assert_eq!(model.next_tick(), Some(Duration::from_mins(1)));
    send(&mut model, tick_at(61));
    assert_eq!(model.next_tick(), Some(Duration::from_mins(2)));
    send(&mut model, tick_at(600));
    assert_eq!(model.next_tick(), None);
    assert_eq!(type_keys(&mut model, "\n"), "StartSignIn(Browser)");
}

#[test]
fn one_that_cannot_be_continued_says_why_above_the_choices() {
    let mut model = left(model());
    type_keys(&mut model, "1");
    send(&mut model, Message::StartFailed(failure()));
    assert_eq!(problem(&model), "Token exchange failed");
    assert_eq!(type_keys(&mut model, "1"), "StartSignIn(Browser)");
}
