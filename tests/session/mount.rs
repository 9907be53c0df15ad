//! `auth.json` as a mount of a single file, as containers have it: nothing can be renamed over
//! it (threat 36).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use chrono::{TimeDelta, Utc};
use codex_onboarding::ErrorKind;
use codex_onboarding::auth::internals::{Disk, RealDisk};
use codex_onboarding::auth::{Notify, Save, sign_out};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::support::disk::{HookedDisk, Step};
use super::support::*;

/// A home whose `auth.json` is a mount, and the steps that are taken there.
fn mounted(mut home: Home) -> (Home, Arc<Mutex<Vec<Step>>>) {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let disk = HookedDisk::with_mount(home.file(), move |_, step| {
        seen.lock().unwrap().push(step);
        Ok(())
    });
    home.options.store = home.options.store.clone().with_disk(disk);
    (home, steps)
}

fn pending(home: &Home) -> PathBuf {
    home.path().join("auth.json.new")
}

async fn save(home: &Home, key: &str) -> codex_onboarding::Result<Option<String>> {
    let store = &home.options.store;
    let save = Save::api_key(store, &key.into()).await?;
    Ok(save.commit().await?.warning)
}

fn signed_in(key: &str) -> Value {
    json!({"auth_mode": "apikey", "OPENAI_API_KEY": key})
}

#[tokio::test]
async fn the_new_contents_are_synced_beside_a_mount_point_before_they_are_written_into_it() {
    let (home, steps) = mounted(Home::new());
    home.write(&signed_in("sk-old"));
    let inode = home.file().metadata().unwrap().ino();
    assert_eq!(save(&home, "sk-new").await.unwrap(), None);
    assert_eq!(home.json()["OPENAI_API_KEY"], "sk-new");
    assert_eq!(home.file().metadata().unwrap().ino(), inode);
    assert_eq!(home.mode(), 0o600);
    assert_eq!(home.files(), ["auth.json"]);
    let written = [Step::Write, Step::HalfWritten, Step::Sync];
    let synced = [Step::SyncFolder, Step::Done];
    let mut order = vec![Step::Create];
    order.extend(written);
    order.push(Step::Rename);
    order.extend(synced);
    order.push(Step::Truncate);
    order.extend(written);
    order.push(Step::RemoveFile);
    order.extend(synced);
    assert_eq!(*steps.lock().unwrap(), order);
}

/// A mount point of which the system says only that it is busy.
struct Busy(PathBuf);

impl Disk for Busy {
    fn is_mount_point(&self, _: &Path) -> bool {
        false
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if to == self.0 {
            return Err(Errno::BUSY.into());
        }
        RealDisk.rename(from, to)
    }
}

#[tokio::test]
async fn a_mount_point_that_shows_only_in_the_rename_is_written_in_place_too() {
    let mut home = Home::new();
    home.write(&signed_in("sk-old"));
    let store = home.options.store.clone();
    home.options.store = store.with_disk(Arc::new(Busy(home.file())));
    assert_eq!(save(&home, "sk-new").await.unwrap(), None);
    assert_eq!(home.json()["OPENAI_API_KEY"], "sk-new");
    assert_eq!(home.files(), ["auth.json"]);
}

#[tokio::test]
async fn a_save_that_fails_before_the_file_is_touched_leaves_the_old_one_and_nothing_else() {
    let before_the_file = Step::SAVE
        .into_iter()
        .take_while(|step| *step != Step::Done);
    for (number, step) in before_the_file.enumerate() {
        let mut home = Home::new();
        home.write(&signed_in("sk-old"));
        let disk = HookedDisk::with_mount(home.file(), move |count, _| match count {
            count if count == number => Err(Errno::IO.into()),
            _ => Ok(()),
        });
        home.options.store = home.options.store.clone().with_disk(disk);
        let error = save(&home, "sk-new").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage, "{step:?}");
        assert_eq!(home.json(), signed_in("sk-old"), "{step:?}");
        assert_eq!(home.files(), ["auth.json"], "{step:?}");
    }
}

