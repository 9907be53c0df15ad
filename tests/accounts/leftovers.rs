//! What killed programs leave behind goes with the next change.

use std::fs;

use super::support::*;

#[tokio::test]
async fn the_next_change_clears_every_folder_but_not_the_slot_of_a_sign_in_that_is_waited_for() {
    let home = Home::with(&["ada", "bob"]);
    let waiting = home.accounts.new_slot().unwrap();
    fs::create_dir(home.slot("killed")).unwrap();
    let left = [
        ".auth.json.x1.tmp",
        ".auth-a1B2c3",
        ".pending-sign-in.x5.tmp",
        "accounts/.names.json.x2.tmp",
        "accounts/bob/.auth.json.x3.tmp",
        "accounts/bob/.auth-d4E5f6",
        "accounts/killed/.auth.json.x4.tmp",
        "accounts/killed/.auth-g7H8i9",
        "accounts/killed/auth.json.damaged",
        "accounts/killed/auth.lock",
    ];
    for name in left {
        fs::write(home.path().join(name), "token").unwrap();
    }
    let ada = home.find("ada");
    home.accounts.rename(&ada, "ada").await.unwrap();
    for name in left {
        assert!(!home.path().join(name).exists(), "{name}");
    }
    assert!(!home.slot("killed").exists());
    assert!(waiting.store().home().is_dir());
    assert_eq!(home.names(), ["ada*", "bob"]);
    let slot = waiting.store().home().to_owned();
    drop(waiting);
    assert!(!slot.exists());
}

#[tokio::test]
async fn the_slot_of_a_sign_in_that_was_killed_while_it_waited_goes_too() {
    let home = Home::with(&["ada"]);
    let waiting = home.accounts.new_slot().unwrap();
    let slot = waiting.store().home().to_owned();
    // As after a kill: the file is there, and nobody holds the lock.
    let killed = home.slot("killed");
    fs::create_dir(&killed).unwrap();
    fs::copy(slot.join("add.lock"), killed.join("add.lock")).unwrap();
    let ada = home.find("ada");
    home.accounts.rename(&ada, "ada").await.unwrap();
    assert!(!killed.exists());
    assert!(slot.exists());
}

#[tokio::test]
async fn what_belonged_to_codexs_background_server_goes_with_its_account() {
    let home = Home::with(&["ada", "bob", "cid"]);
    for slot in ["bob", "cid"] {
        let server = home.slot(slot).join("app-server-daemon");
        fs::create_dir(&server).unwrap();
        fs::write(server.join("daemon.pid"), "{}").unwrap();
        fs::write(home.slot(slot).join("app-server.sock"), "").unwrap();
        std::os::unix::fs::symlink(home.path(), server.join("link")).unwrap();
    }
    fs::write(home.slot("cid").join("notes"), "a person's").unwrap();
    home.remove("bob").await.unwrap();
    home.remove("cid").await.unwrap();
    assert!(!home.slot("bob").exists());
    let left: Vec<_> = fs::read_dir(home.slot("cid")).unwrap().flatten().collect();
    let names: Vec<_> = left.iter().map(fs::DirEntry::file_name).collect();
    assert!(names.iter().any(|name| name == "notes"), "{names:?}");
    assert!(!home.slot("cid").join("app-server-daemon").exists());
    assert_eq!(home.names(), ["ada*"]);
}
