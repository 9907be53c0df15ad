//! All that the full screen does, said and answered in lines.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use codex_onboarding::auth::Mode;
use codex_onboarding::demo::Profile;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::remote::RemoteSession;

use crate::issuer::{Fault, Route};
use crate::stage::Stage;
use crate::talk::{Talk, options};

const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz-LAST";

const OPEN: &str = "open the following link to authenticate:";
const ASK: &str = "or c to cancel:\n";

fn is_signed_in(stage: &Stage) {
    let file = stage.auth_json();
    let refresh_token = file["tokens"]["refresh_token"].as_str().unwrap();
    assert!(stage.issuer.accepts_refresh_token(refresh_token));
}

/// Ends signed in, and never said anything but text.
fn succeeds(talk: Talk) -> String {
    let (ended, said) = talk.ended();
    assert_eq!(ended, Ended::SignedIn, "{said}");
    assert!(!said.contains(|c: char| c.is_control() && c != '\n'));
    said
}

#[test]
fn chatgpt_through_the_browser() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    let choices = talk.hears("Type 1, 2 or 3, or q to quit:");
    assert!(choices.contains("1. Sign in with ChatGPT. Included with your ChatGPT plan."));
    assert!(choices.contains("3. Sign in with a device code."));
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    talk.hears(ASK);
    assert_eq!(talk.opened(), std::slice::from_ref(&link));
    talk.answer("o");
    talk.hears("Opening your browser.");
    talk.hears(ASK);
    assert_eq!(stage.browse(&stage.approve(&link)).status, 200);
    let said = succeeds(talk);
    assert!(said.contains("Finishing sign-in"), "{said}");
    assert!(said.contains("Signed in with your ChatGPT account\nAccount: "));
    is_signed_in(&stage);
}

#[test]
fn chatgpt_through_the_address_that_is_pasted_back() {
    let stage = Stage::new();
    let mut options = options(&stage);
    options.facts.remote = Some(RemoteSession::over_ssh("ada@192.0.2.7"));
    let mut talk = Talk::with(options);
    talk.answer(" 1 ");
    let link = talk.hears_below("Open this link in a browser:");
    talk.hears("ssh -L ");
    talk.hears("ada@192.0.2.7");
    talk.hears(ASK);
    for _ in 0..2 {
        // The same mistake is answered the same way each time.
        talk.answer(&link);
        talk.hears("Error: that is the link to open");
        talk.hears(ASK);
    }
    talk.answer("o");
    talk.hears("That is not one of the answers here.");
    talk.answer(&stage.approve(&link));
    assert!(talk.opened().is_empty());
    let said = succeeds(talk);
    assert!(!said.contains("/login/"), "the short link is of no use");
    assert!(!said.contains("code="), "what was pasted stays hidden");
    is_signed_in(&stage);
}

#[test]
fn chatgpt_through_a_device_code_and_back_to_the_link() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    talk.answer("d");
    let code = talk.hears_below("Type in this code:");
    talk.hears("The code expires in 15 minutes.");
    talk.hears("Never share this code.");
    talk.answer("b");
    assert_eq!(talk.hears_below(OPEN), link);
    talk.answer("d");
    assert_eq!(talk.hears_below("Type in this code:"), code);
    stage.approve_device(&code);
    succeeds(talk);
    is_signed_in(&stage);
}

#[test]
fn a_device_code_that_is_not_to_be_had_is_asked_for_again() {
    let stage = Stage::new();
    stage
        .issuer
        .fault(Route::UserCode, Fault::Status(404, "{}".to_owned()));
    let mut talk = Talk::start(&stage);
    talk.answer("3");
    talk.hears("Error: Device code login is not enabled");
    talk.hears("Type r to try again, or c to cancel:");
    talk.answer("r");
    let code = talk.hears_below("Type in this code:");
    assert!(talk.opened().is_empty());
    stage.approve_device(&code);
    succeeds(talk);
    is_signed_in(&stage);
}

