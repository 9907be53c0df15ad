//! `login` with ChatGPT: by the callback, a pasted address or a device code.

use std::time::Duration;

use chrono::Utc;
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::sign_in::{
    Cancellation, Kept, Port, SignIn, SignInOptions, Status, is_complete_callback,
};
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep_until};

use super::conversation::{Conversation, say_how_to_resume, say_pending};
use crate::commands::NOT_YET;
use crate::commands::output::{command, notice, print_error};

/// The time limit if there is no person at a terminal to end the wait.
const UNATTENDED_TIMEOUT: Duration = Duration::from_mins(15);

/// The result of the wait for the person.
enum End {
    /// Signed in, and the account has been announced.
    Saved,
    /// The sign-in has failed: the browser gets its last page.
    Failed(Error),
    Signal(ExitSignal),
    TimedOut,
}

impl Conversation<'_> {
    /// Signs in with ChatGPT, or resumes a sign-in that was left. Returns the exit code.
    pub async fn chatgpt(&self, options: SignInOptions, mut exit_signals: ExitSignals) -> u8 {
        let started = match &self.resumed {
            Some(kept) => SignIn::resume(kept.clone(), options),
            None => self.start(options),
        };
        let mut sign_in = match started {
            Ok(sign_in) => sign_in,
            Err(error) => return self.report(&error),
        };
        let end = self.wait(&mut sign_in, &mut exit_signals).await;
        let kept = sign_in.kept();
        let is_saved = match end {
            Ok(End::Saved) => true,
            Ok(End::Failed(_)) => false,
            _ => self.cancel(&mut sign_in).await,
        };
        // Wait 2 seconds at most until the browser has its page, or the issuer has ended a session
        // that is not kept.
        tokio::select! {
            () = sign_in.finish() => {}
            _ = exit_signals.next() => {}
        }
        match &self.resumed {
            _ if is_saved => 0,
            None => self.end_new(end, &kept),
            Some(_) => self.end_resumed(end, kept),
        }
    }

    fn start(&self, mut options: SignInOptions) -> Result<SignIn> {
        if self.flags.device_auth {
            // The link is not shown, so no callback can come.
            options.port = Port::None;
        }
        let sign_in = SignIn::start(options)?;
        if sign_in.link().port.is_none() && !self.attended && !self.flags.device_auth {
            let problem = sign_in.link().port_problem.clone().unwrap_or_default();
            return Err(Error::port_in_use(problem).with_hint(format!(
                "Make one of these ports available, or use: {}",
                command("login --device-auth")
            )));
        }
        Ok(sign_in)
    }

    /// Reports the sign-in, and takes pasted lines, until something ends it.
    ///
    /// # Errors
    /// The sign-in is still open, but waiting for it is useless.
    async fn wait(&self, sign_in: &mut SignIn, exit_signals: &mut ExitSignals) -> Result<End> {
        let mut input = match &self.resumed {
            None => Some(HiddenInput::open()?),
            Some(_) => None,
        };
        if let Some(address) = self.address() {
            tokio::select! {
                submitted = self.submit(address, sign_in) => submitted?,
                signal = exit_signals.next() => return Ok(End::Signal(signal)),
            }
        }
        let only_polls = self.resumed.is_some() && self.address().is_none();
        let deadline = self.limit().map(|limit| Instant::now() + limit);
        let mut polls = sign_in.kept_changes();
        loop {
            if only_polls && deadline.is_some_and(|it| self.is_over(&polls.borrow(), it)) {
                return Ok(End::TimedOut);
            }
            tokio::select! {
                status = sign_in.next() => {
                    let status = status.ok_or_else(|| Error::cancelled("The sign-in was ended"))?;
                    if let Some(end) = self.take(status, sign_in).await? {
                        return Ok(end);
                    }
                }
                line = next_line(&mut input), if input.is_some() => {
                    if let Some(line) = line {
                        self.paste(line.expose_secret(), sign_in);
                    } else if input.take().is_some_and(|input| input.is_gone())
                        && !exit_signals.ignore_hangup()
                    {
                        // The terminal was closed. The signal for that may never come.
                        return Ok(End::Signal(ExitSignal::Hangup));
                    }
                }
                Ok(()) = polls.changed() => {
                    if self.resumed.is_some() {
                        self.keeper.check(&sign_in.kept())?;
                    }
                    // Save the time of the poll: however this process ends, the next one must not
                    // poll too soon.
                    self.keeper.keep(sign_in.kept());
                }
                signal = exit_signals.next() => return Ok(End::Signal(signal)),
                () = until(deadline), if !only_polls => return Ok(End::TimedOut),
            }
        }
    }

    /// Handles a status: shows it, unless it ends the wait.
    async fn take(&self, status: Status, sign_in: &SignIn) -> Result<Option<End>> {
        self.keeper.follow(&status, sign_in)?;
        match status {
            Status::Url(_) | Status::DeviceCode(_) if self.resumed.is_some() => {}
            Status::Url(_) if self.flags.device_auth => sign_in.request_device_code(),
            Status::Url(link) => self.show_link(&link),
            Status::DeviceCode(code) => self.show_device_code(&code),
            // The pasted address may still finish the sign-in.
            Status::DeviceCodeFailed(_) if self.address().is_some() => {}
            Status::DeviceCodeFailed(error) => return Err(error),
            Status::Failed(error) => return Ok(Some(End::Failed(error))),
            Status::Notice(text) | Status::Waiting(text) => notice(&text),
            Status::Completed(account) => {
                self.announce(&account).await;
                return Ok(Some(End::Saved));
            }
            _ => {}
        }
        Ok(None)
    }

    /// Returns the address that finishes a resumed sign-in; `-` means standard input.
    fn address(&self) -> Option<&str> {
        self.flags.resume.as_ref()?.as_deref()
    }

    fn paste(&self, line: &str, sign_in: &SignIn) {
        match sign_in.submit(line) {
            Ok(()) => {}
            // An empty line from a script is not worth an error.
            Err(_) if line.trim().is_empty() && !self.attended => {}
            Err(error) => print_error(&error),
        }
    }

    /// Submits the address of a resumed sign-in, which stays if the address is wrong.
    async fn submit(&self, address: &str, sign_in: &SignIn) -> Result<()> {
        let mut address = SecretString::from(address);
        if address.expose_secret() == "-" {
            let line = HiddenInput::open()?.next_line(|_| false).await;
            address = line.ok_or_else(|| Error::usage("No address came from standard input"))?;
        }
        // Another process may have ended the sign-in meanwhile.
        self.keeper.check(&sign_in.kept())?;
        sign_in.submit(address.expose_secret())
    }

    /// Cancels, and returns whether that came too late. The account is then announced as after any
    /// sign-in.
    async fn cancel(&self, sign_in: &mut SignIn) -> bool {
        let is_saved = sign_in.cancel().await == Cancellation::AlreadySaved;
        while is_saved && let Some(status) = sign_in.next().await {
            if let Ok(Some(End::Saved)) = self.take(status, sign_in).await {
                break;
            }
        }
        is_saved
    }

    /// Reports why a new sign-in is not saved, and leaves it for later unless the person ended it.
    fn end_new(&self, end: Result<End>, kept: &Kept) -> u8 {
        let mut left = None;
        if let Ok(End::TimedOut | End::Signal(ExitSignal::Hangup | ExitSignal::Terminate)) = end {
            left = self.keeper.leave(kept);
        } else {
            self.keeper.forget(kept);
        }
        let code = match end {
            Ok(End::Saved) => 0,
            Ok(End::Signal(signal)) => self.report_signal(signal),
            Ok(End::Failed(error)) | Err(error) => self.report(&error),
            Ok(End::TimedOut) => self.report(&timed_out(self.limit().unwrap_or_default())),
        };
        if let Some(left) = left {
            say_how_to_resume(left);
        }
        code
    }

    /// Reports why a resumed sign-in is not saved, and keeps it unless it has ended.
    fn end_resumed(&self, end: Result<End>, kept: Kept) -> u8 {
        match end {
            Ok(End::Saved) => 0,
            Ok(End::Signal(signal)) => {
                if signal == ExitSignal::Interrupt || self.code_is_spent(&kept) {
                    self.keeper.forget(&kept);
                } else {
                    self.keeper.keep(kept);
                }
                self.report_signal(signal)
            }
            Ok(End::TimedOut) => {
                let expires_in = kept.expires_in(Utc::now());
                self.keeper.keep(kept);
                let why = "Nobody has approved the sign-in yet";
                say_pending(self.flags.json, expires_in, why);
                NOT_YET
            }
            // The device code ran out.
            Ok(End::Failed(error)) | Err(error) if error.kind() == ErrorKind::Timeout => {
                self.report(&Error::expired(error.message()))
            }
            Ok(End::Failed(error)) | Err(error) => self.report(&error),
        }
    }

    /// Returns whether waiting is over for a resumed sign-in that only polls: no poll is due before
    /// the deadline, or now if it has passed. A spent code is being exchanged, so the sign-in is
    /// about to end by itself.
    fn is_over(&self, kept: &Kept, deadline: Instant) -> bool {
        let now = Instant::now();
        let next_poll = kept.next_poll_in(Utc::now());
        !self.code_is_spent(kept) && next_poll.is_none_or(|wait| now + wait > deadline.max(now))
    }

    /// Returns whether the device code that the sign-in was resumed with is spent or refused.
    fn code_is_spent(&self, kept: &Kept) -> bool {
        let had_code = self.resumed.as_ref().is_some_and(Kept::has_device_code);
        had_code && !kept.has_device_code()
    }

    /// Returns the time limit for the person. A resumed sign-in expires by itself.
    fn limit(&self) -> Option<Duration> {
        limit(self.flags.timeout, self.attended || self.resumed.is_some())
    }
}

fn limit(given: Option<Duration>, ends_by_itself: bool) -> Option<Duration> {
    given.or((!ends_by_itself).then_some(UNATTENDED_TIMEOUT))
}

async fn next_line(input: &mut Option<HiddenInput>) -> Option<SecretString> {
    input.as_mut()?.next_line(is_complete_callback).await
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn timed_out(limit: Duration) -> Error {
    Error::timeout(format!(
        "Nobody signed in within {}",
        humantime::format_duration(limit)
    ))
    .with_hint("Start again, with a longer --timeout if need be")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_it_waits_fifteen_minutes_and_at_one_for_ever() {
        assert_eq!(limit(None, false), Some(Duration::from_mins(15)));
        assert_eq!(limit(None, true), None);
        let given = Some(Duration::from_secs(90));
        assert_eq!(limit(given, true), given);
        assert_eq!(limit(given, false), given);
    }
}
