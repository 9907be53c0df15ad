//! The conversation of `login`: what it prints and reads while it goes on.

use std::time::Duration;

use codex_onboarding::auth::{AccessTokenSave, Account, ApiKeySave, Mode};
use codex_onboarding::browser::Opener;
use codex_onboarding::hidden_input::HiddenInput;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::product::Product;
use codex_onboarding::sign_in::{
    Cancellation, DeviceCode, Link, SignIn, SignInOptions, Status, is_complete_callback,
};
use codex_onboarding::signals::{ExitSignal, ExitSignals};
use codex_onboarding::text::clean;
use codex_onboarding::{Error, ErrorKind, Result};
use futures_core::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use super::name_of;
use crate::commands::output::{notice, notify, print_error, say, say_line};
use crate::commands::{events, exit_code_of};

/// Without a terminal, nobody might ever end it.
const UNATTENDED_TIMEOUT: Duration = Duration::from_mins(15);

/// How to hold the conversation.
pub struct Conversation {
    /// Whether to print events on standard output instead of sentences on standard error.
    pub json: bool,
    /// Whether to show a code for another device instead of a link.
    pub device_auth: bool,
    /// Whether a person sits at the terminal.
    pub attended: bool,
    /// When to give up.
    pub timeout: Option<Duration>,
    /// How another machine reaches this one: the arguments for `ssh`.
    pub ssh_target: Option<String>,
    /// Opens the browser; `None` to open none.
    pub browser: Option<Opener>,
    /// What undoes the sign-in, for whoever is shown somebody else's account.
    pub undo: Option<&'static str>,
}

/// What to do after a status.
enum Next {
    GoOn,
    Done(Account),
    Failed(Error),
}

/// What is typed or piped in.
#[derive(Clone, Copy)]
pub enum Secret {
    /// `--with-api-key`
    ApiKey,
    /// `--with-access-token`
    AccessToken,
}

/// A save that is under way: it returns the account and a warning.
type PendingSave = BoxFuture<'static, Result<(Account, Option<String>)>>;

impl Secret {
    fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::AccessToken => "access token",
        }
    }

    /// Checks the secret and gets ready to save it.
    async fn prepare(self, options: &SignInOptions, secret: SecretString) -> Result<PendingSave> {
        let (store, notify) = (&options.store, notify());
        match self {
            Self::ApiKey => {
                let save = ApiKeySave::prepare(store, secret, &notify).await;
                let save = save.map_err(where_keys_are)?;
                Ok(Box::pin(async {
                    let saved = save.commit().await?;
                    Ok((saved.account, saved.warning))
                }))
            }
            Self::AccessToken => {
                let (issuer, workspaces) = (&options.issuer, &options.workspaces);
                let save = AccessTokenSave::prepare(store, issuer, workspaces, &secret, &notify);
                Ok(Box::pin(save.await?.commit()))
            }
        }
    }
}

impl Conversation {
    /// Signs in with ChatGPT.
    pub async fn chatgpt(
        &self,
        options: SignInOptions,
        mut exit_signals: ExitSignals,
    ) -> Result<Ended> {
        let mut sign_in = SignIn::start(options)?;
        if sign_in.link().port.is_none() && !self.attended && !self.device_auth {
            let problem = sign_in.link().port_problem.clone().unwrap_or_default();
            return Err(Error::port_in_use(problem)
                .with_hint("Free one of them, or use: codex-onboarding login --device-auth"));
        }
        let mut input = HiddenInput::open()?;
        let timeout = self.patience();
        let deadline = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(deadline);
        let mut reading = true;
        loop {
            tokio::select! {
                status = sign_in.next() => match self.take(status, &sign_in)? {
                    Next::GoOn => {}
                    Next::Done(account) => {
                        // The terminal is free before the browser has its page.
                        drop(input);
                        self.announce(&account);
                        finish(sign_in, &mut exit_signals).await;
                        return Ok(Ended::SignedIn);
                    }
                    Next::Failed(error) => {
                        drop(input);
                        finish(sign_in, &mut exit_signals).await;
                        return Err(error);
                    }
                },
                line = input.next_line(is_complete_callback), if reading => match line {
                    Some(line) => self.paste(line.expose_secret(), &sign_in),
                    // The terminal was closed. The signal for that may never come.
                    None if input.is_gone() => return Ok(self.give_up(sign_in, ExitSignal::Hangup, &mut exit_signals).await),
                    None => reading = false,
                },
                signal = exit_signals.next() => {
                    drop(input);
                    return Ok(self.give_up(sign_in, signal, &mut exit_signals).await);
                }
                () = &mut deadline => {
                    drop(input);
                    if self.cancel(sign_in, &mut exit_signals).await {
                        return Ok(Ended::SignedIn);
                    }
                    return Err(timed_out(timeout.unwrap_or_default()));
                }
            }
        }
    }