#[test]
fn an_api_key_that_is_entered() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("2");
    talk.hears("https://platform.openai.com/api-keys");
    talk.answer("");
    talk.hears("Error: Type or paste an API key first");
    talk.answer("sk-with a blank");
    talk.hears("Error: The API key has a space at position 8");
    talk.answer(KEY);
    talk.hears("API key configured");
    let said = succeeds(talk);
    assert!(!said.contains("LAST") && !said.contains("blank in"));
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn the_environments_key_only_when_it_is_asked_for() {
    let stage = Stage::new();
    let mut options = options(&stage);
    options.facts.environment_key = Some(KEY.into());
    let mut talk = Talk::with(options);
    talk.hears("OPENAI_API_KEY is set, but not stored");
    talk.answer("2");
    talk.hears("OPENAI_API_KEY is set (ends in LAST).");
    talk.hears("type e to save OPENAI_API_KEY");
    assert!(!stage.auth_file().exists());
    talk.answer("e");
    let said = succeeds(talk);
    assert!(!said.contains("0123456789"));
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn a_failure_with_another_try_and_another_link() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let first = talk.hears_below(OPEN);
    stage.issuer.fault(Route::Token, Fault::Reset);
    stage.browse(&stage.approve(&first));
    talk.hears("Sign-in did not complete\nError: ");
    talk.hears("Because: ");
    talk.hears("Nothing was saved.");
    talk.answer("r");
    let second = talk.hears_below(OPEN);
    assert_ne!(first, second);
    stage.browse(&stage.approve(&second));
    succeeds(talk);
    is_signed_in(&stage);
}

#[test]
fn a_digit_stands_for_the_letter_that_it_stands_for_on_the_full_screen() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    stage.browse(&stage.deny(&link));
    talk.hears("Sign-in did not complete");
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    stage.browse(&stage.approve(&link));
    succeeds(talk);
    let mut talk = Talk::start(&stage);
    for answer in ["1", "٢"] {
        talk.hears("Type 1, 2 or 3");
        talk.answer("3");
        talk.hears("Type y to sign out");
        talk.answer(answer);
    }
    talk.hears("Signed out");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn denied_and_left() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    assert_eq!(stage.browse(&stage.deny(&link)).status, 403);
    talk.hears("Sign-in did not complete");
    talk.answer("b");
    talk.hears("Type 1, 2 or 3");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
    assert!(!stage.auth_file().exists());
}

#[test]
fn cancelled_and_begun_again_in_another_way() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    talk.hears(ASK);
    talk.answer("c");
    talk.hears("Type 1, 2 or 3");
    talk.answer("2");
    talk.hears("type b to go back");
    talk.answer("b");
    talk.hears("Type 1, 2 or 3");
    talk.answer("?");
    talk.hears("2. Provide your own API key.");
    talk.answer("quit");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn a_choice_that_is_forbidden_says_why_and_cannot_be_taken() {
    let stage = Stage::new();
    let mut options = options(&stage);
    options.facts.forced = Some(Mode::ChatGpt);
    let mut talk = Talk::with(options);
    talk.hears("2. Provide your own API key. Not allowed: config.toml has");
    talk.answer("2");
    talk.hears("Error: That choice is not allowed here");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn an_account_that_codex_will_not_use_is_said_to() {
    let stage = Stage::new();
    stage.sign_in();
    let mut file = stage.auth_json();
    file["last_refresh"] = "yesterday".into();
    stage.write_auth_file(&file.to_string());
    let settings = "forced_login_method = \"api\"";
    std::fs::write(stage.codex_home().join("config.toml"), settings).unwrap();
    let mut talk = Talk::start(&stage);
    let account = talk.hears("Type 1, 2 or 3, or q to quit and stay signed in:");
    for warning in [
        "Warning: Codex cannot load these credentials: last_refresh is not a time.",
        "Warning: Codex will sign out these credentials: config.toml has forced_login_method",
    ] {
        assert!(account.contains(warning), "{account}");
    }
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::SignedIn);
}

