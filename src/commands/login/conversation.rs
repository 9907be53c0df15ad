//! The output of `login`: events on standard output with `--json`, else sentences on standard
//! error.

use std::io::IsTerminal as _;
use std::time::Duration;

use codex_onboarding::auth::{Account, Mode, Source};
use codex_onboarding::browser::{self, Opener};
use codex_onboarding::sign_in::{Destination, DeviceCode, Keeper, Kept, Link, PendingFile};
use codex_onboarding::signals::ExitSignal;
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};

use super::name_of;
use crate::cli::SignInFlags;
use crate::commands::output::{command, notice, print_error, say, say_line};
use crate::commands::{events, running};
use crate::settings::Settings;

/// A sign-in, and the person to talk to.
pub struct Conversation<'a> {
    pub settings: &'a Settings,
    pub flags: &'a SignInFlags,
    /// The place for the new account.
    pub destination: Destination,
    /// Set if a person is at the terminal.
    pub attended: bool,
    /// The arguments for `ssh` with which another machine reaches this one.
    pub ssh_target: Option<String>,
    /// Opens the browser; `None` to open none.
    pub browser: Option<Opener>,
    /// Keeps the sign-in in its file while its device code is valid.
    pub keeper: Keeper,
    /// The sign-in to resume. The person has already seen its link and its code.
    pub resumed: Option<Kept>,
}

impl<'a> Conversation<'a> {
    /// Returns the conversation about a new sign-in.
    pub fn new(settings: &'a Settings, flags: &'a SignInFlags, destination: Destination) -> Self {
        let remote = settings.remote();
        let file = PendingFile::of(&settings.store());
        Self {
            settings,
            flags,
            keeper: Keeper::new(file, destination.clone()),
            destination,
            attended: std::io::stdin().is_terminal(),
            browser: remote.is_none().then(browser::system),
            ssh_target: remote.and_then(|remote| remote.ssh_target),
            resumed: None,
        }
    }

    /// Shows the link, and opens it.
    pub(super) fn show_link(&self, link: &Link) {
        if self.flags.json {
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
            say(&format!(
                "Or paste here the address you land on (it stays hidden), then press Enter.\n\
                 Or press Ctrl-C and use: {}\n",
                command("login --device-auth")
            ));
        }
    }

    /// Shows the code for another device.
    pub(super) fn show_device_code(&self, code: &DeviceCode) {
        if self.flags.json {
            events::emit(events::device_code(code));
            return;
        }
        let minutes = code.expires_in.as_secs() / 60;
        say(&format!(
            "On any device, open {url}\nand enter this code (it expires in {minutes} minutes):\n\n  \
             {code}\n\nNever share this code. If a site or a person asked you for it, press Ctrl-C:\n\
             that sign-in did not start here.\n\
             If the page says that device codes are off, turn them on in ChatGPT under\n\
             Settings, Security, or press Ctrl-C and paste instead: {login}\n",
            url = clean(&code.verification_url),
            code = code.user_code,
            login = command("login"),
        ));
    }

    /// Shows how a sign-in that is left can be approved and resumed.
    pub(super) fn show_left(&self, link: &Link, code: Option<&DeviceCode>) {
        let resume = command("login --resume");
        if self.flags.json {
            let url = Some(events::url(link));
            for mut event in url.into_iter().chain(code.map(events::device_code)) {
                event["resume"] = resume.as_str().into();
                events::emit(event);
            }
            return;
        }
        let address = if let Some(code) = code {
            say(&format!(
                "On any device, open the page {}\nand enter the code {} (it expires in {} minutes).\n\
                 Never share this code: whoever has it could have you sign them in.\n\n\
                 Or open this link, and keep the address you land on:\n\n",
                clean(&code.verification_url),
                code.user_code,
                code.expires_in.as_secs() / 60,
            ));
            "Afterwards, or with the address as one more argument"
        } else {
            say("Open this link, and keep the address you land on:\n\n");
            "Afterwards, with the address as one more argument"
        };
        say(&format!("{}\n\n", link.authorization_url));
        say(&format!("{address}, run:\n  {resume}\n"));
    }

    /// Announces the account that has signed in.
    pub(super) async fn announce(&self, account: &Account) {
        if self.flags.json {
            // Parking an account does not affect a running Codex.
            let running = match self.destination {
                Destination::Beside(_) => Vec::new(),
                _ => running::pids(&self.settings.store()).await,
            };
            events::emit(events::completed(account, &running));
            return;
        }
        let is_final = self.destination == Destination::Replace;
        if is_final {
            let store = self.settings.store();
            // The place is known without reading anything, unless a keyring may hold it.
            let place = if store.setting().asks_keyring() {
                store.read_async().await.map(|reading| reading.source)
            } else {
                Ok(Source::File)
            };
            if let Ok(place) = place {
                say_line(&format!("Saved in {}", clean(&store.describe(place))));
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
            if is_final {
                say_line(&format!("If that is not you, run: {}", command("logout")));
            }
        }
        if account.needs_setup {
            say_line("Your API organization still needs a payment method");
        }
    }

    /// Reports why the sign-in failed, and returns the exit code.
    pub(super) fn report(&self, error: &Error) -> u8 {
        report(self.flags.json, error)
    }

    /// Says that a signal has ended the sign-in, and returns the exit code.
    pub(super) fn report_signal(&self, signal: ExitSignal) -> u8 {
        self.report(&Error::cancelled("The sign-in was cancelled"));
        signal.exit_code()
    }
}

/// Reports why the sign-in failed, and returns the exit code.
pub fn report(json: bool, error: &Error) -> u8 {
    if json {
        events::emit(events::failed(error));
    } else {
        print_error(error);
    }
    crate::exit_code(error.kind())
}

/// Reports that a sign-in has not been approved yet, and why this process does not wait for it.
pub fn say_pending(json: bool, expires_in: Duration, why: &str) {
    if json {
        events::emit(events::pending(expires_in));
    } else {
        notice(&format!(
            "{why}. It expires in {}",
            humantime::format_duration(Duration::from_secs(expires_in.as_secs()))
        ));
    }
}

/// Explains how to resume a sign-in that was interrupted.
pub fn say_how_to_resume(left: Duration) {
    let minutes = left.as_secs().div_ceil(60);
    say_line(&format!(
        "The sign-in can be continued within {minutes} minutes: {}",
        command("login --resume")
    ));
}
