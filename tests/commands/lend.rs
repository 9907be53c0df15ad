//! `lend`: a session for another machine, which cannot renew it (spec, section 12).

use std::os::unix::fs::PermissionsExt as _;

use chrono::{DateTime, TimeDelta, Utc};
use codex_onboarding::demo::Profile;
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::accounts::{park, with_accounts};
use crate::issuer::{Fault, Route};
use crate::patience::wait_until;
use crate::program::{Run, run};
use crate::stage::Stage;

fn read(path: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Changes the stored credentials, as another program would.
fn edit(stage: &Stage, change: impl FnOnce(&mut Value)) {
    let mut file = stage.auth_json();
    change(&mut file);
    stage.write_auth_file(&file.to_string());
}

/// An access token that has ended.
fn ended_token(stage: &Stage) -> String {
    stage
        .issuer
        .edit_profile(|profile| profile.access_token_lifetime(TimeDelta::minutes(-1)));
    stage.issuer.issue_tokens().access_token
}

/// A stage whose access tokens live this long, and a session on it.
fn signed_in_for(lifetime: TimeDelta) -> Stage {
    let stage = Stage::with(Profile::default().access_token_lifetime(lifetime));
    stage.sign_in();
    stage
}

#[test]
fn what_is_printed_is_a_codex_file_without_a_refresh_token() {
    let stage = signed_in_for(TimeDelta::days(10));
    let stored = stage.auth_json();
    let ended = run(&stage, &["lend"]).succeeded();
    let lent = ended.json();
    assert_eq!(lent["auth_mode"], "chatgptAuthTokens");
    assert_eq!(lent["OPENAI_API_KEY"], Value::Null);
    assert_eq!(lent["tokens"]["refresh_token"], "");
    for name in ["id_token", "access_token", "account_id"] {
        assert_eq!(lent["tokens"][name], stored["tokens"][name], "{name}");
    }
    assert_eq!(lent["tokens"].as_object().unwrap().len(), 4);
    assert_eq!(lent.as_object().unwrap().len(), 4);
    let lent_at: DateTime<Utc> = lent["last_refresh"].as_str().unwrap().parse().unwrap();
    assert!((Utc::now() - lent_at).abs() < TimeDelta::minutes(1));
    ended.says("Valid until 20");
    ended.never_says("less than");
    assert_eq!(stage.auth_json(), stored);
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn a_token_that_ends_too_soon_is_renewed_first_and_only_once_a_minute() {
    let stage = signed_in_for(TimeDelta::minutes(30));
    let old = stage.auth_json();
    edit(&stage, |file| {
        file["last_refresh"] = json!("2026-01-01T00:00:00Z");
    });
    let ended = run(&stage, &["lend", "--for", "45m"]).succeeded();
    assert_ne!(
        ended.json()["tokens"]["access_token"],
        old["tokens"]["access_token"]
    );
    assert_eq!(stage.issuer.count(Route::Token), 1);
    // The issuer gives no more than 30 minutes: asking again would not help.
    ended.says("which is less than 45m");
    run(&stage, &["lend", "--for", "45m"]).succeeded();
    assert_eq!(stage.issuer.count(Route::Token), 1);
}

#[test]
fn what_is_left_is_lent_with_a_warning_when_it_cannot_be_renewed() {
    let stage = signed_in_for(TimeDelta::minutes(30));
    edit(&stage, |file| {
        file["last_refresh"] = json!("2026-01-01T00:00:00Z");
    });
    let stored = stage.auth_json();
    let down = Fault::Status(503, "{}".to_owned());
    stage.issuer.fault_always(Route::Token, down);
    let ended = run(&stage, &["lend"]).succeeded();
    assert_eq!(
        ended.json()["tokens"]["access_token"],
        stored["tokens"]["access_token"]
    );
    ended.says("warning: ");
    ended.says("which is less than 1h");
    let folder = tempfile::tempdir().unwrap();
    let words = ["lend", "--json", "--to", folder.path().to_str().unwrap()];
    let ended = run(&stage, &words).succeeded();
    assert!(ended.stderr.starts_with("warning: "), "{ended:?}");

    let token = ended_token(&stage);
    edit(&stage, |file| file["tokens"]["access_token"] = json!(token));
    let ended = run(&stage, &["lend"]);
    assert_eq!((ended.code(), ended.stdout.as_str()), (1, ""), "{ended:?}");
}

#[test]
fn a_session_that_has_ended_lends_what_is_left_of_its_token() {
    let stage = signed_in_for(TimeDelta::minutes(30));
    edit(&stage, |file| {
        file["last_refresh"] = json!("2026-01-01T00:00:00Z");
    });
    stage.issuer.expire_sessions();
    let ended = run(&stage, &["lend"]).succeeded();
    ended.says("warning: ");
    assert_eq!(
        ended.json()["tokens"]["access_token"],
        stage.auth_json()["tokens"]["access_token"]
    );
}

#[test]
fn a_token_that_has_ended_is_renewed_however_new_it_is() {
    let stage = signed_in_for(TimeDelta::minutes(30));
    let token = ended_token(&stage);
    edit(&stage, |file| {
        file["tokens"]["access_token"] = json!(token);
        file["last_refresh"] = json!(chrono::Utc::now().to_rfc3339());
    });
    let ended = run(&stage, &["lend"]).succeeded();
    assert_ne!(ended.json()["tokens"]["access_token"], json!(token));
}

#[test]
fn a_folder_gets_the_file_and_its_path_is_printed() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().canonicalize().unwrap().join("job");
    let words = ["lend", "--to", home.to_str().unwrap()];
    let ended = run(&stage, &words).succeeded();
    let file = home.join("auth.json");
    assert_eq!(ended.stdout, format!("{}\n", file.display()));
    assert_eq!(read(&file)["auth_mode"], "chatgptAuthTokens");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&home)), (0o600, 0o700));
    // Again, in place of the first.
    let ended = run(&stage, &[&words[..], &["--json"]].concat()).succeeded();
    let events = ended.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["event"], "lent");
    assert_eq!(events[0]["path"], file.to_str().unwrap());
    let until = events[0]["expires_at"].as_str().unwrap();
    assert!(until.parse::<DateTime<Utc>>().unwrap() > Utc::now());
}

