//! What another program writes while a change waits for the write lock: it decides under the
//! locks.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Mutex;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Notify;

use super::support::*;

/// Holds `auth.json.lock` until a change says that it waits for it; then another program, which
/// knows nothing of `auth.lock`, writes this file, and lets go.
fn writes_when_waited_for(home: &Path, name: &'static str, serial: u32) -> Notify {
    let lock = File::create(home.join("auth.json.lock")).unwrap();
    lock.lock().unwrap();
    let lock = Mutex::new(Some(lock));
    let file = home.join("auth.json");
    Notify::new(move |text: String| {
        if text.contains("auth.json.lock")
            && let Some(lock) = lock.lock().unwrap().take()
        {
            fs::write(&file, auth_json(name, serial).to_string()).unwrap();
            drop(lock);
        }
    })
}

#[tokio::test]
async fn a_removal_leaves_a_sign_in_that_was_written_while_it_waited() {
    for (name, serial) in [("joan", 1), ("ada", 2)] {
        let home = Home::with(&["ada", "bob"]);
        let ada = home.find("ada");
        let notify = writes_when_waited_for(home.path(), name, serial);
        let never = std::future::pending();
        let removed = home
            .accounts
            .notifying(&notify)
            .remove(&ada, None, never)
            .await;
        let error = removed.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains("meanwhile"), "{error}");
        assert_eq!(home.grants().active, Some(format!("{name}-{serial}")));
        assert_eq!(home.grants().parked, ["bob-1"]);
    }
}

#[tokio::test]
async fn a_use_parks_the_sign_in_that_was_written_while_it_waited() {
    let home = Home::with(&["ada", "bob"]);
    let bob = home.find("bob");
    let notify = writes_when_waited_for(home.path(), "joan", 1);
    home.accounts
        .notifying(&notify)
        .activate(&bob)
        .await
        .unwrap();
    assert_eq!(home.grants().active.as_deref(), Some("bob-1"));
    assert_eq!(home.grants().parked, ["joan-1"]);
}

#[tokio::test]
async fn a_repair_overwrites_no_sign_in_that_was_written_while_it_waited() {
    for (parked, written) in [(2, ("joan", 1)), (2, ("ada", 3))] {
        let home = Home::with(&["ada", "bob"]);
        // A newer sign-in of the active account, which would take its place.
        home.park("newer", "ada", parked);
        let bob = home.find("bob");
        let notify = writes_when_waited_for(home.path(), written.0, written.1);
        home.accounts
            .notifying(&notify)
            .rename(&bob, "bob")
            .await
            .unwrap();
        let (name, serial) = written;
        assert_eq!(home.grants().active, Some(format!("{name}-{serial}")));
        assert!(home.grants().parked.contains(&"ada-2".to_owned()));
    }
}
