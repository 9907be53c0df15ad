//! A sign-in that is left and resumed: `login --no-wait` and `login --resume`.

use chrono::Utc;
use codex_onboarding::sign_in::{
    Destination, Keeper, PendingFile, Port, SignIn, SignInOptions, Status,
};
use codex_onboarding::signals::ExitSignals;
use codex_onboarding::{Error, ErrorKind, Result};

use super::conversation::{Conversation, say_pending};
use crate::cli::SignInFlags;
use crate::commands::output::notice;
use crate::settings::Settings;

impl<'a> Conversation<'a> {
    /// Finds the sign-in that was left in the codex home, checks that this command may resume it,
    /// and takes the right to poll. Reports it and returns `None` if another process is polling.
    ///
    /// # Errors
    /// There is no such sign-in, it has expired, it began with another issuer, client or home, or
    /// an option was given that can only be chosen when it begins.
    pub fn resume(
        settings: &'a Settings,
        flags: &'a SignInFlags,
        destination: &Destination,
    ) -> Result<Option<Self>> {
        check_options(settings, destination)?;
        let file = PendingFile::of(&settings.store());
        let load = || {
            let nothing = || Error::not_signed_in("There is no sign-in to resume");
            file.load()?.ok_or_else(nothing)
        };
        let pending = load()?;
        file.check_home(&pending)?;
        pending.kept.check(&settings.issuer)?;
        if pending.kept.has_expired(Utc::now()) {
            file.remove(&pending.kept);
            return Err(Error::expired("The sign-in has expired"));
        }
        let has_code = pending.kept.has_device_code();
        if flags.resume == Some(None) && flags.timeout.is_none() && !has_code {
            // Without a device code there is nothing to poll for, so the wait would never end.
            return Err(
                Error::usage("This sign-in needs the address that the browser landed on")
                    .with_hint("Give it as one more argument, or - to read it from standard input"),
            );
        }
        let keeper = match Keeper::resume(file.clone(), pending.destination.clone()) {
            Err(error) if error.kind() == ErrorKind::Timeout => {
                let expires_in = pending.kept.expires_in(Utc::now());
                say_pending(flags.json, expires_in, error.message());
                return Ok(None);
            }
            keeper => keeper?,
        };
        // The process that polled until now may have finished the sign-in, or may have just polled.
        keeper.check(&pending.kept)?;
        Ok(Some(Self {
            keeper,
            resumed: Some(load()?.kept),
            ..Self::new(settings, flags, pending.destination)
        }))
    }

    /// Begins a sign-in, shows how to approve it, and leaves it for later. Returns the exit code.
    pub async fn leave(&self, options: SignInOptions, mut exit_signals: ExitSignals) -> u8 {
        tokio::select! {
            left = self.begin(options) => left.map_or_else(|error| self.report(&error), |()| 0),
            signal = exit_signals.next() => signal.exit_code(),
        }
    }

    async fn begin(&self, mut options: SignInOptions) -> Result<()> {
        let file = PendingFile::of(&self.settings.store());
        file.check_savable()?;
        options.port = Port::None;
        let mut sign_in = SignIn::start(options)?;
        sign_in.request_device_code();
        let code = loop {
            match sign_in.next().await {
                Some(Status::DeviceCode(code)) => break Some(code),
                // Device codes are disabled, but a pasted address can finish it.
                Some(Status::DeviceCodeFailed(error)) if error.kind() == ErrorKind::Denied => {
                    break None;
                }
                Some(Status::DeviceCodeFailed(error) | Status::Failed(error)) => return Err(error),
                Some(Status::Notice(text) | Status::Waiting(text)) => notice(&text),
                Some(_) => {}
                None => return Err(Error::cancelled("The sign-in was ended")),
            }
        };
        file.save(sign_in.kept(), self.destination.clone())?;
        self.show_left(sign_in.link(), code.as_ref());
        Ok(())
    }
}

/// Refuses the options for the destination and the workspace, which can only be chosen when a
/// sign-in begins.
fn check_options(settings: &Settings, destination: &Destination) -> Result<()> {
    let option = match destination {
        Destination::Keep => "--keep",
        Destination::Beside(Some(_)) => "--name",
        _ if !settings.flags.workspace.is_empty() => "--workspace",
        _ => return Ok(()),
    };
    let message = format!("{option} belongs to the beginning of a sign-in");
    Err(Error::usage(message).with_hint("Leave it out, or begin a new one"))
}
