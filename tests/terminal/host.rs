//! Another program that shows the full screen, and panics on demand: this test binary,
//! started once more in a pseudo-terminal with [`hosted_screen`] as its only test.

use std::sync::Arc;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::browser::Opener;
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::{self, Options};
use codex_onboarding::remote::RemoteSession;
use codex_onboarding::sign_in::{Port, SignInOptions};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::pty::Launch;
use crate::stage::Stage;

pub const PANIC_IN_A_TASK: Signal = Signal::USR1;
pub const PANIC_IN_A_THREAD: Signal = Signal::USR2;
pub const LAST_WORDS: &str = "this is a test of panics";

/// Makes the host drop the screen, or complete its shutdown future.
pub const LEAVE: Signal = Signal::ALARM;
/// Printed by the host when it has the terminal again; then it waits forever.
pub const GOES_ON: &str = "the host goes on after";

/// Printed by the host when it goes on after a stop.
pub const IS_BACK: &str = "the host is back";

/// The host's behaviour around the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Ends when the screen ends.
    Ends,
    /// Goes on when the screen has ended.
    Stays,
    /// Drops the screen at [`LEAVE`], and goes on.
    Drops,
    /// Listens to SIGINT itself, ends the screen at [`LEAVE`], and goes on.
    ListensItself,
}

/// Set: no panic but that of whoever opens the browser.
pub const BROWSER_PANICS: &str = "HOST_BROWSER_PANICS";
const ISSUER: &str = "HOST_ISSUER";
const CODEX_HOME: &str = "HOST_CODEX_HOME";
const MANNER: &str = "HOST_MANNER";

/// The host in a terminal.
pub fn launch(stage: &Stage, manner: Manner) -> Launch {
    let codex_home = stage.codex_home().display().to_string();
    let mut environment = stage.environment();
    environment.push((ISSUER.to_owned(), stage.issuer.url().to_owned()));
    environment.push((CODEX_HOME.to_owned(), codex_home));
    environment.push((MANNER.to_owned(), format!("{manner:?}")));
    let arguments = ["--exact", "host::hosted_screen", "--ignored", "--nocapture"];
    Launch {
        program: std::env::current_exe().unwrap().into(),
        arguments: arguments.map(str::to_owned).to_vec(),
        environment,
        columns: 80,
        rows: 24,
    }
}

#[test]
#[ignore = "a program that other tests start in a terminal of its own"]
fn hosted_screen() {
    let environment = Environment::of_process();
    let manner = environment.get(MANNER).unwrap().to_owned();
    let mut options = options(environment);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut in_a_task = signal(SignalKind::user_defined1()).unwrap();
        tokio::spawn(async move {
            in_a_task.recv().await;
            panic!("{LAST_WORDS}");
        });
        let mut in_a_thread = signal(SignalKind::user_defined2()).unwrap();
        tokio::spawn(async move {
            in_a_thread.recv().await;
            std::thread::spawn(|| panic!("{LAST_WORDS}"));
        });
        let mut left = signal(SignalKind::alarm()).unwrap();
        let left = async move { _ = left.recv().await };
        let ended = match manner.as_str() {
            "Ends" => {
                onboarding::run(options).await.unwrap();
                return;
            }
            "Stays" => Some(onboarding::run(options).await.unwrap()),
            "Drops" => tokio::select! {
                ended = onboarding::run(options) => Some(ended.unwrap()),
                () = left => None,
            },
            "ListensItself" => {
                options.shutdown = Some(Box::pin(left));
                let mut interrupted = signal(SignalKind::interrupt()).unwrap();
                tokio::spawn(async move {
                    while interrupted.recv().await.is_some() {
                        println!("the host was interrupted");
                    }
                });
                Some(onboarding::run(options).await.unwrap())
            }
            other => panic!("{other}"),
        };
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw())).unwrap();
        println!("{GOES_ON} {ended:?}");
        while continued.recv().await.is_some() {
            println!("{IS_BACK}");
        }
    });
}

fn options(environment: Environment) -> Options {
    let url = IssuerUrl::parse(environment.get(ISSUER).unwrap()).unwrap();
    let issuer = Issuer::new(url, DEFAULT_CLIENT_ID, None);
    let store = Store::new(environment.path(CODEX_HOME).unwrap());
    let mut sign_in = SignInOptions::new(issuer, store);
    sign_in.port = Port::Exactly(0);
    let panics = environment.has(BROWSER_PANICS);
    let browser: Opener = Arc::new(|_, _| panic!("{LAST_WORDS}"));
    let mut options = Options::new(sign_in, environment);
    options.facts.remote = (!panics).then(RemoteSession::default);
    options.facts.color = true;
    options.browser = browser;
    options.plain = false;
    options
}
