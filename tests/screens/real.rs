//! The sentences on the screens, made by the code that says them: no picture shows a sentence
//! that the program does not say.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codex_onboarding::auth::internals::Disk;
use codex_onboarding::auth::{Save, sign_out};
use codex_onboarding::demo::Profile;
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::{Facts, Options};
use codex_onboarding::sign_in::internals::port_taken;
use codex_onboarding::sign_in::{Port, SignIn, SignInOptions, Status};
use codex_onboarding::{Error, Result};
use secrecy::SecretString;
use serde_json::json;
use tempfile::TempDir;

use crate::issuer::{Fault, Route, TestIssuer};
use crate::subject;

/// The folder of all homes. Screens show their paths, which are relative because temporary
/// folders differ from machine to machine.
static HOMES: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(folder.path()).unwrap();
    folder
});

/// The home of the subject's files for this person, with these files in it.
fn home(person: &str, files: &[(&str, String)]) -> PathBuf {
    let home = PathBuf::from(format!("home/{person}/{}", subject::HOME));
    let folder = HOMES.path().join(&home);
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    home
}

/// Tests of one process share the homes: each look and each save has them for itself.
fn alone() -> MutexGuard<'static, ()> {
    static IN_USE: Mutex<()> = Mutex::new(());
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The facts that the program finds out before the first frame, for this person.
pub fn facts_of(person: &str, files: &[(&str, String)], environment: Environment) -> Facts {
    let _alone = alone();
    let _ = std::fs::remove_dir_all(HOMES.path().join("home").join(person));
    let sign_in = SignInOptions::new(subject::issuer(), subject::store(home(person, files)));
    let mut options = Options::new(sign_in, environment);
    options.look();
    options.facts
}

/// `auth.json` as a ChatGPT sign-in of Ada leaves it, or with a key beside it.
pub fn chatgpt_file(api_key: Option<&str>) -> String {
    let workspace = "8f2c1f9e-4a5d-4b0e-9d57-0c2f5f6f3a11";
    chatgpt_file_of("ada@example.com", workspace, api_key)
}

/// `auth.json` as a ChatGPT sign-in leaves it.
pub fn chatgpt_file_of(email: &str, workspace: &str, api_key: Option<&str>) -> String {
    let claims = json!({
        "email": email,
        "https://api.openai.com/auth": {
            "chatgpt_plan_type": "plus",
            "chatgpt_account_id": workspace,
        },
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.c2ln", part(&json!({"alg": "RS256"})), part(&claims));
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": api_key,
        "tokens": {
            "id_token": token,
            "access_token": token,
            "refresh_token": "refresh",
            "account_id": workspace,
        },
        "last_refresh": "2026-05-03T09:12:00Z",
    })
    .to_string()
}

fn now<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn sign_in(issuer: &str) -> SignIn {
    let mut options =
        SignInOptions::new(subject::issuer_at(issuer), subject::store(home("ada", &[])));
    options.port = Port::Exactly(0);
    SignIn::start(options).unwrap()
}

/// A sign-in fails because nobody listens where the tokens should come from.
pub fn failed_sign_in() -> Error {
    now(async {
        let mut sign_in = sign_in("http://127.0.0.1:9");
        let link = sign_in.link().authorization_url.clone();
        let (_, state) = link.split_once("&state=").unwrap();
        let state = state.split('&').next().unwrap();
        sign_in.submit(&format!("code=1&state={state}")).unwrap();
        loop {
            if let Status::Failed(error) = sign_in.next().await.unwrap() {
                return error;
            }
        }
    })
}

/// A pasted address belongs to another sign-in.
pub fn refused_paste(text: &str) -> Error {
    now(async { sign_in("http://127.0.0.1:9").submit(text).unwrap_err() })
}

/// The issuer gives out no device codes.
pub fn no_device_code() -> Error {
    let issuer = TestIssuer::start(Profile::default());
    issuer.fault(Route::UserCode, Fault::Status(404, "{}".to_owned()));
    now(async {
        let mut sign_in = sign_in(issuer.url());
        sign_in.request_device_code();
        loop {
            if let Status::DeviceCodeFailed(error) = sign_in.next().await.unwrap() {
                return error;
            }
        }
    })
}

/// The port is another program's.
pub fn taken_port() -> Error {
    // As glibc puts it; musl has other words.
    let in_use = io::Error::other("Address already in use (os error 98)");
    port_taken(9000, "node (process 4711)").with_source(in_use)
}

/// There is no space left for a key.
pub fn unsaved_key(key: &str) -> Error {
    save("ada", key, Arc::new(FullDisk)).unwrap_err()
}

/// The warning when Sue's key is saved, but a power failure could undo it.
pub fn unsynced_folder(key: &str) -> String {
    save("sue", key, Arc::new(UnsyncedFolder)).unwrap().unwrap()
}

fn save(person: &str, key: &str, disk: Arc<dyn Disk>) -> Result<Option<String>> {
    let _alone = alone();
    let store = subject::store(home(person, &[])).with_disk(disk);
    let saved = now(async {
        let key = SecretString::from(key);
        let save = Save::api_key(&store, &key).await?;
        save.commit().await
    });
    Ok(saved?.warning)
}

struct FullDisk;

impl Disk for FullDisk {
    fn write(&self, _: &mut File, _: &[u8]) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(28))
    }
}

struct UnsyncedFolder;

impl Disk for UnsyncedFolder {
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        Err(io::Error::other("Input/output error (os error 5)"))
    }
}

/// Bob's credentials file is a folder, which signing out does not delete.
pub fn not_signed_out() -> Error {
    let home = home("bob", &[]);
    std::fs::create_dir_all(HOMES.path().join(&home).join(subject::FILE)).unwrap();
    let store = subject::store(home);
    let signed_out: Result<_> = now(sign_out(&store, None));
    signed_out.unwrap_err()
}