#[test]
fn an_account_is_kept() {
    let stage = Stage::new();
    stage.sign_in();
    let mut talk = Talk::start(&stage);
    let account = talk.hears("Type 1, 2 or 3, or q to quit and stay signed in:");
    assert!(account.contains("Signed in with your ChatGPT account\nAccount: "));
    assert!(account.contains("Stored: ChatGPT tokens in "));
    talk.answer("1");
    assert_eq!(talk.ended().0, Ended::SignedIn);
    is_signed_in(&stage);
}

#[test]
fn signing_out_is_asked_once_and_needs_a_yes() {
    let stage = Stage::new();
    stage.sign_in();
    let mut talk = Talk::start(&stage);
    talk.answer("3");
    talk.hears("Sign out?");
    talk.answer("");
    talk.hears("That is not one of the answers here.");
    talk.answer("n");
    talk.hears("Type 1, 2 or 3");
    assert!(stage.auth_file().exists());
    talk.answer("3");
    talk.hears("Type y to sign out");
    talk.answer("yes");
    talk.hears("Sign in to use Codex");
    talk.hears("Signed out");
    assert!(!stage.auth_file().exists());
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn another_account_takes_the_place_of_the_first_only_at_the_end() {
    let stage = Stage::new();
    stage.sign_in();
    let mut talk = Talk::start(&stage);
    talk.answer("2");
    talk.hears("stays signed in until another sign-in is complete.");
    talk.answer("2");
    talk.hears("Provide your own API key");
    talk.hears("stays signed in until another sign-in is complete.");
    is_signed_in(&stage);
    let file = stage.auth_json();
    talk.answer(KEY);
    talk.hears("Keep demo (demo@example.com)?");
    talk.hears("You are now signed in with an API key.");
    talk.answer("");
    succeeds(talk);
    let old = file["tokens"]["refresh_token"].as_str().unwrap();
    assert!(stage.issuer.accepts_refresh_token(old), "it was revoked");
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn a_warning_of_a_sign_out_is_said() {
    let stage = Stage::new();
    stage.sign_in();
    fs::set_permissions(stage.codex_home(), Permissions::from_mode(0o777)).unwrap();
    let mut talk = Talk::start(&stage);
    talk.hears("Signed in with your ChatGPT account");
    talk.answer("3");
    talk.hears("Type y to sign out");
    talk.answer("y");
    talk.hears("Warning: other users may write to the codex home");
    talk.hears("Signed out");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn a_damaged_file_and_a_stored_key_are_said_before_the_choices() {
    let stage = Stage::new();
    stage.write_auth_file("{ not json");
    let mut talk = Talk::start(&stage);
    talk.hears("line 1, column 3");
    talk.answer("q");
    talk.ended();

    let stage = Stage::new();
    stage.sign_in();
    let mut file = stage.auth_json();
    file["OPENAI_API_KEY"] = "sk-old".into();
    stage.write_auth_file(&file.to_string());
    let mut talk = Talk::start(&stage);
    talk.hears("Signed in with your ChatGPT account");
    talk.answer("2");
    talk.hears("Signing in to the same account again drops the API key stored in ");
    talk.answer("1");
    talk.hears("Note: Signing in to the same account again drops the API key stored in ");
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn the_end_of_the_input_ends_the_pasting_but_not_the_sign_in() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    talk.hears(ASK);
    talk.hang_up();
    stage.browse(&stage.approve(&link));
    succeeds(talk);
    is_signed_in(&stage);
}

#[test]
fn the_end_of_the_input_leaves_a_screen_that_needs_an_answer() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.hears("Type 1, 2 or 3");
    talk.hang_up();
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn names_in_any_script_are_said_as_they_are_and_escapes_are_not() {
    let stage = Stage::with(Profile::default().email("\u{1b}[2J東京 שלום e\u{301}@example.com"));
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    stage.browse(&stage.approve(&link));
    let said = succeeds(talk);
    assert!(
        said.contains("Account: [2J東京 שלום e\u{301}@example.com\n"),
        "{said}"
    );
}

#[test]
fn no_line_is_said_twice_while_nothing_happens() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("3");
    talk.hears("Type o to open the address in a browser here, or c to cancel:");
    let said = talk.transcript();
    let gate = stage.issuer.hold(Route::DeviceToken);
    for line in said.lines().filter(|line| !line.is_empty()) {
        assert_eq!(said.lines().filter(|&it| it == line).count(), 1, "{line}");
    }
    drop(gate);
    talk.answer("c");
    talk.hears("Type 1, 2 or 3");
    talk.answer("q");
    talk.ended();
}

#[test]
fn leaving_while_the_save_waits_ends_the_new_session_at_the_issuer() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.codex_home()).unwrap();
    let lock = std::fs::File::create(stage.codex_home().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    talk.hears(ASK);
    talk.answer(&stage.approve(&link));
    talk.hears("Waiting for ");
    talk.answer("c");
    talk.answer("q");
    let (ended, said) = talk.ended();
    assert_eq!(ended, Ended::Cancelled, "{said}");
    assert!(!stage.auth_file().exists());
    let ended = stage.issuer.requests_to(Route::Revoke).pop().unwrap();
    let token = ended.param("token").unwrap();
    assert!(!stage.issuer.accepts_refresh_token(token), "it is alive");
}

/// Lets go of the lock once the wait for it was named.
fn named_and_released(talk: &mut Talk, stage: &Stage, lock: std::fs::File) {
    let path = stage.codex_home().join("auth.lock");
    talk.hears(&format!("Waiting for {}, held by ", path.display()));
    drop(lock);
}

#[test]
fn the_lock_that_holds_up_a_sign_in_is_named() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    talk.answer("1");
    let link = talk.hears_below(OPEN);
    let lock = stage.hold_lock();
    let callback = stage.approve(&link);
    std::thread::scope(|scope| {
        // The page comes when the credentials are on disk.
        let page = scope.spawn(|| stage.browse(&callback));
        named_and_released(&mut talk, &stage, lock);
        assert_eq!(page.join().unwrap().status, 200);
    });
    succeeds(talk);
    is_signed_in(&stage);
}

