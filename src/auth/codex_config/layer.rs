//! One file of the Codex CLI's settings, and the keys in it that change a sign-in.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::auth::file::account::Mode;
use crate::auth::store::{self, StoreSetting};

/// What one file says; `None` where it is silent.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub path: PathBuf,
    /// The methods that may be chosen.
    pub methods: Option<Vec<Mode>>,
    /// The workspaces that may sign in.
    pub workspaces: Option<Vec<String>>,
    pub store: Option<StoreSetting>,
    /// `features.secret_auth_storage`
    pub encrypted: Option<bool>,
    pub warnings: Vec<String>,
}

/// The kind of a file decides which keys restrict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `config.toml`, `managed_config.toml`: what is set in one shadows the ones below it.
    Config,
    /// `requirements.toml`: restricts whatever the others say.
    Requirements,
}

impl Kind {
    pub fn methods_key(self) -> &'static str {
        match self {
            Self::Config => "forced_login_method",
            Self::Requirements => "allowed_login_methods",
        }
    }

    pub fn workspaces_key(self) -> &'static str {
        match self {
            Self::Config => "forced_chatgpt_workspace_id",
            Self::Requirements => "allowed_chatgpt_workspaces",
        }
    }
}

#[derive(Default, Deserialize)]
struct Keys {
    forced_login_method: Option<toml::Value>,
    forced_chatgpt_workspace_id: Option<toml::Value>,
    allowed_login_methods: Option<toml::Value>,
    allowed_chatgpt_workspaces: Option<toml::Value>,
    cli_auth_credentials_store: Option<toml::Value>,
    features: Option<toml::Value>,
}

impl Layer {
    /// Reads `name` in `folder`. Problems become warnings.
    pub fn read(folder: &Path, name: &str, kind: Kind) -> Self {
        let path = folder.join(name);
        match read(&path, store::links_in(folder)) {
            Ok(None) => Self::default(),
            Ok(Some(text)) => Self::parse(path, &text, kind),
            Err(error) => Self::unusable(path, &format!("cannot be read ({error})")),
        }
    }

    pub fn parse(path: PathBuf, text: &str, kind: Kind) -> Self {
        let keys: Keys = match toml::from_str(text) {
            Ok(keys) => keys,
            Err(error) => {
                let line = error.span().map(|span| line_of(text, span.start));
                let at = line.map_or(String::new(), |line| format!(" at line {line}"));
                return Self::unusable(path, &format!("is not valid TOML{at}"));
            }
        };
        let mut warnings = Vec::new();
        let mut layer = Self::default();
        {
            let mut understood = Understood {
                path: &path,
                warnings: &mut warnings,
            };
            let (methods, workspaces) = match kind {
                Kind::Config => (keys.forced_login_method, keys.forced_chatgpt_workspace_id),
                Kind::Requirements => (keys.allowed_login_methods, keys.allowed_chatgpt_workspaces),
            };
            layer.methods = understood.or_warn(kind.methods_key(), methods, |value| match kind {
                Kind::Config => method(value).map(|mode| vec![mode]),
                Kind::Requirements => value.as_array()?.iter().map(method).collect(),
            });
            layer.workspaces = understood.or_warn(kind.workspaces_key(), workspaces, |value| {
                let is_list = value.is_array();
                texts(value).filter(|_| is_list || kind == Kind::Config)
            });
            let store = keys.cli_auth_credentials_store;
            layer.store = understood.or_warn("cli_auth_credentials_store", store, |value| {
                StoreSetting::named(value.as_str()?)
            });
        }
        let features = keys.features.unwrap_or(toml::Value::Boolean(false));
        let encrypted = features.get("secret_auth_storage");
        layer.encrypted = encrypted.and_then(toml::Value::as_bool);
        Self {
            path,
            warnings,
            ..layer
        }
    }

    fn unusable(path: PathBuf, why: &str) -> Self {
        Self {
            warnings: vec![format!("{} {why}: ignored", path.display())],
            path,
            ..Self::default()
        }
    }
}

/// Collects a warning for each value that is not understood.
struct Understood<'a> {
    path: &'a Path,
    warnings: &'a mut Vec<String>,
}

impl Understood<'_> {
    fn or_warn<T>(
        &mut self,
        key: &str,
        value: Option<toml::Value>,
        read: impl FnOnce(&toml::Value) -> Option<T>,
    ) -> Option<T> {
        let value = value?;
        let read = read(&value);
        if read.is_none() {
            self.warnings.push(format!(
                "{}: {key} = {} is not understood: ignored",
                self.path.display(),
                shown(&value)
            ));
        }
        read
    }
}

/// Reads the file; `None` when there is none.
fn read(path: &Path, links: store::Links) -> io::Result<Option<String>> {
    let Some(bytes) = store::read_regular(path, links)? else {
        return Ok(None);
    };
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| io::Error::other("it is not UTF-8"))
}

fn method(value: &toml::Value) -> Option<Mode> {
    match value.as_str()? {
        "chatgpt" => Some(Mode::ChatGpt),
        "api" => Some(Mode::ApiKey),
        _ => None,
    }
}

/// Returns a text or a list of texts, without blank ones. The Codex CLI refuses a comma in a
/// text, which is somebody's idea of a list.
fn texts(value: &toml::Value) -> Option<Vec<String>> {
    let texts = match value {
        toml::Value::String(one) if one.contains(',') => return None,
        toml::Value::String(one) => vec![one.trim()],
        toml::Value::Array(many) => many
            .iter()
            .map(|id| id.as_str().map(str::trim))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    let ids = texts.into_iter().filter(|id| !id.is_empty());
    Some(ids.map(str::to_owned).collect())
}

/// Shows a text in quotes and cut short, and anything else by its type.
fn shown(value: &toml::Value) -> String {
    match value.as_str() {
        Some(text) => format!("\"{}\"", crate::text::clean_short(text, 60)),
        None => format!("({})", value.type_str()),
    }
}

fn line_of(text: &str, position: usize) -> usize {
    let before = text.bytes().take(position);
    before.filter(|byte| *byte == b'\n').count() + 1
}
