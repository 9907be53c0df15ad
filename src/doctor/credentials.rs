//! The stored credentials: their state, their account, and variables that override them in Codex.

use chrono::SecondsFormat;
use secrecy::SecretString;

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::auth::accounts::Accounts;
use crate::auth::{Contents, Mode, Override, Session, Source, Store, same};
use crate::error::ErrorKind;

const SIGN_IN_AGAIN: &str = "Sign in again: `codex-onboarding login`";

pub fn file(subject: &Subject) -> Finding {
    match Session::load(&subject.session) {
        Ok(None) => Finding::ok("Nobody is signed in"),
        Ok(Some(session)) => {
            let account = session.account();
            let kind = Redacted::fact(account.mode.words());
            let finding = match session.codex_problem() {
                Some(problem) => cannot_load(&session, problem),
                None => Finding::ok(sentence!("Signed in with {kind}")),
            };
            finding
                .with("kind", kind)
                .with("source", session.source().as_str())
                .with_some("email", account.email.as_deref().map(Redacted::email))
                .with_some(
                    "account",
                    account.account_id.as_deref().map(Redacted::account_id),
                )
                .with_some(
                    "plan",
                    account.plan.map(|plan| Redacted::fact(plan.as_str())),
                )
        }
        Err(error) if error.kind() == ErrorKind::NotSignedIn => {
            Finding::warning(subject.error(&error), SIGN_IN_AGAIN)
        }
        Err(error) => {
            // A sign-in replaces a damaged file; an unreadable one has its own remedy.
            let is_unreadable = subject.session.store.read().is_err();
            let own = error.hint().filter(|_| is_unreadable);
            let remedy =
                own.unwrap_or("Sign in again to replace the file: `codex-onboarding login`");
            Finding::fail(subject.error(&error), subject.fact(remedy))
        }
    }
}

fn cannot_load(session: &Session, problem: &str) -> Finding {
    let summary = sentence!("Codex cannot load the stored credentials: {problem}");
    // A refresh brings new values for both.
    let is_renewed = ["tokens.id_token", "last_refresh"]
        .iter()
        .any(|field| problem.starts_with(field));
    let remedy = if is_renewed && session.mode() == Mode::ChatGpt && session.can_refresh() {
        "Renew the session: `codex-onboarding token --force-refresh > /dev/null`, or sign in \
         again: `codex-onboarding login`"
    } else {
        SIGN_IN_AGAIN
    };
    Finding::fail(summary, remedy)
}