#[test]
fn the_lock_that_holds_up_an_api_key_is_named() {
    let stage = Stage::new();
    let mut talk = Talk::start(&stage);
    let lock = stage.hold_lock();
    talk.answer("2");
    talk.answer(KEY);
    named_and_released(&mut talk, &stage, lock);
    succeeds(talk);
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn the_lock_that_holds_up_signing_out_is_named() {
    let stage = Stage::new();
    stage.sign_in();
    let mut talk = Talk::start(&stage);
    let lock = stage.hold_lock();
    talk.answer("3");
    talk.answer("y");
    named_and_released(&mut talk, &stage, lock);
    talk.hears("Signed out");
    assert!(!stage.auth_file().exists());
    talk.answer("q");
    assert_eq!(talk.ended().0, Ended::Cancelled);
}

#[test]
fn options_read_nothing_of_what_is_stored_until_the_onboarding_begins() {
    let stage = Stage::new();
    stage.sign_in();
    let options = options(&stage);
    assert!(options.facts.accounts.active.is_none());
    assert_eq!(options.facts.auth_file, "");
    // What is there by then counts.
    std::fs::remove_file(stage.auth_file()).unwrap();
    let mut talk = Talk::with(options);
    talk.hears("1. Sign in with ChatGPT.");
    talk.answer("q");
    let (_, said) = talk.ended();
    assert!(!said.contains("demo@example.com"), "{said}");
}

#[test]
fn a_host_changes_what_the_onboarding_found() {
    let stage = Stage::new();
    stage.sign_in();
    let mut options = options(&stage);
    options.look();
    let found = options.facts.accounts.active.take();
    assert!(found.is_some());
    let mut talk = Talk::with(options);
    talk.hears("1. Sign in with ChatGPT.");
    talk.answer("q");
    let (_, said) = talk.ended();
    assert!(!said.contains("demo@example.com"), "{said}");
}

fn pending_file(stage: &Stage) -> std::path::PathBuf {
    stage.codex_home().join("pending-sign-in.json")
}

/// Asks for a device code with these answers, and ends as if the host had closed the window.
fn leaves_a_device_code(stage: &Stage, answers: &[&str]) -> String {
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let mut options = options(stage);
    options.shutdown = Some(Box::pin(async { _ = closed.await }));
    let mut talk = Talk::with(options);
    for answer in answers {
        talk.hears("q to quit");
        talk.answer(answer);
    }
    let code = talk.hears_below("Type in this code:");
    talk.hears("c to cancel:");
    drop(close);
    assert_eq!(talk.ended().0, Ended::Shutdown);
    assert!(pending_file(stage).exists());
    code
}

#[test]
fn a_sign_in_that_was_left_is_offered_first_and_goes_on_with_the_same_code() {
    let stage = Stage::with(Profile::default().device_interval(1));
    let code = leaves_a_device_code(&stage, &["3"]);
    let mut talk = Talk::start(&stage);
    let choices = talk.hears("Type 1, 2, 3 or 4, or q to quit:");
    let offer =
        format!("1. Continue the sign-in that was interrupted. Code {code}, 15 minutes left.");
    assert!(choices.contains(&offer), "{choices}");
    talk.answer("1");
    assert_eq!(talk.hears_below("Type in this code:"), code);
    stage.approve_device(&code);
    succeeds(talk);
    is_signed_in(&stage);
    assert!(!pending_file(&stage).exists());
}

#[test]
fn a_sign_in_that_another_process_polls_for_is_not_offered_and_a_cancel_ends_it() {
    let stage = Stage::new();
    let code = leaves_a_device_code(&stage, &["3"]);
    let mut first = Talk::start(&stage);
    first.answer("1");
    assert_eq!(first.hears_below("Type in this code:"), code);
    first.hears("c to cancel:");
    let mut second = Talk::start(&stage);
    second.hears("Type 1, 2 or 3, or q to quit:");
    first.answer("c");
    first.hears("Type 1, 2 or 3, or q to quit:");
    assert!(!pending_file(&stage).exists());
}

#[test]
fn a_sign_in_that_was_signed_out_elsewhere_signs_nobody_in_when_it_is_approved_then() {
    let stage = Stage::with(Profile::default().device_interval(1));
    let mut talk = Talk::start(&stage);
    talk.answer("3");
    let code = talk.hears_below("Type in this code:");
    talk.hears("c to cancel:");
    // As a sign-out does.
    fs::remove_file(pending_file(&stage)).unwrap();
    stage.approve_device(&code);
    talk.hears("The sign-in was replaced or finished by another process");
    assert!(!stage.auth_file().exists());
}

#[test]
fn a_sign_in_of_another_issuer_is_not_offered() {
    let (stage, other) = (Stage::new(), Stage::new());
    leaves_a_device_code(&other, &["3"]);
    fs::create_dir(stage.codex_home()).unwrap();
    let home = stage.codex_home().canonicalize().unwrap();
    let pending = fs::read_to_string(pending_file(&other)).unwrap();
    let theirs = other.codex_home().canonicalize().unwrap();
    let pending = pending.replace(&theirs.display().to_string(), &home.display().to_string());
    fs::write(pending_file(&stage), pending).unwrap();
    Talk::start(&stage).hears("Type 1, 2 or 3, or q to quit:");
}

#[test]
fn beside_an_account_it_is_the_first_choice_too_and_goes_on() {
    let stage = Stage::with(Profile::default().device_interval(1));
    let before = stage.sign_in();
    let code = leaves_a_device_code(&stage, &["2", "3"]);
    let mut talk = Talk::start(&stage);
    let choices = talk.hears("Type 1, 2, 3 or 4, or q to quit and stay signed in:");
    let offer =
        format!("1. Continue the sign-in that was interrupted (Code {code}, 15 minutes left).");
    assert!(choices.contains(&offer), "{choices}");
    talk.answer("1");
    assert_eq!(talk.hears_below("Type in this code:"), code);
    stage.approve_device(&code);
    succeeds(talk);
    assert_ne!(
        stage.auth_json()["tokens"]["refresh_token"],
        before.refresh_token
    );
    assert!(!pending_file(&stage).exists());
}
