//! A codex home in a temporary folder, and an issuer for it.

pub mod disk;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use codex_onboarding::auth::internals::{Disk, RealDisk};
use codex_onboarding::auth::{self, DEFAULT_ISSUER, IssuerUrl, Session, SessionOptions, Store};
use codex_onboarding::demo::{self, CLIENT_ID, Profile, TokenKind};
use codex_onboarding::{Error, Result};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::issuer::{self, Gate, Route, TestIssuer};
use crate::tokens::claims;

/// The issuer's refusal of a refresh token that was spent before.
pub const REUSED: &str = r#"{"error":{"code":"refresh_token_reused","message":"used"}}"#;

/// A codex home without an issuer that answers.
pub struct Home {
    folder: TempDir,
    pub options: SessionOptions,
}

/// A codex home and the issuer of what is in it.
pub struct Stage {
    pub home: Home,
    pub issuer: TestIssuer,
}

impl Home {
    pub fn new() -> Self {
        // No server listens on port 9 (discard): a request would fail.
        Self::at("http://127.0.0.1:9", Arc::new(RealDisk))
    }

    /// Creates a home with OpenAI's issuer, for tests that make no request.
    pub fn of_openai() -> Self {
        Self::at(DEFAULT_ISSUER, Arc::new(RealDisk))
    }

    pub fn at(issuer: &str, disk: Arc<dyn Disk>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), issuer, disk);
        Self { folder, options }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> PathBuf {
        self.path().join("auth.json")
    }

    pub fn write(&self, json: &Value) {
        self.write_text(&json.to_string());
    }

    pub fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut file = self.json();
        change(&mut file);
        self.write(&file);
    }

    pub fn write_text(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap()
    }

    pub fn mode(&self) -> u32 {
        fs::metadata(self.file()).unwrap().permissions().mode() & 0o777
    }

    /// The names in the folder, without the locks.
    pub fn files(&self) -> Vec<String> {
        names(self.path())
    }

    pub fn load(&self) -> Result<Option<Session>> {
        Session::load(&self.options)
    }

    pub fn session(&self) -> Session {
        self.load().unwrap().unwrap()
    }

    pub fn refusal(&self) -> Error {
        self.load().unwrap_err()
    }
}

impl Stage {
    /// A session that is due: its access token has expired, and the next ones will not.
    pub fn due() -> Self {
        Self::with(Profile::default())
    }

    /// A session of which nothing is due.
    pub fn fresh() -> Self {
        let stage = Self::due();
        stage.home.write(&auth_json(&stage.issuer.issue_tokens()));
        stage
    }

    /// As [`Stage::due`] for this account.
    pub fn with(profile: Profile) -> Self {
        Self::on(profile, Arc::new(RealDisk))
    }

    /// As [`Stage::with`] on a disk that may misbehave.
    pub fn on(profile: Profile, disk: Arc<dyn Disk>) -> Self {
        let issuer = TestIssuer::start(profile);
        let home = Home::at(issuer.url(), disk);
        let stage = Self { home, issuer };
        let tokens = stage.expired_tokens();
        stage.home.write(&auth_json(&tokens));
        stage
    }

    /// A new session's tokens whose access token has expired already.
    pub fn expired_tokens(&self) -> demo::IssuedTokens {
        let mut tokens = self.issuer.issue_tokens();
        tokens.access_token = expired(&tokens.access_token);
        tokens
    }

    pub fn token_requests(&self) -> usize {
        self.issuer.count(Route::Token)
    }

    /// Returns whether the refresh token in the file is the one that the issuer takes next.
    pub fn is_alive(&self) -> bool {
        let file = self.home.json();
        let token = file["tokens"]["refresh_token"].as_str().unwrap();
        self.issuer.accepts_refresh_token(token)
    }
}

pub fn options(home: &Path, issuer: &str, disk: Arc<dyn Disk>) -> SessionOptions {
    let url = IssuerUrl::parse(issuer).unwrap();
    SessionOptions::new(
        Store::new(home).with_disk(disk),
        auth::Issuer::new(url, CLIENT_ID, None),
    )
}

/// A bearer is asked for, and the request stands at the gate.
pub async fn asking(stage: &Stage) -> (Gate, JoinHandle<Result<SecretString>>) {
    let gate = stage.issuer.hold(Route::Token);
    let session = stage.home.session();
    let asking = tokio::spawn(async move { session.bearer().await });
    gate.arrived().await;
    (gate, asking)
}

/// Returns a file as the Codex CLI would have written it an hour ago, with fields that it
/// alone knows.
pub fn auth_json(tokens: &demo::IssuedTokens) -> Value {
    let mut file = issuer::auth_json(tokens, &ago(TimeDelta::hours(1)));
    file["tokens"]["oauth_provenance"] = json!({"seen": [1, 2]});
    file["from_the_future"] = json!("kept");
    file
}

/// Another person in the same workspace.
pub fn colleague() -> Profile {
    [TokenKind::Id, TokenKind::Access]
        .into_iter()
        .fold(Profile::default(), |profile, token| {
            profile.auth_claim(token, "chatgpt_user_id", "user-other")
        })
}

pub fn ago(time: TimeDelta) -> String {
    (Utc::now() - time).to_rfc3339()
}

/// The same claims with an `exp` in the past. The signature is not checked on this side.
pub fn expired(token: &str) -> String {
    with_claim(token, "exp", &json!(Utc::now().timestamp() - 60))
}

/// The token with one claim changed, or removed when the value is null.
pub fn with_claim(token: &str, name: &str, value: &Value) -> String {
    let mut claims = claims(token);
    claims[name] = value.clone();
    claims.as_object_mut().unwrap().retain(|_, v| !v.is_null());
    jwt(&claims)
}

pub fn jwt(claims: &Value) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    format!("e30.{}.sig", engine.encode(claims.to_string()))
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !matches!(name.as_str(), "auth.lock" | "auth.json.lock"))
        .collect();
    names.sort();
    names
}

pub fn text(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

pub fn far_future() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(3650)
}

pub fn far_past() -> DateTime<Utc> {
    Utc::now() - TimeDelta::days(3650)
}
