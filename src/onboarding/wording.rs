//! Sentences that several screens share. Text from outside in them still has to be cleaned.

use std::borrow::Cow;

use super::known::Running;
use super::model::{Facts, Model};
use crate::auth::{Mode, Revocation};
use crate::product::{Choice, Product};
use crate::text::clean_short;

/// Returns the name of a choice.
pub fn label(choice: Choice, product: &Product) -> Cow<'static, str> {
    match choice {
        Choice::Account => format!("Sign in with {}", product.account).into(),
        Choice::ApiKey => "Provide your own API key".into(),
        Choice::DeviceCode => "Sign in with a device code".into(),
    }
}

/// The name of the choice to go on with a sign-in that was left.
pub const CONTINUE: &str = "Continue the sign-in that was interrupted";

/// Returns the code of the sign-in that was interrupted, and the time that is left for it.
pub fn interrupted(model: &Model) -> Option<String> {
    let interrupted = model.facts.offer()?;
    let code = clean_short(&interrupted.user_code, 40);
    let left = interrupted.expires_in.saturating_sub(model.now);
    let left = match left.as_millis().div_ceil(60_000) {
        ..=1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    };
    Some(format!("Code {code}, {left} left"))
}

/// Returns the warning that programs still use the sign-in from before, and what to do.
pub fn running(facts: &Facts) -> Option<String> {
    let running = facts
        .running
        .as_ref()
        .filter(|it| !it.programs.is_empty())?;
    let programs = running.programs.join(", ");
    let next = match &running.stop_command {
        _ if running.ending => return Some(format!("Waiting for {programs} to end")),
        Some(command) => format!("End it with: {command}"),
        None => "Quit it, and start it again.".to_owned(),
    };
    Some(format!("{} {next}", still_used(running)))
}

/// Returns the warning alone.
pub fn still_used(running: &Running) -> String {
    let programs = running.programs.join(", ");
    format!("warning: {programs} still uses the earlier sign-in.")
}

/// Returns the remark that this drops a stored API key.
pub fn drops_api_key(cause: &str, facts: &Facts) -> String {
    let cause = match facts.signed_in {
        // Another account would be kept, with its key.
        Some(_) => "Signing in to the same account again",
        None => cause,
    };
    format!("{cause} drops the API key stored in {}.", facts.auth_file)
}

/// Returns what becomes of the active account, when there is one.
pub fn stays_signed_in(facts: &Facts) -> Option<String> {
    let account = &facts.signed_in.as_ref()?.account;
    let stays = match &account.email {
        Some(email) => format!("{email} stays"),
        None => "You stay".to_owned(),
    };
    Some(format!(
        "{stays} signed in until another sign-in is complete. If that is another account, you can \
         keep both."
    ))
}

/// Returns the name of the environment variable that may hold a key.
pub fn key_variable(facts: &Facts) -> &str {
    facts.product.api_key.variable.as_deref().unwrap_or("A key")
}

/// Returns the heading for an account that is signed in already.
pub fn signed_in(mode: &Mode, product: &Product) -> String {
    match mode {
        Mode::ChatGpt => format!("Signed in with your {} account", product.account),
        Mode::ApiKey => "Signed in with an API key".to_owned(),
        other => format!("Signed in: {}", clean_short(other.words(), 40)),
    }
}

/// The note while a pasted address is looked at.
pub const CHECKING: &str = "Checking what you pasted";

/// Returns the result of signing out.
pub fn signed_out(revocation: &Revocation) -> &'static str {
    match revocation {
        Revocation::NotNeeded | Revocation::Revoked => "Signed out",
        Revocation::LeftAlive => "Signed out here. The session stays alive at the issuer",
        Revocation::Failed(_) => {
            "Signed out here. The issuer could not end the session: it ends when its tokens expire"
        }
    }
}

/// Returns the digits of a list of `count` lines: `1, 2 or 3`.
pub fn digits(count: usize) -> String {
    let all: Vec<String> = (1..=count).map(|digit| digit.to_string()).collect();
    match all.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_listed_as_a_person_says_them() {
        assert_eq!(digits(1), "1");
        assert_eq!(digits(2), "1 or 2");
        assert_eq!(digits(3), "1, 2 or 3");
    }
}
