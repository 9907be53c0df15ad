//! API credits for subscribers, granted once for each account.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use chrono::Utc;
use serde_json::{Value, json};

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::jwt::AUTH_CLAIM;
use super::route::Params;
use super::state::IssuerContext;

/// `POST /v1/billing/redeem_credits`.
pub(super) async fn redeem(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    let invalid = |text| ErrorAnswer::session("invalid_id_token", text);
    let claims = context.signer.verify(params.required("id_token")?);
    let claims = claims.ok_or_else(|| invalid("The id token is not ours."))?;
    let expires = claims.get("exp").and_then(Value::as_i64);
    if expires.is_some_and(|expires| expires <= Utc::now().timestamp()) {
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
