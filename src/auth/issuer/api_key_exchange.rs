//! An API key of the organization, exchanged for an id token (RFC 8693; spec, section 5).

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::Issuer;
use super::answer::required;
use crate::auth::file::claims::Claims;
use crate::auth::random::random_bytes;
use crate::error::Result;

/// RFC 8693, section 2.1.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

impl Issuer {
    /// Exchanges the id token for an API key of its organization (RFC 8693).
    pub(crate) async fn exchange_for_api_key(
        &self,
        id_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let name = api_key_name(&self.product().protocol.api_key_name, now)?;
        let answer = self
            .post_form(
                &[id_token],
                &[
                    ("grant_type", TOKEN_EXCHANGE),
                    ("client_id", self.client_id()),
                    ("requested_token", "openai-api-key"),
                    ("subject_token", id_token.expose_secret()),
                    ("subject_token_type", ID_TOKEN_TYPE),
                    ("name", &name),
                ],
            )
            .await?;
        let answer = answer
            .map_err(|refusal| refusal.into_error("Could not get an API key from the issuer"))?;
        Ok(required(&answer, "access_token")?.into())
    }
}

/// Returns whether this id token names an organization and a project, so that it can be exchanged
/// for an API key.
pub fn has_organization(id_token: &SecretString) -> bool {
    let claims = Claims::decode(id_token.expose_secret()).unwrap_or_default();
    ["organization_id", "project_id"]
        .iter()
        .all(|name| claims.auth_text(name).is_some())
}

/// The name under which the key appears on the platform's page: `Codex CLI [auto-generated]
/// (2026-01-31) [0123456789ab]`.
fn api_key_name(prefix: &str, now: DateTime<Utc>) -> Result<String> {
    // 12 hex digits are 48 bits.
    let random = u64::from_be_bytes(random_bytes()?) >> 16;
    let date = now.format("%Y-%m-%d");
    Ok(format!("{prefix} ({date}) [{random:012x}]"))
}
