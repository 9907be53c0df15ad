//! The Codex CLI's own settings that change a sign-in: those in the codex home's `config.toml`
//! and, on Unix, the machine's. Other keys are ignored.
//!
//! The machine's `config.toml` is below the person's own, its `managed_config.toml` above it,
//! and its `requirements.toml` restricts what is left (0.171, seen).

mod layer;
mod rule;

use std::path::Path;

use super::session::Session;
use super::store::{Source, StoreSetting};
use crate::auth::file::account::Mode;
use crate::error::{Error, Result};
use crate::product::codex::SETTINGS_FILE;
use layer::{Layer, LayerKind};
#[cfg(feature = "cli")]
pub(crate) use rule::Allows;
pub(crate) use rule::Rule;

/// The Codex CLI's settings for a sign-in. The default restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodexConfig {
    /// `cli_auth_credentials_store`, and `features.secret_auth_storage`, which turns a keyring
    /// into the Codex CLI's encrypted file.
    pub credentials_store: StoreSetting,
    /// Sentences for the person, cleaned: a file could not be read or understood.
    pub warnings: Vec<String>,
    /// The restrictions, all of which apply.
    rules: Vec<Rule>,
    /// The machine's file that decides where credentials are kept.
    store_file: Option<String>,
}

impl CodexConfig {
    /// Reads `config.toml` in `codex_home`, and the settings in the folder `machine`, which is
    /// `/etc/codex` for the Codex CLI itself. Never fails: problems become
    /// [`CodexConfig::warnings`].
    pub fn load(codex_home: &Path, machine: Option<&Path>) -> Self {
        let own = Layer::of_home(codex_home, SETTINGS_FILE);
        let Some(folder) = machine else {
            return Self::of_layers(&[own], &Layer::default());
        };
        let managed = Layer::of_machine(folder, "managed_config.toml", LayerKind::Config);
        let system = Layer::of_machine(folder, SETTINGS_FILE, LayerKind::Config);
        let requirements = Layer::of_machine(folder, "requirements.toml", LayerKind::Requirements);
        Self::of_layers(&[managed, own, system], &requirements)
    }

    /// Merges the files, the strongest first.
    fn of_layers(configs: &[Layer], requirements: &Layer) -> Self {
        let rules = || configs.iter().flat_map(|layer| &layer.rules);
        let methods = rules().find(|rule| rule.workspaces().is_none());
        let workspaces = rules().find(|rule| rule.workspaces().is_some());
        // A blank list in a configuration allows everybody, in the requirements nobody.
        let workspaces = workspaces.filter(|rule| rule.workspaces() != Some(&[]));
        let all = || std::iter::once(requirements).chain(configs);
        let decides = all().find(|layer| layer.store.is_some());
        let store = decides.and_then(|layer| layer.store).unwrap_or_default();
        let is_encrypted = all().find_map(|layer| layer.encrypted) == Some(true);
        Self {
            credentials_store: if is_encrypted && store.asks_keyring() {
                StoreSetting::Encrypted
            } else {
                store
            },
            warnings: all().flat_map(|layer| layer.warnings.clone()).collect(),
            rules: (methods.into_iter().chain(workspaces))
                .chain(&requirements.rules)
                .cloned()
                .collect(),
            store_file: decides
                .filter(|layer| layer.is_machine_wide)
                .map(|layer| layer.path.display().to_string()),
        }
    }

    /// Returns the restrictions.
    #[cfg(feature = "cli")]
    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Checks that this way to sign in is allowed: the Codex CLI deletes credentials that break
    /// its settings.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind) that names the file.
    pub fn check_allowed(&self, mode: &Mode) -> Result<()> {
        let not_allowed = |why: &str| Err(Error::denied(format!("Not allowed: {why}")));
        if let Some(rule) = self.rules.iter().find(|rule| !rule.permits(mode)) {
            return not_allowed(&rule.to_string());
        }
        match self.workspaces(&[]) {
            Err(error) if !rule::is_key(mode) => not_allowed(error.message()),
            _ => Ok(()),
        }
    }

    /// Returns the account ids that may sign in: those among `asked` that the settings allow too.
    /// Empty means any.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind) that names the file when none is left.
    pub fn workspaces(&self, asked: &[String]) -> Result<Vec<String>> {
        let mut left = asked.to_vec();
        for rule in &self.rules {
            let Some(allowed) = rule.workspaces() else {
                continue;
            };
            let before = left.join(", ");
            if left.is_empty() {
                left = allowed.to_vec();
            } else {
                left.retain(|id| allowed.contains(id));
            }
            if left.is_empty() {
                let mut why = format!("{} has {}", rule.file.display(), rule.setting());
                if !allowed.is_empty() {
                    why = format!("Workspace {before} is not allowed: {why}");
                }
                let hint = "Name a workspace that the file allows, or change the file";
                return Err(Error::denied(why).with_hint(hint));
            }
        }
        Ok(left)
    }

    /// Checks that the Codex CLI will read what a sign-in saves.
    ///
    /// # Errors
    /// As [`StoreSetting::check_usable`], naming the machine's file if it made the setting.
    pub fn check_store(&self) -> Result<()> {
        let Some(file) = &self.store_file else {
            return self.credentials_store.check_usable();
        };
        let usable = self.credentials_store.check_usable_by(file);
        usable.map_err(|error| error.with_hint("Ask whoever manages this machine"))
    }

    /// Returns the setting that the stored credentials break, such as `config.toml has
    /// forced_login_method = "api"`: the next `codex` deletes them.
    pub fn breach(&self, session: &Session) -> Option<String> {
        self.broken_rule(session).map(Rule::to_string)
    }

    /// As [`CodexConfig::breach`]. The Codex CLI checks only the workspaces of ChatGPT tokens, and
    /// both of them: the stored one and the id token's (0.171, seen).
    pub(crate) fn broken_rule(&self, session: &Session) -> Option<&Rule> {
        if session.source() == Source::Environment {
            return None;
        }
        let mode = session.codex_mode();
        let workspaces = (mode == Mode::ChatGpt).then(|| session.workspaces());
        let breaks = |rule: &&Rule| match (rule.workspaces(), &workspaces) {
            (Some(allowed), Some(ours)) => {
                ours.is_empty() || ours.iter().any(|id| !allowed.contains(id))
            }
            _ => !rule.permits(&mode),
        };
        self.rules.iter().find(breaks)
    }
}

#[cfg(test)]
mod tests;
