//! `token`: a valid bearer, alone on standard output.

use codex_onboarding::Result;
use secrecy::ExposeSecret as _;

use super::output::print;
use super::{signed_in, with_session};
use crate::settings::Settings;

/// Prints the bearer, refreshed first when needed.
pub async fn run(settings: &Settings, force_refresh: bool, named: Option<&str>) -> Result<u8> {
    with_session(settings, named, async |session| {
        let session = signed_in(settings, session)?;
        if force_refresh {
            session.refresh().await?;
        }
        let bearer = session.bearer().await?;
        print(format!("{}\n", bearer.expose_secret()).as_bytes())
    })
    .await
}
