//! The environment variables as a value, so that code that depends on them can be tested
//! without touching the process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;

/// A snapshot of the environment. An empty variable counts as unset.
///
/// ```
/// use codex_onboarding::environment::Environment;
///
/// let environment = Environment::from([("TERM", "dumb"), ("NO_COLOR", "")]);
/// assert_eq!(environment.get("TERM"), Some("dumb"));
/// assert!(!environment.has("NO_COLOR"));
/// ```
#[derive(Clone, Default)]
pub struct Environment(HashMap<OsString, OsString>);

impl Environment {
    /// Takes a snapshot of this process's environment.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns the value as text; one that is not UTF-8 counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(std::ffi::OsStr::new(name))?
            .to_str()
            .filter(|value| !value.is_empty())
    }

    /// Returns the value as a path, whatever its encoding.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.0
            .get(std::ffi::OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// Returns the value of a variable that holds a secret, without blanks around it.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        let secret = self.get(name)?.trim();
        (!secret.is_empty()).then(|| secret.into())
    }

    /// Returns whether the variable is set and not empty.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).is_some()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl std::fmt::Debug for Environment {
    /// Shows names only: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
