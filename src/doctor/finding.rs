//! The finding of a check.

use serde::Serialize;

use super::redact::Redacted;

/// The severity of a finding, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Health {
    /// There was nothing to look at.
    Skipped,
    /// Nothing is wrong.
    Ok,
    /// A sign-in may fail later, or in another place.
    Warning,
    /// A sign-in or a run of Codex fails now.
    Fail,
}

/// A detail: one text or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Detail {
    /// One text.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// The finding of one check. Built from redacted texts alone, so that it can be pasted
/// into a bug report.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// Its severity.
    pub health: Health,
    /// The result, in one sentence without a full stop.
    pub summary: String,
    /// The next step, with commands in backticks. A warning or failure always has one.
    pub remediation: Option<String>,
    /// Further facts, by name.
    pub details: Vec<(&'static str, Detail)>,
}

impl Finding {
    /// Creates the finding that nothing is wrong.
    pub fn ok(summary: impl Into<Redacted>) -> Self {
        Self::new(Health::Ok, summary.into(), None)
    }

    /// Creates the finding that there was nothing to look at.
    pub fn skipped(summary: impl Into<Redacted>) -> Self {
        Self::new(Health::Skipped, summary.into(), None)
    }

    /// Creates the finding that a sign-in may fail later or elsewhere, with the next step.
    pub fn warning(summary: impl Into<Redacted>, remediation: impl Into<Redacted>) -> Self {
        Self::new(Health::Warning, summary.into(), Some(remediation.into()))
    }

    /// Creates the finding that a sign-in fails now, with the next step.
    pub fn fail(summary: impl Into<Redacted>, remediation: impl Into<Redacted>) -> Self {
        Self::new(Health::Fail, summary.into(), Some(remediation.into()))
    }

    fn new(health: Health, summary: Redacted, remediation: Option<Redacted>) -> Self {
        Self {
            health,
            summary: summary.into_string(),
            remediation: remediation.map(Redacted::into_string),
            details: Vec::new(),
        }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Redacted>) -> Self {
        self.details
            .push((name, Detail::One(value.into().into_string())));
        self
    }

    /// Adds a detail when there is one.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Redacted>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a list.
    #[must_use]
    pub fn with_list(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = Redacted>,
    ) -> Self {
        let values = values.into_iter().map(Redacted::into_string).collect();
        self.details.push((name, Detail::Many(values)));
        self
    }
}
