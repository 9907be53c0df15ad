//! The Codex CLI's own settings that change a sign-in: four keys of `config.toml` in the
//! codex home. Other keys are ignored.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::account::Mode;
use super::store::{self, CredentialsStore};
use crate::error::{Error, Result};

/// The Codex CLI's settings for a sign-in. The default is no `config.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodexConfig {
    /// `forced_login_method`: the only way that may be chosen.
    pub forced_login_method: Option<Mode>,
    /// `forced_chatgpt_workspace_id`: account ids that may sign in; empty for any.
    pub forced_workspaces: Vec<String>,
    /// `cli_auth_credentials_store`, and `features.secret_auth_storage`, which turns a keyring
    /// into the Codex CLI's encrypted file.
    pub credentials_store: CredentialsStore,
    /// Sentences for the person, cleaned: the file could not be read or understood.
    pub warnings: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Keys {
    forced_login_method: Option<toml::Value>,
    forced_chatgpt_workspace_id: Option<toml::Value>,
    cli_auth_credentials_store: Option<toml::Value>,
    features: Option<toml::Value>,
}

impl CodexConfig {
    /// Reads `config.toml` in `codex_home`. Never fails: problems become
    /// [`CodexConfig::warnings`].
    pub fn load(codex_home: &Path) -> Self {
        let path = codex_home.join("config.toml");
        match read(&path, store::links_in(codex_home)) {
            Ok(None) => Self::default(),
            Ok(Some(text)) => Self::parse(&path, &text),
            Err(error) => Self::unusable(&path, &format!("cannot be read ({error})")),
        }
    }

    /// Returns the account ids that may sign in: those among `asked` that `config.toml` in
    /// `codex_home` allows too. Empty for any.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind) when the file allows none of them.
    pub fn workspaces(&self, asked: &[String], codex_home: &Path) -> Result<Vec<String>> {
        let forced = &self.forced_workspaces;
        if asked.is_empty() || forced.is_empty() {
            return Ok([asked, forced].concat());
        }
        let both: Vec<String> = asked
            .iter()
            .filter(|id| forced.contains(id))
            .cloned()
            .collect();
        if !both.is_empty() {
            return Ok(both);
        }
        let path = codex_home.join("config.toml");
        Err(Error::denied(format!(
            "Workspace {} is not allowed: {} has forced_chatgpt_workspace_id = {}",
            asked.join(", "),
            path.display(),
            forced.join(", ")
        ))
        .with_hint("Name a workspace that the file allows, or change the file"))
    }

    fn parse(path: &Path, text: &str) -> Self {
        let keys: Keys = match toml::from_str(text) {
            Ok(keys) => keys,
            Err(error) => {
                let line = error.span().map(|span| line_of(text, span.start));
                let at = line.map_or(String::new(), |line| format!(" at line {line}"));
                return Self::unusable(path, &format!("is not valid TOML{at}"));
            }
        };
        let mut config = Self::default();
        let mut warn = |key: &str, value: &toml::Value, means: &str| {
            let value = shown(value);
            let warning = format!("{}: {key} = {value} {means}", path.display());
            config.warnings.push(warning);
        };
        if let Some(value) = keys.forced_login_method {
            match value.as_str() {
                Some("chatgpt") => config.forced_login_method = Some(Mode::ChatGpt),
                Some("api") => config.forced_login_method = Some(Mode::ApiKey),
                _ => warn("forced_login_method", &value, "is not understood: ignored"),
            }
        }
        if let Some(value) = keys.forced_chatgpt_workspace_id {
            if let Some(ids) = texts(&value) {
                config.forced_workspaces = ids;
            } else {
                let means = "is not understood: ignored";
                warn("forced_chatgpt_workspace_id", &value, means);
            }
        }
        if let Some(value) = keys.cli_auth_credentials_store {
            match value.as_str().and_then(CredentialsStore::named) {
                Some(store) => config.credentials_store = store,
                None => warn(
                    "cli_auth_credentials_store",
                    &value,
                    "is not understood: ignored",
                ),
            }
        }
        let features = keys.features.unwrap_or(toml::Value::Boolean(false));
        let is_encrypted = features.get("secret_auth_storage");
        if is_encrypted.and_then(toml::Value::as_bool) == Some(true)
            && config.credentials_store.asks_keyring()
        {
            config.credentials_store = CredentialsStore::Encrypted;
        }
        config
    }

