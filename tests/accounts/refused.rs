//! Folders and files that are not what they should be.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use codex_onboarding::ErrorKind;

use super::support::*;

#[tokio::test]
async fn an_accounts_folder_that_is_a_link_or_a_file_is_refused_by_name() {
    for make in [
        (|path| symlink("/tmp", path)) as fn(&std::path::Path) -> std::io::Result<()>,
        |path| symlink("nowhere", path),
        |path| fs::write(path, "x"),
    ] {
        let home = Home::with(&["ada"]);
        make(&home.path().join("accounts")).unwrap();
        let errors = [
            home.accounts.list().err().unwrap(),
            home.add("bob", 1).await.err().unwrap(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Storage);
            let path = home.path().join("accounts").display().to_string();
            assert!(error.message().contains(&path), "{error}");
        }
    }
}

#[test]
fn an_accounts_folder_of_another_user_is_refused_by_name() {
    let home = Home::with(&["ada", "bob"]);
    // Only root can give anything away.
    if chown(home.path().join("accounts"), Some(54_321), None).is_err() {
        return;
    }
    let error = home.accounts.list().err().unwrap();
    assert!(
        error.message().contains("belongs to another user"),
        "{error}"
    );
}

#[tokio::test]
async fn a_slot_that_is_a_link_or_holds_one_is_listed_as_unusable_and_left_alone() {
    let home = Home::with(&["ada", "bob"]);
    let elsewhere = Home::with(&["cid"]);
    symlink(elsewhere.path(), home.slot("x")).unwrap();
    fs::create_dir(home.slot("y")).unwrap();
    symlink(elsewhere.active_file(), home.slot("y").join("auth.json")).unwrap();
    assert_eq!(home.names(), ["ada*", "bob", "x", "y"]);
    for name in ["x", "y"] {
        for error in [home.use_account(name).await, home.remove(name).await] {
            let error = error.unwrap_err();
            assert!(error.message().contains("is a link"), "{error}");
        }
    }
    home.use_account("bob").await.unwrap();
    assert_eq!(elsewhere.names(), ["cid*"]);
}

#[tokio::test]
async fn a_damaged_parked_file_is_not_used_and_stays_until_it_is_removed_by_name() {
    let home = Home::with(&["ada", "bob"]);
    home.park_text("x", "{ damaged");
    let error = home.use_account("x").await.unwrap_err();
    assert!(error.message().contains("damaged at line 1"), "{error}");
    home.use_account("bob").await.unwrap();
    home.add("cid", 1).await.unwrap();
    home.remove("ada").await.unwrap();
    assert!(home.slot("x").join("auth.json").exists());
    home.remove("x").await.unwrap();
    assert!(!home.slot("x").exists());
}

#[tokio::test]
async fn a_damaged_active_file_is_parked_as_it_is() {
    let home = Home::with(&["ada", "bob"]);
    fs::write(home.active_file(), "{ damaged").unwrap();
    home.use_account("bob").await.unwrap();
    assert_eq!(home.find("bob").path(), home.active_file());
    let parked = home.slot("bob").join("auth.json");
    assert_eq!(fs::read_to_string(parked).unwrap(), "{ damaged");
}
