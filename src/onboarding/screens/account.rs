//! Signed in already; the other accounts, if there are any.
//!
//! ```text
//! Signed in with your ChatGPT account
//!
//! Account    ada@example.com
//! Plan       Plus
//! Refreshed  2026-05-03 09:12 UTC
//! Stored     ChatGPT tokens in /home/ada/.codex/auth.json
//!
//! › 1  Keep ada, the active account
//!   2  Use work (ada@example.org)
//!   3  Add an account
//!   4  Sign out of ada
//! ```

use super::keys::{self, row};
use chrono::{DateTime, Utc};

use super::{
    CONTINUE, Described, Kind, Mark, Part, Weight, account_facts, interrupted, running, signed_in,
};
use crate::auth::accounts::StoredAccount;
use crate::auth::{Mode, Session};
use crate::onboarding::known::KnownAccounts;
use crate::onboarding::message::Key;
use crate::onboarding::model::{AccountChoice, AccountScreen, AccountStep, Facts, Model};
use crate::text::clean_short;

pub(super) fn describe<'a>(model: &'a Model, screen: &'a AccountScreen) -> Described<'a> {
    let facts = &model.facts;
    let (mut described, question) = step(facts, &screen.step);
    described.add_group(who(facts));
    described.add_news(screen.note.as_ref(), model);
    described.add(question);
    if matches!(screen.step, AccountStep::Choosing) {
        add_choices(&mut described, model, screen.selected);
    }
    described.add(running(facts));
    let warning = |text| Part::remark(Weight::Useful, text);
    described.add(codex_refuses(facts).map(warning));
    let others = facts.all_warnings().map(str::to_owned);
    described.add(others.map(warning));
    described
}

/// Returns the title and keys of a step, and its question.
fn step<'a>(facts: &Facts, step: &AccountStep) -> (Described<'a>, Option<Part<'a>>) {
    let (title, text, advice, yes, no) = match step {
        AccountStep::Choosing => return (Described::new(title(facts), Mark::Plain), None),
        AccountStep::SigningOut => return (Described::busy("Signing out"), None),
        AccountStep::Using => return (Described::busy("Changing the active account"), None),
        AccountStep::ConfirmingUse(other, programs) => (
            format!("Use {}?", clean_short(&other.description(), 80)),
            programs_run(programs),
            "Press y to switch anyway, n to cancel.",
            ("switch anyway", "Use the other account anyway"),
            ("cancel", "Leave it as it is (or Esc)"),
        ),
        AccountStep::Confirming => (
            match &facts.accounts.name {
                Some(name) => format!("Sign out of {name}?"),
                None => "Sign out?".to_owned(),
            },
            sign_out_costs(facts),
            "Press y to sign out, n to stay signed in.",
            ("sign out", "Delete the credentials"),
            ("stay signed in", "Stay signed in (or Esc)"),
        ),
    };
    let mut described = Described::new(title, Mark::Plain);
    described.brief = true;
    let (yes_answer, no_answer) = (format!("y to {}", yes.0), format!("n to {}", no.0));
    // A person in a hurry may press 1, so 1 must be harmless.
    let (yes, no) = (row("y", yes.0, yes.1), row("n", no.0, no.1));
    let no = no.digit('1').or([Key::Char('q'), Key::Esc]);
    described.keys = vec![
        yes.digit('2').said(&["y", "yes"], yes_answer),
        no.said(&["n", "no"], no_answer),
    ];
    let question = Part::new(Weight::Needed, Kind::Advice(text.into(), advice));
    (described, Some(question.news()))
}

fn title(facts: &Facts) -> String {
    match &facts.accounts.active {
        Some(session) => signed_in(&session.mode(), &facts.product),
        None if facts.accounts.problem.is_some() => "The active account is unusable".to_owned(),
        None => "No account is active".to_owned(),
    }
}

/// Returns the facts about the active account.
fn who(facts: &Facts) -> Vec<Part<'static>> {
    let Some(session) = &facts.accounts.active else {
        return Vec::new();
    };
    let account = session.account();
    let kind = match &account.mode {
        Mode::ChatGpt => format!("{} tokens", facts.product.account),
        other => other.words().to_owned(),
    };
    let stored = format!("{kind} in {}", facts.auth_file);
    let more = age(session).into_iter().chain([("Stored", stored)]);
    let mut parts = account_facts(&account, None);
    parts.extend(more.map(|(name, value)| Part::fact(Weight::Explaining, name, value)));
    parts
}

