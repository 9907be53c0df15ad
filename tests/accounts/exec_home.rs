//! A slot as a command's codex home: its own credentials, and links to all the rest.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Store;
use codex_onboarding::auth::accounts::Accounts;
use codex_onboarding::product::Product;

use super::support::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "auth.lock")
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn everything_is_linked_but_accounts_and_credentials() {
    let home = Home::with(&["ada", "bob"]);
    for name in [
        "auth.lock",
        "auth.json.damaged",
        ".auth.json.x.tmp",
        ".auth-Xy12Zw",
        "pending-sign-in.json",
        "exec.lock",
        "server.pid",
        "config.toml",
    ] {
        fs::write(home.path().join(name), name).unwrap();
    }
    for name in ["skills", "app-server-daemon", "app-server-control"] {
        fs::create_dir(home.path().join(name)).unwrap();
    }
    let _socket = UnixListener::bind(home.path().join("talk")).unwrap();
    symlink("talk", home.path().join("talk-to")).unwrap();
    let exec = home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(exec.lock.is_some() && exec.hiding.is_empty());
    assert_eq!(exec.path, home.slot("bob").canonicalize().unwrap());
    let links = [
        "config.toml",
        "history.jsonl",
        "packages",
        "sessions",
        "skills",
    ];
    let real = ["auth.json", "exec.lock"];
    let mut expected = [&links[..], &real[..]].concat();
    expected.sort_unstable();
    assert_eq!(names(&exec.path), expected);
    for name in links {
        assert!(exec.path.join(name).is_symlink(), "{name}");
    }
    fs::write(exec.path.join("sessions/one"), "said").unwrap();
    assert!(home.path().join("sessions/one").exists());
    assert_eq!(mode(&home.path().join("sessions")), 0o700);
    assert_eq!(mode(&home.path().join("history.jsonl")), 0o600);
}

#[tokio::test]
async fn links_are_mended_and_a_real_file_stays() {
    let home = Home::with(&["ada", "bob"]);
    fs::write(home.path().join("config.toml"), "ours").unwrap();
    fs::write(home.path().join("notes"), "ours").unwrap();
    let slot = home.slot("bob");
    fs::write(slot.join("config.toml"), "theirs").unwrap();
    // As an earlier version left them.
    for name in ["app-server-daemon", "auth.json.damaged"] {
        fs::write(home.path().join(name), "").unwrap();
        symlink(home.path().join(name), slot.join(name)).unwrap();
    }
    symlink("/etc/passwd", slot.join("notes")).unwrap();
    symlink(home.path().join("gone"), slot.join("gone")).unwrap();
    symlink(home.path().join("accounts"), slot.join("accounts")).unwrap();
    for _ in 0..2 {
        let exec = home.accounts.exec_home(&home.find("bob")).await.unwrap();
        assert_eq!(exec.hiding, [exec.path.join("config.toml")]);
        assert_eq!(
            fs::read_to_string(slot.join("config.toml")).unwrap(),
            "theirs"
        );
        assert_eq!(fs::read_to_string(slot.join("notes")).unwrap(), "ours");
        for name in ["gone", "accounts", "app-server-daemon", "auth.json.damaged"] {
            assert!(!slot.join(name).is_symlink(), "{name}");
        }
    }
}

#[tokio::test]
async fn what_a_command_would_be_the_first_to_make_is_in_the_codex_home_already() {
    let home = Home::with(&["ada", "bob"]);
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
    for (name, expected) in [
        ("packages", 0o700),
        ("sessions", 0o700),
        ("config.toml", 0o600),
    ] {
        assert_eq!(mode(&home.path().join(name)), expected, "{name}");
        assert!(home.slot("bob").join(name).is_symlink(), "{name}");
    }
}

#[tokio::test]
async fn a_link_where_history_should_be_is_left_alone() {
    let home = Home::with(&["ada", "bob"]);
    let elsewhere = home.path().join("elsewhere");
    for name in ["sessions", "history.jsonl", "config.toml"] {
        symlink(&elsewhere, home.path().join(name)).unwrap();
    }
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(!elsewhere.exists());
}

#[tokio::test]
async fn what_an_earlier_command_left_in_the_slot_moves_to_the_codex_home() {
    let home = Home::with(&["ada", "bob"]);
    let slot = home.slot("bob");
    let left = [
        "config.toml",
        "state_5.sqlite",
        "state_5.sqlite-wal",
        "installation_id",
    ];
    for name in left {
        fs::write(slot.join(name), name).unwrap();
    }
    let release = slot.join("packages/releases/1");
    fs::create_dir_all(&release).unwrap();
    symlink(&release, slot.join("packages/current")).unwrap();
    fs::create_dir(slot.join("app-server-daemon")).unwrap();
    let exec = home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(exec.hiding.is_empty(), "{exec:?}");
    for name in left {
        assert_eq!(fs::read_to_string(home.path().join(name)).unwrap(), name);
        assert!(slot.join(name).is_symlink(), "{name}");
    }
    assert_eq!(
        fs::read_link(home.path().join("packages/current")).unwrap(),
        home.path()
            .canonicalize()
            .unwrap()
            .join("packages/releases/1")
    );
    assert!(!home.path().join("app-server-daemon").exists());
}

