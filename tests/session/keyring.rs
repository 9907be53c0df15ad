//! Credentials in a keyring, and on their way between it and the file (spec, section 9; threat
//! 27), with a keyring that does what a test wants. The real one is in `tests/keyring`.

use std::sync::{Arc, Mutex};

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::internals::{Contents, LOCK_TIMEOUT};
use codex_onboarding::auth::{
    Keyring, KeyringAnswer, KeyringEntry, KeyringFailure, Notify, Revocation, Save, Session,
    Source, Store, StoreSetting, sign_out,
};
use codex_onboarding::sign_in::{SignIn, SignInOptions};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::support::*;
use crate::issuer::{Fault, Route};

/// How a keyring behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Fine,
    Absent,
    /// Nobody unlocks it.
    Locked,
    /// It never answers.
    Silent,
    /// It answers with an error.
    Broken,
    /// A person unlocks it when asked.
    Asking,
    /// Reads well and refuses writes.
    Full,
    /// Says that it has written, and has not.
    Forgetful,
    /// Writes, and is locked from then on.
    Closing,
    /// Reads well and deletes nothing.
    Stubborn,
}

/// A keyring with one entry.
struct FakeKeyring {
    entry: Mutex<Option<String>>,
    /// The name that it was written under.
    name: Mutex<Option<String>>,
    mood: Mutex<Mood>,
    /// What another program writes after so many more reads.
    to_come: Mutex<Option<(usize, String)>>,
    /// A person takes until then to unlock it.
    unlocked: Mutex<Option<oneshot::Receiver<()>>>,
}

impl FakeKeyring {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self {
            entry: Mutex::default(),
            name: Mutex::default(),
            mood: Mutex::new(mood),
            to_come: Mutex::default(),
            unlocked: Mutex::default(),
        })
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn holds(&self, file: &Value) {
        *self.entry.lock().unwrap() = Some(file.to_string());
    }

    fn text(&self) -> Option<String> {
        self.entry.lock().unwrap().clone()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text().unwrap()).unwrap()
    }

    fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Option<String>, Mood) -> T,
    ) -> KeyringAnswer<T> {
        let mood = *self.mood.lock().unwrap();
        if mood == Mood::Silent {
            return Box::pin(std::future::pending());
        }
        let answer = match mood {
            Mood::Absent => Err(KeyringFailure::Absent(None)),
            Mood::Locked => Err(KeyringFailure::Locked),
            Mood::Broken => Err(KeyringFailure::Broken("no idea".to_owned())),
            _ => Ok(work(&mut self.entry.lock().unwrap(), mood)),
        };
        Box::pin(async { answer })
    }
}

impl Keyring for FakeKeyring {
    fn may_exist(&self) -> bool {
        *self.mood.lock().unwrap() != Mood::Absent
    }

    fn read(&self, wanted: KeyringEntry, may_unlock: bool) -> KeyringAnswer<Option<Vec<u8>>> {
        let name = self.name.lock().unwrap().clone();
        if name.is_some_and(|name| name != wanted.account) {
            return Box::pin(async { Ok(None) });
        }
        if *self.mood.lock().unwrap() == Mood::Asking && !may_unlock {
            return Box::pin(async { Err(KeyringFailure::Locked) });
        }
        let read = self.answer(|entry, _| entry.clone().map(String::into_bytes));
        let mut to_come = self.to_come.lock().unwrap();
        match to_come.take() {
            Some((0 | 1, file)) => *self.entry.lock().unwrap() = Some(file),
            Some((reads, file)) => *to_come = Some((reads - 1, file)),
            None => {}
        }
        read
    }

    fn unlock(&self, _: KeyringEntry) -> KeyringAnswer<()> {
        let unlocked = self.unlocked.lock().unwrap().take();
        let answer = self.answer(|_, _| ());
        Box::pin(async {
            if let Some(unlocked) = unlocked {
                unlocked.await.unwrap();
            }
            answer.await
        })
    }

