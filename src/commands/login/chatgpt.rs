//! `login` with ChatGPT: by the callback, a pasted address or a device code.

use std::time::Duration;

use codex_onboarding::auth::Account;
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::sign_in::{
    Cancellation, DeviceCode, Kept, Link, Port, SignIn, SignInOptions, Status, is_complete_callback,
};
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};
use secrecy::ExposeSecret as _;

use super::conversation::Conversation;
use crate::commands::events;
use crate::commands::output::{notice, print_error, say, say_line};

/// The end of the wait for the person.
enum End {
    SignedIn(Account),
    Failed(Error),
    /// The sign-in is still open, and nobody waits for it.
    GivenUp(Error),
    Signal(ExitSignal),
    TimedOut(Duration),
}

impl Conversation {
    /// Signs in with ChatGPT.
    pub async fn chatgpt(
        &self,
        mut options: SignInOptions,
        mut exit_signals: ExitSignals,
    ) -> Result<Ended> {
        if self.device_auth {
            // Nobody sees the link, so no callback can come.
            options.port = Port::None;
        }
        let mut sign_in = SignIn::start(options)?;
        if sign_in.link().port.is_none() && !self.attended && !self.device_auth {
            let problem = sign_in.link().port_problem.clone().unwrap_or_default();
            return Err(Error::port_in_use(problem).with_hint(
                "Make one of these ports available, or use: codex-onboarding login \
                     --device-auth",
            ));
        }
        let ended = self.wait(&mut sign_in, &mut exit_signals).await;
        self.keep_or_forget(&ended, sign_in.kept());
        // The terminal is free again before the browser has its page.
        match ended? {
            End::SignedIn(account) => {
                self.announce(&account).await;
                finish(sign_in, &mut exit_signals).await;
                Ok(Ended::SignedIn)
            }
            End::Failed(error) => {
                finish(sign_in, &mut exit_signals).await;
                Err(error)
            }
            End::Signal(signal) => {
                let saved = self.cancel(sign_in, &mut exit_signals).await;
                Ok(if saved {
                    Ended::SignedIn
                } else {
                    Ended::Signal(signal)
                })
            }
            End::GivenUp(error) => self.give_up(sign_in, error, &mut exit_signals).await,
            End::TimedOut(timeout) => {
                let error = timed_out(timeout);
                self.give_up(sign_in, error, &mut exit_signals).await
            }
        }
    }

    /// What a person did not end themselves is left for later.
    fn keep_or_forget(&self, ended: &Result<End>, kept: Kept) {
        let Some(keeper) = &self.keeper else {
            return;
        };
        match ended {
            Ok(End::TimedOut(_) | End::Signal(ExitSignal::Hangup | ExitSignal::Terminate)) => {
                keeper.leave(kept);
            }
            _ => keeper.inner.forget(kept),
        }
    }

    /// Reports the sign-in, and takes pasted lines, until something ends it.
    async fn wait(&self, sign_in: &mut SignIn, exit_signals: &mut ExitSignals) -> Result<End> {
        let mut input = HiddenInput::open()?;
        let deadline = time_out(self.patience());
        tokio::pin!(deadline);
        let mut polls = sign_in.kept_changes();
        let mut reading = true;
        loop {
            tokio::select! {
                status = sign_in.next() => {
                    if let Some(end) = self.take(status, sign_in)? {
                        return Ok(end);
                    }
                }
                line = input.next_line(is_complete_callback), if reading => match line {
                    Some(line) => self.paste(line.expose_secret(), sign_in),
                    // The terminal was closed. The signal for that may never come.
                    None if input.is_gone() && !exit_signals.ignore_hangup() => return Ok(End::Signal(ExitSignal::Hangup)),
                    None => reading = false,
                },
                Ok(()) = polls.changed() => {
                    if let Some(keeper) = &self.keeper {
                        keeper.inner.keep(sign_in.kept());
                    }
                }
                signal = exit_signals.next() => return Ok(End::Signal(signal)),
                timeout = &mut deadline => return Ok(End::TimedOut(timeout)),
            }
        }
    }

    fn take(&self, status: Option<Status>, sign_in: &SignIn) -> Result<Option<End>> {
        if let (Some(keeper), Some(status)) = (&self.keeper, &status)
            && let Err(error) = keeper.inner.note(status, sign_in)
        {
            return Ok(Some(End::GivenUp(error)));
        }
        match status {
            Some(Status::Url(_)) if self.device_auth => sign_in.request_device_code(),
            Some(Status::Url(link)) => self.show_link(&link),
            Some(Status::DeviceCode(code)) => self.show_device_code(&code),
            Some(Status::DeviceCodeFailed(error)) => return Ok(Some(End::GivenUp(error))),
            Some(Status::Failed(error)) => return Ok(Some(End::Failed(error))),
            Some(Status::Notice(text) | Status::Waiting(text)) => notice(&text),
            Some(Status::Completed(account)) => return Ok(Some(End::SignedIn(account))),
            Some(_) => {}
            None => return Err(Error::cancelled("The sign-in was ended")),
        }
        Ok(None)
    }

