//! The commands, one short function each.

mod accounts;
mod demo;
mod doctor;
mod events;
mod exec;
mod lend;
mod login;
mod logout;
mod man;
mod onboard;
mod output;
mod running;
mod status;

use std::sync::atomic::{AtomicU8, Ordering};

use clap::CommandFactory as _;
use codex_onboarding::auth::accounts::StoredAccount;
use codex_onboarding::auth::{ApiEndpointOptions, Session, SessionOptions};
use codex_onboarding::platform::check_threads;
use codex_onboarding::sign_in::Destination;
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::{Error, Result};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::cli::{
    AccountFlag, AccountsCommand, AccountsFlags, Chosen, Cli, Command, NAME, TokenFlags,
};
use crate::settings::Settings;
use crate::streams;
pub use output::note;
use output::{cannot_print, command, ignore_closed_pipe, notice, notify, print, print_error};

/// Runs the command and returns the exit code.
pub fn run(cli: &Cli, settings: Settings) -> Result<u8> {
    output::remember(&settings);
    // The command that `exec` becomes decides about signals itself.
    if !matches!(cli.command, Some(Command::Exec(_))) {
        ExitSignals::survive_large_files();
    }
    match &cli.command {
        None if cli.if_needed && !onboard::is_needed(&settings) => Ok(0),
        None => wait_for(onboard::run(&settings)),
        Some(Command::Login(Chosen(options))) => {
            let destination = if options.keep {
                Destination::Keep
            } else if settings.slot.is_some() {
                // In an account's own folder, a new sign-in to that account replaces the old one,
                // and another account is parked in its own folder.
                Destination::Beside(None)
            } else {
                Destination::Replace
            };
            let flags = &options.sign_in;
            wait_for(login::run(&settings, flags, options.yes, destination))
        }
        Some(Command::Logout(Chosen(options))) => wait_for(logout::run(&settings, options)),
        Some(Command::Status(options)) if options.check => {
            wait_for(status::check(&settings, options))
        }
        Some(Command::Status(options)) => Ok(status::run(&settings, options)),
        Some(Command::Token(options)) => wait_for(token(&settings, options)),
        Some(Command::Lend(Chosen(options))) => wait_for(lend::run(&settings, options)),
        Some(Command::Accounts(AccountsFlags { command, json })) => match command {
            None => accounts::list(&settings, *json),
            Some(AccountsCommand::Add(Chosen(options))) => {
                let destination = Destination::Beside(options.name.clone());
                wait_for(login::run(&settings, &options.sign_in, false, destination))
            }
            Some(AccountsCommand::Use { name, yes }) => {
                wait_for(accounts::make_active(&settings, name, *yes))
            }
            Some(AccountsCommand::Remove { name, local, yes }) => {
                wait_for(accounts::remove(&settings, name, *local, *yes))
            }
            Some(AccountsCommand::Rename { old, new }) => {
                wait_for(accounts::rename(&settings, old, new))
            }
        },
        Some(Command::Exec(Chosen(options))) => wait_for(exec::run(&settings, options)),
        Some(Command::Doctor(Chosen(options))) => wait_for(doctor::run(&settings, options)),
        Some(Command::Demo) => wait_for(demo::run(settings)),
        Some(Command::Completions { shell }) => print(&completions(*shell)),
        Some(Command::Man) => print(&man::page().map_err(cannot_print)?),
    }
}

/// Prints the error that ended the program, as JSON too if the command was asked for JSON.
pub fn report(cli: &Cli, error: &Error) {
    let object = json!({ "error": events::error(error) });
    let (json, object) = match &cli.command {
        Some(Command::Login(Chosen(login))) => (login.sign_in.json, events::failed(error)),
        Some(Command::Lend(Chosen(lend))) => (lend.json, events::failed(error)),
        Some(Command::Status(status)) => (status.json, object),
        Some(Command::Accounts(accounts)) => match &accounts.command {
            Some(AccountsCommand::Add(Chosen(add))) => (add.sign_in.json, events::failed(error)),
            _ => (accounts.json, object),
        },
        _ => (false, object),
    };
    if json {
        events::emit(object);
    }
    print_error(error);
}

/// Runs a command that waits for something. The other commands need no runtime, which would cost
/// more than everything else they do.
fn wait_for(command: impl Future<Output = Result<u8>>) -> Result<u8> {
    let cannot_start = |source| Error::internal("The program cannot start").with_source(source);
    check_threads().map_err(cannot_start)?;
    // One thread: the program mostly waits, and more threads cost start-up time and memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_io_events_per_tick(64) // Room for the usual 1,024 would stay empty.
        .build()
        .map_err(cannot_start)?;
    let ended = runtime.block_on(async {
        let ended = command.await;
        match ignore_closed_pipe(streams::delivered().await)? {
            Some(signal) => Ok(signal.exit_code()),
            None => ended,
        }
    });
    // A name look-up or a read of standard input must not outlive the program.
    runtime.shutdown_background();
    ended
}

fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    // For a program with a hyphen in its name, clap's bash script sets one name for a command and
    // looks up another, so it would complete nothing after a command.
    String::from_utf8_lossy(&script)
        .replace("codex__subcmd__onboarding", "codex__onboarding")
        .into_bytes()
}

/// The exit code for "not yet, try again" (`EX_TEMPFAIL` of sysexits.h).
const NOT_YET: u8 = 75;

/// The variable that chooses the account, unless an option does.
const ACCOUNT_VARIABLE: &str = "CODEX_ONBOARDING_ACCOUNT";