    fn write(&self, place: KeyringEntry, secret: SecretString) -> KeyringAnswer<()> {
        *self.name.lock().unwrap() = Some(place.account);
        let written = self.answer(|entry, mood| match mood {
            Mood::Full => Err(KeyringFailure::Broken("no space".to_owned())),
            Mood::Forgetful => Ok(()),
            _ => {
                if mood == Mood::Closing {
                    self.is(Mood::Locked);
                }
                *entry = Some(secret.expose_secret().to_owned());
                Ok(())
            }
        });
        Box::pin(async { written.await? })
    }

    fn delete(&self, _: KeyringEntry, _: bool) -> KeyringAnswer<bool> {
        let deleted = self.answer(|entry, mood| match mood {
            Mood::Stubborn => Err(KeyringFailure::Broken("not today".to_owned())),
            _ => Ok(entry.take().is_some()),
        });
        Box::pin(async { deleted.await? })
    }
}

fn key_file() -> Value {
    json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-old"})
}

/// The home's credentials are kept like this.
fn keep(home: &mut Home, setting: StoreSetting, keyring: &Arc<FakeKeyring>) {
    let keyring: Arc<FakeKeyring> = Arc::clone(keyring);
    let store = home.options.store.clone();
    home.options.store = store.with_keyring(setting, keyring);
}

/// Signs in with an API key; what was said.
async fn save_key(store: &Store) -> codex_onboarding::Result<Vec<String>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let notify = Notify::new(move |text| heard.lock().unwrap().push(text));
    let save = Save::api_key(&store.notifying(&notify), &"sk-new".into()).await?;
    let saved = save.commit().await?;
    let mut said = std::mem::take(&mut *said.lock().unwrap());
    said.extend(saved.warning);
    Ok(said)
}

#[tokio::test]
async fn a_sign_in_goes_to_the_keyring_as_compact_json_and_the_file_goes() {
    let keyring = FakeKeyring::new(Mood::Fine);
    for setting in [StoreSetting::Keyring, StoreSetting::Auto] {
        let mut home = Home::new();
        keep(&mut home, setting, &keyring);
        home.write(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-new"}));
        assert!(save_key(&home.options.store).await.unwrap().is_empty());
        let text = r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-new"}"#;
        assert_eq!(keyring.text().unwrap(), text);
        assert!(home.files().is_empty(), "{:?}", home.files());
        let session = home.session();
        assert_eq!(session.source(), Source::Keyring);
        assert_eq!(session.path(), None);
    }
}

#[tokio::test]
async fn a_sign_in_that_makes_its_codex_home_below_a_link_is_found_again() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let store = Store::new(link.join("codex")).with_keyring(StoreSetting::Keyring, keyring);
    save_key(&store).await.unwrap();
    assert!(store.load().unwrap().is_some());
}

#[tokio::test]
async fn a_save_that_the_keyring_refuses_or_forgets_leaves_the_file() {
    for (mood, why) in [(Mood::Full, "no space"), (Mood::Forgetful, "did not keep")] {
        let keyring = FakeKeyring::new(mood);
        let mut home = Home::new();
        keep(&mut home, StoreSetting::Auto, &keyring);
        home.write(&key_file());
        let error = save_key(&home.options.store).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.in_full().contains(why), "{error:?}");
        assert_eq!(home.json(), key_file());
        assert_eq!(home.session().source(), Source::File);
    }
}

#[tokio::test]
async fn what_the_keyring_took_is_saved_even_if_it_cannot_be_read_back() {
    let keyring = FakeKeyring::new(Mood::Closing);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    home.write(&key_file());
    let said = save_key(&home.options.store).await.unwrap();
    assert!(said[0].contains("not read back"), "{said:?}");
    assert_eq!(keyring.json()["OPENAI_API_KEY"], "sk-new");
    assert_eq!(home.json(), key_file());
}

