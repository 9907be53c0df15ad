//! Sentences that the full screen and the dialogue of lines share. Text from outside in them
//! still has to be cleaned.

use std::borrow::Cow;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::known::{ParkedAccount, Running};
use super::model::{AccountChoice, Facts, KeepChoice, Model, WelcomeChoice, forbidden};
use crate::auth::{self, Mode, Revocation, SecretKind};
use crate::product::{Choice, Product};
use crate::text::clean_short;

/// The last 4 characters of a shorter key would give too much of it away.
const SHORTEST_REVEALED: usize = 12;

/// Returns the mark of a remark, and its text without one.
pub fn marked(remark: &str) -> (&'static str, &str) {
    match remark.strip_prefix("warning: ") {
        Some(text) => ("Warning: ", text),
        None => ("Note: ", remark),
    }
}

/// Returns the name of a choice.
pub fn label(choice: Choice, product: &Product) -> Cow<'static, str> {
    match choice {
        Choice::Account => format!("Sign in with {}", product.account).into(),
        Choice::ApiKey => "Provide your own API key".into(),
        Choice::DeviceCode => "Sign in with a device code".into(),
    }
}

/// Returns one line on why somebody would choose it.
pub fn why(choice: Choice, product: &Product) -> &str {
    match choice {
        Choice::Account => &product.account_reason,
        Choice::ApiKey => "Pay for what you use",
        Choice::DeviceCode => "For a machine without a browser",
    }
}

/// Returns the name of a line of the choices.
pub fn label_of(choice: WelcomeChoice, product: &Product) -> Cow<'static, str> {
    match choice {
        WelcomeChoice::Continue => CONTINUE.into(),
        WelcomeChoice::Begin(choice) => label(choice, product),
    }
}

/// Returns one line on why somebody would choose it, or why it cannot be chosen.
pub fn why_of(choice: WelcomeChoice, model: &Model) -> Cow<'_, str> {
    match choice {
        WelcomeChoice::Continue => interrupted(model).unwrap_or_default().into(),
        WelcomeChoice::Begin(choice) => match forbidden(choice, &model.facts) {
            Some(reason) => reason.into(),
            None => why(choice, &model.facts.product).into(),
        },
    }
}

const CONTINUE: &str = "Continue the sign-in that was interrupted";

/// Returns the code of the sign-in that was interrupted, and the time that is left for it.
fn interrupted(model: &Model) -> Option<String> {
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

/// Returns the remarks below the choices.
pub fn remarks(facts: &Facts) -> Vec<String> {
    let mut texts = Vec::new();
    if let Some(stays) = stays_signed_in(facts) {
        texts.push(stays);
    } else if facts.environment_key.is_some() && facts.first_problem().is_none() {
        let api_key = WelcomeChoice::Begin(Choice::ApiKey);
        let choices = facts.welcome_choices();
        let at = choices.iter().position(|choice| *choice == api_key);
        let how = match at {
            Some(at) => format!(": choose {} to store it", at + 1),
            None => String::new(),
        };
        let variable = key_variable(facts);
        texts.push(format!("{variable} is set, but not stored{how}."));
    }
    if facts.replaces_api_key {
        let begin = format!("Signing in with {}", facts.product.account);
        texts.push(drops_api_key(&begin, facts));
    }
    texts.extend(running(facts));
    texts.extend(facts.warnings.iter().cloned());
    texts
}

/// Returns the remarks on the account screen: on the active account first.
pub fn account_remarks(facts: &Facts) -> impl Iterator<Item = &String> {
    let of_account = facts.signed_in.iter().flat_map(|it| &it.remarks);
    of_account.chain(&facts.warnings)
}

/// Returns the remark that finishing this sign-in drops a stored API key.
pub fn finishing_drops_api_key(facts: &Facts) -> String {
    drops_api_key("Finishing this sign-in", facts)
}

fn drops_api_key(cause: &str, facts: &Facts) -> String {
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

/// Returns the sentence that the environment holds a key, when it does.
pub fn environment_key(facts: &Facts) -> Option<String> {
    let key = facts.environment_key.as_ref()?;
    let key = SecretKind::ApiKey.check(key.expose_secret());
    let end = key
        .as_ref()
        .ok()
        .and_then(|key| last_4(key.expose_secret()));
    let end = end.map_or_else(String::new, |end| format!(" (ends in {end})"));
    Some(format!("{} is set{end}.", key_variable(facts)))
}

/// Returns the name of the environment variable that may hold a key.
pub fn key_variable(facts: &Facts) -> &str {
    facts.product.api_key.variable.as_deref().unwrap_or("A key")
}

/// Returns the last 4 characters, unless the text is too short for that.
pub fn last_4(text: &str) -> Option<&str> {
    let chars = text.chars().count();
    let (at, _) = text.char_indices().nth(chars.checked_sub(4)?)?;
    (chars >= SHORTEST_REVEALED).then(|| &text[at..])
}

/// Returns the heading for an account that is signed in already.
pub fn signed_in(mode: &Mode, product: &Product) -> String {
    match mode {
        Mode::ChatGpt => format!("Signed in with your {} account", product.account),
        Mode::ApiKey => "Signed in with an API key".to_owned(),
        other => format!("Signed in: {}", clean_short(other.words(), 40)),
    }
}

/// Returns the name of a choice about the accounts.
pub fn account_choice(choice: AccountChoice, model: &Model) -> Cow<'static, str> {
    let facts = &model.facts;
    let name = facts.signed_in.as_ref().and_then(|it| it.name.as_deref());
    match (choice, name) {
        (AccountChoice::Continue, _) => {
            let interrupted = interrupted(model).unwrap_or_default();
            format!("{CONTINUE} ({interrupted})").into()
        }
        (AccountChoice::EndRunning, _) => {
            let running = facts.running.as_ref();
            let programs = running.map_or_else(String::new, |it| it.programs.join(", "));
            format!("End {programs}").into()
        }
        (AccountChoice::Keep, Some(name)) => format!("Keep {name}, the active account").into(),
        (AccountChoice::Keep, None) => "Keep this account".into(),
        (AccountChoice::Use(at), _) => {
            let account = facts.parked.get(at);
            let description = account.map_or("", |account| &account.description);
            format!("Use {}", clean_short(description, 80)).into()
        }
        (AccountChoice::Switch, None) if facts.signed_in.is_some() => "Switch account".into(),
        (AccountChoice::Switch, _) => "Add an account".into(),
        (AccountChoice::SignOut, Some(name)) => format!("Sign out of {name}").into(),
        (AccountChoice::SignOut, None) => "Sign out".into(),
    }
}

/// Returns the heading of the account screen.
pub fn accounts(facts: &Facts) -> String {
    match &facts.signed_in {
        Some(signed_in) => self::signed_in(&signed_in.account.mode, &facts.product),
        None if facts.problem.is_some() => "The active account is unusable".to_owned(),
        None => "No account is active".to_owned(),
    }
}

/// Returns the question whether to use another account.
pub fn use_question(account: &ParkedAccount) -> String {
    format!("Use {}?", clean_short(&account.description, 80))
}

/// Returns the warning that programs go on as the active account.
pub fn programs_run(programs: &[String]) -> String {
    format!(
        "The active account is still used by {}. Quit it first: a program that keeps running may \
         overwrite the account you switch to.",
        programs.join(", ")
    )
}

/// Returns the name of a choice about the previous account.
pub fn keep_choice(choice: KeepChoice) -> &'static str {
    match choice {
        KeepChoice::Keep => "Keep it, so that you can switch back",
        KeepChoice::Remove => "Remove it from this machine",
    }
}