#[tokio::test]
async fn a_save_that_fails_within_the_file_is_kept_beside_it_said_and_finished_later() {
    // The steps from the first change of the file to its last.
    for number in 7..11 {
        let mut home = Home::new();
        home.write(&signed_in("sk-old"));
        let disk = HookedDisk::with_mount(home.file(), move |count, _| match count {
            count if count == number => Err(Errno::NOSPC.into()),
            _ => Ok(()),
        });
        home.options.store = home.options.store.clone().with_disk(disk);
        let warning = save(&home, "sk-new").await.unwrap().unwrap();
        assert!(warning.contains("auth.json.new"), "{number}: {warning}");
        let (home, _) = mounted(home);
        let is_untouched = number == 7;
        let found = home.options.store.load().unwrap().unwrap();
        let key = if is_untouched { "sk-old" } else { "sk-new" };
        assert_eq!(text(found.api_key.as_ref().unwrap()), key, "{number}");
        finish(&home).await;
        assert_eq!(home.json()["OPENAI_API_KEY"], key, "{number}");
        assert_eq!(home.files(), ["auth.json"], "{number}");
    }
}

/// Takes the lock, as the next command does.
async fn finish(home: &Home) {
    home.options.store.lock().await.unwrap();
}

/// A session that was refreshed so many minutes ago.
fn refreshed(refresh_token: &str, minutes: i64) -> Value {
    let claims = json!({"exp": 4_000_000_000_u32, "email": "ada@example.com"});
    json!({
        "auth_mode": "chatgpt",
        "tokens": {
            "id_token": jwt(&claims),
            "access_token": jwt(&claims),
            "refresh_token": refresh_token,
        },
        "last_refresh": (Utc::now() - TimeDelta::minutes(minutes)).to_rfc3339(),
    })
}

#[tokio::test]
async fn of_two_whole_ones_the_newer_counts_and_half_a_one_never_does() {
    let whole = |token, minutes| refreshed(token, minutes).to_string();
    let half = |text: String| text[..text.len() / 2].to_owned();
    for (file, beside, counts) in [
        (whole("old", 2), whole("new", 1), Some("new")),
        (whole("new", 1), whole("old", 2), Some("new")),
        (half(whole("old", 2)), whole("new", 1), Some("new")),
        (String::new(), whole("new", 1), Some("new")),
        (whole("old", 2), half(whole("new", 1)), Some("old")),
        (whole("old", 2), String::new(), Some("old")),
        (half(whole("old", 2)), half(whole("new", 1)), None),
    ] {
        let (home, _) = mounted(Home::new());
        home.write_text(&file);
        fs::write(pending(&home), &beside).unwrap();
        let found = |home: &Home| {
            let found = home.options.store.load().ok()??;
            Some(text(&found.tokens?.refresh_token?))
        };
        assert_eq!(found(&home).as_deref(), counts, "{file} {beside}");
        finish(&home).await;
        assert!(!pending(&home).exists(), "{file} {beside}");
        assert_eq!(found(&home).as_deref(), counts, "{file} {beside}");
    }
}

#[tokio::test]
async fn an_unfinished_save_beside_a_file_that_is_no_mount_any_more_takes_its_place() {
    let home = Home::new();
    fs::write(pending(&home), refreshed("new", 1).to_string()).unwrap();
    assert!(home.load().unwrap().is_some());
    finish(&home).await;
    assert_eq!(home.json()["tokens"]["refresh_token"], "new");
    assert_eq!(home.files(), ["auth.json"]);
}

#[tokio::test]
async fn an_unfinished_save_outlives_every_failure_to_finish_it() {
    for number in 0..12 {
        let mut home = Home::new();
        home.write_text("half a f");
        fs::write(pending(&home), refreshed("new", 1).to_string()).unwrap();
        let disk = HookedDisk::with_mount(home.file(), move |count, _| match count {
            count if count == number => Err(Errno::IO.into()),
            _ => Ok(()),
        });
        home.options.store = home.options.store.clone().with_disk(disk);
        let _ = home.options.store.lock().await;
        let (home, _) = mounted(home);
        finish(&home).await;
        let found = home.options.store.load().unwrap().unwrap();
        assert_eq!(
            text(&found.tokens.unwrap().refresh_token.unwrap()),
            "new",
            "{number}"
        );
        assert_eq!(home.files(), ["auth.json"], "{number}");
    }
}