#[tokio::test]
async fn a_sign_in_in_the_file_empties_the_keyring_unless_it_is_locked() {
    let keyring = FakeKeyring::new(Mood::Fine);
    keyring.holds(&json!({"OPENAI_API_KEY": "sk-new"}));
    let mut home = Home::new();
    keep(&mut home, StoreSetting::File, &keyring);
    assert!(save_key(&home.options.store).await.unwrap().is_empty());
    assert_eq!(keyring.text(), None);
    assert_eq!(home.json()["OPENAI_API_KEY"], "sk-new");
    // Whatever the keyring does, the sign-in counts.
    keyring.is(Mood::Locked);
    let said = save_key(&home.options.store).await.unwrap();
    assert!(said[0].contains("An older sign-in stays"), "{said:?}");
    keyring.is(Mood::Absent);
    assert!(save_key(&home.options.store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sign_in_in_the_file_parks_somebody_else_in_the_keyring() {
    let keyring = FakeKeyring::new(Mood::Fine);
    keyring.holds(&key_file());
    let mut home = Home::new();
    keep(&mut home, StoreSetting::File, &keyring);
    let said = save_key(&home.options.store).await.unwrap();
    let told = "The system's keyring held another account, which is parked now";
    assert_eq!(said, [told]);
    assert_eq!(keyring.text(), None);
    let slots = home.path().join("accounts").read_dir().unwrap();
    let parked: Vec<_> = slots
        .filter_map(|slot| std::fs::read(slot.unwrap().path().join("auth.json")).ok())
        .map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap())
        .collect();
    assert_eq!(parked, [key_file()]);
}

#[tokio::test]
async fn auto_reads_the_keyring_first_and_goes_without_only_where_there_is_none() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Auto, &keyring);
    let place = |home: &Home| home.options.store.read().map(|reading| reading.source);
    assert_eq!(place(&home).unwrap(), Source::Keyring);
    home.write(&key_file());
    assert_eq!(place(&home).unwrap(), Source::File);
    keyring.holds(&key_file());
    assert_eq!(place(&home).unwrap(), Source::Keyring);
    // An entry that cannot be read now would win later.
    keyring.is(Mood::Locked);
    assert!(place(&home).unwrap_err().to_string().contains("locked"));
    assert!(save_key(&home.options.store).await.is_err());
    keyring.is(Mood::Absent);
    assert_eq!(place(&home).unwrap(), Source::File);
    let said = save_key(&home.options.store).await.unwrap();
    assert!(said[0].contains("no keyring"), "{said:?}");
    assert_eq!(home.json()["OPENAI_API_KEY"], "sk-new");
}

#[tokio::test]
async fn what_a_save_would_park_is_told_from_what_it_replaces() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut home = Home::new();
    home.write(&key_file());
    let is_parked = |home: &Home| home.options.store.read().unwrap().is_parked_by_save;
    assert!(!is_parked(&home), "the setting file");
    keep(&mut home, StoreSetting::Auto, &keyring);
    assert!(is_parked(&home), "a save goes to the keyring");
    let said = save_key(&home.options.store).await.unwrap().concat();
    assert!(said.contains("which is parked now"), "{said}");
    assert!(!is_parked(&home), "the keyring's entry is replaced");
    home.write(&key_file());
    keyring.is(Mood::Absent);
    assert!(!is_parked(&home), "a save goes to the file");
}