#[test]
fn no_real_session_is_ever_replaced() {
    let stage = with_accounts(&["ada"]);
    let slot = park(&stage, "empty", "{}").parent().unwrap().to_owned();
    std::fs::remove_file(slot.join("auth.json")).unwrap();
    let before = stage.auth_json();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("auth.json"), before.to_string()).unwrap();
    let unknown = tempfile::tempdir().unwrap();
    std::fs::write(unknown.path().join("auth.json"), r#"{"new_kind":"secret"}"#).unwrap();
    let link = tempfile::tempdir().unwrap();
    let linked = link.path().join("home");
    std::os::unix::fs::symlink(stage.codex_home(), &linked).unwrap();
    for folder in [
        &*stage.codex_home(),
        &slot,
        &slot.join("deeper"),
        other.path(),
        unknown.path(),
        &linked,
    ] {
        let words = ["lend", "--to", folder.to_str().unwrap()];
        let ended = run(&stage, &words).failed(1, "next: ");
        assert_eq!(ended.stdout, "", "{}", folder.display());
    }
    assert_eq!(stage.auth_json(), before);
    assert_eq!(read(&other.path().join("auth.json")), before);
    assert!(!slot.join("auth.json").exists());
}

#[test]
fn no_mount_of_the_home_or_of_a_slot_gets_a_lent_session() {
    let stage = with_accounts(&["ada"]);
    let slot = park(&stage, "empty", "{}").parent().unwrap().to_owned();
    std::fs::remove_file(slot.join("auth.json")).unwrap();
    let session = stage.auth_json();
    let at = tempfile::tempdir().unwrap();
    let below = at.path().join("new");
    let home = stage.codex_home();
    let accounts = home.join("accounts");
    for (folder, to) in [
        (&slot, at.path()),
        (&accounts, at.path()),
        (&accounts, &below),
        (&slot, &below),
        (&home, at.path()),
    ] {
        let words = ["lend", "--to", to.to_str().unwrap()];
        let Some(run) = Run::new(&stage, &words).with_a_mount_of(folder, at.path()) else {
            return;
        };
        let ended = run.ends().failed(1, "next: ");
        assert_eq!(ended.stdout, "", "{}", folder.display());
    }
    assert_eq!(stage.auth_json(), session);
    assert_eq!(slot.read_dir().unwrap().count(), 0);
    // Beside the accounts, everything in the home is a folder like any other.
    std::fs::create_dir(home.join("job")).unwrap();
    let words = ["lend", "--to", at.path().join("job").to_str().unwrap()].map(str::to_owned);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let run = Run::new(&stage, &words).with_a_mount_of(&home, at.path());
    run.unwrap().ends().succeeded();
}

