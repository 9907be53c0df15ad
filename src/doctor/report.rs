//! The findings of all checks, and their JSON (the shape of `codex doctor --json`).

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::finding::{Finding, Health};

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
    /// The group: the part of the id before the dot.
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
    /// The worst that was found; a check that was skipped counts as ok.
    pub fn overall(&self) -> Health {
        let worst = self.checks.iter().map(|check| check.finding.health).max();
        worst.unwrap_or(Health::Ok).max(Health::Ok)
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> Value {
        let checks: Map<String, Value> = self
            .checks
            .iter()
            .map(|check| (check.id.to_owned(), one(check)))
            .collect();
        json!({
            "schemaVersion": 1,
            "generatedAt": self.generated_at.to_rfc3339_opts(SecondsFormat::Secs, true),
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