/// Returns the age of the session.
fn age(session: &Session) -> Option<(&'static str, String)> {
    let words = |time: DateTime<Utc>| time.format("%F %R UTC").to_string();
    if !session.is_lent() {
        return Some(("Refreshed", words(session.last_refresh()?)));
    }
    let until = session.expires_at().map_or_else(
        || "until the issuer ends it".to_owned(),
        |end| format!("valid until {}", words(end)),
    );
    Some(("Lent", format!("{until}, cannot be renewed here")))
}

/// Returns the reasons why the next `codex` will not use the active account's credentials.
fn codex_refuses(facts: &Facts) -> impl Iterator<Item = String> {
    let session = facts.accounts.active.as_ref();
    let problem = session.and_then(Session::codex_problem).map(|problem| {
        format!(
            "warning: Codex cannot load these credentials: {problem}. Sign in again to replace \
             them."
        )
    });
    let breach = session.and_then(|session| facts.settings.breach(session));
    let breach =
        breach.map(|rule| format!("warning: Codex will sign out these credentials: {rule}."));
    problem.into_iter().chain(breach)
}

fn add_choices<'a>(described: &mut Described<'a>, model: &'a Model, selected: usize) {
    let choices = model.facts.account_choices();
    let labels = choices.iter().map(|&choice| label(choice, model));
    described.add([Part::list(labels, selected)]);
    described.ends = model.facts.offer().map(|code| code.expires_in);
    let (help, answer) = if model.facts.accounts.active.is_some() {
        let help = "Quit, still signed in (or Esc)";
        (help, "q to quit and stay signed in")
    } else {
        ("Quit (or Esc)", "q to quit")
    };
    let quit = row("q", "quit", help).or([Key::Esc]);
    described.keys.extend(keys::list(choices.len()));
    let quit = quit.said(&["q", "quit"], answer);
    described.keys.extend([quit, keys::help()]);
}

/// Returns the name of a choice about the accounts.
fn label(choice: AccountChoice, model: &Model) -> String {
    let KnownAccounts {
        active,
        name,
        parked,
        ..
    } = &model.facts.accounts;
    match (choice, name) {
        (AccountChoice::Continue, _) => {
            let code = interrupted(model).unwrap_or_default();
            format!("{CONTINUE} ({code})")
        }
        (AccountChoice::EndRunning, _) => {
            let running = model.facts.running.as_ref();
            let programs = running.map(|it| it.programs.join(", "));
            format!("End {}", programs.unwrap_or_default())
        }
        (AccountChoice::Use(at), _) => {
            let description = parked.get(at).map(StoredAccount::description);
            let description = description.unwrap_or_default();
            format!("Use {}", clean_short(&description, 80))
        }
        (AccountChoice::Keep, Some(name)) => format!("Keep {name}, the active account"),
        (AccountChoice::Keep, None) => "Keep this account".to_owned(),
        (AccountChoice::Switch, None) if active.is_some() => "Switch account".to_owned(),
        (AccountChoice::Switch, _) => "Add an account".to_owned(),
        (AccountChoice::SignOut, Some(name)) => format!("Sign out of {name}"),
        (AccountChoice::SignOut, None) => "Sign out".to_owned(),
    }
}

/// Returns the warning that programs still use the active account.
fn programs_run(programs: &[String]) -> String {
    format!(
        "The active account is still used by {}. Quit it first: a program that keeps running may \
         overwrite the account you switch to.",
        programs.join(", ")
    )
}

/// Describes what signing out will do.
fn sign_out_costs(facts: &Facts) -> String {
    let auth_file = &facts.auth_file;
    match facts.accounts.active.as_ref().map(Session::mode) {
        Some(Mode::ApiKey) => format!(
            "This removes the key from {auth_file}. The key itself stays valid at {}.",
            facts.product.api_key.provider
        ),
        Some(Mode::ChatGpt) | None => format!(
            "This ends the session everywhere and removes the credentials from {auth_file}."
        ),
        Some(_) => format!(
            "This removes the credentials from {auth_file}. They stay valid until you \
             revoke them where they were created."
        ),
    }
}
