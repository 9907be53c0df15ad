//! The service around the issuer: the workspaces and credits of an account, and the owner of a
//! personal access token.

use chrono::Utc;
use serde_json::{Value, json};

use super::messages::{ErrorAnswer, JsonAnswer, Params};
use super::state::IssuerState;
use super::tokens;
use crate::product::codex::AUTH_CLAIM;

/// The one personal access token that the issuer knows: the demo account's.
pub const PERSONAL_ACCESS_TOKEN: &str = "at-demo";

/// The path of [`check`], below the issuer's URL.
pub(super) const ACCOUNTS_CHECK: &str = "/backend-api/wham/accounts/check";

/// `GET /api/accounts/v1/user-auth-credential/whoami`, with a personal access token as bearer.
pub(super) fn whoami(state: &IssuerState, params: &Params) -> JsonAnswer {
    if params.bearer.as_deref() != Some(PERSONAL_ACCESS_TOKEN) {
        let text = "The token is unknown.";
        return Err(ErrorAnswer::unauthorized("invalid_token", text));
    }
    let profile = &state.profile;
    Ok(json!({
        "email": profile.email_address(),
        "chatgpt_user_id": profile.auth_text("chatgpt_user_id"),
        "chatgpt_account_id": profile.auth_text("chatgpt_account_id"),
        "chatgpt_plan_type": profile.auth_text("chatgpt_plan_type"),
    }))
}

/// `GET /backend-api/wham/accounts/check`: the workspaces that a session may use, with its access
/// token as bearer. A session that has ended is refused with 401, whatever its token says.
pub(super) fn check(state: &IssuerState, params: &Params) -> JsonAnswer {
    let ended = || ErrorAnswer::unauthorized("token_invalidated", "The session has ended.");
    let bearer = params.bearer.as_deref().unwrap_or_default();
    let (family, claims) = tokens::read(&state.families, bearer).ok_or_else(ended)?;
    if has_expired(&claims) || family.ended.is_some() {
        return Err(ended());
    }
    let id = &claims[AUTH_CLAIM]["chatgpt_account_id"];
    Ok(json!({
        "accounts": [{
            "id": id,
            "account_id": id,
            "name": "Demo",
            "structure": "workspace",
            "plan_type": claims[AUTH_CLAIM]["chatgpt_plan_type"],
            "is_deactivated": false,
        }],
        "account_ordering": [id],
        "default_account_id": id,
    }))
}

/// `POST /v1/billing/redeem_credits`: API credits for subscribers, granted once for each account.
pub(super) fn redeem(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    let invalid = |text| ErrorAnswer::unauthorized("invalid_id_token", text);
    let read = tokens::read(&state.families, params.required("id_token")?);
    let (_, claims) = read.ok_or_else(|| invalid("The id token is not ours."))?;
    if has_expired(&claims) {
        return Err(invalid("The id token has expired."));
    }
    let auth = &claims[AUTH_CLAIM];
    let account_id = auth["chatgpt_account_id"].as_str().unwrap_or_default();
    let first_time = state.redeemed.insert(account_id.to_owned());
    let granted = match auth["chatgpt_plan_type"].as_str() {
        Some("plus") if first_time => 5,
        Some("pro") if first_time => 50,
        _ => 0,
    };
    Ok(json!({"granted_chatgpt_subscriber_api_credits": granted}))
}

fn has_expired(claims: &Value) -> bool {
    let expires = claims["exp"].as_i64();
    expires.is_some_and(|expires| expires <= Utc::now().timestamp())
}