#[test]
fn what_is_itself_a_secret_is_not_lent() {
    let stage = Stage::new();
    for (file, words) in [
        (
            r#"{"OPENAI_API_KEY":"sk-1"}"#,
            "an API key is the secret itself",
        ),
        (
            r#"{"personal_access_token":"at-1"}"#,
            "a personal access token is the secret itself",
        ),
    ] {
        stage.write_auth_file(file);
        let ended = run(&stage, &["lend"]).failed(1, words);
        assert_eq!(ended.stdout, "");
    }
    std::fs::remove_file(stage.codex_home().join("auth.json")).unwrap();
    run(&stage, &["lend"]).failed(1, "Not logged in");
}

#[test]
fn words_that_do_not_fit_together_are_usage_errors() {
    let stage = signed_in_for(TimeDelta::days(10));
    for words in [
        &["lend", "--json"][..],
        &["lend", "--watch"],
        &["lend", "--to", "/x", "--remove"],
    ] {
        run(&stage, words).failed(2, "error");
    }
}

/// Lends to a folder of its own, and returns it.
fn lend_to_a_folder(stage: &Stage) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    run(stage, &["lend", "--to", folder.path().to_str().unwrap()]).succeeded();
    folder
}

fn in_home(stage: &Stage, home: &std::path::Path, words: &[&str]) -> crate::program::Exited {
    let issuer = ["--issuer", stage.issuer.url()];
    Run::bare(&[words, &issuer].concat())
        .variable("CODEX_HOME", home)
        .ends()
}

#[test]
fn a_lent_session_gives_its_token_until_it_ends_and_is_not_lent_on() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = lend_to_a_folder(&stage);
    let home = folder.path();
    let token = in_home(&stage, home, &["token"]).succeeded();
    assert_eq!(
        token.stdout.trim_end(),
        stage.auth_json()["tokens"]["access_token"]
    );
    in_home(&stage, home, &["token", "--force-refresh"]).failed(
        1,
        "cannot be renewed here: lend it again where it was signed in",
    );
    in_home(&stage, home, &["lend"]).failed(1, "is not lent on");
    let_it_end(&stage, home);
    in_home(&stage, home, &["token"]).failed(1, "The lent session has ended");
    assert!(stage.issuer.requests().is_empty());
}

#[test]
fn signing_out_of_a_lent_session_tells_the_issuer_nothing() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = lend_to_a_folder(&stage);
    in_home(&stage, folder.path(), &["logout"]).succeeded();
    assert!(!folder.path().join("auth.json").exists());
    assert!(stage.issuer.requests().is_empty());
}

/// `lend --to DIR --watch --json` on this stage, with more words.
fn watch(stage: &Stage, folder: &std::path::Path, more: &[&str]) -> crate::program::Program {
    let words = [
        "lend",
        "--watch",
        "--json",
        "--to",
        folder.to_str().unwrap(),
    ];
    Run::new(stage, &[&words[..], more].concat()).starts()
}