    fn show_link(&self, link: &Link) {
        if self.json {
            events::emit(events::url(link));
        } else {
            self.describe_link(link);
        }
        if let Some(browser) = &self.browser {
            let opened = Box::new(|result: Result<()>| {
                if let Err(error) = result {
                    tracing::debug!(?error, "no browser was opened");
                }
            });
            browser(&link.authorization_url, opened);
        }
    }

    /// Hosts parse the last line that begins with `http`, so there must be only one.
    fn describe_link(&self, link: &Link) {
        match (link.port, &link.port_problem) {
            (Some(port), _) => say_line(&format!(
                "Starting local login server on http://localhost:{port}"
            )),
            (None, Some(problem)) => say_line(&format!(
                "{problem}. So there is no local login server: paste the address you land on"
            )),
            (None, None) => {}
        }
        // Hosts look for these words, whether or not a browser was tried.
        say(&format!(
            "If your browser did not open, navigate to this URL to authenticate:\n\n{}\n\n",
            link.authorization_url
        ));
        if self.browser.is_none()
            && let (Some(port), Some(target)) = (link.port, &self.ssh_target)
        {
            say(&format!(
                "Is the browser on another machine? Run this there first:\n  \
                 ssh -L {port}:localhost:{port} {target}\n"
            ));
        }
        if self.attended {
            say(
                "Or paste here the address you land on (it stays hidden), then press Enter.\n\
                 Or press Ctrl-C and use: codex-onboarding login --device-auth\n",
            );
        }
    }

    fn show_device_code(&self, code: &DeviceCode) {
        if self.json {
            events::emit(events::device_code(code));
            return;
        }
        let minutes = code.expires_in.as_secs() / 60;
        say(&format!(
            "On any device, open {url}\nand enter this code (it expires in {minutes} minutes):\n\n  \
             {code}\n\nNever share this code. If a site or a person asked you for it, press Ctrl-C:\n\
             that sign-in did not start here.\n\
             If the page says that device codes are off, turn them on in ChatGPT under\n\
             Settings, Security, or press Ctrl-C and paste instead: codex-onboarding login\n",
            url = clean(&code.verification_url),
            code = code.user_code,
        ));
    }

    fn paste(&self, line: &str, sign_in: &SignIn) {
        match sign_in.submit(line) {
            Ok(()) => {}
            // An empty line from a script is not worth an error.
            Err(_) if line.trim().is_empty() && !self.attended => {}
            Err(error) => print_error(&error),
        }
    }

    /// Cancels, and returns the error unless that came too late.
    pub(super) async fn give_up(
        &self,
        sign_in: SignIn,
        error: Error,
        exit_signals: &mut ExitSignals,
    ) -> Result<Ended> {
        if self.cancel(sign_in, exit_signals).await {
            return Ok(Ended::SignedIn);
        }
        Err(error)
    }

    /// Cancels. Returns whether that came too late: then it is announced like any sign-in.
    pub(super) async fn cancel(&self, mut sign_in: SignIn, exit_signals: &mut ExitSignals) -> bool {
        let saved = sign_in.cancel().await == Cancellation::AlreadySaved;
        if saved {
            while let Some(status) = sign_in.next().await {
                match status {
                    Status::Notice(text) => notice(&text),
                    Status::Completed(account) => {
                        self.announce(&account).await;
                        break;
                    }
                    _ => {}
                }
            }
        }
        finish(sign_in, exit_signals).await;
        saved
    }
}

/// Waits until the browser has its page, or the issuer has ended a session that is not kept:
/// 2 seconds at most. A signal ends the wait, and changes nothing.
pub(super) async fn finish(sign_in: SignIn, exit_signals: &mut ExitSignals) {
    tokio::select! {
        () = sign_in.finish() => {}
        _ = exit_signals.next() => {}
    }
}

/// Waits for the end of the time, if there is one.
async fn time_out(timeout: Option<Duration>) -> Duration {
    let Some(timeout) = timeout else {
        return std::future::pending().await;
    };
    tokio::time::sleep(timeout).await;
    timeout
}

fn timed_out(timeout: Duration) -> Error {
    Error::timeout(format!(
        "Nobody signed in within {}",
        humantime::format_duration(timeout)
    ))
    .with_hint("Start again, with a longer --timeout if need be")
}
