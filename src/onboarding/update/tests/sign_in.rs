//! Sign-ins, from the first key to the last report.

use super::*;

fn step(model: &Model) -> Option<SignInStep> {
    match &model.screen {
        Screen::SignIn(screen) => Some(screen.step),
        _ => None,
    }
}

#[test]
fn the_browser_is_opened_once_and_again_on_o() {
    let mut model = model();
    type_keys(&mut model, "1");
    assert_eq!(send(&mut model, link()), format!("open {URL}"));
    assert_eq!(send(&mut model, link()), "");
    assert_eq!(type_keys(&mut model, "o"), format!("open {URL}"));
    assert_eq!(type_keys(&mut model, "c"), format!("copy {URL}"));
    assert_eq!(type_keys(&mut model, "u"), format!("bare {URL}"));
}

#[test]
fn no_browser_is_opened_in_a_remote_session_or_for_a_device_code() {
    let mut model = remote();
    type_keys(&mut model, "1");
    assert_eq!(send(&mut model, link()), "");
    assert_eq!(type_keys(&mut model, "o"), "");
    assert_eq!(type_keys(&mut model, "c"), format!("copy {URL}"));
    let mut model = self::model();
    type_keys(&mut model, "3");
    assert_eq!(send(&mut model, link()), "");
}

#[test]
fn a_whole_paste_hands_itself_in_whatever_has_the_focus() {
    for text in [
        &format!("http://localhost:1455/auth/callback?code=1&state={STATE}"),
        &format!("code=1&state={STATE}"),
        &format!(" one#{STATE}\n"),
        &format!("error=no&state={STATE}"),
        URL,
    ] {
        let handed_in = format!("submit {}", text.trim());
        assert_eq!(send(&mut waiting(model()), paste_of(text)), handed_in);
        let mut typing = waiting(model());
        type_keys(&mut typing, "p");
        assert_eq!(send(&mut typing, paste_of(text)), handed_in);
        let mut device = model();
        type_keys(&mut device, "3");
        assert_eq!(send(&mut device, paste_of(text)), handed_in);
    }
}

#[test]
fn a_part_of_a_paste_waits_for_the_rest_and_takes_the_letters() {
    let mut model = waiting(model());
    assert_eq!(send(&mut model, paste_of("code=1&st")), "");
    assert_eq!(type_keys(&mut model, "ate=d"), "");
    assert_eq!(type_keys(&mut model, "\n"), "submit code=1&state=d");
}

#[test]
fn a_refused_paste_can_be_corrected_or_replaced() {
    let mut model = waiting(model());
    let first = format!("code=1&state={STATE}");
    send(&mut model, paste_of(&first));
    send(&mut model, Message::Problem(failure()));
    assert_eq!(problem(&model), "Token exchange failed");
    assert_eq!(type_keys(&mut model, "p!\n"), format!("submit {first}!"));
    send(&mut model, Message::Problem(failure()));
    assert_eq!(send(&mut model, paste_of("code=2&")), "");
    assert_eq!(
        send(&mut model, paste_of(&format!("state={STATE}"))),
        format!("submit code=2&state={STATE}")
    );
}

#[test]
fn enter_on_an_empty_field_says_what_to_paste() {
    let mut model = waiting(model());
    assert_eq!(type_keys(&mut model, "p\n"), "");
    assert!(
        problem(&model).starts_with("Paste the address"),
        "{}",
        problem(&model)
    );
}

#[test]
fn more_than_8_kib_is_refused_and_the_field_stays_usable() {
    let mut model = waiting(model());
    assert_eq!(send(&mut model, paste_of(&"x".repeat(1 << 20))), "");
    assert!(problem(&model).contains("8 KiB"), "{}", problem(&model));
    let fits = format!("a#{STATE}");
    assert_eq!(send(&mut model, paste_of(&fits)), format!("submit {fits}"));
}

#[test]
fn letters_go_into_the_focused_field_and_esc_leaves_it_first() {
    let mut model = waiting(model());
    assert_eq!(type_keys(&mut model, "pduco?"), "");
    assert!(!model.help);
    assert_eq!(type_keys(&mut model, "\u{1b}"), "");
    assert_eq!(type_keys(&mut model, "c"), format!("copy {URL}"));
    assert_eq!(type_keys(&mut model, "\u{1b}"), "CancelSignIn");
    assert!(matches!(model.screen, Screen::Welcome(_)));
}

#[test]
fn a_device_code_is_asked_for_once_and_esc_goes_back_to_the_link() {
    let mut model = waiting(model());
    assert_eq!(type_keys(&mut model, "d"), "RequestDeviceCode");
    send(&mut model, device_code());
    assert_eq!(type_keys(&mut model, "c"), "copy ABCD-12345");
    assert_eq!(
        type_keys(&mut model, "o"),
        "open https://auth.openai.com/codex/device"
    );
    assert_eq!(type_keys(&mut model, "\u{1b}"), "");
    assert_eq!(step(&model), Some(SignInStep::Waiting));
    assert_eq!(type_keys(&mut model, "d"), "");
    assert!(
        matches!(&model.screen, Screen::SignIn(it) if matches!(it.code, CodeStep::Issued { .. }))
    );
    assert_eq!(step(&model), Some(SignInStep::DeviceCode));
}