#[tokio::test]
async fn another_users_file_is_no_unfinished_save() {
    if !rustix::process::geteuid().is_root() {
        return; // Nobody else can give a file away.
    }
    let home = Home::new();
    home.write(&refreshed("ours", 1));
    fs::write(pending(&home), refreshed("theirs", 0).to_string()).unwrap();
    std::os::unix::fs::chown(pending(&home), Some(54_321), None).unwrap();
    let found = || {
        text(
            &home
                .options
                .store
                .load()
                .unwrap()
                .unwrap()
                .tokens
                .unwrap()
                .refresh_token
                .unwrap(),
        )
    };
    assert_eq!(found(), "ours");
    finish(&home).await;
    assert_eq!(found(), "ours");
}

#[tokio::test]
async fn a_key_that_another_program_wrote_after_an_unfinished_save_counts() {
    let (home, _) = mounted(Home::new());
    fs::write(pending(&home), refreshed("old", 1).to_string()).unwrap();
    let earlier = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
    let beside = fs::File::options()
        .write(true)
        .open(pending(&home))
        .unwrap();
    beside.set_modified(earlier).unwrap();
    home.write(&signed_in("sk-new"));
    finish(&home).await;
    assert_eq!(home.json(), signed_in("sk-new"));
    assert!(!pending(&home).exists());
}

#[tokio::test]
async fn a_link_is_no_unfinished_save() {
    let (home, _) = mounted(Home::new());
    home.write(&signed_in("sk-old"));
    let theirs = home.path().join("theirs");
    fs::write(&theirs, refreshed("theirs", 0).to_string()).unwrap();
    std::os::unix::fs::symlink(&theirs, pending(&home)).unwrap();
    let found = home.options.store.load().unwrap().unwrap();
    assert_eq!(text(found.api_key.as_ref().unwrap()), "sk-old");
    finish(&home).await;
    assert!(theirs.exists());
    assert_eq!(home.json(), signed_in("sk-old"));
}

#[tokio::test]
async fn what_is_in_the_way_of_the_new_contents_is_named_before_a_token_is_spent() {
    let Stage { home, issuer } = Stage::due();
    let (home, _) = mounted(home);
    fs::create_dir(pending(&home)).unwrap();
    let error = home.session().bearer().await.unwrap_err();
    assert!(
        error.in_full().contains("auth.json.new is in the way"),
        "{error:?}"
    );
    assert!(issuer.requests().is_empty());
}

#[tokio::test]
async fn signing_out_empties_a_mount_point_and_says_that_the_mount_stays() {
    let (home, _) = mounted(Home::new());
    home.write(&signed_in("sk-old"));
    fs::write(pending(&home), refreshed("new", 1).to_string()).unwrap();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let notify = Notify::new(move |text| heard.lock().unwrap().push(text));
    let left = sign_out(&home.options.store.notifying(&notify), None)
        .await
        .unwrap();
    assert!(left.removed);
    assert!(said.lock().unwrap()[0].contains("the mount stays"));
    assert_eq!(fs::read(home.file()).unwrap(), b"");
    assert_eq!(home.files(), ["auth.json"]);
    assert!(home.load().unwrap().is_none());
    let again = sign_out(&home.options.store.notifying(&notify), None)
        .await
        .unwrap();
    assert!(!again.removed);
}

#[tokio::test]
async fn a_reader_beside_a_save_in_place_always_finds_somebody() {
    let (home, _) = mounted(Home::new());
    home.write(&refreshed("serial-0", 10_000));
    let store = home.options.store.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut seen = String::new();
        while seen != "serial-200" {
            let found = store.load().unwrap().expect("somebody is signed in");
            seen = text(&found.tokens.unwrap().refresh_token.unwrap());
        }
    });
    for serial in 1..=200 {
        let store = &home.options.store;
        let lock = store.lock().await.unwrap();
        let save = store.prepare(&lock).await.unwrap();
        let file = refreshed(&format!("serial-{serial}"), 10_000 - serial).to_string();
        let file = codex_onboarding::auth::internals::AuthFile::parse(file.as_bytes()).unwrap();
        save.commit(&file).unwrap();
    }
    reading.await.unwrap();
}
