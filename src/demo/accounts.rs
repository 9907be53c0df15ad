//! The service around the issuer: the workspaces and credits of an account, and the owner of a
//! personal access token.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use chrono::Utc;
use serde_json::{Value, json};

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::params::Params;
use super::state::IssuerContext;
use crate::product::codex::AUTH_CLAIM;

/// The one personal access token that the issuer knows: the demo account's.
pub const PERSONAL_ACCESS_TOKEN: &str = "at-demo";

/// The path of [`check`], below the issuer's URL.
pub(super) const ACCOUNTS_CHECK: &str = "/backend-api/wham/accounts/check";

/// `GET /api/accounts/v1/user-auth-credential/whoami`, with a personal access token as bearer.
pub(super) async fn whoami(
    State(context): State<Arc<IssuerContext>>,
    headers: HeaderMap,
) -> JsonAnswer {
    if bearer(&headers) != Some(PERSONAL_ACCESS_TOKEN) {
        return Err(ErrorAnswer::session(
            "invalid_token",
            "The token is unknown.",
        ));
    }
    let profile = &context.state().profile;
    Ok(ok(&json!({
        "email": profile.email,
        "chatgpt_user_id": profile.user_id,
        "chatgpt_account_id": profile.account_id,
        "chatgpt_plan_type": profile.plan,
    })))
}

/// `GET /backend-api/wham/accounts/check`: the workspaces that a session may use, with its access
/// token as bearer. A session that has ended is refused with 401, whatever its token says.
pub(super) async fn check(
    State(context): State<Arc<IssuerContext>>,
    headers: HeaderMap,
) -> JsonAnswer {
    let ended = || ErrorAnswer::session("token_invalidated", "The session has ended.");
    let bearer = bearer(&headers).ok_or_else(ended)?;
    let claims = context.signer.verify(bearer).ok_or_else(ended)?;
    if has_expired(&claims) || context.state().families.has_ended(bearer) {
        return Err(ended());
    }
    let auth = claims.get(AUTH_CLAIM).unwrap_or(&Value::Null);
    let id = auth.get("chatgpt_account_id");
    Ok(ok(&json!({
        "accounts": [{
            "id": id,
            "account_id": id,
            "name": "Demo",
            "structure": "workspace",
            "plan_type": auth.get("chatgpt_plan_type"),
            "is_deactivated": false,
        }],
        "account_ordering": [id],
        "default_account_id": id,
    })))
}

/// `POST /v1/billing/redeem_credits`: API credits for subscribers, granted once for each account.
pub(super) async fn redeem(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    let invalid = |text| ErrorAnswer::session("invalid_id_token", text);
    let claims = context.signer.verify(params.required("id_token")?);
    let claims = claims.ok_or_else(|| invalid("The id token is not ours."))?;
    if has_expired(&claims) {
        return Err(invalid("The id token has expired."));
    }
    let auth = claims.get(AUTH_CLAIM).unwrap_or(&Value::Null);
    let text = |name: &str| auth.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut state = context.state();
    let first_time = state.redeemed.insert(text("chatgpt_account_id").to_owned());
    let granted = match text("chatgpt_plan_type") {
        _ if !first_time => 0,
        plan => state.profile.credits.unwrap_or(match plan {
            "plus" => 5,
            "pro" => 50,
            _ => 0,
        }),
    };
    Ok(ok(
        &json!({"granted_chatgpt_subscriber_api_credits": granted}),
    ))
}

/// Returns the token of a request (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

fn has_expired(claims: &Value) -> bool {
    let expires = claims.get("exp").and_then(Value::as_i64);
    expires.is_some_and(|expires| expires <= Utc::now().timestamp())
}
