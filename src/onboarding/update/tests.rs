//! Sessions as lists of messages.

mod keys;
mod left;
mod running;
mod sign_in;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::*;
use crate::auth::accounts::StoredAccount;
use crate::auth::{
    Account as Who, CodexConfig, Issuer, Mode, Plan, Revocation, SessionOptions, Store,
};
use crate::error::Error;
use crate::onboarding::known::KnownAccounts;
use crate::onboarding::model::{AccountStep, CodeStep, Method, SignInScreen, WelcomeChoice};
use crate::product::Choice;
use crate::remote::RemoteSession;
use crate::sign_in::{DeviceCode, Link};

const URL: &str =
    "https://auth.openai.com/oauth/authorize?response_type=code&client_id=c&state=abc";

/// A state as long as real ones.
const STATE: &str = "0123456789012345678901234567890123456789012";

fn who() -> Who {
    Who {
        mode: Mode::ChatGpt,
        email: Some("ada@example.com".to_owned()),
        plan: Some(Plan::new("plus")),
        account_id: None,
        needs_setup: false,
    }
}

fn model() -> Model {
    Model::new(Facts {
        animations: true,
        ..Facts::default()
    })
}

fn remote() -> Model {
    Model::new(Facts {
        remote: Some(RemoteSession::default()),
        ..Facts::default()
    })
}

/// Returns the accounts in a codex home with these files.
fn accounts_in(files: &[(&str, &str)]) -> KnownAccounts {
    let home = tempfile::tempdir().unwrap();
    for (path, name) in files {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file_of(name)).unwrap();
    }
    let store = Store::new(home.path());
    let reading = store.read();
    KnownAccounts::look(&SessionOptions::new(store, Issuer::openai()), reading)
}

