//! Names the owner of a personal access token.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use serde_json::json;

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::state::IssuerContext;

/// The one personal access token that the issuer knows: the demo account's.
pub const PERSONAL_ACCESS_TOKEN: &str = "at-demo";

/// `GET /api/accounts/v1/user-auth-credential/whoami`, with the token as bearer (RFC 6750,
/// section 2.1).
pub(super) async fn whoami(
    State(context): State<Arc<IssuerContext>>,
    headers: HeaderMap,
) -> JsonAnswer {
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let bearer = authorization.and_then(|value| value.strip_prefix("Bearer "));
    if bearer != Some(PERSONAL_ACCESS_TOKEN) {
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
