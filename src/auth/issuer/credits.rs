//! API credits for subscribers of ChatGPT Plus and Pro (spec, section 5).

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::Issuer;
use crate::auth::file::account::{Account, Plan};
use crate::auth::file::claims::Claims;
use crate::error::{Error, Result};

/// During its first days a subscription can still be refunded, so it has no credits yet.
const SUBSCRIBED_FOR: TimeDelta = TimeDelta::days(7);

impl Issuer {
    /// Redeems a subscriber's API credits. Returns how many were granted; 0 when they were
    /// redeemed before.
    pub(crate) async fn redeem_credits(&self, id_token: &SecretString) -> Result<f64> {
        let url = format!("{}/v1/billing/redeem_credits", self.url().api());
        let body = json!({"id_token": id_token.expose_secret()});
        let request = self.request(Method::POST, &url).await?.json(&body);
        let answer = self.json(request, &[id_token]).await?;
        let answer =
            answer.map_err(|refusal| refusal.into_error("Could not redeem the credits"))?;
        let granted = answer.get("granted_chatgpt_subscriber_api_credits");
        granted
            .and_then(Value::as_f64)
            .ok_or_else(|| Error::issuer("The API did not say how many credits were granted"))
    }
}

/// Returns the value of this subscription's credits, or the reason why there are none.
pub fn credits_of(
    account: &Account,
    id_token: &SecretString,
    now: DateTime<Utc>,
) -> Result<&'static str, String> {
    let worth = match account.plan.as_ref().map(Plan::as_str) {
        Some("plus") => "$5",
        Some("pro") => "$50",
        _ => return Err("they come with the plans Plus and Pro only".to_owned()),
    };
    if account.needs_setup {
        return Err("the API organization has to be set up first".to_owned());
    }
    let claims = Claims::of(Some(id_token));
    let start = claims.auth_text("chatgpt_subscription_active_start");
    match start.and_then(|start| start.parse::<DateTime<Utc>>().ok()) {
        // Without a start date, the subscription counts as old enough.
        Some(start) if now - start <= SUBSCRIBED_FOR => Err(format!(
            "they come {} days after the subscription began",
            SUBSCRIBED_FOR.num_days()
        )),
        _ => Ok(worth),
    }
}
