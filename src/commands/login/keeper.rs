//! Keeps the sign-in of a running `login` while its device code lives: a closed window or a lost
//! connection leaves it for `login --resume`.

use std::cell::{Cell, RefCell};

use codex_onboarding::sign_in::{Destination, Kept, PendingFile, Polling};
use codex_onboarding::text::shell_word;

use crate::commands::output::say_line;
use crate::settings::Settings;

/// The file of the sign-in, and what is to become of it.
pub struct Keeper {
    file: PendingFile,
    destination: Destination,
    resume: String,
    is_kept: Cell<bool>,
    /// Keeps other processes from polling.
    polling: RefCell<Option<Polling>>,
}

impl Keeper {
    /// Keeps a sign-in for this destination in the codex home.
    pub fn new(settings: &Settings, destination: Destination) -> Self {
        Self {
            file: PendingFile::of(&settings.store()),
            destination,
            resume: resume_command(settings),
            is_kept: Cell::default(),
            polling: RefCell::default(),
        }
    }

    /// Writes the sign-in down, if it has a device code.
    pub fn keep(&self, kept: Kept) {
        if kept.next_poll_in(chrono::Utc::now()).is_none() {
            return;
        }
        let pending = self.file.pending(kept, self.destination.clone());
        if self.is_kept.get() {
            // The next process asks the issuer no sooner than this one would.
            let _ = self.file.update(&pending);
            return;
        }
        // Another process may still poll for an earlier sign-in, which this one replaces.
        let polling = self.file.poll().ok();
        self.polling.replace_with(|held| held.take().or(polling));
        match self.file.save(&pending) {
            Ok(()) => self.is_kept.set(true),
            Err(error) => tracing::warn!(?error, "the sign-in cannot be resumed"),
        }
    }

    /// Leaves the sign-in for later, if it can be approved still, and says how to go on.
    pub fn leave(&self, kept: Kept) {
        let now = chrono::Utc::now();
        if kept.next_poll_in(now).is_none() || kept.expires_in(now).is_zero() {
            return self.forget(kept);
        }
        let minutes = kept.expires_in(now).as_secs().div_ceil(60);
        self.keep(kept.clone());
        // A sign-out has removed it, or a later sign-in has replaced it, unless it is there.
        if self
            .file
            .holds(&self.file.pending(kept, self.destination.clone()))
        {
            say_line(&format!(
                "The sign-in can be continued within {minutes} minutes: {}",
                self.resume
            ));
        }
    }

    /// Removes the sign-in: it has ended.
    pub fn forget(&self, kept: Kept) {
        self.file
            .remove(&self.file.pending(kept, self.destination.clone()));
    }
}

/// Returns the command that goes on, with what this one was given.
pub fn resume_command(settings: &Settings) -> String {
    let mut command = "codex-onboarding login --resume".to_owned();
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
        let home = std::path::absolute(&settings.codex_home);
        let home = home.unwrap_or_else(|_| settings.codex_home.clone());
        add("--codex-home", &home.to_string_lossy());
    }
    command
}
