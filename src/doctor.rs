//! `doctor`: finds why a sign-in fails. It changes nothing and sends no credentials.
//!
//! A check looks at one thing and returns a [`Finding`]. Each group of checks has a file of its
//! own; a new check is a function there and a line in `check::CHECKS`. The checks use the
//! parts that a sign-in uses, so they meet what it would meet.

mod check;
mod credentials;
mod finding;
mod home;
mod network;
mod ports;
mod program;
mod redact;
mod rehearsal;
mod settings;
mod subject;
mod terminal;
mod text;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

pub use check::{examine, number_of_checks};
pub use finding::{Finding, Health};
pub use subject::Subject;
pub use text::{Style, render};

use crate::text::rfc3339;

/// One check and what it has found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Examined {
    /// For example `ports.1455`.
    pub id: &'static str,
    /// Its finding.
    pub finding: Finding,
    /// Its duration.
    pub took: Duration,
}

impl Examined {
    /// Returns the group: the part of the id before the dot.
    pub fn category(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(group, _)| group)
    }
}

/// Every check, in the order of their groups.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The time when the checks ended.
    pub generated_at: DateTime<Utc>,
    /// The checks.
    pub checks: Vec<Examined>,
}

impl Report {
    /// Returns the worst that was found; a check that was skipped counts as ok.
    pub fn overall(&self) -> Health {
        let worst = self.checks.iter().map(|check| check.finding.health).max();
        worst.unwrap_or(Health::Ok).max(Health::Ok)
    }

    /// Returns the report as one JSON object (the shape of `codex doctor --json`).
    pub fn to_json(&self) -> Value {
        let checks: Map<String, Value> = self
            .checks
            .iter()
            .map(|check| (check.id.to_owned(), one(check)))
            .collect();
        json!({
            "schemaVersion": 1,
            "generatedAt": rfc3339(self.generated_at),
            "overallStatus": self.overall(),
            "version": env!("CARGO_PKG_VERSION"),
            "checks": checks,
        })
    }
}

fn one(check: &Examined) -> Value {
    let finding = &check.finding;
    let details: Map<String, Value> = finding
        .details
        .iter()
        .map(|(name, detail)| ((*name).to_owned(), json!(detail)))
        .collect();
    json!({
        "id": check.id,
        "category": check.category(),
        "status": finding.health,
        "summary": finding.summary,
        "details": details,
        "remediation": finding.remediation,
        "durationMs": u64::try_from(check.took.as_millis()).unwrap_or(u64::MAX),
    })
}
