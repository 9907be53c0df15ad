//! Keeps the sign-in of a running `login` while its device code lives: a closed window or a lost
//! connection leaves it for `login --resume`.

use std::cell::Cell;
use std::time::Duration;

use codex_onboarding::sign_in::{self, Destination, Kept, PendingFile};

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
            resume: settings.command("login --resume"),
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