/// Returns the question about the previous account.
pub fn keep_question(before: &ParkedAccount) -> String {
    format!("Keep {}?", clean_short(&before.description, 80))
}

/// Returns the account that is signed in now.
pub fn instead(account: &auth::Account) -> String {
    let who = match (&account.email, &account.mode) {
        (Some(email), _) => format!("as {}", clean_short(email, 80)),
        (None, mode) => format!("with {}", clean_short(mode.words(), 40)),
    };
    format!("You are now signed in {who}.")
}

/// Returns the heading after a sign-in.
pub fn succeeded(mode: &Mode, product: &Product) -> String {
    match mode {
        Mode::ChatGpt => signed_in(mode, product),
        Mode::ApiKey => "API key configured".to_owned(),
        _ => "Signed in".to_owned(),
    }
}

/// The remark for an API organization that is not set up yet.
pub const NEEDS_SETUP: &str =
    "Your API organization is not set up yet: it still needs a payment method.";

/// Returns the next step after a sign-in.
pub fn after_success(facts: &Facts) -> &str {
    &facts.product.next_step
}

/// The note while a pasted address is looked at.
pub const CHECKING: &str = "Checking what you pasted";

/// The warning beside a device code.
pub const NEVER_SHARE: &str = "Never share this code. If a site or a person asked you for it, \
                               stop: that sign-in did not start here.";

/// Returns what to do where the issuer refuses device codes: turn them on, or go `back` to paste.
pub fn device_code_help(facts: &Facts, back: &str) -> Option<String> {
    let help = facts.product.device_code_help.as_deref()?;
    Some(if facts.product.choices.contains(&Choice::Account) {
        format!("{help}, or {back} and paste instead.")
    } else {
        format!("{help}.")
    })
}

/// Returns when the code expires: in whole minutes, rounded up, and within the last minute in
/// seconds where clocks may move.
pub fn remaining(left: Duration, clocks: bool) -> String {
    let seconds = left.as_millis().div_ceil(1000);
    match (seconds, seconds.div_ceil(60)) {
        (0, _) => "The code has expired".to_owned(),
        (1, _) if clocks => "The code expires in 1 second".to_owned(),
        (2..60, _) if clocks => format!("The code expires in {seconds} seconds"),
        (..60, _) => "The code expires in less than a minute".to_owned(),
        (_, 1) => "The code expires in 1 minute".to_owned(),
        (_, minutes) => format!("The code expires in {minutes} minutes"),
    }
}

/// Returns the question whether to sign out: of whom, where there are several.
pub fn sign_out_question(facts: &Facts) -> String {
    let name = facts.signed_in.as_ref().and_then(|it| it.name.as_deref());
    match name {
        Some(name) => format!("Sign out of {name}?"),
        None => "Sign out?".to_owned(),
    }
}

/// Returns what signing out will do.
pub fn sign_out_costs(facts: &Facts) -> String {
    let auth_file = &facts.auth_file;
    match facts.signed_in.as_ref().map(|it| &it.account.mode) {
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
