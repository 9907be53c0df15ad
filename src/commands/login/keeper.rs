//! Keeps the sign-in of a running `login` while its device code lives: a closed window or a lost
//! connection leaves it for `login --resume`.

use std::cell::Cell;
use std::time::Duration;

use codex_onboarding::sign_in::{self, Destination, Kept, PendingFile};
use codex_onboarding::text::shell_word;

use crate::commands::output::say_line;
use crate::settings::Settings;

/// The file of the sign-in, and the command that goes on with it.
pub struct Keeper {
    pub inner: sign_in::Keeper,
    resume: String,
    /// The time for which the sign-in was left.
    left: Cell<Option<Duration>>,
}

impl Keeper {
    /// Keeps a sign-in for this destination in the codex home.
    pub fn new(settings: &Settings, destination: Destination) -> Self {
        Self {
            inner: sign_in::Keeper::new(PendingFile::of(&settings.store()), destination),
            resume: same_way(settings, "login --resume"),
            left: Cell::default(),
        }
    }

    /// Leaves the sign-in for later, if it can be approved still.
    pub fn leave(&self, kept: Kept) {
        self.left.set(self.inner.leave(kept));
    }

    /// Says how to go on with a sign-in that was left.
    pub fn say_last_words(&self) {
        if let Some(left) = self.left.get() {
            say_left(left, &self.resume);
        }
    }
}

/// Says how to go on with a sign-in that was left.
pub fn say_left(left: Duration, resume: &str) {
    let minutes = left.as_secs().div_ceil(60);
    say_line(&format!(
        "The sign-in can be continued within {minutes} minutes: {resume}"
    ));
}

/// Returns a command for the same issuer, client and codex home as this one, for a shell.
pub fn same_way(settings: &Settings, command: &str) -> String {
    let mut command = format!("codex-onboarding {command}");
    let mut add = |option: &str, value: &str| {
        for word in [option, &shell_word(value)] {
            command.push(' ');
            command.push_str(word);
        }
    };
    if !settings.issuer.url().is_default() {
        add("--issuer", &settings.issuer.url().to_string());
    }
    if settings.issuer.client_id() != codex_onboarding::auth::DEFAULT_CLIENT_ID {
        add("--client-id", settings.issuer.client_id());
    }
    if settings.home_named_by == "--codex-home" {
        let named = settings.slot.as_ref().unwrap_or(&settings.codex_home);
        let home = std::path::absolute(named).unwrap_or_else(|_| named.clone());
        add("--codex-home", &home.to_string_lossy());
    }
    command
}