#[tokio::test]
async fn a_reader_says_that_it_waits_for_a_person() {
    let keyring = FakeKeyring::new(Mood::Silent);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    let (said, mut heard) = mpsc::unbounded_channel();
    let notify = Notify::new(move |text| said.send(text).unwrap());
    let store = home.options.store.notifying(&notify);
    tokio::select! {
        _ = store.read_async() => panic!("it did not wait"),
        text = heard.recv() => assert!(text.unwrap().contains("Waiting for the system's keyring")),
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_person_takes_to_unlock_is_not_the_locks() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let (unlock, unlocked) = oneshot::channel();
    *keyring.unlocked.lock().unwrap() = Some(unlocked);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    let lock = std::fs::File::create(home.path().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let (said, mut heard) = mpsc::unbounded_channel();
    let notify = Notify::new(move |text| said.send(text).unwrap());
    let store = home.options.store.notifying(&notify);
    let locking = tokio::spawn(async move { store.lock().await.map(drop) });
    tokio::task::yield_now().await;
    tokio::time::advance(3 * LOCK_TIMEOUT).await;
    unlock.send(()).unwrap();
    // It still waits for the other program.
    assert!(heard.recv().await.unwrap().contains("auth.lock"));
    drop(lock);
    locking.await.unwrap().unwrap();
}

#[cfg(not(feature = "keyring"))]
#[tokio::test]
async fn a_program_without_keyrings_does_not_take_the_file_instead() {
    let home = Home::new();
    home.write(&key_file());
    let store = home.options.store.clone();
    let store = store.with_setting(StoreSetting::Keyring);
    for error in [
        store.read().unwrap_err(),
        save_key(&store).await.unwrap_err(),
    ] {
        assert!(
            error.message().contains("without keyring support"),
            "{error}"
        );
    }
    assert_eq!(home.json(), key_file());
}

#[tokio::test]
async fn with_the_setting_keyring_a_file_is_no_sign_in() {
    let mut home = Home::new();
    home.write(&key_file());
    let keyring = FakeKeyring::new(Mood::Fine);
    keep(&mut home, StoreSetting::Keyring, &keyring);
    assert!(home.load().unwrap().is_none());
    assert_eq!(home.options.store.read().unwrap().source, Source::Keyring);
}

#[tokio::test]
async fn without_a_keyring_the_setting_keyring_is_a_failure_that_names_the_way_out() {
    let keyring = FakeKeyring::new(Mood::Absent);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    home.write(&key_file());
    for error in [
        home.refusal(),
        save_key(&home.options.store).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Storage);
        let hint = error.hint().unwrap();
        for way in ["\"auto\"", "\"file\"", "gnome-keyring"] {
            assert!(hint.contains(way), "{way}: {hint}");
        }
    }
    assert_eq!(home.json(), key_file());
}

#[tokio::test]
async fn signing_out_empties_both_and_a_locked_keyring_leaves_everything() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut stage = Stage::fresh();
    let file = stage.home.json();
    keep(&mut stage.home, StoreSetting::Keyring, &keyring);
    keyring.holds(&file);
    keyring.is(Mood::Locked);
    let options = &stage.home.options;
    let issuer = Some(&options.issuer);
    let refused = sign_out(&options.store, issuer).await;
    assert!(refused.unwrap_err().to_string().contains("locked"));
    assert_eq!(stage.home.json(), file);
    assert!(stage.is_alive(), "nothing is revoked that stays");
    keyring.is(Mood::Fine);
    let gone = sign_out(&options.store, issuer).await.unwrap();
    assert!(gone.removed && matches!(gone.revocation, Revocation::Revoked));
    assert_eq!(keyring.text(), None);
    assert!(stage.home.files().is_empty());
    let nothing = sign_out(&options.store, issuer).await.unwrap();
    assert!(!nothing.removed);
}

#[tokio::test]
async fn signing_out_of_a_file_beside_an_empty_keyring_is_said() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Auto, &keyring);
    home.write(&key_file());
    let gone = sign_out(&home.options.store, None).await.unwrap();
    assert!(gone.removed);
    assert!(!home.file().exists() && !home.path().join("accounts").exists());
}

#[tokio::test]
async fn an_entry_that_does_not_count_goes_with_a_sign_out_too() {
    let keyring = FakeKeyring::new(Mood::Fine);
    keyring.holds(&key_file());
    let mut home = Home::new();
    keep(&mut home, StoreSetting::File, &keyring);
    let gone = sign_out(&home.options.store, None).await.unwrap();
    assert!(gone.removed);
    assert_eq!(keyring.text(), None);
}

