//! The conversation of `login`: its options, and how it ends.

use std::time::Duration;

use codex_onboarding::auth::{Account, Mode, Source, Store};
use codex_onboarding::browser::Opener;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};

use super::keeper::Keeper;
use super::name_of;
use crate::commands::output::{print_error, say_line};
use crate::commands::{events, exit_code_of, running};

/// Without a terminal, nobody might ever end it.
const UNATTENDED_TIMEOUT: Duration = Duration::from_mins(15);

/// The way to hold the conversation.
pub struct Conversation {
    /// Whether to print events on standard output instead of sentences on standard error.
    pub json: bool,
    /// Whether to show a code for another device instead of a link.
    pub device_auth: bool,
    /// Whether a person sits at the terminal.
    pub attended: bool,
    /// The time limit.
    pub timeout: Option<Duration>,
    /// The arguments for `ssh` with which another machine reaches this one.
    pub ssh_target: Option<String>,
    /// Opens the browser; `None` to open none.
    pub browser: Option<Opener>,
    /// The place of the credentials, unless they are moved from there once they are saved.
    pub store: Option<Store>,
    /// The command that undoes the sign-in, for a person who is shown somebody else's account.
    pub undo: Option<String>,
    /// The home whose session changes: a Codex that runs there goes on with the earlier one.
    pub changed: Option<Store>,
    /// Keeps the sign-in while its device code lives, for whoever loses the connection.
    pub keeper: Option<Keeper>,
}

impl Conversation {
    /// Returns how long to wait for the person.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.timeout
            .or((!self.attended).then_some(UNATTENDED_TIMEOUT))
    }

    pub(super) async fn announce(&self, account: &Account) {
        if self.json {
            let running = match &self.changed {
                Some(home) => running::pids(home).await,
                None => Vec::new(),
            };
            events::emit(events::completed(account, &running));
            return;
        }
        if let Some(store) = &self.store {
            // Known without a look, unless there is a keyring.
            let source = if store.setting().asks_keyring() {
                store.read_async().await.map(|reading| reading.source)
            } else {
                Ok(Source::File)
            };
            if let Ok(source) = source {
                say_line(&format!("Saved in {}", clean(&store.describe(source))));
            }
        }
        say_line("Successfully logged in");
        if account.mode != Mode::ApiKey {
            // Another user of the machine could finish a sign-in with an account of their own,
            // so the account must not be overlooked.
            let who = name_of(account).unwrap_or_else(|| "an unnamed account".to_owned());
            let plan = account.plan.as_ref().map(|plan| clean(&plan.to_string()));
            let plan = plan.map(|plan| format!(" (ChatGPT {plan})"));
            say_line(&format!("as {who}{}", plan.unwrap_or_default()));
            if let Some(undo) = &self.undo {
                say_line(&format!("If that is not you, run: {undo}"));
            }
        }
        if account.needs_setup {
            say_line("Your API organization still needs a payment method");
        }
    }

    /// Reports the end, unless that was done when it came, and returns the exit code.
    pub fn report(&self, ended: Result<Ended>) -> u8 {
        let (error, code) = match ended {
            Ok(Ended::SignedIn) => return 0,
            Ok(ended) => (
                Error::cancelled("The sign-in was cancelled"),
                exit_code_of(ended),
            ),
            Err(error) => {
                let code = crate::exit_code(error.kind());
                (error, code)
            }
        };
        if self.json {
            events::emit(events::failed(&error));
        } else {
            print_error(&error);
        }
        if let Some(keeper) = &self.keeper {
            keeper.say_last_words();
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_it_waits_fifteen_minutes_and_at_one_for_ever() {
        let patience = |attended, timeout| {
            let conversation = Conversation {
                json: false,
                device_auth: false,
                attended,
                timeout,
                ssh_target: None,
                browser: None,
                store: None,
                undo: None,
                changed: None,
                keeper: None,
            };
            conversation.patience()
        };
        assert_eq!(patience(false, None), Some(Duration::from_mins(15)));
        assert_eq!(patience(true, None), None);
        let given = Some(Duration::from_secs(90));
        assert_eq!(patience(true, given), given);
        assert_eq!(patience(false, given), given);
    }
}
