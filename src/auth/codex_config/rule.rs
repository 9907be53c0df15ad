//! A setting that restricts who may sign in, and how.

use std::fmt;
use std::path::{Path, PathBuf};

use super::layer::{Kind, Layer};
use crate::auth::file::account::Mode;

/// A restriction, and the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) file: PathBuf,
    /// The file belongs to the machine, not to the codex home.
    pub(super) is_machine_wide: bool,
    pub(crate) key: &'static str,
    pub(crate) allows: Allows,
}

/// What a rule leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allows {
    /// These ways to sign in.
    Methods(Vec<Mode>),
    /// These account ids.
    Workspaces(Vec<String>),
}

impl Rule {
    pub(super) fn of_methods(layer: &Layer, kind: Kind, machine: Option<&Path>) -> Option<Self> {
        let methods = layer.methods.clone()?;
        Some(Self::new(
            layer,
            kind.methods_key(),
            machine,
            Allows::Methods(methods),
        ))
    }

    /// A blank list in a configuration allows everybody, in the requirements nobody.
    pub(super) fn of_workspaces(layer: &Layer, kind: Kind, machine: Option<&Path>) -> Option<Self> {
        let ids = layer.workspaces.clone()?;
        let restricts = !ids.is_empty() || kind == Kind::Requirements;
        let allows = Allows::Workspaces(ids);
        restricts.then(|| Self::new(layer, kind.workspaces_key(), machine, allows))
    }

    fn new(layer: &Layer, key: &'static str, machine: Option<&Path>, allows: Allows) -> Self {
        Self {
            file: layer.path.clone(),
            is_machine_wide: machine.is_some_and(|machine| layer.path.starts_with(machine)),
            key,
            allows,
        }
    }

    /// Returns whether this way to sign in is left.
    pub(super) fn permits(&self, mode: &Mode) -> bool {
        match &self.allows {
            Allows::Methods(methods) => methods.iter().any(|it| is_key(it) == is_key(mode)),
            Allows::Workspaces(_) => true,
        }
    }

    /// Returns the account ids that are left, when this is about them.
    pub(super) fn workspaces(&self) -> Option<&[String]> {
        match &self.allows {
            Allows::Workspaces(ids) => Some(ids),
            Allows::Methods(_) => None,
        }
    }

    /// Returns the file as a person knows it: one of the machine by its whole path.
    pub(super) fn file_name(&self) -> String {
        match self.file.file_name() {
            Some(name) if !self.is_machine_wide => name.to_string_lossy().into_owned(),
            _ => self.file.display().to_string(),
        }
    }

    /// Returns key and value.
    pub(crate) fn setting(&self) -> String {
        let value = match &self.allows {
            Allows::Methods(methods) => {
                let names: Vec<_> = methods.iter().map(name_of).collect();
                match &names[..] {
                    [one] if self.key == Kind::Config.methods_key() => format!("\"{one}\""),
                    _ => format!("{names:?}"),
                }
            }
            Allows::Workspaces(ids) if ids.is_empty() => "[]".to_owned(),
            Allows::Workspaces(ids) => ids.join(", "),
        };
        format!("{} = {value}", self.key)
    }
}

/// Returns whether the Codex CLI counts this kind of credentials as an API key; it counts
/// every other as ChatGPT.
pub(super) fn is_key(mode: &Mode) -> bool {
    match mode {
        Mode::ApiKey => true,
        Mode::Other(name) => name.starts_with("bedrock"),
        Mode::ChatGpt | Mode::PersonalAccessToken => false,
    }
}

fn name_of(mode: &Mode) -> &str {
    match mode {
        Mode::ApiKey => "api",
        other => other.as_str(),
    }
}

/// `config.toml has forced_login_method = "api"`
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has {}", self.file_name(), self.setting())
    }
}