#[tokio::test]
async fn nobody_is_said_to_be_signed_out_by_a_broken_keyring_that_counts() {
    for (mood, setting, counts) in [
        (Mood::Broken, StoreSetting::Keyring, true),
        (Mood::Broken, StoreSetting::Auto, true),
        (Mood::Broken, StoreSetting::File, false),
        (Mood::Absent, StoreSetting::Keyring, true),
        (Mood::Absent, StoreSetting::Auto, false),
    ] {
        let keyring = FakeKeyring::new(mood);
        let mut home = Home::new();
        keep(&mut home, setting, &keyring);
        let left = sign_out(&home.options.store, None).await;
        assert_eq!(left.is_err(), counts, "{mood:?}, {setting:?}: {left:?}");
    }
}

#[tokio::test]
async fn an_entry_that_stays_after_a_sign_out_is_told() {
    let keyring = FakeKeyring::new(Mood::Stubborn);
    keyring.holds(&key_file());
    let mut home = Home::new();
    keep(&mut home, StoreSetting::File, &keyring);
    home.write(&key_file());
    let (said, heard) = std::sync::mpsc::channel();
    let notify = Notify::new(move |text| said.send(text).unwrap());
    let gone = sign_out(&home.options.store.notifying(&notify), None)
        .await
        .unwrap();
    assert!(gone.removed);
    let told = heard.try_recv().unwrap();
    assert!(told.contains("may stay in the system's keyring"), "{told}");
}

#[tokio::test]
async fn a_refresh_renews_the_entry_and_keeps_what_it_does_not_know() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut stage = Stage::due();
    let file = stage.home.json();
    std::fs::remove_file(stage.home.file()).unwrap();
    keyring.holds(&file);
    keep(&mut stage.home, StoreSetting::Keyring, &keyring);
    let session = Session::load_async(&stage.home.options)
        .await
        .unwrap()
        .unwrap();
    session.bearer().await.unwrap();
    assert_eq!(stage.token_requests(), 1);
    let renewed = keyring.json();
    assert_ne!(
        renewed["tokens"]["refresh_token"],
        file["tokens"]["refresh_token"]
    );
    assert_eq!(renewed["from_the_future"], "kept");
    let token = renewed["tokens"]["refresh_token"].as_str().unwrap();
    assert!(stage.issuer.accepts_refresh_token(token));
    assert!(stage.home.files().is_empty());
}

