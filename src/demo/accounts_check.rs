//! Says which workspaces a session is good for, as Codex's service does.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use chrono::Utc;
use serde_json::{Value, json};

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::jwt::AUTH_CLAIM;
use super::state::IssuerContext;

/// `GET /backend-api/wham/accounts/check`, with an access token as bearer. A session that has
/// ended is refused with 401, whatever its token says.
pub(super) async fn check(
    State(context): State<Arc<IssuerContext>>,
    headers: HeaderMap,
) -> JsonAnswer {
    let ended = || ErrorAnswer::session("token_invalidated", "The session has ended.");
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| value.strip_prefix("Bearer "));
    let bearer = bearer.ok_or_else(ended)?;
    let claims = context.signer.verify(bearer).ok_or_else(ended)?;
    let expires = claims.get("exp").and_then(Value::as_i64);
    let is_over = expires.is_some_and(|expires| expires <= Utc::now().timestamp());
    if is_over || context.state().families.has_ended(bearer) {
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