    /// Returns how long to wait for the person.
    fn patience(&self) -> Option<Duration> {
        self.timeout
            .or((!self.attended).then_some(UNATTENDED_TIMEOUT))
    }

    fn take(&self, status: Option<Status>, sign_in: &SignIn) -> Result<Next> {
        match status {
            Some(Status::Url(link)) if self.device_auth => {
                tracing::debug!(port = link.port, "the callback server listens too");
                sign_in.request_device_code();
            }
            Some(Status::Url(link)) => self.show_link(&link),
            Some(Status::DeviceCode(code)) => self.show_device_code(&code),
            Some(Status::DeviceCodeFailed(error)) => return Err(error),
            Some(Status::Failed(error)) => return Ok(Next::Failed(error)),
            Some(Status::Notice(text) | Status::Waiting(text)) => notice(&text),
            Some(Status::Completed(account)) => return Ok(Next::Done(account)),
            Some(_) => {}
            None => return Err(Error::cancelled("The sign-in was ended")),
        }
        Ok(Next::GoOn)
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
                "{problem}: no local login server. Paste the address you land on instead"
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

    async fn give_up(
        &self,
        sign_in: SignIn,
        signal: ExitSignal,
        exit_signals: &mut ExitSignals,
    ) -> Ended {
        if self.cancel(sign_in, exit_signals).await {
            Ended::SignedIn
        } else {
            Ended::Signal(signal)
        }
    }

    /// Cancels. Returns whether that came too late: then it is announced like any sign-in.
    async fn cancel(&self, mut sign_in: SignIn, exit_signals: &mut ExitSignals) -> bool {
        let saved = sign_in.cancel().await == Cancellation::AlreadySaved;
        if saved {
            while let Some(status) = sign_in.next().await {
                if let Status::Completed(account) = status {
                    self.announce(&account);
                    break;
                }
            }
        }
        finish(sign_in, exit_signals).await;
        saved
    }

    /// Takes one line from standard input, hidden at a terminal, and saves it.
    pub async fn secret(
        &self,
        kind: Secret,
        options: &SignInOptions,
        mut exit_signals: ExitSignals,
    ) -> Result<Ended> {
        let mut input = HiddenInput::open()?;
        let prompted = input.is_terminal();
        if prompted {
            let name = kind.name();
            say(&format!(
                "Paste or type your {name} (it stays hidden), then press Enter: "
            ));
        }
        let secret = tokio::select! {
            line = input.next_line(|_| false) => Ok(line.unwrap_or_default()),
            signal = exit_signals.next() => Err(signal),
        };
        if prompted {
            say("\n");
        }
        drop(input);
        let secret = match secret {
            Ok(secret) => secret,
            Err(signal) => return Ok(Ended::Signal(signal)),
        };
        let save = tokio::select! {
            save = kind.prepare(options, secret) => save?,
            signal = exit_signals.next() => return Ok(Ended::Signal(signal)),
        };
        let (account, warning) = save.await?;
        if let Some(warning) = &warning {
            notice(warning);
        }
        self.announce(&account);
        Ok(Ended::SignedIn)
    }

    fn announce(&self, account: &Account) {
        if self.json {
            events::emit(events::completed(account));
            return;
        }
        say_line("Successfully logged in");
        if account.mode != Mode::ApiKey {
            // Another user of the machine could finish a sign-in with an account of their own,
            // so the account must not be overlooked.
            let who = name_of(account).unwrap_or_else(|| "an unnamed account".to_owned());
            let plan = account.plan.as_ref().map(|plan| clean(&plan.to_string()));
            let plan = plan.map(|plan| format!(" (ChatGPT {plan})"));
            say_line(&format!("as {who}{}", plan.unwrap_or_default()));
            if let Some(undo) = self.undo {
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
        code
    }
}

/// Waits until the browser has its page, or the issuer has ended a session that is not kept:
/// 2 seconds at most. A signal ends the wait, and changes nothing.
async fn finish(sign_in: SignIn, exit_signals: &mut ExitSignals) {
    tokio::select! {
        () = sign_in.finish() => {}
        _ = exit_signals.next() => {}
    }
}

/// Adds where a key comes from to an error about the key itself.
fn where_keys_are(error: Error) -> Error {
    match Product::codex().api_key.page {
        Some(page) if error.kind() == ErrorKind::Usage => {
            error.with_hint(format!("Create or copy a key at {page}"))
        }
        _ => error,
    }
}

fn timed_out(timeout: Duration) -> Error {
    Error::timeout(format!(
        "Nobody signed in within {}",
        humantime::format_duration(timeout)
    ))
    .with_hint("Start again, with a longer --timeout if need be")
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
                undo: None,
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