#[tokio::test]
async fn nothing_moves_while_a_command_runs_or_where_something_of_that_name_is() {
    let home = Home::with(&["ada", "bob"]);
    let slot = home.slot("bob");
    let running = home.accounts.exec_home(&home.find("bob")).await.unwrap();
    for name in ["installation_id", "logs.sqlite", "logs.sqlite-wal"] {
        fs::write(slot.join(name), "the slot's").unwrap();
    }
    fs::write(home.path().join("logs.sqlite"), "the codex home's").unwrap();
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(!home.path().join("installation_id").exists());
    drop(running);
    let exec = home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(home.path().join("installation_id").exists());
    // A database and its log move together or not at all.
    assert!(!home.path().join("logs.sqlite-wal").exists());
    assert_eq!(exec.hiding, [exec.path.join("logs.sqlite")]);
}

#[tokio::test]
async fn a_products_own_credentials_and_locks_are_not_linked() {
    let home = tempfile::tempdir().unwrap();
    let slot = home.path().join("accounts/bob");
    fs::create_dir_all(&slot).unwrap();
    for (folder, name) in [(home.path(), "ada"), (&*slot, "bob")] {
        let text = auth_json(name, 1).to_string();
        fs::write(folder.join("credentials.json"), text).unwrap();
    }
    for name in [
        "credentials.lock",
        "credentials.json.lock",
        ".credentials.json.x.tmp",
        "notes",
    ] {
        fs::write(home.path().join(name), "").unwrap();
    }
    let accounts = Accounts::new(Store::of(&Product::new("Acme"), home.path()));
    let exec = accounts.exec_home(&accounts.find("bob").unwrap()).await;
    let path = exec.unwrap().path;
    let links = names(&path)
        .into_iter()
        .filter(|name| path.join(name).is_symlink());
    assert_eq!(links.collect::<Vec<_>>(), ["notes"]);
}

#[tokio::test]
async fn a_database_of_the_slots_own_gets_no_log_of_another_one() {
    let home = Home::with(&["ada", "bob"]);
    let slot = home.slot("bob");
    for name in [
        "state.sqlite",
        "state.sqlite-wal",
        "logs.sqlite",
        "logs.sqlite-wal",
    ] {
        fs::write(home.path().join(name), "of the codex home").unwrap();
    }
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(slot.join("state.sqlite-wal").is_symlink());
    fs::remove_file(slot.join("state.sqlite")).unwrap();
    fs::write(slot.join("state.sqlite"), "its own").unwrap();
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
    assert!(!slot.join("state.sqlite-wal").is_symlink());
    assert!(slot.join("logs.sqlite-wal").is_symlink());
}

#[tokio::test]
async fn the_active_account_runs_in_the_codex_home_itself() {
    let home = Home::with(&["ada", "bob"]);
    let exec = home.accounts.exec_home(&home.find("ada")).await.unwrap();
    assert_eq!(exec.path, home.path().canonicalize().unwrap());
    assert!(exec.lock.is_some() && exec.hiding.is_empty());
}

#[tokio::test]
async fn an_account_that_a_command_runs_as_is_neither_used_nor_removed() {
    let home = Home::with(&["ada", "bob", "cid"]);
    let running = home.accounts.exec_home(&home.find("bob")).await.unwrap();
    for outcome in [home.use_account("bob").await, home.remove("bob").await] {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(
            error.message().contains("bob (bob@example.com) is in use"),
            "{error}"
        );
    }
    // Another command may, and so may a change of others.
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
    home.use_account("cid").await.unwrap();
    home.add("bob", 2).await.unwrap();
    assert_eq!(home.grants().parked, ["ada-1", "bob-2"]);
    assert_eq!(home.find("bob").path().parent(), Some(&*home.slot("bob")));
    drop(running);
    home.use_account("bob").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_command_waits_for_an_account_that_is_being_moved() {
    let home = Home::with(&["ada", "bob"]);
    let lock = home.slot("bob").join("exec.lock");
    let moving = File::create(&lock).unwrap();
    moving.try_lock().unwrap();
    let error = home
        .accounts
        .exec_home(&home.find("bob"))
        .await
        .unwrap_err();
    assert!(error.message().contains("is being moved"), "{error}");
    drop(moving);
    home.accounts.exec_home(&home.find("bob")).await.unwrap();
}

#[tokio::test]
async fn a_damaged_account_runs_nothing() {
    let home = Home::with(&["ada"]);
    home.park_text("x", "{");
    let error = home.accounts.exec_home(&home.find("x")).await.unwrap_err();
    assert!(error.message().contains("damaged"), "{error}");
}
