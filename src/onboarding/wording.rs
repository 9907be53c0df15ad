//! Sentences that the full screen and the line by line conversation have in common. Text of
//! somebody else's in them is not cleaned yet.

use std::borrow::Cow;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::model::{AccountChoice, Facts};
use crate::auth::{Mode, Revocation};
use crate::product::{Choice, Product};
use crate::text::clean_short;

/// A key of fewer characters than this would be given away by its last 4.
const SHORTEST_REVEALED: usize = 12;

/// The name of a choice.
pub fn label(choice: Choice, product: &Product) -> Cow<'static, str> {
    match choice {
        Choice::Account => format!("Sign in with {}", product.account).into(),
        Choice::ApiKey => "Provide your own API key".into(),
        Choice::DeviceCode => "Sign in with a device code".into(),
    }
}

/// One line of why somebody would choose it.
pub fn why(choice: Choice, product: &Product) -> &str {
    match choice {
        Choice::Account => &product.account_reason,
        Choice::ApiKey => "Pay for what you use",
        Choice::DeviceCode => "For a machine without a browser",
    }
}

/// What else stands below the choices.
pub fn remarks(facts: &Facts) -> Vec<String> {
    let mut texts = Vec::new();
    if let Some(signed_in) = &facts.signed_in {
        let stays = match &signed_in.account.email {
            Some(email) => format!("{email} stays"),
            None => "You stay".to_owned(),
        };
        texts.push(format!(
            "{stays} signed in until another sign-in is complete."
        ));
    } else if facts.environment_key.is_some() && facts.problem.is_none() {
        let variable = key_variable(facts);
        texts.push(format!(
            "{variable} from the environment is in use. Signing in here takes precedence over it."
        ));
    }
    if facts.replaces_api_key {
        texts.push(format!(
            "signing in with {} drops the API key stored in {}.",
            facts.product.account, facts.auth_file
        ));
    }
    texts.extend(facts.warnings.iter().cloned());
    texts
}

/// What finishing a ChatGPT sign-in costs.
pub fn drops_api_key(facts: &Facts) -> String {
    format!("this drops the API key stored in {}.", facts.auth_file)
}

/// What saving an API key costs.
pub fn replaces_account(facts: &Facts) -> Option<String> {
    let account = &facts.signed_in.as_ref()?.account;
    let what = match (&account.mode, &account.email) {
        (Mode::ChatGpt, Some(email)) => format!("the {} sign-in of {email}", facts.product.account),
        (Mode::ChatGpt, None) => format!("the {} sign-in", facts.product.account),
        _ => "what is stored".to_owned(),
    };
    Some(format!("saving replaces {what}."))
}

/// That the environment has a key, and which: the start of an offer.
pub fn environment_key(facts: &Facts) -> Option<String> {
    let key = facts.environment_key.as_ref()?;
    let end = match last_4(key.expose_secret().trim()) {
        Some(end) => format!(" (ends in {end})"),
        None => String::new(),
    };
    Some(format!("{} is set{end}.", key_variable(facts)))
}

/// The environment variable that holds a key.
pub fn key_variable(facts: &Facts) -> &str {
    facts.product.api_key.variable.as_deref().unwrap_or("A key")
}

/// The last 4 characters, when they say little enough about the rest.
pub fn last_4(text: &str) -> Option<&str> {
    let chars = text.chars().count();
    let (at, _) = text.char_indices().nth(chars.checked_sub(4)?)?;
    (chars >= SHORTEST_REVEALED).then(|| &text[at..])
}

/// How somebody is signed in since before.
pub fn signed_in(mode: &Mode, product: &Product) -> String {
    match mode {
        Mode::ChatGpt => format!("Signed in with your {} account", product.account),
        Mode::ApiKey => "Signed in with an API key".to_owned(),
        other => format!("Signed in: {}", clean_short(other.words(), 40)),
    }
}

/// What a choice about the account is called.
pub fn account_choice(choice: AccountChoice) -> &'static str {
    match choice {
        AccountChoice::Keep => "Keep this account",
        AccountChoice::Switch => "Switch account",
        AccountChoice::SignOut => "Sign out",
    }
}

/// How it ended well.
pub fn succeeded(mode: &Mode, product: &Product) -> String {
    match mode {
        Mode::ChatGpt => signed_in(mode, product),
        Mode::ApiKey => "API key configured".to_owned(),
        _ => "Signed in".to_owned(),
    }
}

/// What an API organization still needs.
pub const NEEDS_SETUP: &str = "your API organization still has to be set up: add a payment method on the page that the \
     browser shows.";

/// What to do with the sign-in.
pub fn after_success(facts: &Facts) -> &str {
    &facts.product.next_step
}

/// What to think of a device code.
pub const NEVER_SHARE: &str = "Never share this code. A site or person that asked you for it did \
                               not start this sign-in: don't go on.";

/// In whole minutes, rounded up; the last one in seconds where clocks may move.
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

/// What signing out does, before it is done.
pub fn sign_out_costs(mode: &Mode, facts: &Facts) -> String {
    let auth_file = &facts.auth_file;
    match mode {
        Mode::ApiKey => format!(
            "This deletes {auth_file}. The key itself stays valid at {}.",
            facts.product.api_key.provider
        ),
        _ => format!("This ends the session and deletes {auth_file}."),
    }
}

/// What signing out came to.
pub fn signed_out(revocation: &Revocation) -> &'static str {
    match revocation {
        Revocation::NotNeeded | Revocation::Revoked => "Signed out",
        Revocation::LeftAlive => "Signed out here. The session lives on at the issuer",
        Revocation::Failed(_) => {
            "Signed out here. The issuer could not be told: the session ends when its tokens expire"
        }
    }
}
