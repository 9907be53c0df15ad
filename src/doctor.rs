//! `doctor`: finds why a sign-in fails. It changes nothing and sends no credentials.
//!
//! A check looks at one thing and returns a [`Finding`]. Each group of checks has a file of its
//! own; a new check is a function there and a line in `CHECKS`. The checks use the parts that a
//! sign-in uses, so they meet what it would meet.

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

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

pub use finding::{Finding, Health};
pub use subject::Subject;
pub use text::{Style, render};

use crate::platform::check_threads;
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

/// The time limit of each check; all of them together take little longer.
const DEADLINE: Duration = Duration::from_secs(13);

type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// The ways in which a check runs.
enum Examination {
    /// Reads files or asks the system: on a thread of its own, because a file system can hang.
    Blocking(fn(&Subject) -> Finding),
    /// As [`Examination::Blocking`], reading the codex home.
    InHome(fn(&Subject) -> Finding),
    /// Waits for other hosts or programs.
    Waiting(fn(Arc<Subject>) -> BoxFuture<Finding>),
}

use Examination::{Blocking, InHome, Waiting};

/// Every check by its id, group by group. The part of an id before the dot is its group.
const CHECKS: [(&str, Examination); 26] = [
    ("program.build", Blocking(program::build)),
    ("program.codex", InHome(program::codex)),
    ("terminal.screen", Blocking(terminal::screen)),
    ("terminal.clipboard", Blocking(terminal::clipboard)),
    ("terminal.browser", Blocking(terminal::browser)),
    ("terminal.remote", Blocking(terminal::remote)),
    ("home.folder", Blocking(home::folder)),
    ("home.permissions", InHome(home::permissions)),
    ("home.space", InHome(home::space)),
    ("home.leftovers", InHome(home::leftovers)),
    ("credentials.file", InHome(credentials::file)),
    ("credentials.session", InHome(credentials::session)),
    ("credentials.precedence", Blocking(credentials::precedence)),
    ("credentials.store", InHome(credentials::store)),
    ("credentials.accounts", InHome(credentials::accounts)),
    ("locks.auth", InHome(home::auth_lock)),
    ("locks.write", InHome(home::write_lock)),
    ("ports.1455", Blocking(ports::first)),
    ("ports.1457", Blocking(ports::second)),
    ("ports.localhost", Blocking(ports::localhost)),
    ("settings.config", InHome(settings::config)),
    ("network.proxy", Waiting(|it| Box::pin(network::proxy(it)))),
    (
        "network.issuer",
        Waiting(|it| Box::pin(network::issuer(it))),
    ),
    ("network.api", Waiting(|it| Box::pin(network::api(it)))),
    ("network.clock", Waiting(|it| Box::pin(network::clock(it)))),
    (
        "rehearsal.sign_in",
        Waiting(|it| Box::pin(rehearsal::sign_in(it))),
    ),
];

/// Runs every check, side by side, and calls `progress` after each with the number of checks that
/// have ended, and of all checks. Takes at most 15 s.
pub async fn examine(subject: Subject, mut progress: impl FnMut(usize, usize)) -> Report {
    let subject = Arc::new(subject);
    let mut running = JoinSet::new();
    for (position, check) in CHECKS.iter().enumerate() {
        let subject = Arc::clone(&subject);
        running.spawn(async move { (position, run(check, subject).await) });
    }
    let mut examined: Vec<(usize, Examined)> = Vec::with_capacity(CHECKS.len());
    while let Some(ended) = running.join_next().await {
        examined.extend(ended.ok());
        progress(examined.len(), CHECKS.len());
    }
    examined.sort_by_key(|(position, _)| *position);
    Report {
        generated_at: Utc::now(),
        checks: examined.into_iter().map(|(_, check)| check).collect(),
    }
}

async fn run(check: &'static (&'static str, Examination), subject: Arc<Subject>) -> Examined {
    let (id, examination) = check;
    let started = Instant::now();
    let look = async {
        match *examination {
            Blocking(look) => on_thread(move || look(&subject)).await,
            InHome(look) => {
                on_thread(move || home::is_no_folder(&subject).unwrap_or_else(|| look(&subject)))
                    .await
            }
            Waiting(look) => look(subject).await,
        }
    };
    let finding = tokio::time::timeout(DEADLINE, look)
        .await
        .unwrap_or_else(|_| gave_up());
    Examined {
        id,
        finding,
        took: started.elapsed(),
    }
}

async fn on_thread(look: impl FnOnce() -> Finding + Send + 'static) -> Finding {
    // tokio panics if it cannot start its first thread.
    if check_threads().is_err() {
        return look();
    }
    let found = tokio::task::spawn_blocking(look).await;
    found.unwrap_or_else(|_| gave_up())
}

fn gave_up() -> Finding {
    Finding::fail(
        "This check did not end in time",
        "Look whether a disk or the network hangs, then run `codex-onboarding doctor` again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Issuer, IssuerUrl, Store};
    use crate::environment::Environment;
    use crate::sign_in::SignInOptions;

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_accepts_and_says_nothing_costs_fifteen_seconds_at_most() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let issuer = Issuer::new(IssuerUrl::parse(&url).unwrap(), "me", None);
        let home = tempfile::tempdir().unwrap();
        let store = Store::new(home.path());
        let sign_in = SignInOptions::new(issuer, store);
        let session = sign_in.session();
        let subject = Subject::new(sign_in, session, Environment::default(), "a test");
        let started = tokio::time::Instant::now();
        let mut ended = 0;
        let report = examine(subject, |so_far, _| ended = so_far).await;
        assert!(started.elapsed() <= Duration::from_secs(15));
        assert_eq!(ended, CHECKS.len());
        let health = |id| {
            let check = report.checks.iter().find(|check| check.id == id);
            check.unwrap().finding.health
        };
        assert_eq!(health("network.issuer"), Health::Fail);
    }
}