pub fn session(subject: &Subject) -> Finding {
    let Ok(Some(session)) = Session::load(&subject.session) else {
        return Finding::skipped("There is no session");
    };
    if session.mode() != Mode::ChatGpt {
        return Finding::skipped("These credentials do not expire here");
    }
    let now = subject.session.clock.now();
    let expired = session.expires_at().is_some_and(|at| at <= now);
    let finding = validity(&session, expired);
    let time = |time: chrono::DateTime<chrono::Utc>| {
        sentence!("{}", time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    finding
        .with_some("expiresAt", session.expires_at().map(time))
        .with_some("lastRefresh", session.last_refresh().map(time))
}

fn validity(session: &Session, expired: bool) -> Finding {
    if let Some(refused) = session.renewal_refused() {
        let summary = sentence!("The session cannot be renewed: {}", refused.message());
        return if expired {
            Finding::fail(summary, SIGN_IN_AGAIN)
        } else {
            Finding::warning(summary, SIGN_IN_AGAIN)
        };
    }
    match (expired, session.can_refresh()) {
        (true, false) if session.is_lent() => Finding::fail(
            "The lent session has ended",
            "Lend it again where it was signed in (`codex-onboarding lend`), or sign in here: \
             `codex-onboarding login`",
        ),
        (false, false) if session.is_lent() => {
            Finding::ok("The session is lent: it is valid, and cannot be renewed here")
        }
        (true, false) => Finding::fail(
            "The session has expired and cannot be renewed",
            SIGN_IN_AGAIN,
        ),
        (true, true) => Finding::ok(
            "The access token has expired and is renewed when needed (`codex-onboarding status \
             --check` tries it)",
        ),
        (false, false) => Finding::warning(
            "The session cannot be renewed: there is no refresh token",
            "Sign in again before it expires: `codex-onboarding login`",
        ),
        (false, true) => Finding::ok(
            "The session is valid here (`codex-onboarding status --check` asks whether Codex can \
             use it)",
        ),
    }
}

pub fn precedence(subject: &Subject) -> Finding {
    let overrides = Override::all_in(&subject.environment);
    let session = Session::load(&subject.session).ok().flatten();
    let finding = match overrides.first() {
        Some(strongest) => {
            let name = strongest.variable();
            Finding::warning(
                sentence!("{}", strongest),
                sentence!("To use the stored credentials, run `unset {name}`"),
            )
        }
        None if session.is_some_and(|session| session.source() == Source::Environment) => {
            Finding::warning(
                "OPENAI_API_KEY is set, but Codex does not read it",
                "Store it with `codex-onboarding login --with-api-key`",
            )
        }
        None => Finding::ok("Codex uses the stored credentials"),
    };
    let variables = overrides.iter().map(Override::variable);
    finding.with_list("overriddenBy", variables.map(Redacted::from))
}

pub fn accounts(subject: &Subject) -> Finding {
    let accounts = Accounts::new(subject.session.store.clone());
    let all = match accounts.list() {
        Ok(all) => all,
        Err(error) => {
            return Finding::fail(
                subject.error(&error),
                "Repair or remove the folder `accounts` in the codex home",
            );
        }
    };
    let parked = all.iter().filter(|account| !account.active).count();
    // Another check is about the active account's file.
    let damaged = all
        .iter()
        .filter(|account| !account.active)
        .find_map(|account| account.details.as_ref().err());
    let hiding = accounts.hiding();
    let finding = if let Some((one, other)) = same_grant_twice(&subject.session.store) {
        Finding::fail(
            Redacted::fact(&format!("{one} and {other} share one session")),
            "Sign in again with one of them: `codex-onboarding accounts add`",
        )
    } else if let Some(error) = damaged {
        Finding::warning(
            subject.error(error),
            "Sign in to that account again: `codex-onboarding accounts add`",
        )
    } else if !hiding.is_empty() {
        Finding::warning(
            "A parked account has files of its own in place of the codex home's",
            "Compare each with the codex home's, then move it away",
        )
    } else {
        match parked {
            0 => Finding::ok("No account is parked"),
            1 => Finding::ok("One account is parked"),
            more => Finding::ok(sentence!("{more} accounts are parked")),
        }
    };
    let hiding = hiding.iter();
    let hiding = hiding.map(|path| subject.path(path));
    finding
        .with("parked", sentence!("{}", parked))
        .with_list("ownFiles", hiding)
}

/// Finds two copies of one refresh token, which works once: one of them dies. Looks at the files
/// themselves, because the list of accounts shows two copies as one.
fn same_grant_twice(store: &Store) -> Option<(String, String)> {
    let slots = store
        .home()
        .join("accounts")
        .read_dir()
        .into_iter()
        .flatten();
    let slots = slots.flatten().map(|slot| {
        let name = slot.file_name().to_string_lossy().into_owned();
        (format!("accounts/{name}"), Store::new(slot.path()))
    });
    let all = std::iter::once(("the codex home".to_owned(), store.clone())).chain(slots);
    let mut seen: Vec<(String, SecretString)> = Vec::new();
    for (place, store) in all {
        let file = store.load().ok().flatten();
        let Some(token) = file.and_then(|file| file.tokens?.refresh_token) else {
            continue;
        };
        if let Some((other, _)) = seen.iter().find(|(_, it)| same(Some(it), Some(&token))) {
            return Some((other.clone(), place));
        }
        seen.push((place, token));
    }
    None
}

pub fn store(subject: &Subject) -> Finding {
    let store = &subject.session.store;
    let usable = subject
        .config
        .check_store()
        .and_then(|()| store.setting().check_usable());
    let in_file = usable.is_ok() && !store.setting().asks_keyring();
    let reading = match usable.and_then(|()| store.read()) {
        Ok(reading) => reading,
        // The check of the file reports the reason.
        Err(_) if in_file => return Finding::skipped("auth.json cannot be read"),
        Err(error) => {
            let hint = error
                .hint()
                .unwrap_or("Set cli_auth_credentials_store to \"file\"");
            let remedy = subject.fact(hint);
            return Finding::fail(subject.error(&error), remedy);
        }
    };
    let has_file = store.path().is_file();
    let in_keyring = reading.source == Source::Keyring;
    let finding = match (&reading.contents, in_keyring && has_file) {
        (Contents::Missing, true) => Finding::warning(
            "auth.json is there, but Codex looks in the system's keyring",
            "Sign in again: `codex-onboarding login`, or set cli_auth_credentials_store to \
             \"file\"",
        ),
        (_, true) => Finding::warning(
            "Credentials are in the system's keyring and in auth.json",
            "Sign in again, which leaves one copy: `codex-onboarding login`",
        ),
        (Contents::Missing, false) if in_keyring => {
            Finding::ok("A sign-in is saved in the system's keyring")
        }
        (Contents::Missing, false) => Finding::ok("A sign-in is saved in auth.json"),
        (_, false) if in_keyring => Finding::ok("The credentials are in the system's keyring"),
        (_, false) => Finding::ok("The credentials are in auth.json"),
    };
    finding.with("setting", store.setting().name())
}
