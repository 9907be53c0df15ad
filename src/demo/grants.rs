//! The token endpoint (RFC 6749, section 3.2) and its grants.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::jwt::{AUTH_CLAIM, IssuedTokens};
use super::reply::{Refusal, Reply, ok};
use super::route::{Encoding, Params};
use super::sessions::{Ended, RefreshRefused};
use super::state::Shared;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// `POST /oauth/token`.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    Extension(params): Extension<Params>,
) -> Reply {
    let params = params.without_duplicates()?;
    let grant_type = params.required("grant_type")?;
    // Only the refresh may come as JSON, which is how the Codex CLI sends it.
    if params.encoding != Encoding::Form && grant_type != "refresh_token" {
        return Err(Refusal::oauth("invalid_request", "send a form"));
    }
    if params.required("client_id")? != shared.state().profile.client_id {
        return Err(Refusal::oauth("invalid_client", "unknown client_id"));
    }
    match grant_type {
        "authorization_code" => authorization_code(&shared, params),
        "refresh_token" => refresh_token(&shared, params),
        TOKEN_EXCHANGE => token_exchange(&shared, params),
        _ => Err(Refusal::oauth("unsupported_grant_type", grant_type)),
    }
}

/// RFC 6749, section 4.1.3, with the proof of RFC 7636, section 4.6. A code is used
/// up by the attempt, whether or not it succeeds.
fn authorization_code(shared: &Shared, params: &Params) -> Reply {
    let invalid = |text| Err(Refusal::oauth("invalid_grant", text));
    let code = params.required("code")?;
    let redirect_uri = params.required("redirect_uri")?;
    let code_verifier = params.required("code_verifier")?;
    let mut state = shared.state();
    if let Some(session) = state.spent_codes.get(code).copied() {
        // RFC 6749, section 4.1.2: somebody else has it too, so what it gave is void.
        state.sessions.end(session, Ended::Invalidated);
        return invalid("the code was used before");
    }
    let Some(grant) = state.codes.take(code) else {
        return invalid("the code is unknown or has expired");
    };
    if grant.client_id != params.required("client_id")? || grant.redirect_uri != redirect_uri {
        return invalid("the code was issued for another client or redirect_uri");
    }
    if !is_verifier(code_verifier) || challenge_of(code_verifier) != grant.code_challenge {
        return invalid("code_verifier does not match the challenge");
    }
    let (session, tokens) = state
        .sessions
        .begin(&shared.signer, &shared.url, grant.profile);
    state.spent_codes.insert(code.to_owned(), session);
    Ok(token_answer(&tokens))
}

/// RFC 6749, section 6, with rotation.
fn refresh_token(shared: &Shared, params: &Params) -> Reply {
    let token = params.required("refresh_token")?;
    let refreshed = shared
        .state()
        .sessions
        .refresh(&shared.signer, &shared.url, token);
    match refreshed {
        Ok(tokens) => Ok(token_answer(&tokens)),
        Err(RefreshRefused::Unknown) => {
            Err(Refusal::oauth("invalid_grant", "unknown refresh token"))
        }
        Err(RefreshRefused::Reused) => Err(Refusal::session(
            "refresh_token_reused",
            "Your refresh token has already been used to generate a new access token.",
        )),
        Err(RefreshRefused::Ended(Ended::Expired)) => Err(Refusal::session(
            "refresh_token_expired",
            "Your refresh token has expired.",
        )),
        Err(RefreshRefused::Ended(Ended::Invalidated)) => Err(Refusal::session(
            "refresh_token_invalidated",
            "Your refresh token has been revoked.",
        )),
    }
}

/// RFC 8693, section 2: an id token for an API key of the organization.
fn token_exchange(shared: &Shared, params: &Params) -> Reply {
    if params.required("requested_token")? != "openai-api-key"
        || params.required("subject_token_type")? != ID_TOKEN_TYPE
    {
        let text = "only an id token for an API key is exchanged here";
        return Err(Refusal::oauth("invalid_request", text));
    }
    params.required("name")?;
    let claims = shared.signer.verify(params.required("subject_token")?);
    let Some(claims) = claims else {
        return Err(Refusal::oauth(
            "invalid_request",
            "subject_token is not ours",
        ));
    };
    let auth = claims.get(AUTH_CLAIM);
    let has = |name| auth.and_then(|auth| auth.get(name)).is_some();
    if !has("organization_id") || !has("project_id") {
        let text = "subject_token names no organization and project";
        return Err(Refusal::oauth("invalid_request", text));
    }
    Ok(ok(&json!({
        "access_token": format!("sk-demo-{}", shared.signer.draw_text()),
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "N_A",
    })))
}

fn token_answer(tokens: &IssuedTokens) -> axum::response::Response {
    ok(&json!({
        "id_token": tokens.id_token,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
    }))
}

/// RFC 7636, section 4.1: 43 to 128 unreserved characters.
fn is_verifier(code_verifier: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&code_verifier.len()) && code_verifier.bytes().all(unreserved)
}

/// `BASE64URL(SHA256(code_verifier))` (RFC 7636, section 4.2).
pub(super) fn challenge_of(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_agrees_with_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier(verifier));
        assert_eq!(
            challenge_of(verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_verifier_that_is_too_short_too_long_or_odd_is_none() {
        assert!(!is_verifier(&"a".repeat(42)));
        assert!(!is_verifier(&"a".repeat(129)));
        assert!(!is_verifier(&"é".repeat(43)));
    }
}