/// Returns the `auth.json` of the person with this name.
fn file_of(name: &str) -> String {
    let claims = json!({
        "email": format!("{name}@example.com"),
        "https://api.openai.com/auth": {"chatgpt_account_id": name},
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.c2ln", part(&json!({})), part(&claims));
    let tokens = json!({"id_token": token, "access_token": token, "refresh_token": "r"});
    json!({"auth_mode": "chatgpt", "tokens": tokens}).to_string()
}

fn signed_in() -> Model {
    with_parked(&[])
}

fn parked(name: &str) -> Box<StoredAccount> {
    let mut accounts = accounts_in(&[("accounts/1/auth.json", name)]);
    Box::new(accounts.parked.remove(0))
}

/// Returns a model with these parked accounts beside the active one.
fn with_parked(names: &[&str]) -> Model {
    let paths = names
        .iter()
        .map(|name| format!("accounts/{name}/auth.json"));
    let paths: Vec<_> = paths.collect();
    let parked = paths.iter().map(String::as_str).zip(names.iter().copied());
    let files: Vec<_> = parked.chain([("auth.json", "ada")]).collect();
    Model::new(Facts {
        accounts: accounts_in(&files),
        ..Facts::default()
    })
}

fn failure() -> Error {
    Error::issuer("Token exchange failed")
}

fn link() -> Message {
    Message::Status(Status::Url(Link {
        authorization_url: URL.to_owned(),
        short_url: Some("http://localhost:1455/login/abc".to_owned()),
        port: Some(1455),
        port_problem: None,
    }))
}

fn device_code() -> Message {
    Message::Status(Status::DeviceCode(DeviceCode {
        user_code: "ABCD-12345".to_owned(),
        verification_url: "https://auth.openai.com/codex/device".to_owned(),
        expires_in: Duration::from_mins(15),
    }))
}

fn paste_of(text: &str) -> Message {
    Message::Paste(SecretString::from(text))
}

fn tick_at(seconds: u64) -> Message {
    Message::Tick(Duration::from_secs(seconds))
}

fn send(model: &mut Model, message: Message) -> String {
    names(&update(model, message))
}

/// Presses keys one after the other, and returns the effects of the last one.
fn type_keys(model: &mut Model, keys: &str) -> String {
    let mut last = String::new();
    for c in keys.chars() {
        let key = match c {
            '\n' => Key::Enter,
            '\u{1b}' => Key::Esc,
            '\t' => Key::Tab,
            c => Key::Char(c),
        };
        last = send(model, Message::Key(key));
    }
    last
}

/// Writes effects as a line, with secrets exposed, since this is a test.
fn names(effects: &[Effect]) -> String {
    let name = |effect: &Effect| match effect {
        Effect::SubmitPaste(text) => format!("submit {}", text.expose_secret()),
        Effect::SaveApiKey(key) => format!("save {}", key.expose_secret()),
        Effect::OpenBrowser(url) => format!("open {url}"),
        Effect::Copy(text) => format!("copy {text}"),
        Effect::ShowBareUrl(url) => format!("bare {url}"),
        Effect::UseAccount { account, anyway } => {
            let anyway = if *anyway { " anyway" } else { "" };
            format!("use {}{anyway}", account.name)
        }
        Effect::RemoveAccount(account) => format!("remove {}", account.name),
        Effect::LookForRunning { earlier: false } => "look".to_owned(),
        other => format!("{other:?}"),
    };
    effects.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn waiting(mut model: Model) -> Model {
    type_keys(&mut model, "1");
    send(&mut model, link());
    model
}

fn problem(model: &Model) -> String {
    let note = match &model.screen {
        Screen::Welcome(screen) => &screen.note,
        Screen::SignIn(screen) => &screen.note,
        Screen::ApiKey(screen) => &screen.note,
        Screen::Account(screen) => &screen.note,
        _ => &None,
    };
    match note {
        Some(Note::Problem(error)) => error.message().to_owned(),
        _ => String::new(),
    }
}

#[test]
fn digits_choose_at_once_and_the_pointer_stops_at_both_ends() {
    assert_eq!(type_keys(&mut model(), "1"), "StartSignIn(Browser)");
    assert_eq!(type_keys(&mut model(), "3"), "StartSignIn(DeviceCode)");
    assert_eq!(type_keys(&mut model(), "kk\n"), "StartSignIn(Browser)");
    assert_eq!(type_keys(&mut model(), "jjjj\n"), "StartSignIn(DeviceCode)");
    let mut model = model();
    type_keys(&mut model, "2");
    assert!(matches!(model.screen, Screen::ApiKey(_)));
}

#[test]
fn esc_and_q_quit_from_the_choices_only() {
    assert_eq!(type_keys(&mut model(), "q"), "Quit(Cancelled)");
    assert_eq!(type_keys(&mut model(), "\u{1b}"), "Quit(Cancelled)");
    assert_eq!(type_keys(&mut waiting(model()), "q"), "");
    assert_eq!(type_keys(&mut model(), "2\u{1b}"), "");
}

#[test]
fn ctrl_c_quits_anywhere_and_is_a_success_once_signed_in() {
    let quit = |mut model: Model| send(&mut model, Message::Key(Key::Ctrl('c')));
    assert_eq!(quit(model()), "Quit(Cancelled)");
    assert_eq!(quit(waiting(model())), "Quit(Cancelled)");
    assert_eq!(quit(signed_in()), "Quit(SignedIn)");
    let mut done = model();
    send(&mut done, Message::Status(Status::Completed(who())));
    assert_eq!(quit(done), "Quit(SignedIn)");
    let mut typing = waiting(model());
    type_keys(&mut typing, "p");
    assert_eq!(quit(typing), "Quit(Cancelled)");
    let mut helped = model();
    type_keys(&mut helped, "?");
    assert_eq!(quit(helped), "Quit(Cancelled)");
}

#[test]
fn a_choice_that_the_settings_forbid_is_not_taken() {
    let home = tempfile::tempdir().unwrap();
    let settings = "forced_login_method = \"api\"";
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let mut model = Model::new(Facts {
        settings: CodexConfig::load(home.path(), None),
        ..Facts::default()
    });
    assert!(matches!(&model.screen, Screen::Welcome(it) if it.selected == 1));
    assert_eq!(type_keys(&mut model, "1"), "");
    assert_eq!(problem(&model), "That choice is not allowed here");
    type_keys(&mut model, "2");
    assert!(matches!(model.screen, Screen::ApiKey(_)));
}

#[test]
fn an_api_key_is_trimmed_and_saved_on_enter() {
    let mut model = model();
    type_keys(&mut model, "2");
    send(&mut model, paste_of("  sk-1234\r\n"));
    assert_eq!(problem(&model), "");
    assert_eq!(type_keys(&mut model, "5 \n"), "save sk-12345");
    assert_eq!(type_keys(&mut model, "\n"), "", "one save at a time");
    send(&mut model, Message::ApiKeyNotSaved(failure()));
    assert_eq!(problem(&model), "Token exchange failed");
    assert_eq!(type_keys(&mut model, "\n"), "save sk-12345");
    send(
        &mut model,
        Message::Status(Status::Completed(Who::api_key())),
    );
    assert!(matches!(model.screen, Screen::Success(_)));
}

#[test]
fn a_bad_api_key_is_named_at_once_and_not_saved() {
    for (key, word) in [
        ("sk a", "a space"),
        ("sk-é", "not ASCII"),
        ("sk\u{1}a", "a control"),
    ] {
        let mut model = model();
        type_keys(&mut model, "2");
        send(&mut model, paste_of(key));
        assert!(problem(&model).contains(word), "{}", problem(&model));
        assert_eq!(type_keys(&mut model, "\n"), "");
    }
    let mut model = model();
    assert_eq!(type_keys(&mut model, "2\n"), "");
    assert_eq!(problem(&model), "Type or paste an API key first");
    type_keys(&mut model, "s");
    assert_eq!(problem(&model), "");
}

#[test]
fn the_key_in_the_environment_is_taken_only_on_request() {
    let mut model = Model::new(Facts {
        environment_key: Some(SecretString::from("sk-environment")),
        ..Facts::default()
    });
    assert_eq!(type_keys(&mut model, "2\n"), "");
    send(&mut model, Message::Key(Key::Ctrl('o')));
    assert_eq!(type_keys(&mut model, "\n"), "save sk-environment");
}

#[test]
fn a_key_is_looked_at_as_a_key_whichever_way_it_comes() {
    let good = "\u{feff}export OPENAI_API_KEY=\"sk-proj-good\"\r\n";
    let offered = |key: &str| {
        let mut model = Model::new(Facts {
            environment_key: Some(SecretString::from(key)),
            ..Facts::default()
        });
        type_keys(&mut model, "2\n");
        model
    };
    let mut pasted = offered("sk-environment");
    send(&mut pasted, Message::Paste(good.into()));
    let mut taken = offered(good);
    send(&mut taken, Message::Key(Key::Ctrl('o')));
    for mut model in [pasted, taken] {
        let Screen::ApiKey(screen) = &model.screen else {
            panic!("another screen");
        };
        assert_eq!(screen.field.text(), "sk-proj-good");
        assert_eq!(type_keys(&mut model, "\n"), "save sk-proj-good");
    }
    for (text, why) in [
        ("sk-first-half\nsecond-half", "More than one line was given"),
        ("sk-proj-****abcd", "is masked"),
        ("https://platform.openai.com/api-keys", "a web address"),
        ("at-0123456789", "an access token, not an API key"),
        ("'sk-1", "a quotation mark at position 1"),
    ] {
        let mut model = offered(text);
        send(&mut model, Message::Paste(text.into()));
        assert!(problem(&model).contains(why), "{}", problem(&model));
        assert_eq!(type_keys(&mut model, "\n"), "", "{text}");
        let mut model = offered(text);
        send(&mut model, Message::Key(Key::Ctrl('o')));
        let said = problem(&model);
        assert!(
            said.starts_with("OPENAI_API_KEY cannot be used: "),
            "{said}"
        );
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn signing_out_asks_once_and_only_y_means_yes() {
    let mut model = signed_in();
    assert_eq!(type_keys(&mut model, "3\n"), "");
    assert_eq!(type_keys(&mut model, "n"), "");
    assert!(
        matches!(&model.screen, Screen::Account(it) if matches!(it.step, AccountStep::Choosing))
    );
    assert_eq!(type_keys(&mut model, "3y"), "SignOut");
    send(&mut model, Message::SignedOut(Err(failure())));
    assert_eq!(problem(&model), "Token exchange failed");
    assert_eq!(type_keys(&mut model, "3y"), "SignOut");
    let warning = "An older sign-in stays in the keyring".to_owned();
    send(&mut model, Message::Status(Status::Notice(warning)));
    send(&mut model, Message::SignedOut(Ok(Revocation::Revoked)));
    assert_eq!(model.notices.len(), 1, "it stays on the choices");
    assert!(matches!(model.screen, Screen::Welcome(_)));
    assert_eq!(type_keys(&mut model, "\u{1b}"), "Quit(Cancelled)");
}

#[test]
fn keeping_the_account_is_a_success_and_switching_can_be_undone() {
    assert_eq!(type_keys(&mut signed_in(), "\n"), "Quit(SignedIn)");
    assert_eq!(type_keys(&mut signed_in(), "\u{1b}"), "Quit(SignedIn)");
    let mut model = signed_in();
    type_keys(&mut model, "2");
    assert!(matches!(model.screen, Screen::Welcome(_)));
    assert_eq!(type_keys(&mut model, "\u{1b}"), "");
    assert!(matches!(model.screen, Screen::Account(_)));
}

#[test]
fn digits_and_arrows_use_add_and_sign_out_of_accounts() {
    assert_eq!(
        type_keys(&mut with_parked(&["bob", "cid"]), "1"),
        "Quit(SignedIn)"
    );
    assert_eq!(type_keys(&mut with_parked(&["bob", "cid"]), "3"), "use cid");
    assert_eq!(
        type_keys(&mut with_parked(&["bob", "cid"]), "j\n"),
        "use bob"
    );
    let mut add = with_parked(&["bob", "cid"]);
    type_keys(&mut add, "4");
    assert!(matches!(add.screen, Screen::Welcome(_)));
    assert_eq!(
        type_keys(&mut with_parked(&["bob", "cid"]), "5y"),
        "SignOut"
    );
    assert_eq!(type_keys(&mut with_parked(&["bob", "cid"]), "9"), "");
}

#[test]
fn an_account_that_was_used_is_the_active_one_and_one_that_was_not_says_why() {
    let mut model = with_parked(&["bob"]);
    assert_eq!(type_keys(&mut model, "2"), "use bob");
    assert_eq!(type_keys(&mut model, "2\n"), "", "it is on its way");
    send(&mut model, Message::AccountUsed(Err(failure())));
    assert_eq!(problem(&model), "Token exchange failed");
    type_keys(&mut model, "2");
    let known = accounts_in(&[("auth.json", "bob"), ("accounts/1/auth.json", "ada")]);
    send(&mut model, Message::AccountUsed(Ok(Box::new(known))));
    assert_eq!(model.facts.accounts.parked[0].name, "ada");
    assert_eq!(type_keys(&mut model, "\n"), "Quit(SignedIn)");
}

#[test]
fn programs_that_hold_the_active_account_are_named_and_only_y_goes_on() {
    let mut model = with_parked(&["bob"]);
    let named = || Message::ProgramsRun(parked("bob"), vec!["codex (process 1)".to_owned()]);
    type_keys(&mut model, "2");
    send(&mut model, named());
    assert_eq!(type_keys(&mut model, "\n1"), "");
    assert_eq!(type_keys(&mut model, "n"), "");
    type_keys(&mut model, "2");
    send(&mut model, named());
    assert_eq!(type_keys(&mut model, "y"), "use bob anyway");
}

#[test]
fn where_nobody_is_active_the_others_are_offered_and_leaving_is_a_cancel() {
    let mut model = with_parked(&["bob"]);
    type_keys(&mut model, "4y");
    send(&mut model, Message::SignedOut(Ok(Revocation::Revoked)));
    assert!(matches!(model.screen, Screen::Account(_)));
    assert_eq!(type_keys(&mut model, "\u{1b}"), "Quit(Cancelled)");
    send(&mut model, Message::Key(Key::Home));
    assert_eq!(type_keys(&mut model, "1"), "use bob");
}

#[test]
fn after_a_sign_in_to_another_account_the_one_from_before_is_kept_unless_it_is_removed() {
    let asked = || {
        let mut model = signed_in();
        type_keys(&mut model, "21");
        send(&mut model, Message::SignedInBeside(who(), parked("ada")));
        model
    };
    for yes in ["\n", "1", "y", "\u{1b}"] {
        let mut model = asked();
        assert_eq!(type_keys(&mut model, yes), "look, AskWorkspace");
        assert!(matches!(model.screen, Screen::Success(_)), "{yes:?}");
    }
    for no in ["n", "2", "j\n"] {
        let mut model = asked();
        assert_eq!(type_keys(&mut model, no), "remove ada");
        assert_eq!(type_keys(&mut model, "\n1"), "", "it is on its way");
        send(&mut model, Message::AccountRemoved(Err(failure())));
        assert!(matches!(model.screen, Screen::Success(_)), "{no:?}");
        assert!(model.notices[0].starts_with("Could not remove ada (ada@example.com)"));
    }
    let mut model = asked();
    assert_eq!(
        send(&mut model, Message::Key(Key::Ctrl('c'))),
        "Quit(SignedIn)"
    );
}

/// Returns what one key does on the waiting screen.
fn on_waiting(key: char) -> String {
    type_keys(&mut waiting(model()), &key.to_string())
}

#[test]
fn a_letter_acts_in_either_case_and_a_digit_of_any_keyboard_is_a_digit() {
    for key in ["d", "o", "c", "u"] {
        let done = type_keys(&mut waiting(model()), key);
        assert!(!done.is_empty(), "{key}");
        let capital = key.to_uppercase();
        assert_eq!(type_keys(&mut waiting(model()), &capital), done);
    }
    // Full-width, Arabic, Persian.
    for three in ["3", "３", "٣", "۳"] {
        assert_eq!(type_keys(&mut model(), three), "StartSignIn(DeviceCode)");
    }
    assert_eq!(type_keys(&mut model(), "Q"), "Quit(Cancelled)");
    let mut help = model();
    type_keys(&mut help, "？");
    assert!(help.help);
}

#[test]
fn every_action_has_a_key_that_needs_no_letter() {
    for (digit, letter) in [('1', 'o'), ('2', 'c'), ('3', 'u'), ('4', 'd')] {
        let done = on_waiting(digit);
        assert_eq!(done, on_waiting(letter));
        assert!(!done.is_empty(), "{digit}");
    }
    let mut typing = waiting(model());
    type_keys(&mut typing, "5");
    assert!(matches!(&typing.screen, Screen::SignIn(screen) if screen.typing));
    let mut account = signed_in();
    assert_eq!(type_keys(&mut account, "3"), "");
    assert_eq!(type_keys(&mut account, "2"), "SignOut");
    let mut account = signed_in();
    type_keys(&mut account, "31");
    assert_eq!(type_keys(&mut account, "1"), "Quit(SignedIn)");
}

#[test]
fn a_letter_of_another_alphabet_brings_a_hint_until_the_next_key() {
    for letter in ["в", "δ", "ש"] {
        let mut model = waiting(model());
        assert_eq!(type_keys(&mut model, letter), "");
        assert!(model.foreign_letter, "{letter}");
        type_keys(&mut model, "2");
        assert!(!model.foreign_letter, "{letter}");
    }
    // In a text field the letter is text, and a Latin letter says nothing about the keyboard.
    let mut typing = waiting(model());
    type_keys(&mut typing, "pв");
    assert!(!typing.foreign_letter);
    let mut other = model();
    type_keys(&mut other, "x");
    assert!(!other.foreign_letter);
}

#[test]
fn any_key_closes_the_help_and_does_nothing_else() {
    let mut model = model();
    type_keys(&mut model, "?");
    assert!(model.help);
    assert_eq!(type_keys(&mut model, "1"), "");
    assert!(!model.help);
}

#[test]
fn nothing_ticks_where_nothing_moves() {
    let mut model = model();
    assert_eq!(model.next_tick(), None);
    type_keys(&mut model, "1");
    assert_eq!(model.next_tick(), Some(Duration::ZERO));
    send(&mut model, tick_at(40));
    let frame = model.next_tick().unwrap().checked_sub(model.now).unwrap();
    assert!(frame >= Duration::from_millis(100) && frame <= Duration::from_millis(200));
    send(&mut model, Message::Status(Status::Completed(who())));
    assert_eq!(model.next_tick(), None);
}

#[test]
fn without_animations_only_the_minutes_of_a_countdown_tick() {
    let mut model = remote();
    type_keys(&mut model, "1");
    send(&mut model, tick_at(40));
    assert_eq!(model.next_tick(), None);
    type_keys(&mut model, "d");
    send(&mut model, device_code());
    // The clock is read once to know when the code ends.
    assert_eq!(model.next_tick(), Some(Duration::from_secs(40)));
    send(&mut model, tick_at(100));
    assert_eq!(model.next_tick(), Some(Duration::from_secs(160)));
    send(&mut model, tick_at(160));
    assert_eq!(model.next_tick(), Some(Duration::from_secs(220)));
    send(&mut model, tick_at(999));
    assert_eq!(model.next_tick(), Some(Duration::from_secs(1000)));
    send(&mut model, tick_at(1000));
    assert_eq!(model.next_tick(), None);
    type_keys(&mut model, "\u{1b}");
    assert_eq!(model.next_tick(), None);
}
