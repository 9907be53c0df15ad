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
use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{
    CONTINUE, Described, Kind, Mark, On, Part, Weight, account_facts, interrupted, running,
    signed_in,
};
use crate::auth::accounts::StoredAccount;
use crate::auth::{Mode, Session};
use crate::onboarding::message::Key;
use crate::onboarding::model::{AccountChoice, AccountScreen, AccountStep, Facts, Model};
use crate::text::clean_short;

pub(super) fn describe<'a>(model: &'a Model, screen: &'a AccountScreen) -> Described<'a> {
    let facts = &model.facts;
    let (mut described, question) = step(facts, &screen.step);
    let is_choosing = matches!(screen.step, AccountStep::Choosing);
    // A question is asked without what was said before it.
    let on = if is_choosing { On::Both } else { On::Screen };
    described.add_group(who(facts).into_iter().map(|part| part.on(on)));
    described.add_news(screen.note.as_ref(), model);
    described.parts.extend(question);
    if is_choosing {
        choices(&mut described, model, screen.selected);
    }
    described
        .parts
        .extend(running(facts).map(|part| part.apart().on(on)));
    let others = facts.all_warnings().map(Cow::from);
    for warning in codex_refuses(facts).map(Cow::from).chain(others) {
        described
            .parts
            .push(Part::remark(Weight::Useful, warning).apart().on(on));
    }
    described
}

/// Returns the title and keys of a step, and its question.
fn step<'a>(facts: &'a Facts, step: &AccountStep) -> (Described<'a>, Option<Part<'a>>) {
    let (title, text, advice, yes, no) = match step {
        AccountStep::Choosing => {
            let title = match &facts.accounts.active {
                Some(session) => signed_in(&session.mode(), &facts.product),
                None if facts.accounts.problem.is_some() => {
                    "The active account is unusable".to_owned()
                }
                None => "No account is active".to_owned(),
            };
            return (Described::new(title, Mark::Plain), None);
        }
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
            match name(facts) {
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
    let (yes_answer, no_answer) = (format!("y to {}", yes.0), format!("n to {}", no.0));
    // The first is harmless: it is what a hurried person presses.
    let no = row("n", no.0, no.1)
        .digit('1')
        .or([Key::Char('q'), Key::Esc]);
    described.keys = vec![
        row("y", yes.0, yes.1)
            .digit('2')
            .said(&["y", "yes"], yes_answer),
        no.said(&["n", "no"], no_answer),
    ];
    let question = Kind::Advice(text.into(), advice);
    (described, Some(Part::new(Weight::Needed, question).apart()))
}

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
    let fact = |(name, value)| Part::fact(Weight::Explaining, name, value);
    let mut parts = account_facts(&account, None);
    parts.extend(
        age(session)
            .into_iter()
            .chain([("Stored", stored)])
            .map(fact),
    );
    parts
}

/// Returns how fresh the session is.
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

/// Returns why the next `codex` will not use the active account's credentials.
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

fn choices<'a>(described: &mut Described<'a>, model: &'a Model, selected: usize) {
    let choices = model.facts.account_choices();
    let labels = choices.iter().map(|&choice| label(choice, model));
    described.parts.push(Part::list(labels, selected));
    let (help, answer) = match model.facts.accounts.active {
        Some(_) => (
            "Quit, still signed in (or Esc)",
            "q to quit and stay signed in",
        ),
        None => ("Quit (or Esc)", "q to quit"),
    };
    let quit = row("q", "quit", help).or([Key::Esc]);
    described.keys.extend(keys::list(choices.len()));
    let quit = quit.said(&["q", "quit"], answer);
    described.keys.extend([quit, keys::help()]);
}

/// Returns the active account's name among several.
fn name(facts: &Facts) -> Option<&str> {
    facts.accounts.name.as_deref()
}

/// Returns the name of a choice about the accounts.
fn label(choice: AccountChoice, model: &Model) -> String {
    let facts = &model.facts;
    match (choice, name(facts)) {
        (AccountChoice::Continue, _) => {
            let code = interrupted(model).unwrap_or_default();
            format!("{CONTINUE} ({code})")
        }
        (AccountChoice::EndRunning, _) => {
            let running = facts.running.as_ref();
            let programs = running.map_or_else(String::new, |it| it.programs.join(", "));
            format!("End {programs}")
        }
        (AccountChoice::Keep, Some(name)) => format!("Keep {name}, the active account"),
        (AccountChoice::Keep, None) => "Keep this account".to_owned(),
        (AccountChoice::Use(at), _) => {
            let account = facts.accounts.parked.get(at);
            let description = account.map_or_else(String::new, StoredAccount::description);
            format!("Use {}", clean_short(&description, 80))
        }
        (AccountChoice::Switch, None) if facts.accounts.active.is_some() => {
            "Switch account".to_owned()
        }
        (AccountChoice::Switch, _) => "Add an account".to_owned(),
        (AccountChoice::SignOut, Some(name)) => format!("Sign out of {name}"),
        (AccountChoice::SignOut, None) => "Sign out".to_owned(),
    }
}

/// Returns the warning that programs go on as the active account.
fn programs_run(programs: &[String]) -> String {
    format!(
        "The active account is still used by {}. Quit it first: a program that keeps running may \
         overwrite the account you switch to.",
        programs.join(", ")
    )
}

/// Returns what signing out will do.
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
