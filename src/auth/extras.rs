//! What a ChatGPT sign-in can bring beside its tokens, when it is asked for: an API key of
//! the organization, and credits for subscribers (spec, section 5).

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::account::Plan;
use super::claims::{Claims, Identity};
use super::issuer::Issuer;
use crate::error::{Error, Result};

/// RFC 8693, section 2.1.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// Subscribers of this many days or fewer may still get their money back.
const SUBSCRIBED_FOR: TimeDelta = TimeDelta::days(7);

impl Issuer {
    /// Exchanges the id token for an API key of its organization (RFC 8693).
    pub async fn exchange_for_api_key(
        &self,
        id_token: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<SecretString> {
        let name = api_key_name(now)?;
        let answer = self
            .post_form(&[
                ("grant_type", TOKEN_EXCHANGE),
                ("client_id", self.client_id()),
                ("requested_token", "openai-api-key"),
                ("subject_token", id_token.expose_secret()),
                ("subject_token_type", ID_TOKEN_TYPE),
                ("name", &name),
            ])
            .await?;
        let answer = answer.map_err(|refusal| refusal.into_error("The issuer gave no API key"))?;
        let key = answer.get("access_token").and_then(Value::as_str);
        key.filter(|key| !key.is_empty())
            .map(SecretString::from)
            .ok_or_else(|| Error::issuer("The issuer's answer lacks access_token"))
    }

    /// Redeems a subscriber's API credits. Returns how many were granted; 0 when they were
    /// redeemed before.
    pub async fn redeem_credits(&self, id_token: &SecretString) -> Result<f64> {
        let url = format!("{}/v1/billing/redeem_credits", self.url().api());
        let body = json!({"id_token": id_token.expose_secret()});
        let answer = self.post_json_to(url, &body).await?;
        let answer = answer.map_err(|refusal| refusal.into_error("The API gave no credits"))?;
        let granted = answer.get("granted_chatgpt_subscriber_api_credits");
        granted
            .and_then(Value::as_f64)
            .ok_or_else(|| Error::issuer("The API did not say how many credits it gave"))
    }
}

/// Whether this id token can be exchanged for an API key: it names organization and project.
pub fn has_organization(id_token: &SecretString) -> bool {
    let claims = Claims::decode(id_token.expose_secret()).unwrap_or_default();
    ["organization_id", "project_id"]
        .iter()
        .all(|name| claims.auth_text(name).is_some())
}

/// What the credits of this subscription are worth; an error says why there are none.
pub fn credits_of(
    identity: &Identity,
    id_token: &SecretString,
    now: DateTime<Utc>,
) -> Result<&'static str, String> {
    let worth = match identity.plan.as_ref().map(Plan::as_str) {
        Some("plus") => "$5",
        Some("pro") => "$50",
        _ => return Err("they come with ChatGPT Plus and Pro only".to_owned()),
    };
    if identity.needs_setup {
        return Err("the API organization has to be set up first".to_owned());
    }
    let claims = Claims::decode(id_token.expose_secret()).unwrap_or_default();
    let start = claims.auth_text("chatgpt_subscription_active_start");
    match start.and_then(|start| start.parse::<DateTime<Utc>>().ok()) {
        // A missing start counts as long ago.
        Some(start) if now - start <= SUBSCRIBED_FOR => Err(format!(
            "they come {} days after the subscription began",
            SUBSCRIBED_FOR.num_days()
        )),
        _ => Ok(worth),
    }
}

/// The name under which the key appears on the platform's page: `Codex CLI [auto-generated]
/// (2026-01-31) [0123456789ab]`.
fn api_key_name(now: DateTime<Utc>) -> Result<String> {
    // 12 hex digits are 6 bytes, the low ones of a number.
    let mut random = [0; 8];
    getrandom::fill(&mut random[2..]).map_err(|source| {
        Error::storage("The operating system gives no random numbers").with_source(source)
    })?;
    let random = u64::from_be_bytes(random);
    let date = now.format("%Y-%m-%d");
    Ok(format!(
        "Codex CLI [auto-generated] ({date}) [{random:012x}]"
    ))
}