    fn unusable(path: &Path, why: &str) -> Self {
        Self {
            warnings: vec![format!("{} {why}: ignored", path.display())],
            ..Self::default()
        }
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

/// Returns a text or a list of texts, without blank ones.
fn texts(value: &toml::Value) -> Option<Vec<String>> {
    let texts = match value {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn parse(text: &str) -> CodexConfig {
        CodexConfig::parse(Path::new("config.toml"), text)
    }

    #[test]
    fn the_keys_are_read_and_others_are_not_looked_at() {
        let config = parse(
            "model = \"m\"\nforced_login_method = \"chatgpt\"\n\
             forced_chatgpt_workspace_id = \" acct-1 \"\ncli_auth_credentials_store = \"file\"\n\
             [mcp_servers.x]\ncommand = \"y\"\n",
        );
        assert_eq!(config.forced_login_method, Some(Mode::ChatGpt));
        assert_eq!(config.forced_workspaces, ["acct-1"]);
        assert!(config.warnings.is_empty());
        let api = parse("forced_login_method = \"api\"");
        assert_eq!(api.forced_login_method, Some(Mode::ApiKey));
    }

    #[test]
    fn several_workspaces_are_taken_too_and_blank_ones_are_none() {
        let config = parse("forced_chatgpt_workspace_id = [\"a\", \"\", \"b\"]");
        assert_eq!(config.forced_workspaces, ["a", "b"]);
        let blank = parse("forced_chatgpt_workspace_id = \"  \"");
        assert_eq!(blank, CodexConfig::default());
    }

    #[test]
    fn a_workspace_has_to_be_asked_for_and_allowed() {
        let config = parse("forced_chatgpt_workspace_id = [\"a\", \"b\"]");
        let workspaces = |config: &CodexConfig, asked: &[&str]| {
            let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
            config.workspaces(&asked, Path::new("/codex"))
        };
        assert_eq!(workspaces(&config, &[]).unwrap(), ["a", "b"]);
        assert_eq!(workspaces(&config, &["c", "b"]).unwrap(), ["b"]);
        let free = CodexConfig::default();
        assert_eq!(workspaces(&free, &["c"]).unwrap(), ["c"]);
        assert!(workspaces(&free, &[]).unwrap().is_empty());
        let error = workspaces(&config, &["c"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.message().contains("/codex/config.toml"), "{error}");
    }

    #[test]
    fn every_credentials_store_has_its_value() {
        let store = |text: &str| {
            let config = parse(text);
            assert!(config.warnings.is_empty(), "{config:?}");
            config.credentials_store
        };
        assert_eq!(store(""), CredentialsStore::File);
        for (name, expected) in [
            ("file", CredentialsStore::File),
            ("keyring", CredentialsStore::Keyring),
            ("auto", CredentialsStore::Auto),
            ("ephemeral", CredentialsStore::Ephemeral),
        ] {
            let text = format!("cli_auth_credentials_store = \"{name}\"");
            assert_eq!(store(&text), expected);
        }
    }

    #[test]
    fn the_encrypted_file_is_used_only_instead_of_a_keyring() {
        let store = |name: &str, on: bool| {
            let text = format!(
                "cli_auth_credentials_store = \"{name}\"\n[features]\nsecret_auth_storage = {on}"
            );
            parse(&text).credentials_store
        };
        assert_eq!(store("keyring", true), CredentialsStore::Encrypted);
        assert_eq!(store("auto", true), CredentialsStore::Encrypted);
        assert_eq!(store("file", true), CredentialsStore::File);
        assert_eq!(store("keyring", false), CredentialsStore::Keyring);
    }

    #[test]
    fn values_that_are_not_understood_are_warnings_and_safe_to_show() {
        let config = parse(
            "forced_login_method = \"pigeon\\u001b[2J\"\nforced_chatgpt_workspace_id = [1]\n\
             cli_auth_credentials_store = 5",
        );
        assert_eq!(config.forced_login_method, None);
        assert!(config.forced_workspaces.is_empty());
        assert_eq!(config.warnings.len(), 3);
        assert!(!config.warnings.concat().contains('\u{1b}'), "{config:?}");
    }

    #[test]
    fn a_file_that_cannot_be_read_or_parsed_is_a_warning() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(CodexConfig::load(home.path()), CodexConfig::default());
        let path = home.path().join("config.toml");
        std::fs::write(&path, "a = 1\nb = [").unwrap();
        let config = CodexConfig::load(home.path());
        assert!(config.warnings[0].contains("line 2"), "{config:?}");
        std::fs::write(&path, b"a = \"\xff\"").unwrap();
        assert_eq!(CodexConfig::load(home.path()).warnings.len(), 1);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(CodexConfig::load(home.path()).warnings.len(), 1);
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert_eq!(CodexConfig::load(home.path()).warnings.len(), 1);
    }
}