#[test]
fn esc_on_a_device_code_chosen_from_the_menu_ends_the_attempt() {
    let mut model = model();
    type_keys(&mut model, "3");
    assert_eq!(type_keys(&mut model, "\u{1b}"), "CancelSignIn");
    assert!(matches!(model.screen, Screen::Welcome(_)));
}

#[test]
fn a_device_code_that_failed_can_be_asked_for_again() {
    let mut model = model();
    type_keys(&mut model, "3");
    send(
        &mut model,
        Message::Status(Status::DeviceCodeFailed(failure())),
    );
    assert_eq!(
        model.next_tick(),
        Some(Duration::ZERO),
        "the first tick is due"
    );
    send(&mut model, tick_at(1));
    assert_eq!(model.next_tick(), None);
    assert_eq!(type_keys(&mut model, "r"), "RequestDeviceCode");
}

#[test]
fn a_failure_offers_another_try_of_the_same_kind() {
    let fail = |keys: &str| {
        let mut model = model();
        type_keys(&mut model, keys);
        send(&mut model, Message::Status(Status::Exchanging));
        send(&mut model, Message::Status(Status::Failed(failure())));
        model
    };
    assert!(matches!(&fail("1").screen, Screen::Failure(it) if it.method == Method::Browser));
    assert_eq!(type_keys(&mut fail("1"), "r"), "StartSignIn(Browser)");
    assert_eq!(type_keys(&mut fail("3"), "r"), "StartSignIn(DeviceCode)");
    assert_eq!(type_keys(&mut fail("1"), "d"), "StartSignIn(DeviceCode)");
    let mut model = fail("1");
    assert_eq!(type_keys(&mut model, "\u{1b}"), "");
    assert!(matches!(model.screen, Screen::Welcome(_)));
}

#[test]
fn a_start_that_fails_returns_to_the_choices_with_the_error() {
    let mut model = model();
    type_keys(&mut model, "1");
    send(&mut model, Message::StartFailed(failure()));
    assert!(matches!(model.screen, Screen::Welcome(_)));
    assert_eq!(problem(&model), "Token exchange failed");
}

#[test]
fn what_is_saved_is_shown_as_saved_wherever_the_person_is() {
    let mut model = waiting(model());
    type_keys(&mut model, "\u{1b}");
    let completed = || Message::Status(Status::Completed(who()));
    assert_eq!(send(&mut model, completed()), "look, AskWorkspace");
    assert!(matches!(model.screen, Screen::Success(_)));
    let mut again = waiting(self::model());
    assert_eq!(send(&mut again, completed()), "look, AskWorkspace");
    assert_eq!(type_keys(&mut again, "\n"), "Quit(SignedIn)");
}

#[test]
fn a_notice_stays_to_the_end_and_a_wait_does_not() {
    let mut model = waiting(model());
    for status in [
        Status::Exchanging,
        Status::Waiting("Waiting for auth.lock".to_owned()),
        Status::Notice("The folder could not be synced".to_owned()),
        Status::Notice("The folder could not be synced".to_owned()),
        Status::Completed(who()),
    ] {
        send(&mut model, Message::Status(status));
    }
    assert!(matches!(model.screen, Screen::Success(_)));
    assert_eq!(model.notices, ["The folder could not be synced"]);
}

#[test]
fn a_callback_that_did_not_arrive_is_said_where_the_person_waits_and_only_there() {
    let mut model = waiting(model());
    let notice = "Your browser uses https: paste the address that it shows";
    send(
        &mut model,
        Message::Status(Status::Notice(notice.to_owned())),
    );
    let Screen::SignIn(screen) = &model.screen else {
        panic!("another screen");
    };
    assert!(matches!(&screen.note, Some(Note::Info(said)) if said == notice));
    let mut left = model.clone();
    type_keys(&mut left, "\u{1b}");
    assert!(matches!(left.screen, Screen::Welcome(_)));
    assert_eq!(left.notices, [""; 0]);
    for status in [Status::Exchanging, Status::Completed(who())] {
        send(&mut model, Message::Status(status));
    }
    assert_eq!(model.notices, [""; 0]);
}

#[test]
fn a_notice_outlives_a_failure_and_not_the_next_attempt() {
    let mut model = waiting(model());
    for status in [
        Status::Exchanging,
        Status::Notice("Other users may write to it".to_owned()),
        Status::Failed(failure()),
    ] {
        send(&mut model, Message::Status(status));
    }
    assert_eq!(model.notices, ["Other users may write to it"]);
    type_keys(&mut model, "r");
    assert_eq!(model.notices, [""; 0]);
}

#[test]
fn late_reports_change_nothing_once_the_attempt_was_left() {
    let mut model = waiting(model());
    type_keys(&mut model, "\u{1b}");
    let late = [
        link(),
        device_code(),
        Message::Status(Status::Exchanging),
        Message::Status(Status::Failed(failure())),
        Message::StartFailed(failure()),
    ];
    for message in late {
        assert_eq!(send(&mut model, message), "");
    }
    assert!(matches!(model.screen, Screen::Welcome(_)));
}
