//! `login --resume` and `accounts add --resume`: a sign-in that was left goes where it was meant to.

use codex_onboarding::sign_in::{Destination, PendingFile};
use codex_onboarding::{Error, ErrorKind, Result};

use super::login::{Resumed, conversation};
use super::{NOT_YET, accounts, login};
use crate::cli::SignInFlags;
use crate::settings::Settings;

/// Goes on with the sign-in. `option` was said, which belongs to the beginning.
pub async fn run(
    settings: &Settings,
    flags: &SignInFlags,
    yes: bool,
    option: Option<&str>,
) -> Result<u8> {
    let conversation = conversation(settings, flags, None, None);
    let workspace = (!settings.workspaces.is_empty()).then_some("--workspace");
    if let Some(option) = option.or(workspace) {
        let message = format!("{option} belongs to the beginning of a sign-in");
        let error = Error::usage(message).with_hint("Leave it out, or begin a new one");
        return Ok(conversation.report(Err(error)));
    }
    let address = flags.resume.as_deref().unwrap_or_default();
    let resumed = match Resumed::find(settings, flags, address) {
        Ok(resumed) => resumed,
        // Another process polls.
        Err(error) if error.kind() == ErrorKind::Timeout => {
            let pending = PendingFile::of(&settings.store()).load()?;
            let left = pending.map(|pending| pending.kept.expires_in(chrono::Utc::now()));
            conversation.say_pending(left.unwrap_or_default(), error.message());
            return Ok(NOT_YET);
        }
        Err(error) => return Ok(conversation.report(Err(error))),
    };
    match resumed.destination() {
        Destination::Keep => accounts::keep(settings, flags, yes, Some(&resumed)).await,
        Destination::Beside(name) => {
            accounts::add(settings, flags, name.as_deref(), Some(&resumed)).await
        }
        _ => login::run(settings, flags, yes, Some(&resumed)).await,
    }
}
