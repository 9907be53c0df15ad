//! The checks, and how they are run: side by side, each with a deadline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::task::JoinSet;

use super::finding::Finding;
use super::subject::Subject;
use super::{Examined, Report};
use super::{credentials, home, network, ports, program, rehearsal, settings, terminal};
use crate::platform::check_threads;

/// All checks together take a little longer at most.
const DEADLINE: Duration = Duration::from_secs(13);

type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// How a check looks.
enum Examination {
    /// Reads files or asks the system: on a thread of its own, because a file system can hang.
    Blocking(fn(&Subject) -> Finding),
    /// As [`Examination::Blocking`], into the codex home.
    InHome(fn(&Subject) -> Finding),
    /// Waits for others.
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

/// Returns how many checks there are.
pub fn number_of_checks() -> usize {
    CHECKS.len()
}

/// Runs every check, and calls `progress` after each with the number of those that have ended.
/// Takes at most 15 s.
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
