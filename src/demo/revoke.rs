//! The revocation endpoint (RFC 7009).

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde_json::json;

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::route::Params;
use super::state::IssuerContext;
use super::token_families::EndReason;

/// `POST /oauth/revoke`: ends the refresh token's whole family. An unknown token is no
/// error: it works no longer, as was asked (RFC 7009, section 2.2).
pub(super) async fn revoke(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    let params = params.without_duplicates()?;
    let token = params.required("token")?;
    let mut state = context.state();
    if params.required("client_id")? != state.profile.client_id {
        return Err(ErrorAnswer::oauth("invalid_client", "unknown client_id"));
    }
    if let Some(family) = state.families.find(token) {
        state.families.end(family, EndReason::Invalidated);
    }
    Ok(ok(&json!({})))
}
