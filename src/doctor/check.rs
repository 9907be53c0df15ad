//! The checks, and how they are run: side by side, each with a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::task::JoinSet;

use super::finding::Finding;
use super::report::{Examined, Report};
use super::subject::Subject;
use super::{credentials, home, locks, network, ports, program, rehearsal, settings, terminal};
use crate::platform::check_threads;

/// All checks together take a little longer at most.
const DEADLINE: Duration = Duration::from_secs(13);

/// A check: its id, and its way to look.
struct Check {
    id: &'static str,
    look: Look,
}

type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

enum Look {
    /// Reads files or asks the system: on a thread of its own, because a file system can hang.
    Blocking(fn(&Subject) -> Finding),
    /// As [`Look::Blocking`], into the codex home.
    InHome(fn(&Subject) -> Finding),
    /// Waits for others.
    Waiting(fn(Arc<Subject>) -> BoxFuture<Finding>),
}

const fn blocking(id: &'static str, look: fn(&Subject) -> Finding) -> Check {
    Check {
        id,
        look: Look::Blocking(look),
    }
}

const fn in_home(id: &'static str, look: fn(&Subject) -> Finding) -> Check {
    Check {
        id,
        look: Look::InHome(look),
    }
}

const fn waiting(id: &'static str, look: fn(Arc<Subject>) -> BoxFuture<Finding>) -> Check {
    Check {
        id,
        look: Look::Waiting(look),
    }
}

/// Every check, group by group. The part of an id before the dot is its group.
const CHECKS: [Check; 26] = [
    blocking("program.build", program::build),
    in_home("program.codex", program::codex),
    blocking("terminal.screen", terminal::screen),
    blocking("terminal.clipboard", terminal::clipboard),
    blocking("terminal.browser", terminal::browser),
    blocking("terminal.remote", terminal::remote),
    blocking("home.folder", home::folder),
    in_home("home.permissions", home::permissions),
    in_home("home.space", home::space),
    in_home("home.leftovers", home::leftovers),
    in_home("credentials.file", credentials::file),
    in_home("credentials.session", credentials::session),
    blocking("credentials.precedence", credentials::precedence),
    in_home("credentials.store", credentials::store),
    in_home("credentials.accounts", credentials::accounts),
    in_home("locks.auth", locks::auth),
    in_home("locks.write", locks::write),
    blocking("ports.1455", ports::first),
    blocking("ports.1457", ports::second),
    blocking("ports.localhost", ports::localhost),
    in_home("settings.config", settings::config),
    waiting("network.proxy", |subject| Box::pin(network::proxy(subject))),
    waiting("network.issuer", |subject| {
        Box::pin(network::issuer(subject))
    }),
    waiting("network.api", |subject| Box::pin(network::api(subject))),
    waiting("network.clock", |subject| Box::pin(network::clock(subject))),
    waiting("rehearsal.sign_in", |subject| {
        Box::pin(rehearsal::sign_in(subject))
    }),
];

/// Returns how many checks there are.
pub fn number_of_checks() -> usize {
    CHECKS.len()
}

/// Runs every check. `progress` is told how many have ended, after each. Takes at most 15 s.
pub async fn examine(subject: Subject, mut progress: impl FnMut(usize)) -> Report {
    let subject = Arc::new(subject);
    let mut running = JoinSet::new();
    for (position, check) in CHECKS.iter().enumerate() {
        let subject = Arc::clone(&subject);
        running.spawn(async move { (position, run(check, subject).await) });
    }
    let mut examined: Vec<(usize, Examined)> = Vec::with_capacity(CHECKS.len());
    while let Some(ended) = running.join_next().await {
        examined.extend(ended.ok());
        progress(examined.len());
    }
    examined.sort_by_key(|(position, _)| *position);
    Report {
        generated_at: Utc::now(),
        checks: examined.into_iter().map(|(_, check)| check).collect(),
    }
}

async fn run(check: &'static Check, subject: Arc<Subject>) -> Examined {
    let started = Instant::now();
    let look = async {
        match check.look {
            Look::Blocking(look) => on_thread(move || look(&subject)).await,
            Look::InHome(look) => {
                on_thread(move || home::is_no_folder(&subject).unwrap_or_else(|| look(&subject)))
                    .await
            }
            Look::Waiting(look) => look(subject).await,
        }
    };
    let finding = tokio::time::timeout(DEADLINE, look)
        .await
        .unwrap_or_else(|_| gave_up());
    Examined {
        id: check.id,
        finding,
        took: started.elapsed(),
    }
}

async fn on_thread(look: impl FnOnce() -> Finding + Send + 'static) -> Finding {
    // tokio panics where it cannot start its first thread.
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
    use crate::doctor::Health;
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
        let report = examine(subject, |so_far| ended = so_far).await;
        assert!(started.elapsed() <= Duration::from_secs(15));
        assert_eq!(ended, CHECKS.len());
        let health = |id| {
            let check = report.checks.iter().find(|check| check.id == id);
            check.unwrap().finding.health
        };
        assert_eq!(health("network.issuer"), Health::Fail);
    }
}