#[test]
fn the_watched_file_follows_renewals_switches_and_deletions_and_stays_after_a_signal() {
    let stage = with_accounts(&["ada", "bob"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    let watching = watch(&stage, folder.path(), &[]);
    watching.event("lent");
    let lent = || read(&file)["tokens"]["access_token"].clone();
    assert_eq!(lent(), stage.auth_json()["tokens"]["access_token"]);

    let renewed = run(&stage, &["token", "--force-refresh"]).succeeded();
    wait_until("the renewed token", || lent() == renewed.stdout.trim_end());

    run(&stage, &["accounts", "use", "bob", "--yes"]).succeeded();
    wait_until("bob's token", || {
        read(&file)["tokens"]["account_id"] == "acct-bob"
    });

    std::fs::remove_file(&file).unwrap();
    wait_until("the file again", || file.exists());

    watching.signal(Signal::TERM);
    assert_eq!(watching.ended().code(), 143);
    assert_eq!(read(&file)["auth_mode"], "chatgptAuthTokens");
}

#[test]
fn a_watched_file_is_renewed_at_half_of_a_short_life_and_removed_when_asked_to() {
    let stage = signed_in_for(TimeDelta::seconds(6));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    let watching = watch(&stage, folder.path(), &["--remove"]);
    watching.event("lent");
    let first = read(&file);
    wait_until("a renewal", || file.exists() && read(&file) != first);
    assert!(stage.issuer.count(Route::Token) >= 1);
    watching.signal(Signal::INT);
    assert_eq!(watching.ended().code(), 130);
    assert!(!file.exists());
}

/// What another program does to a stage.
type Change<'a> = &'a dyn Fn(&Stage);

#[test]
fn a_sign_out_or_an_ended_session_ends_the_watch_and_deletes_the_file() {
    let sign_out = |stage: &Stage| drop(run(stage, &["logout"]).succeeded());
    let api_key = |stage: &Stage| stage.write_auth_file(r#"{"OPENAI_API_KEY":"sk-1"}"#);
    let revoked = |stage: &Stage| {
        stage.issuer.invalidate_sessions();
        let token = ended_token(stage);
        edit(stage, |file| file["tokens"]["access_token"] = json!(token));
    };
    let endings: [(&str, Change); 3] = [
        ("not_signed_in", &sign_out),
        ("denied", &api_key),
        ("expired", &revoked),
    ];
    for (kind, end) in endings {
        let stage = signed_in_for(TimeDelta::days(10));
        let folder = tempfile::tempdir().unwrap();
        let watching = watch(&stage, folder.path(), &[]);
        watching.event("lent");
        end(&stage);
        let ended = watching.ended();
        assert_eq!(ended.code(), 1, "{ended:?}");
        let last = ended.events().pop().unwrap();
        assert_eq!(
            (&last["event"], &last["error"]["kind"]),
            (&json!("failed"), &json!(kind))
        );
        assert!(!folder.path().join("auth.json").exists(), "{kind}");
    }
}

#[test]
fn a_real_session_in_the_folder_ends_the_watch_and_stays() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.json");
    let watching = watch(&stage, folder.path(), &[]);
    watching.event("lent");
    let real = stage.auth_json();
    std::fs::write(&file, real.to_string()).unwrap();
    let ended = watching.ended();
    assert_eq!(ended.code(), 1, "{ended:?}");
    assert_eq!(ended.events().pop().unwrap()["error"]["kind"], "denied");
    assert_eq!(read(&file), real);
}

#[test]
fn a_real_session_that_is_saved_while_the_write_lock_is_waited_for_stays() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = tempfile::tempdir().unwrap();
    let real = stage.auth_json();
    let locked = |name| {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).map(|()| file)
    };
    let waits = || locked("auth.lock").is_err();
    let save = || std::fs::write(folder.path().join("auth.json"), real.to_string()).unwrap();

    let saves = locked("auth.json.lock").unwrap();
    let words = ["lend", "--to", folder.path().to_str().unwrap()];
    let lending = Run::new(&stage, &words).starts();
    wait_until("the wait of a lent session", waits);
    save();
    drop(saves);
    lending.ended().failed(1, "holds a session of its own");
    assert_eq!(read(&folder.path().join("auth.json")), real);

    std::fs::remove_file(folder.path().join("auth.json")).unwrap();
    let watching = watch(&stage, folder.path(), &["--remove"]);
    watching.event("lent");
    let saves = locked("auth.json.lock").unwrap();
    watching.signal(Signal::TERM);
    wait_until("the wait of a removal", waits);
    save();
    drop(saves);
    watching.ended();
    assert_eq!(read(&folder.path().join("auth.json")), real);
}

