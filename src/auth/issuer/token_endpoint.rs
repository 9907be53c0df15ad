//! The token endpoint (RFC 6749, section 3.2) and the revocation endpoint (RFC 7009).

use chrono::{DateTime, Utc};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::Issuer;
use super::answer::{required, text};
use super::refusal::Refusal;
use crate::auth::file::auth_file::Tokens;
use crate::auth::file::claims::Claims;
use crate::auth::system::random_bytes;
use crate::error::{Error, Result};

/// The message of every failed exchange, on the page and in the terminal.
pub const EXCHANGE_FAILED: &str = "Token exchange failed";

/// The message of every failed refresh.
pub const REFRESH_FAILED: &str = "Could not renew the session";

/// RFC 8693, section 2.1.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// An authorization code and the values that redeem it.
#[derive(Debug)]
pub struct CodeGrant {
    /// From the callback, or from the device endpoint.
    pub code: SecretString,
    /// The secret half of the PKCE pair (RFC 7636, section 4.5).
    pub code_verifier: SecretString,
    /// Must equal the one in the authorization request (RFC 6749, section 4.1.3).
    pub redirect_uri: String,
}

impl Issuer {
    /// Redeems an authorization code (RFC 6749, section 4.1.3; RFC 7636, section 4.5).
    ///
    /// # Errors
    /// "Token exchange failed", with the cause below it.
    pub(crate) async fn exchange_code(&self, grant: &CodeGrant) -> Result<Tokens> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", grant.code.expose_secret()),
            ("redirect_uri", &grant.redirect_uri),
            ("client_id", &self.client_id),
            ("code_verifier", grant.code_verifier.expose_secret()),
        ];
        let secrets = [&grant.code, &grant.code_verifier];
        let path = &self.product.protocol.token_path;
        let answer = self.post(path, &secrets, |it| it.form(&form)).await;
        let answer = answer.map_err(|cause| cause.under(EXCHANGE_FAILED))?;
        let answer = answer.map_err(|refusal| refusal.into_error(EXCHANGE_FAILED))?;
        for name in ["id_token", "access_token", "refresh_token"] {
            required(&answer, name).map_err(|cause| cause.under(EXCHANGE_FAILED))?;
        }
        Ok(tokens_in(&answer))
    }

    /// Refreshes a session (RFC 6749, section 6). A token that the answer lacks is `None`. Once the
    /// issuer has answered, the refresh token is spent.
    ///
    /// # Errors
    /// The inner error is the issuer's refusal; the outer one means that there is no usable answer.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &SecretString,
    ) -> Result<std::result::Result<Tokens, Refusal>> {
        let mut body = json!({
            "client_id": self.client_id,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.expose_secret(),
        });
        let protocol = &self.product.protocol;
        if !protocol.refresh_scope.is_empty() {
            body["scope"] = json!(protocol.refresh_scope);
        }
        let secrets = [refresh_token];
        let answer = self.post(&protocol.token_path, &secrets, |it| it.json(&body));
        let answer = match answer.await.map_err(|error| error.under(REFRESH_FAILED))? {
            Ok(answer) => answer,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let tokens = tokens_in(&answer);
        if tokens.id_token.is_none() && !tokens.hold_a_secret() {
            let cause = Error::issuer("The issuer's answer contains no token");
            let cause = cause.with_hint("Try again in a few minutes");
            return Err(cause.under(REFRESH_FAILED));
        }
        Ok(Ok(tokens))
    }

    /// Exchanges the id token for an API key of its organization (RFC 8693).
    pub(crate) async fn exchange_for_api_key(
        &self,
        id_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let name = api_key_name(&self.product.protocol.api_key_name, now)?;
        let form = [
            ("grant_type", TOKEN_EXCHANGE),
            ("client_id", &self.client_id),
            ("requested_token", "openai-api-key"),
            ("subject_token", id_token.expose_secret()),
            ("subject_token_type", ID_TOKEN_TYPE),
            ("name", &name),
        ];
        let path = &self.product.protocol.token_path;
        let answer = self.post(path, &[id_token], |it| it.form(&form)).await?;
        let answer = answer
            .map_err(|refusal| refusal.into_error("Could not get an API key from the issuer"))?;
        Ok(required(&answer, "access_token")?.into())
    }

    /// Revokes a refresh token (RFC 7009).
    pub(crate) async fn revoke(&self, refresh_token: &SecretString) -> Result<()> {
        let body = json!({
            "token": refresh_token.expose_secret(),
            "token_type_hint": "refresh_token",
            "client_id": self.client_id,
        });
        let endpoint = self.url.endpoint(&self.product.protocol.revoke_path);
        let request = self.request(Method::POST, &endpoint).await?.json(&body);
        let answer = self.send(request, &[refresh_token]).await?;
        // Only the status matters (RFC 7009, section 2.2).
        answer
            .map(drop)
            .map_err(|refusal| refusal.into_error("The issuer refused to revoke the session"))
    }
}

fn tokens_in(answer: &Value) -> Tokens {
    let secret = |name| text(answer, name).map(SecretString::from);
    Tokens {
        id_token: secret("id_token"),
        access_token: secret("access_token"),
        refresh_token: secret("refresh_token"),
        ..Tokens::default()
    }
}

/// Returns whether this id token names an organization and a project, so that it can be exchanged
/// for an API key.
pub fn has_organization(id_token: &SecretString) -> bool {
    let claims = Claims::of(Some(id_token));
    ["organization_id", "project_id"]
        .iter()
        .all(|name| claims.auth_text(name).is_some())
}

/// Returns the key's name on the platform's page: `Codex CLI [auto-generated] (2026-01-31)
/// [0123456789ab]`.
fn api_key_name(prefix: &str, now: DateTime<Utc>) -> Result<String> {
    // 12 hex digits are 48 bits.
    let random = u64::from_be_bytes(random_bytes()?) >> 16;
    let date = now.format("%Y-%m-%d");
    Ok(format!("{prefix} ({date}) [{random:012x}]"))
}
