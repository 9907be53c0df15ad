//! A sign-in that is left, and gone on with later: `login --no-wait` and `login --resume`.

use std::time::Duration;

use codex_onboarding::auth::Account;
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::sign_in::{
    Destination, DeviceCode, Keeper, Link, PendingFile, PendingSignIn, Port, SignIn, SignInOptions,
    Status,
};
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::text::clean;
use codex_onboarding::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep_until};

use super::conversation::Conversation;
use crate::cli::SignInFlags;
use crate::commands::output::{notice, say};
use crate::commands::{NOT_YET, events};
use crate::settings::Settings;

/// A sign-in that is gone on with, and the right to poll for it.
pub struct Resumed {
    keeper: Keeper,
    pending: PendingSignIn,
    /// The pasted callback, where it is given; `-` for standard input.
    address: Option<SecretString>,
    timeout: Option<Duration>,
}

impl Resumed {
    /// Finds what was left in the codex home, checks that it is this command's to go on with, and
    /// takes the right to poll.
    ///
    /// # Errors
    /// Nothing was left, it has expired, it was begun with another issuer, client or home, or
    /// another process polls ([`ErrorKind::Timeout`]).
    pub fn find(settings: &Settings, flags: &SignInFlags, address: &str) -> Result<Self> {
        let file = PendingFile::of(&settings.store());
        let load = || {
            let nothing = || Error::not_signed_in("There is no sign-in to resume");
            file.load()?.ok_or_else(nothing)
        };
        let pending = load()?;
        file.check_home(&pending)?;
        pending.kept.check(&settings.issuer)?;
        if pending.kept.has_expired(chrono::Utc::now()) {
            file.remove(&pending);
            return Err(Error::expired("The sign-in has expired"));
        }
        let has_code = pending.kept.next_poll_in(chrono::Utc::now()).is_some();
        if address.is_empty() && flags.timeout.is_none() && !has_code {
            // Without a device code nobody can approve it: the wait would be for nothing.
            return Err(
                Error::usage("This sign-in needs the address that the browser landed on")
                    .with_hint("Give it as one more argument, or - to read it from standard input"),
            );
        }
        let keeper = Keeper::polling(file.clone(), pending.destination.clone())?;
        // Whoever had the lock may have finished it, or asked the issuer just now.
        keeper.check(&pending.kept)?;
        Ok(Self {
            keeper,
            pending: load()?,
            address: (!address.is_empty()).then(|| address.into()),
            timeout: flags.timeout,
        })
    }

    /// Returns the place for the new account.
    pub fn destination(&self) -> &Destination {
        &self.pending.destination
    }
}

async fn address_from_stdin() -> Result<SecretString> {
    let line = HiddenInput::open()?.next_line(|_| false).await;
    line.ok_or_else(|| Error::usage("No address came from standard input"))
}

/// How the wait for an approval ended.
enum End {
    SignedIn(Account),
    Failed(Error),
    Signal(ExitSignal),
    TimeOut,
}

impl Conversation {
    /// Begins a sign-in, tells how it is approved, and leaves it for later.
    pub async fn leave(
        &self,
        settings: &Settings,
        mut options: SignInOptions,
        destination: Destination,
        exit_signals: &mut ExitSignals,
    ) -> Result<u8> {
        let file = PendingFile::of(&settings.store());
        file.check_savable()?;
        options.port = Port::None;
        let mut sign_in = SignIn::start(options)?;
        sign_in.request_device_code();
        let code = loop {
            let status = tokio::select! {
                status = sign_in.next() => status,
                signal = exit_signals.next() => return Ok(signal.exit_code()),
            };
            match status {
                Some(Status::DeviceCode(code)) => break Some(code),
                // Codes are off; a pasted address will do.
                Some(Status::DeviceCodeFailed(error)) if error.kind() == ErrorKind::Denied => {
                    break None;
                }
                Some(Status::DeviceCodeFailed(error) | Status::Failed(error)) => return Err(error),
                Some(Status::Notice(text) | Status::Waiting(text)) => notice(&text),
                Some(_) => {}
                None => return Err(Error::cancelled("The sign-in was ended")),
            }
        };
        file.save(&file.pending(sign_in.kept(), destination))?;
        let resume = settings.command("login --resume");
        let link = sign_in.link().clone();
        if self.json {
            emit_left(&link, code.as_ref(), &resume);
        } else {
            say_left(&link, code.as_ref(), &resume);
        }
        Ok(0)
    }