/// Returns the account that an option or [`ACCOUNT_VARIABLE`] names, else the account whose folder
/// is the codex home. `None` is the active account, or that folder's account if it has been signed
/// out.
fn chosen_account(settings: &Settings, named: Option<&str>) -> Result<Option<StoredAccount>> {
    let accounts = settings.accounts().notifying(&notify());
    if let Some(name) = named {
        return accounts.find(name).map(Some);
    }
    if let Some(name) = settings.environment.unquoted(ACCOUNT_VARIABLE) {
        let found = accounts.find(name).map(Some);
        return found.map_err(|error| error.under(format!("{ACCOUNT_VARIABLE} cannot be used")));
    }
    match &settings.slot {
        Some(slot) => accounts.of_folder(slot),
        None => Ok(None),
    }
}

/// Returns the session of the chosen account, else of the active one; `None` if it is not signed
/// in. Blocks while a keyring answers.
fn session_of(settings: &Settings, which: &AccountFlag) -> Result<Option<Session>> {
    let options = session_options(settings);
    match chosen_account(settings, which.account.as_deref())? {
        Some(account) => Session::load_account(&options, &account).map(Some),
        None if settings.slot.is_some() => Ok(None),
        None => Session::load(&options),
    }
}

/// Runs `work`, which may block on a keyring, on another thread, so that signals are noticed
/// meanwhile. Dropping the future does not wait for it.
async fn on_another_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|died| Err(Error::internal("The work was interrupted").with_source(died)))
}

/// Lists the parked accounts that can be made active, and returns whether there are any.
fn say_who_is_parked(settings: &Settings, label: &str) -> bool {
    // An accounts folder that cannot be read is reported by the commands that need it.
    let accounts = settings.accounts().list().unwrap_or_default();
    let usable = |it: &&StoredAccount| !it.active && it.details.is_ok();
    let parked: Vec<_> = accounts.iter().filter(usable).collect();
    let name = match parked[..] {
        [] => return false,
        [one] => &one.name,
        _ => "NAME",
    };
    let descriptions: Vec<_> = parked.iter().map(|it| it.description()).collect();
    notice(&format!("{label}: {}", descriptions.join(", ")));
    notice(&format!(
        "Make {} active with: {}",
        if parked.len() == 1 { "it" } else { "one" },
        command(&format!("accounts use {name}"))
    ));
    true
}

fn session_options(settings: &Settings) -> SessionOptions {
    let store = settings.store().notifying(&notify());
    let mut options = SessionOptions::new(store, settings.issuer.clone());
    options.endpoint =
        ApiEndpointOptions::from_environment(&settings.issuer, &settings.environment);
    options
        .environment_key
        .clone_from(&settings.environment_key);
    options
}

/// `token`: prints a valid bearer, alone on standard output, refreshed first if needed.
async fn token(settings: &Settings, options: &TokenFlags) -> Result<u8> {
    with_session(settings, &options.which, async |session| {
        let session = signed_in(settings, session)?;
        if options.force_refresh {
            session.refresh().await?;
        }
        let bearer = session.bearer().await?;
        print(format!("{}\n", bearer.expose_secret()).as_bytes())
    })
    .await
}

/// Loads the session of the chosen account, passes it to `work`, and returns the exit code of
/// `work`, or of a signal that came first.
async fn with_session(
    settings: &Settings,
    which: &AccountFlag,
    work: impl AsyncFnOnce(Result<Option<Session>>) -> Result<u8>,
) -> Result<u8> {
    let mut exit_signals = catch_exit_signals()?;
    let (copy, which) = (settings.clone(), which.clone());
    let session = tokio::select! {
        session = on_another_thread(move || session_of(&copy, &which)) => session,
        signal = exit_signals.next() => return Ok(signal.exit_code()),
    };
    let Ok(Some(found)) = session.clone() else {
        return work(session).await;
    };
    let ended = unless_signalled(&found, work(session), &mut exit_signals).await;
    ended.unwrap_or_else(|signal| Ok(signal.exit_code()))
}

/// Waits for `work` on a session. A signal ends the wait once tokens that are just arriving are
/// saved; a second one ends it at once, even if that loses them.
async fn unless_signalled<T>(
    session: &Session,
    work: impl Future<Output = T>,
    exit_signals: &mut ExitSignals,
) -> Result<T, ExitSignal> {
    tokio::select! {
        done = work => Ok(done),
        signal = exit_signals.next() => {
            tokio::select! {
                () = session.settle() => {}
                _ = exit_signals.next() => {}
            }
            Err(signal)
        }
    }
}

/// Returns the session. If there is none, lists the accounts that could be made active, and returns
/// the error.
fn signed_in(settings: &Settings, session: Result<Option<Session>>) -> Result<Session> {
    session?.ok_or_else(|| {
        say_who_is_parked(settings, "Parked");
        Error::not_signed_in("Not logged in")
    })
}

/// The exit code of a command that was cancelled: 130, or that of the signal which cancelled it.
static CANCELLED_CODE: AtomicU8 = AtomicU8::new(130);

/// Returns the exit code of a command that was cancelled.
pub fn cancelled_code() -> u8 {
    CANCELLED_CODE.load(Ordering::Relaxed)
}

/// Waits for a signal that cancels the command, and remembers its exit code.
async fn cancelling_signal(exit_signals: &mut ExitSignals) {
    let code = exit_signals.next().await.exit_code();
    CANCELLED_CODE.store(code, Ordering::Relaxed);
}

/// Makes signals events that the command waits for. They stay caught until the program ends,
/// because the exit code depends on what was saved or revoked.
fn catch_exit_signals() -> Result<ExitSignals> {
    ExitSignals::catch_for_good()
        .map_err(|source| Error::internal("Could not catch signals").with_source(source))
}
