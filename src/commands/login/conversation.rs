//! What `login` says and shows: events on standard output with `--json`, else sentences on
//! standard error.

use std::io::IsTerminal as _;
use std::time::Duration;

use codex_onboarding::auth::{Account, Mode, Source, Store};
use codex_onboarding::browser::{self, Opener};
use codex_onboarding::onboarding::Ended;
use codex_onboarding::sign_in::{Destination, DeviceCode, Keeper, Kept, Link, PendingFile};
use codex_onboarding::text::clean;
use codex_onboarding::{Error, Result};
use secrecy::SecretString;

use super::name_of;
use crate::cli::SignInFlags;
use crate::commands::output::{command, notice, print_error, say, say_line};
use crate::commands::{events, exit_code_of, running};
use crate::settings::Settings;

/// The way to talk to the person, and what the sign-in changes.
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
    pub replaced: Option<Store>,
    /// The home whose session changes: a Codex that runs there still uses the earlier one.
    pub changed: Option<Store>,
    /// Keeps the sign-in in its file while its device code lives.
    pub keeper: Keeper,
    /// The sign-in to go on with, instead of a new one.
    pub resumed: Option<Resumed>,
}

/// A sign-in that was left. The person has seen its link and its code.
pub struct Resumed {
    pub kept: Kept,
    /// The address that the browser landed on; `-` to read it from standard input.
    pub address: Option<SecretString>,
}

impl Conversation {
    /// Returns the conversation about a new sign-in for this destination.
    pub fn new(settings: &Settings, flags: &SignInFlags, destination: &Destination) -> Self {
        let remote = settings.remote();
        let file = PendingFile::of(&settings.store());
        let home_if = |condition: bool| condition.then(|| settings.store());
        Self {
            json: flags.json,
            device_auth: flags.device_auth,
            attended: std::io::stdin().is_terminal(),
            timeout: flags.timeout,
            browser: remote.is_none().then(browser::system),
            ssh_target: remote.and_then(|remote| remote.ssh_target),
            replaced: home_if(*destination == Destination::Replace),
            changed: home_if(!matches!(destination, Destination::Beside(_))),
            keeper: Keeper::new(file, destination.clone()),
            resumed: None,
        }
    }

    /// Shows the link, and opens it.
    pub(super) fn show_link(&self, link: &Link) {
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
            say(&format!(
                "Or paste here the address you land on (it stays hidden), then press Enter.\n\
                 Or press Ctrl-C and use: {}\n",
                command("login --device-auth")
            ));
        }
    }

    /// Shows the code for another device.
    pub(super) fn show_device_code(&self, code: &DeviceCode) {
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
             Settings, Security, or press Ctrl-C and paste instead: {login}\n",
            url = clean(&code.verification_url),
            code = code.user_code,
            login = command("login"),
        ));
    }

    /// Shows how a sign-in that is left can be approved and resumed.
    pub(super) fn show_left(&self, link: &Link, code: Option<&DeviceCode>) {
        let resume = command("login --resume");
        if self.json {
            for mut event in [Some(events::url(link)), code.map(events::device_code)]
                .into_iter()
                .flatten()
            {
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
        if self.json {
            let running = match &self.changed {
                Some(home) => running::pids(home).await,
                None => Vec::new(),
            };
            events::emit(events::completed(account, &running));
            return;
        }
        if let Some(store) = &self.replaced {
            // Known without a look, unless there is a keyring.
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
            if self.replaced.is_some() {
                say_line(&format!("If that is not you, run: {}", command("logout")));
            }
        }
        if account.needs_setup {
            say_line("Your API organization still needs a payment method");
        }
    }

    /// Says why nobody is signed in, and returns the exit code. A sign-in that has completed was
    /// announced already.
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

/// Says that nobody has approved a sign-in yet, and why this process does not wait for it.
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

/// Says how to go on with a sign-in that was interrupted.
pub fn say_how_to_resume(left: Duration) {
    let minutes = left.as_secs().div_ceil(60);
    say_line(&format!(
        "The sign-in can be continued within {minutes} minutes: {}",
        command("login --resume")
    ));
}
