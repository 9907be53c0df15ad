//! A setting that restricts who may sign in, and how.

use std::fmt;
use std::path::PathBuf;

use crate::auth::file::account::Mode;

/// The key that restricts the method in a configuration.
pub(super) const FORCED_METHOD: &str = "forced_login_method";

/// A restriction, and the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) file: PathBuf,
    /// The file belongs to the machine, not to the codex home.
    pub(super) is_machine_wide: bool,
    pub(crate) key: &'static str,
    pub(crate) allows: Allows,
}

/// The restriction itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allows {
    /// Only these ways to sign in.
    Methods(Vec<Mode>),
    /// Only these account ids.
    Workspaces(Vec<String>),
}

impl Rule {
    /// Returns whether this way to sign in is allowed.
    pub(super) fn permits(&self, mode: &Mode) -> bool {
        match &self.allows {
            Allows::Methods(methods) => methods.iter().any(|it| is_key(it) == is_key(mode)),
            Allows::Workspaces(_) => true,
        }
    }

    /// Returns the account ids that are allowed, if the rule is about them.
    pub(super) fn workspaces(&self) -> Option<&[String]> {
        match &self.allows {
            Allows::Workspaces(ids) => Some(ids),
            Allows::Methods(_) => None,
        }
    }

    /// Returns key and value.
    pub(crate) fn setting(&self) -> String {
        let value = match &self.allows {
            Allows::Methods(methods) => {
                let names: Vec<_> = methods.iter().map(name_of).collect();
                match names[..] {
                    [one] if self.key == FORCED_METHOD => format!("\"{one}\""),
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

impl fmt::Display for Rule {
    /// Writes `config.toml has forced_login_method = "api"`. A file of the machine is named by its
    /// whole path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match self.file.file_name() {
            Some(name) if !self.is_machine_wide => name.to_string_lossy(),
            _ => self.file.to_string_lossy(),
        };
        write!(f, "{file} has {}", self.setting())
    }
}
