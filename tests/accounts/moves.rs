//! Parking, using, renaming and removing, where nothing goes wrong, and where somebody is at it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Mutex;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Notify;
use rustix::io::Errno;
use serde_json::json;

use super::disk::{HookedDisk, Step, leave_half_a_save};
use super::support::*;

#[tokio::test]
async fn a_use_makes_one_active_and_parks_the_other_whole() {
    let home = Home::with(&["ada", "bob"]);
    fs::set_permissions(home.active_file(), PermissionsExt::from_mode(0o644)).unwrap();
    let [ada, bob] = [home.active_file(), home.slot("bob").join("auth.json")].map(|file| {
        let text = fs::read_to_string(file).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    });
    let account = home.find("bob");
    let activated = home.accounts.activate(&account).await;
    assert_eq!(activated.unwrap().parked.unwrap().name, "ada");
    let read = |path| fs::read_to_string(path).unwrap();
    assert_eq!(read(home.active_file()), bob.to_string());
    let parked = home.find("ada").path();
    assert_eq!(read(parked.clone()), ada.to_string());
    assert_eq!(mode(&parked), 0o600);

    let bob = home.find("bob");
    let again = home.accounts.activate(&bob).await;
    assert!(again.unwrap().already);
}

#[tokio::test]
async fn what_was_refreshed_last_is_what_gets_parked() {
    let home = Home::with(&["ada", "bob"]);
    let bob = home.find("bob");
    // After somebody looked, and before the change.
    home.activate("ada", 7);
    home.accounts.activate(&bob).await.unwrap();
    assert_eq!(home.grants().parked, ["ada-7"]);
}

#[tokio::test]
async fn where_nobody_is_active_a_use_leaves_no_slot_behind() {
    let home = Home::new();
    home.park("x", "ada", 1);
    home.use_account("ada").await.unwrap();
    assert_eq!(home.names(), ["ada*"]);
    assert!(!home.slot("x").exists());
}

#[test]
fn a_new_slots_folders_are_synced_before_anything_is_saved_in_it() {
    let home = Home::new();
    let (disk, steps) = HookedDisk::recording();
    let _slot = accounts(home.path(), disk).new_slot().unwrap();
    let folder = [Step::CreateFolder, Step::SyncFolder, Step::Done];
    assert_eq!(*steps.lock().unwrap(), [folder, folder].concat());
}

#[tokio::test]
async fn both_files_are_synced_before_they_change_places() {
    let home = Home::with(&["ada", "bob"]);
    let (disk, steps) = HookedDisk::recording();
    let accounts = accounts(home.path(), disk);
    let bob = home.find("bob");
    accounts.activate(&bob).await.unwrap();
    let steps = steps.lock().unwrap();
    let swap = steps.iter().position(|step| *step == Step::Swap).unwrap();
    let syncs = steps[..swap].iter().filter(|step| **step == Step::Sync);
    assert_eq!(syncs.count(), 2, "{steps:?}");
}

#[tokio::test]
async fn an_add_parks_beside_the_active_account_in_folders_that_are_closed_to_others() {
    let home = Home::with(&["ada"]);
    let parked = home.add("bob", 1).await.unwrap();
    assert!(!parked.account.active && !parked.name_was_taken);
    assert_eq!(home.names(), ["ada*", "bob"]);
    let file = parked.account.path();
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    assert_eq!(mode(&home.path().join("accounts")), 0o700);
}

#[tokio::test]
async fn the_first_account_becomes_the_active_one() {
    let home = Home::new();
    assert!(home.add("ada", 1).await.unwrap().account.active);
    assert_eq!(home.grants().active.as_deref(), Some("ada-1"));
    assert_eq!(
        fs::read_dir(home.path().join("accounts")).unwrap().count(),
        1,
        "names.json"
    );
}

#[tokio::test]
async fn a_new_sign_in_takes_the_place_of_the_older_one_whatever_the_clocks_say() {
    let home = Home::with(&["ada", "bob"]);
    // These were refreshed in the future, by a clock that was wrong.
    home.activate("ada", 9000);
    home.park("bob", "bob", 9000);
    home.add("ada", 2).await.unwrap();
    home.add("bob", 2).await.unwrap();
    let grants = home.grants();
    assert_eq!(grants.active.as_deref(), Some("ada-2"));
    assert_eq!(grants.parked, ["bob-2"]);
    assert_eq!(home.names(), ["ada*", "bob"]);
}

#[tokio::test]
async fn a_wished_name_that_is_taken_gets_a_number() {
    let home = Home::with(&["ada", "bob"]);
    let slot = home.accounts.new_slot().unwrap();
    fs::write(slot.store().path(), auth_json("cid", 1).to_string()).unwrap();
    let parked = home.accounts.park(slot, Some("bob")).await;
    let parked = parked.unwrap();
    assert!(parked.name_was_taken);
    assert_eq!(parked.account.name, "bob-2");
    assert_eq!(home.names(), ["ada*", "bob", "bob-2"]);
}