#[test]
fn a_named_account_is_lent_wherever_it_is() {
    let stage = with_accounts(&["ada", "bob"]);
    let lent = run(&stage, &["lend", "--account", "bob"])
        .succeeded()
        .json();
    assert_eq!(lent["tokens"]["account_id"], "acct-bob");
    let by_variable = Run::new(&stage, &["lend"]).variable("CODEX_ONBOARDING_ACCOUNT", "bob");
    let lent = by_variable.ends().succeeded().json();
    assert_eq!(lent["tokens"]["account_id"], "acct-bob");
}

/// The lent file in `home`, with a token that has ended.
fn let_it_end(stage: &Stage, home: &std::path::Path) {
    let file = home.join("auth.json");
    let mut lent = read(&file);
    lent["tokens"]["access_token"] = json!(ended_token(stage));
    std::fs::write(&file, lent.to_string()).unwrap();
}

#[test]
fn a_home_with_a_lent_session_says_so_everywhere_until_it_ends() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = lend_to_a_folder(&stage);
    let home = folder.path();
    let said = in_home(&stage, home, &["status"]).succeeded().stdout;
    assert!(said.contains("\nLent: valid until 20"), "{said}");
    assert!(said.contains(", cannot be renewed here\n"), "{said}");
    let status = in_home(&stage, home, &["status", "--json"])
        .succeeded()
        .json();
    assert_eq!(
        (&status["signed_in"], &status["lent"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(status["mode"], "chatgpt");
    let listed = in_home(&stage, home, &["accounts", "--json"])
        .succeeded()
        .json();
    assert_eq!(listed["accounts"][0]["lent"], true);
    in_home(&stage, home, &["--if-needed"]).succeeded();
    let check = |home: &std::path::Path| {
        let report = in_home(&stage, home, &["doctor", "--offline", "--json"]).json();
        report["checks"]["credentials.session"]["status"].clone()
    };
    assert_eq!(check(home), "ok");

    let_it_end(&stage, home);
    let ended = in_home(&stage, home, &["status"]).failed(1, "The lent session has ended");
    assert!(ended.stdout.starts_with("Not logged in\n"), "{ended:?}");
    let ended = in_home(&stage, home, &["status", "--json"]);
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.json()["signed_in"], false);
    assert_eq!(check(home), "fail");
    // It would open the full screen now, for which there is no terminal.
    in_home(&stage, home, &["--if-needed"]).failed(2, "needs a terminal");
}

#[test]
fn a_sign_in_that_keeps_others_parks_no_lent_session() {
    let stage = signed_in_for(TimeDelta::days(10));
    let folder = lend_to_a_folder(&stage);
    let issuer = ["--issuer", stage.issuer.url(), "--port", "0"];
    let words = ["login", "--keep", "--json", "--no-browser"];
    let login = Run::bare(&[&words[..], &issuer].concat());
    let running = login.variable("CODEX_HOME", folder.path()).starts();
    stage.browse(&stage.approve(&running.link_of_event()));
    let ended = running.ended().succeeded();
    ended.never_says("keeps it");
    let file = read(&folder.path().join("auth.json"));
    assert_eq!(file["auth_mode"], "chatgpt");
    let listed = in_home(&stage, folder.path(), &["accounts", "--json"]).succeeded();
    assert_eq!(listed.json()["accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn fifty_homes_that_are_kept_alive_cost_one_renewal() {
    let stage = signed_in_for(TimeDelta::seconds(6));
    let old = stage.auth_json()["tokens"]["access_token"].clone();
    stage
        .issuer
        .edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    let homes: Vec<_> = (0..50).map(|_| tempfile::tempdir().unwrap()).collect();
    let watchers: Vec<_> = homes
        .iter()
        .map(|home| watch(&stage, home.path(), &[]))
        .collect();
    for home in &homes {
        let file = home.path().join("auth.json");
        wait_until("the renewed token", || {
            file.exists() && read(&file)["tokens"]["access_token"] != old
        });
    }
    assert_eq!(stage.issuer.count(Route::Token), 1);
    for watcher in watchers {
        watcher.signal(Signal::TERM);
        assert_eq!(watcher.ended().code(), 143);
    }
}