    /// Goes on with a sign-in until it has ended, the time is up, or a signal comes. Returns the
    /// exit code when nobody has approved it yet.
    pub async fn resume(
        &self,
        resumed: &Resumed,
        options: SignInOptions,
        exit_signals: &mut ExitSignals,
    ) -> Result<Result<Ended, u8>> {
        let mut sign_in = SignIn::resume(resumed.pending.kept.clone(), options)?;
        let end = match submit(resumed, &sign_in, exit_signals).await? {
            Some(signal) => End::Signal(signal),
            None => wait(resumed, &mut sign_in, exit_signals).await,
        };
        let (keeper, kept) = (&resumed.keeper, sign_in.kept());
        if let End::SignedIn(account) = end {
            self.announce(&account).await;
            super::chatgpt::finish(sign_in, exit_signals).await;
            return Ok(Ok(Ended::SignedIn));
        }
        if self.cancel(sign_in, exit_signals).await {
            keeper.forget(kept);
            return Ok(Ok(Ended::SignedIn));
        }
        let expires_in = kept.expires_in(chrono::Utc::now());
        match end {
            End::Failed(error) => return Err(as_expired(error)),
            End::Signal(ExitSignal::Interrupt) => keeper.forget(kept),
            _ => keeper.keep(kept),
        }
        if let End::Signal(signal) = end {
            return Ok(Ok(Ended::Signal(signal)));
        }
        self.say_pending(expires_in, "Nobody has approved the sign-in yet");
        Ok(Err(NOT_YET))
    }

    /// Says that it is not the time yet.
    pub fn say_pending(&self, expires_in: Duration, why: &str) {
        if self.json {
            events::emit(events::pending(expires_in));
        } else {
            notice(&format!(
                "{why}. It expires in {}",
                humantime::format_duration(Duration::from_secs(expires_in.as_secs()))
            ));
        }
    }
}

/// Submits the address, if there is one. The sign-in stays when the address is wrong.
async fn submit(
    resumed: &Resumed,
    sign_in: &SignIn,
    exit_signals: &mut ExitSignals,
) -> Result<Option<ExitSignal>> {
    let Some(address) = &resumed.address else {
        return Ok(None);
    };
    let address = if address.expose_secret() == "-" {
        tokio::select! {
            address = address_from_stdin() => address?,
            signal = exit_signals.next() => return Ok(Some(signal)),
        }
    } else {
        address.clone()
    };
    // Another process may have ended it while the address came.
    resumed.keeper.check(&resumed.pending.kept)?;
    sign_in.submit(address.expose_secret())?;
    Ok(None)
}

/// Waits for the end, at most as long as the command allows; a poll that is not due by then is not
/// waited for.
async fn wait(resumed: &Resumed, sign_in: &mut SignIn, exit_signals: &mut ExitSignals) -> End {
    let begun = Instant::now();
    let mut polls = sign_in.kept_changes();
    let has_address = resumed.address.is_some();
    loop {
        let next_poll = polls.borrow().next_poll_in(chrono::Utc::now());
        let end = resumed.timeout.map(|timeout| begun + timeout);
        let is_too_late = end.is_some_and(|end| {
            next_poll.is_none_or(|wait| Instant::now() + wait > end.max(Instant::now()))
        });
        if !has_address && is_too_late {
            return End::TimeOut;
        }
        let deadline = async {
            match end {
                Some(end) if has_address => sleep_until(end).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            status = sign_in.next() => {
                let Some(status) = status else {
                    return End::Failed(Error::cancelled("The sign-in was ended"));
                };
                if let Err(error) = resumed.keeper.note(&status, sign_in) {
                    return End::Failed(error);
                }
                match status {
                    Status::Notice(text) | Status::Waiting(text) => notice(&text),
                    Status::Completed(account) => return End::SignedIn(account),
                    Status::DeviceCodeFailed(_) if has_address => {}
                    Status::Failed(error) | Status::DeviceCodeFailed(error) => {
                        return End::Failed(error);
                    }
                    _ => {}
                }
            }
            Ok(()) = polls.changed() => {
                let kept = sign_in.kept();
                if let Err(error) = resumed.keeper.check(&kept) {
                    return End::Failed(error);
                }
                // However this process ends, the next one asks no sooner.
                resumed.keeper.keep(kept);
            }
            signal = exit_signals.next() => return End::Signal(signal),
            () = deadline => return End::TimeOut,
        }
    }
}

/// A device code that ran out is a sign-in that has expired.
fn as_expired(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Timeout => Error::expired(error.message().to_owned()),
        _ => error,
    }
}

fn emit_left(link: &Link, code: Option<&DeviceCode>, resume: &str) {
    let with_resume = |mut event: serde_json::Value| {
        event["resume"] = resume.into();
        events::emit(event);
    };
    with_resume(events::url(link));
    if let Some(code) = code {
        with_resume(events::device_code(code));
    }
}

fn say_left(link: &Link, code: Option<&DeviceCode>, resume: &str) {
    if let Some(code) = code {
        say(&format!(
            "On any device, open the page {}\nand enter the code {} (it expires in {} minutes).\n\
             Never share this code: whoever has it could have you sign them in.\n\n\
             Or open this link, and keep the address you land on:\n\n",
            clean(&code.verification_url),
            code.user_code,
            code.expires_in.as_secs() / 60,
        ));
    } else {
        say("Open this link, and keep the address you land on:\n\n");
    }
    say(&format!("{}\n\n", link.authorization_url));
    let address = match code {
        Some(_) => "Afterwards, or with the address as one more argument",
        None => "Afterwards, with the address as one more argument",
    };
    say(&format!("{address}, run:\n  {resume}\n"));
}
