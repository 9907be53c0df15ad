//! The active account in a keyring, the others in files: a change writes before it removes.

use std::sync::{Arc, Mutex};

use codex_onboarding::Result;
use codex_onboarding::auth::accounts::Accounts;
use codex_onboarding::auth::internals::AuthFile;
use codex_onboarding::auth::{
    Keyring, KeyringAnswer, KeyringEntry, KeyringFailure, Notify, Source, Store, StoreSetting,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::support::*;

/// A keyring with one entry, which may be full, or closed after the next write.
#[derive(Default)]
struct FakeKeyring {
    entry: Mutex<Option<String>>,
    full: Mutex<bool>,
    closing: Mutex<bool>,
    closed: Mutex<bool>,
}

impl Keyring for FakeKeyring {
    fn read(&self, _: KeyringEntry, _: bool) -> KeyringAnswer<Option<Vec<u8>>> {
        let entry = self.entry.lock().unwrap().clone();
        let closed = *self.closed.lock().unwrap();
        Box::pin(async move {
            if closed {
                return Err(KeyringFailure::Locked);
            }
            Ok(entry.map(String::into_bytes))
        })
    }

    fn unlock(&self, _: KeyringEntry) -> KeyringAnswer<()> {
        Box::pin(async { Ok(()) })
    }

    fn write(&self, _: KeyringEntry, secret: SecretString) -> KeyringAnswer<()> {
        let full = *self.full.lock().unwrap();
        if !full {
            *self.entry.lock().unwrap() = Some(secret.expose_secret().to_owned());
            *self.closed.lock().unwrap() = *self.closing.lock().unwrap();
        }
        Box::pin(async move {
            if full {
                Err(KeyringFailure::Broken("no space".to_owned()))
            } else {
                Ok(())
            }
        })
    }

    fn delete(&self, _: KeyringEntry, _: bool) -> KeyringAnswer<bool> {
        let was_there = self.entry.lock().unwrap().take().is_some();
        Box::pin(async move { Ok(was_there) })
    }
}

impl FakeKeyring {
    fn holds(&self, name: &str, serial: u32) {
        *self.entry.lock().unwrap() = Some(auth_json(name, serial).to_string());
    }

    fn grant(&self) -> String {
        let entry = self.entry.lock().unwrap().clone().unwrap();
        let file: Value = serde_json::from_str(&entry).unwrap();
        file["tokens"]["refresh_token"].as_str().unwrap().to_owned()
    }
}

/// Ada is in the keyring, the others are parked.
fn in_keyring(parked: &[&str]) -> (Home, Accounts, Arc<FakeKeyring>) {
    with_setting(StoreSetting::Keyring, parked)
}

fn with_setting(setting: StoreSetting, parked: &[&str]) -> (Home, Accounts, Arc<FakeKeyring>) {
    let home = Home::new();
    for name in parked {
        home.park(name, name, 1);
    }
    let keyring = Arc::new(FakeKeyring::default());
    keyring.holds("ada", 1);
    let store = Store::new(home.path());
    let store = store.with_keyring(setting, Arc::clone(&keyring) as _);
    (home, Accounts::new(store), keyring)
}

fn names(accounts: &Accounts) -> Vec<String> {
    let listed = accounts.list().unwrap();
    listed.into_iter().map(|account| account.name).collect()
}

#[tokio::test]
async fn a_use_parks_what_the_keyring_holds_and_says_where() -> Result<()> {
    let (home, accounts, keyring) = in_keyring(&["bob"]);
    let listed = accounts.list()?;
    assert_eq!(
        (listed[0].active, listed[0].source()),
        (true, Source::Keyring)
    );
    assert_eq!(
        (listed[1].active, listed[1].source()),
        (false, Source::File)
    );
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let notify = Notify::new(move |text| heard.lock().unwrap().push(text));
    let activated = accounts
        .notifying(&notify)
        .activate(&accounts.find("bob")?)
        .await?;
    assert_eq!(activated.parked.unwrap().name, "ada");
    assert_eq!(keyring.grant(), "bob-1");
    assert_eq!(home.grants().parked, ["ada-1"]);
    assert_eq!(home.grants().active, None);
    assert!(said.lock().unwrap()[0].contains("stay in files"));
    assert!(!home.slot("bob").exists());
    use_account(&accounts, "ada").await?;
    assert_eq!(keyring.grant(), "ada-1");
    assert_eq!(names(&accounts), ["ada", "bob"]);
    Ok(())
}

#[tokio::test]
async fn a_keyring_that_is_full_loses_nothing_and_the_next_change_leaves_nothing_twice()
-> Result<()> {
    let (home, accounts, keyring) = in_keyring(&["bob"]);
    *keyring.full.lock().unwrap() = true;
    let error = use_account(&accounts, "bob").await.unwrap_err();
    assert!(format!("{error:?}").contains("keyring"), "{error:?}");
    assert_eq!(keyring.grant(), "ada-1");
    assert_eq!(names(&accounts), ["ada", "bob"]);
    *keyring.full.lock().unwrap() = false;
    use_account(&accounts, "bob").await?;
    assert_eq!(keyring.grant(), "bob-1");
    assert_eq!(home.grants().parked, ["ada-1"]);
    Ok(())
}

#[tokio::test]
async fn a_grant_that_a_crash_left_in_both_places_goes_from_the_slot() -> Result<()> {
    let (home, accounts, keyring) = in_keyring(&["bob"]);
    // Killed after the first step, and after the second.
    home.park("copy", "ada", 1);
    assert_eq!(names(&accounts), ["ada", "bob"]);
    use_account(&accounts, "bob").await?;
    assert_eq!(home.grants().parked, ["ada-1"]);
    home.park("copy", "bob", 1);
    use_account(&accounts, "ada").await?;
    assert_eq!(keyring.grant(), "ada-1");
    assert_eq!(home.grants().parked, ["bob-1"]);
    Ok(())
}

#[tokio::test]
async fn a_new_sign_in_to_the_active_account_goes_to_the_keyring() -> Result<()> {
    let (home, accounts, keyring) = in_keyring(&[]);
    assert!(add(&accounts, "ada", 2).await?.account.active);
    assert_eq!(keyring.grant(), "ada-2");
    assert!(home.grants().parked.is_empty());
    remove(&accounts, "ada").await?;
    assert!(names(&accounts).is_empty());
    assert!(add(&accounts, "bob", 1).await?.account.active);
    assert_eq!(keyring.grant(), "bob-1");
    Ok(())
}

#[tokio::test]
async fn where_codex_keeps_an_encrypted_file_no_account_is_made_active() {
    let home = Home::with(&["ada", "bob"]);
    let store = Store::new(home.path()).with_setting(StoreSetting::Encrypted);
    let accounts = Accounts::new(store);
    let bob = accounts.find("bob").unwrap();
    let refused = accounts.activate(&bob).await;
    let error = refused.unwrap_err();
    assert!(error.message().contains("secret_auth_storage"), "{error}");
    assert_eq!(home.names(), ["ada*", "bob"]);
}

#[tokio::test]
async fn a_sign_in_made_without_a_keyring_is_listed_at_once_and_parked_by_the_next_change()
-> Result<()> {
    for setting in [StoreSetting::Keyring, StoreSetting::Auto] {
        let (home, accounts, keyring) = with_setting(setting, &["joan"]);
        // Over ssh, where no bus is.
        home.activate("bob", 1);
        assert_eq!(names(&accounts), ["ada", "bob", "joan"], "{setting:?}");
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let notify = Notify::new(move |text| heard.lock().unwrap().push(text));
        accounts
            .notifying(&notify)
            .activate(&accounts.find("joan")?)
            .await?;
        assert!(said.lock().unwrap()[0].contains("bob@example.com, which is parked now"));
        assert_eq!(keyring.grant(), "joan-1");
        assert_eq!(home.grants().active, None);
        assert_eq!(home.grants().parked, ["ada-1", "bob-1"]);
        use_account(&accounts, "bob").await?;
        assert_eq!(keyring.grant(), "bob-1");
    }
    Ok(())
}

#[tokio::test]
async fn a_save_in_the_keyring_parks_somebody_elses_file_and_removes_its_owners() -> Result<()> {
    for (beside, parked) in [("bob", vec!["bob-1"]), ("ada", Vec::new())] {
        let (home, accounts, keyring) = with_setting(StoreSetting::Auto, &[]);
        home.activate(beside, 1);
        let store = Store::new(home.path());
        let store = store.with_keyring(StoreSetting::Auto, Arc::clone(&keyring) as _);
        let lock = store.lock().await?;
        let save = store.prepare(&lock).await?;
        let renewed = auth_json("ada", 2).to_string();
        save.commit(&AuthFile::parse(renewed.as_bytes()).unwrap())?;
        drop(lock);
        assert_eq!(keyring.grant(), "ada-2");
        assert_eq!(home.grants().active, None);
        assert_eq!(home.grants().parked, parked);
        assert_eq!(names(&accounts).len(), 1 + parked.len());
    }
    Ok(())
}

#[tokio::test]
async fn signing_out_of_the_keyring_parks_somebody_elses_file() -> Result<()> {
    let (home, accounts, _keyring) = with_setting(StoreSetting::Auto, &[]);
    home.activate("bob", 1);
    remove(&accounts, "ada").await?;
    assert_eq!(names(&accounts), ["bob"]);
    assert_eq!(home.grants().parked, ["bob-1"]);
    Ok(())
}

#[tokio::test]
async fn a_keyring_that_cannot_show_what_it_took_empties_no_slot_and_the_double_ends() -> Result<()>
{
    let (home, accounts, keyring) = in_keyring(&["bob"]);
    *keyring.closing.lock().unwrap() = true;
    use_account(&accounts, "bob").await?;
    assert_eq!(home.grants().parked, ["ada-1", "bob-1"]);
    *keyring.closing.lock().unwrap() = false;
    *keyring.closed.lock().unwrap() = false;
    assert_eq!(keyring.grant(), "bob-1");
    assert_eq!(names(&accounts), ["bob", "ada"]);
    let ada = accounts.find("ada")?;
    accounts.rename(&ada, "ada").await?;
    assert_eq!(home.grants().parked, ["ada-1"]);
    Ok(())
}
