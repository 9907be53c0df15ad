//! Environment variables that the Codex CLI obeys before the credentials it has stored.

use std::fmt;

use crate::environment::Environment;

/// A variable that is set and outranks the stored credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    variable: &'static str,
    consequence: &'static str,
}

/// The strongest first (Codex CLI 0.171, seen).
const ALL: [Override; 7] = [
    Override {
        variable: "OPENAI_FEDERATION_RULE_ID",
        consequence: WORKLOAD_IDENTITY,
    },
    Override {
        variable: "OPENAI_IDENTITY_TOKEN_FILE",
        consequence: WORKLOAD_IDENTITY,
    },
    Override {
        variable: "OPENAI_IDENTITY_TOKEN_SOURCE",
        consequence: WORKLOAD_IDENTITY,
    },
    Override {
        variable: "OPENAI_SPIFFE_AUDIENCE",
        consequence: WORKLOAD_IDENTITY,
    },
    Override {
        variable: "OPENAI_SPIFFE_ID",
        consequence: WORKLOAD_IDENTITY,
    },
    Override {
        variable: "CODEX_API_KEY",
        consequence: "codex exec uses that API key instead",
    },
    Override {
        variable: "CODEX_ACCESS_TOKEN",
        consequence: "Codex uses that access token instead",
    },
];

const WORKLOAD_IDENTITY: &str = "Codex uses workload identity instead";

impl Override {
    /// Those that are set in `environment`, the strongest first.
    pub fn all_in(environment: &Environment) -> Vec<Self> {
        let is_set = |one: &Self| environment.has(one.variable);
        ALL.into_iter().filter(is_set).collect()
    }

    /// The variable's name.
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

/// One line that names the variable and what it changes, never its value.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is set: {}", self.variable, self.consequence)
    }
}
