//! One file of the Codex CLI's settings, and the keys in it that change a sign-in.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::rule::{Allows, FORCED_METHOD, Rule};
use crate::auth::file::account::Mode;
use crate::auth::store::{self, StoreSetting};
use crate::product::codex::STORE_KEY;

/// The contents of one file; `None` where it says nothing.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub path: PathBuf,
    /// The file belongs to the machine, not to the codex home.
    pub is_machine_wide: bool,
    /// The methods that may be chosen, and the workspaces that may sign in.
    pub rules: Vec<Rule>,
    pub store: Option<StoreSetting>,
    /// `features.secret_auth_storage`
    pub encrypted: Option<bool>,
    pub warnings: Vec<String>,
}

/// The kind of a file, which decides which of its keys restrict a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LayerKind {
    /// `config.toml`, `managed_config.toml`: a key in one shadows the same key in those below it.
    Config,
    /// `requirements.toml`: restricts whatever the others say.
    Requirements,
}

impl Layer {
    /// Reads `name` in the codex home.
    pub fn of_home(home: &Path, name: &str) -> Self {
        Self::read(home, name, LayerKind::Config, false)
    }

    /// Reads `name` in the folder of the machine's settings.
    pub fn of_machine(folder: &Path, name: &str, kind: LayerKind) -> Self {
        Self::read(folder, name, kind, true)
    }

    /// Reads a file. Problems become warnings.
    fn read(folder: &Path, name: &str, kind: LayerKind, is_machine_wide: bool) -> Self {
        let mut layer = Self {
            path: folder.join(name),
            is_machine_wide,
            ..Self::default()
        };
        let text = match store::read_regular(&layer.path, store::links_in(folder)) {
            Ok(None) => return layer,
            Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        match text.as_deref().map(toml::from_str) {
            Ok(Ok(keys)) => layer.take(&keys, kind),
            Ok(Err(error)) => {
                let before = error.span().zip(text.as_ref().ok());
                let before = before.and_then(|(span, text)| text.get(..span.start));
                let line = before.map(|it| format!(" at line {}", it.matches('\n').count() + 1));
                layer.ignore(&format!("is not valid TOML{}", line.unwrap_or_default()));
            }
            Err(error) => layer.ignore(&format!("cannot be read ({error})")),
        }
        layer
    }

    fn ignore(&mut self, why: &str) {
        let path = self.path.display();
        self.warnings.push(format!("{path} {why}: ignored"));
    }

    fn take(&mut self, keys: &Table, kind: LayerKind) {
        match kind {
            LayerKind::Config => {
                self.take_rule(keys, FORCED_METHOD, |value| {
                    Some(Allows::Methods(vec![method(value)?]))
                });
                self.take_rule(keys, "forced_chatgpt_workspace_id", workspaces);
            }
            LayerKind::Requirements => {
                self.take_rule(keys, "allowed_login_methods", |value| {
                    let methods = value.as_array()?.iter().map(method);
                    Some(Allows::Methods(methods.collect::<Option<_>>()?))
                });
                self.take_rule(keys, "allowed_chatgpt_workspaces", |value| {
                    workspaces(value).filter(|_| value.is_array())
                });
            }
        }
        self.store = self.understood(keys, STORE_KEY, |value| {
            StoreSetting::named(value.as_str()?)
        });
        let features = keys.get("features");
        let encrypted = features.and_then(|features| features.get("secret_auth_storage"));
        self.encrypted = encrypted.and_then(Value::as_bool);
    }

    fn take_rule(
        &mut self,
        keys: &Table,
        key: &'static str,
        read: impl FnOnce(&Value) -> Option<Allows>,
    ) {
        if let Some(allows) = self.understood(keys, key, read) {
            self.rules.push(Rule {
                file: self.path.clone(),
                is_machine_wide: self.is_machine_wide,
                key,
                allows,
            });
        }
    }

    /// Reads the value of a key, or warns that it is not understood.
    fn understood<T>(
        &mut self,
        keys: &Table,
        key: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = keys.get(key)?;
        let read = read(value);
        if read.is_none() {
            let (path, value) = (self.path.display(), shown(value));
            let warning = format!("{path}: {key} = {value} is not understood: ignored");
            self.warnings.push(warning);
        }
        read
    }
}

fn method(value: &Value) -> Option<Mode> {
    match value.as_str()? {
        "chatgpt" => Some(Mode::ChatGpt),
        "api" => Some(Mode::ApiKey),
        _ => None,
    }
}

/// Returns a text or a list of texts, without blank ones. A text with a comma is meant as a list,
/// but the Codex CLI does not read it as one, so it is not understood.
fn workspaces(value: &Value) -> Option<Allows> {
    let ids = match value {
        Value::String(one) if !one.contains(',') => vec![one.as_str()],
        Value::Array(many) => many.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let ids = ids.into_iter().map(str::trim).filter(|id| !id.is_empty());
    Some(Allows::Workspaces(ids.map(str::to_owned).collect()))
}

/// Shows a text in quotes and cut short, and anything else by its type.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("\"{}\"", crate::text::clean_short(text, 60)),
        None => format!("({})", value.type_str()),
    }
}