#[tokio::test]
async fn twenty_sessions_make_one_refresh() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut stage = Stage::due();
    keyring.holds(&stage.home.json());
    keep(&mut stage.home, StoreSetting::Keyring, &keyring);
    let sessions: Vec<_> = (0..20).map(|_| stage.home.session()).collect();
    let mut running: Vec<_> = sessions
        .into_iter()
        .map(|session| tokio::spawn(async move { session.bearer().await.unwrap() }))
        .collect();
    let mut bearers = Vec::new();
    for one in running.drain(..) {
        bearers.push(text(&one.await.unwrap()));
    }
    bearers.dedup();
    assert_eq!(bearers.len(), 1);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_faster_program_gets_time_to_save_what_it_has_refreshed() {
    let keyring = FakeKeyring::new(Mood::Fine);
    let mut stage = Stage::due();
    keyring.holds(&stage.home.json());
    keep(&mut stage.home, StoreSetting::Keyring, &keyring);
    let session = stage.home.session();
    let theirs = auth_json(&stage.issuer.issue_tokens());
    let fault = Fault::Status(401, REUSED.to_owned());
    stage.issuer.fault(Route::Token, fault);
    // It is not there yet when the refresh begins, nor at the first look after the refusal.
    *keyring.to_come.lock().unwrap() = Some((2, theirs.to_string()));
    let bearer = session.bearer().await.unwrap();
    assert_eq!(text(&bearer), theirs["tokens"]["access_token"]);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn whoever_asks_nobody_is_refused_by_a_locked_keyring() {
    let keyring = FakeKeyring::new(Mood::Asking);
    keyring.holds(&key_file());
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    let store = home.options.store.clone();
    assert!(store.load().unwrap().is_some(), "a person unlocks it");
    let error = store.without_unlocking().load().unwrap_err();
    assert!(error.message().contains("locked"), "{error}");
}

#[cfg(feature = "cli")]
#[test]
fn doctor_asks_nobody_to_unlock_a_keyring() {
    use codex_onboarding::doctor::Subject;
    let keyring = FakeKeyring::new(Mood::Asking);
    keyring.holds(&key_file());
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    let sign_in = SignInOptions::new(home.options.issuer.clone(), home.options.store.clone());
    let environment = codex_onboarding::environment::Environment::default();
    let subject = Subject::new(sign_in, home.options.clone(), environment, "a test");
    let error = Session::load(&subject.session).unwrap_err();
    assert!(error.message().contains("locked"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_request_that_is_given_up_leaves_no_thread() {
    let keyring = FakeKeyring::new(Mood::Silent);
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "keyring").count()
    };
    let mut loading = Box::pin(Session::load_async(&home.options));
    // Polled once, so that the request has begun.
    let first = std::future::poll_fn(|cx| std::task::Poll::Ready(loading.as_mut().poll(cx)));
    assert!(first.await.is_pending());
    let becomes = |what: &str, holds: &dyn Fn(usize) -> bool| {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !holds(threads()) {
            assert!(std::time::Instant::now() < end, "{what}");
            std::thread::yield_now();
        }
    };
    becomes("it does not begin", &|threads| threads > 0);
    drop(loading);
    becomes("it goes on", &|threads| threads == 0);
}

#[tokio::test]
async fn a_damaged_entry_is_named_and_replaced_by_a_sign_in() {
    let keyring = FakeKeyring::new(Mood::Fine);
    *keyring.entry.lock().unwrap() = Some("{\n\"tokens\": 5}".to_owned());
    let mut home = Home::new();
    keep(&mut home, StoreSetting::Keyring, &keyring);
    let error = home.refusal();
    assert!(
        error.message().contains("keyring is damaged at line 2"),
        "{error}"
    );
    save_key(&home.options.store).await.unwrap();
    assert_eq!(home.session().source(), Source::Keyring);
}

#[tokio::test]
async fn where_codex_would_not_look_nothing_begins() {
    let keyring = FakeKeyring::new(Mood::Fine);
    for (setting, word) in [
        (StoreSetting::Ephemeral, "ephemeral"),
        (StoreSetting::Encrypted, "secret_auth_storage"),
    ] {
        let mut home = Home::new();
        keep(&mut home, setting, &keyring);
        let store = &home.options.store;
        let started = SignIn::start(SignInOptions::new(
            home.options.issuer.clone(),
            store.clone(),
        ));
        let error = started.err().unwrap();
        assert!(error.message().contains(word), "{error}");
        let error = save_key(store).await.unwrap_err();
        assert!(error.message().contains(word), "{error}");
        assert_eq!(keyring.text(), None);
        assert!(home.files().is_empty());
    }
}

#[test]
fn what_the_encrypted_file_holds_nobody_can_tell_and_an_ephemeral_store_holds_nothing() {
    let keyring = FakeKeyring::new(Mood::Fine);
    keyring.holds(&key_file());
    let mut home = Home::new();
    home.write(&key_file());
    keep(&mut home, StoreSetting::Encrypted, &keyring);
    assert_eq!(home.refusal().kind(), ErrorKind::Storage);
    keep(&mut home, StoreSetting::Ephemeral, &keyring);
    let contents = home.options.store.contents().unwrap();
    assert!(matches!(contents, Contents::Missing));
}
