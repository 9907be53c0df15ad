//! The revocation endpoint (RFC 7009).

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde_json::json;

use super::reply::{Refusal, Reply, ok};
use super::route::Params;
use super::sessions::Ended;
use super::state::Shared;

/// `POST /oauth/revoke`: ends the refresh token's whole session. An unknown token is
/// no error: whoever wanted it gone has what they wanted (RFC 7009, section 2.2).
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(params): Extension<Params>,
) -> Reply {
    let params = params.without_duplicates()?;
    let token = params.required("token")?;
    let mut state = shared.state();
    if params.required("client_id")? != state.profile.client_id {
        return Err(Refusal::oauth("invalid_client", "unknown client_id"));
    }
    if let Some(session) = state.sessions.find(token) {
        state.sessions.end(session, Ended::Invalidated);
    }
    Ok(ok(&json!({})))
}