#[tokio::test]
async fn a_slot_that_nobody_signed_in_to_goes_away() {
    let home = Home::with(&["ada"]);
    let slot = home.accounts.new_slot().unwrap();
    let folder = slot.store().home().to_owned();
    assert!(folder.is_dir());
    let error = home.accounts.park(slot, None).await;
    assert_eq!(error.err().unwrap().kind(), ErrorKind::NotSignedIn);
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_rename_refuses_bad_names_and_names_of_others() {
    let home = Home::with(&["ada", "bob"]);
    let ada = home.find("ada");
    for name in ["", "..", "a/b", "A", "bob"] {
        let error = home.accounts.rename(&ada, name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{name}");
    }
    home.accounts.rename(&ada, "ada").await.unwrap();
    assert_eq!(home.names(), ["ada*", "bob"]);
}

#[tokio::test]
async fn a_removed_account_leaves_nothing_but_what_a_command_made() {
    let home = Home::with(&["ada", "bob", "cid"]);
    fs::write(home.slot("cid").join("of-a-command"), "x").unwrap();
    symlink(home.path(), home.slot("cid").join("link")).unwrap();
    fs::write(home.slot("cid").join(".auth.json.x.tmp"), "tokens").unwrap();
    home.remove("bob").await.unwrap();
    home.remove("cid").await.unwrap();
    assert!(!home.slot("bob").exists());
    let left: Vec<_> = fs::read_dir(home.slot("cid")).unwrap().flatten().collect();
    let names: Vec<_> = left.iter().map(std::fs::DirEntry::file_name).collect();
    assert!(
        !names
            .iter()
            .any(|name| name == "link" || name == ".auth.json.x.tmp"),
        "{names:?}"
    );
    assert!(home.slot("cid").join("of-a-command").exists());
    assert_eq!(home.names(), ["ada*"]);
    home.remove("ada").await.unwrap();
    assert!(home.names().is_empty());
}

#[tokio::test]
async fn an_active_file_that_is_a_link_stays_one() {
    let home = Home::with(&["ada", "bob"]);
    let dotfiles = home.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    let target = dotfiles.join("codex.json");
    fs::rename(home.active_file(), &target).unwrap();
    symlink(&target, home.active_file()).unwrap();
    home.use_account("bob").await.unwrap();
    assert!(home.active_file().is_symlink());
    assert_eq!(home.names(), ["bob*", "ada"]);
    assert!(fs::read_to_string(target).unwrap().contains("bob-1"));
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_lock_is_held_is_waited_for_and_named() {
    let home = Home::with(&["ada", "bob"]);
    let bob = home.find("bob");
    let _deadline = tokio::time::Instant::now();
    let held = bob.store().lock().await.unwrap();
    let said = std::sync::Arc::new(Mutex::new(Vec::new()));
    let notify = Notify::new({
        let said = std::sync::Arc::clone(&said);
        move |sentence| said.lock().unwrap().push(sentence)
    });
    let error = home
        .accounts
        .notifying(&notify)
        .activate(&bob)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("bob/auth.lock"), "{error}");
    assert!(said.lock().unwrap()[0].contains("bob/auth.lock"));
    assert_eq!(home.names(), ["ada*", "bob"]);
    drop(held);
    home.use_account("bob").await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_a_clear_error_and_changes_nothing() {
    let home = Home::with(&["ada", "bob"]);
    let accounts = accounts(
        home.path(),
        HookedDisk::new(|_, _| Err(Errno::NOSPC.into())),
    );
    for error in [
        use_account(&accounts, "bob").await.unwrap_err(),
        add(&accounts, "cid", 1).await.err().unwrap(),
        remove(&accounts, "bob").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Storage, "{error:?}");
        assert!(error.message().starts_with("Could not") || error.message().contains("cannot"));
    }
    assert_eq!(home.names(), ["ada*", "bob"]);
}

#[tokio::test]
async fn an_account_that_was_signed_out_meanwhile_is_not_used() {
    let home = Home::with(&["ada", "bob"]);
    let bob = home.find("bob");
    fs::remove_file(bob.path()).unwrap();
    let error = home.accounts.activate(&bob).await;
    assert_eq!(error.err().unwrap().kind(), ErrorKind::NotSignedIn);
    assert_eq!(home.names(), ["ada*"]);
}

#[tokio::test]
async fn a_file_with_nothing_in_it_is_no_account_but_is_parked_rather_than_lost() {
    let home = Home::with(&["ada"]);
    home.park("x", "bob", 1);
    fs::write(home.active_file(), json!({"other": "kept"}).to_string()).unwrap();
    home.use_account("bob").await.unwrap();
    let parked = fs::read_to_string(home.slot("x").join("auth.json")).unwrap();
    assert!(parked.contains("kept"));
}

#[tokio::test]
async fn a_killed_save_in_a_slot_leaves_no_tokens_when_its_account_moves() {
    let home = Home::new();
    home.park("x", "ada", 1);
    let slot = home.slot("x");
    leave_half_a_save(&slot, &slot);
    home.use_account("ada").await.unwrap();
    assert!(!slot.exists(), "{:?}", fs::read_dir(slot));
}
