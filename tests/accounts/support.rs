//! A codex home with several accounts, and the grants in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use codex_onboarding::Result;
use codex_onboarding::auth::Store;
use codex_onboarding::auth::accounts::{Accounts, Added, StoredAccount};
use codex_onboarding::auth::internals::{AuthFile, Disk, RealDisk};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A codex home in a temporary folder.
pub struct Home {
    folder: TempDir,
    pub accounts: Accounts,
}

impl Home {
    pub fn new() -> Self {
        Self::on(Arc::new(RealDisk))
    }

    pub fn on(disk: Arc<dyn Disk>) -> Self {
        // In memory, where there is such a thing: thousands of runs sync thousands of times.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let folder = folder.unwrap();
        let accounts = accounts(folder.path(), disk);
        Self { folder, accounts }
    }

    /// The first account is active, the others are parked in slots of their names.
    pub fn with(names: &[&str]) -> Self {
        let home = Self::new();
        for (number, name) in names.iter().enumerate() {
            match number {
                0 => home.activate(name, 1),
                _ => home.park(name, name, 1),
            }
        }
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn active_file(&self) -> PathBuf {
        self.path().join("auth.json")
    }

    pub fn slot(&self, slot: &str) -> PathBuf {
        self.path().join("accounts").join(slot)
    }

    pub fn activate(&self, name: &str, serial: u32) {
        fs::write(self.active_file(), auth_json(name, serial).to_string()).unwrap();
    }

    pub fn park(&self, slot: &str, name: &str, serial: u32) {
        self.park_text(slot, &auth_json(name, serial).to_string());
    }

    pub fn park_text(&self, slot: &str, text: &str) {
        let folder = self.slot(slot);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("auth.json"), text).unwrap();
    }

    pub fn grants(&self) -> Grants {
        grants(self.path())
    }

    /// As `name*` for the active one.
    pub fn names(&self) -> Vec<String> {
        let accounts = self.accounts.list().unwrap();
        let shown = accounts.iter().map(|account| {
            let mark = if account.active { "*" } else { "" };
            format!("{}{mark}", account.name)
        });
        shown.collect()
    }

    pub fn find(&self, name: &str) -> StoredAccount {
        self.accounts.find(name).unwrap()
    }

    pub async fn use_account(&self, name: &str) -> Result<()> {
        use_account(&self.accounts, name).await
    }

    pub async fn remove(&self, name: &str) -> Result<()> {
        remove(&self.accounts, name).await
    }

    /// Signs in without the trip, and parks.
    pub async fn add(&self, name: &str, serial: u32) -> Result<Added> {
        add(&self.accounts, name, serial).await
    }
}

pub fn accounts(home: &Path, disk: Arc<dyn Disk>) -> Accounts {
    Accounts::new(Store::new(home).with_disk(disk))
}

pub async fn use_account(accounts: &Accounts, name: &str) -> Result<()> {
    let account = accounts.find(name)?;
    accounts.activate(&account).await?;
    Ok(())
}

pub async fn remove(accounts: &Accounts, name: &str) -> Result<()> {
    let account = accounts.find(name)?;
    let never = std::future::pending();
    accounts.remove(&account, None, never).await?;
    Ok(())
}

pub async fn add(accounts: &Accounts, name: &str, serial: u32) -> Result<Added> {
    let slot = accounts.new_slot()?;
    let access = slot.store().lock().await?;
    let save = slot.store().prepare(&access).await?;
    let file = AuthFile::parse(auth_json(name, serial).to_string().as_bytes()).unwrap();
    save.commit(&file)?;
    drop(access);
    accounts.park(slot, None).await
}

/// Refresh tokens: the active one, and the parked ones in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grants {
    pub active: Option<String>,
    pub parked: Vec<String>,
}

/// What stands in the files, whole or not.
pub fn grants(home: &Path) -> Grants {
    let token = |path: &Path| {
        let text = fs::read_to_string(path).ok()?;
        let file: Value = serde_json::from_str(&text).unwrap();
        Some(file["tokens"]["refresh_token"].as_str().unwrap().to_owned())
    };
    let slots = fs::read_dir(home.join("accounts")).into_iter().flatten();
    let slots = slots.map(|entry| entry.unwrap().path().join("auth.json"));
    let mut parked: Vec<_> = slots.filter_map(|path| token(&path)).collect();
    parked.sort();
    Grants {
        active: token(&home.join("auth.json")),
        parked,
    }
}

/// The `serial`th sign-in of this person; a later one was refreshed later.
pub fn auth_json(name: &str, serial: u32) -> Value {
    let claims = json!({
        "email": format!("{name}@example.com"),
        "https://api.openai.com/auth": {
            "chatgpt_account_id": format!("acct-{name}"),
            "chatgpt_user_id": format!("user-{name}"),
            "chatgpt_plan_type": "plus",
        },
    });
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": jwt(&claims),
            "access_token": jwt(&json!({"exp": 4_000_000_000_u32})),
            "refresh_token": format!("{name}-{serial}"),
            "account_id": format!("acct-{name}"),
        },
        "last_refresh": (Utc::now() + TimeDelta::seconds(serial.into())).to_rfc3339(),
        "from_the_future": "kept",
    })
}

pub fn jwt(claims: &Value) -> String {
    let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{payload}.sig")
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
