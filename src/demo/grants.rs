//! The token endpoint (RFC 6749, section 3.2) with its grants, the revocation endpoint (RFC 7009),
//! and the issuer's half of PKCE (RFC 7636), method S256.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::jwt::IssuedTokens;
use super::params::{Encoding, Params};
use super::state::IssuerContext;
use super::token_families::{EndReason, RefreshRefused};
use crate::product::codex::AUTH_CLAIM;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// `POST /oauth/token`.
pub(super) async fn token(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    let params = params.without_duplicates()?;
    let grant_type = params.required("grant_type")?;
    // Only the refresh may come as JSON, which is how the Codex CLI sends it.
    if params.encoding != Encoding::Form && grant_type != "refresh_token" {
        return Err(ErrorAnswer::oauth("invalid_request", "send a form"));
    }
    if params.required("client_id")? != context.state().profile.client_id {
        return Err(ErrorAnswer::oauth("invalid_client", "unknown client_id"));
    }
    match grant_type {
        "authorization_code" => authorization_code(&context, params),
        "refresh_token" => refresh_token(&context, params),
        TOKEN_EXCHANGE => token_exchange(&context, params),
        _ => Err(ErrorAnswer::oauth("unsupported_grant_type", grant_type)),
    }
}

/// `POST /oauth/revoke`: ends the refresh token's whole family. An unknown token is no error: it
/// already does not work (RFC 7009, section 2.2).
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

/// Exchanges a code (RFC 6749, section 4.1.3) with the proof of RFC 7636, section 4.6. The
/// attempt uses the code up, whether or not it succeeds.
fn authorization_code(context: &IssuerContext, params: &Params) -> JsonAnswer {
    let invalid = |text| Err(ErrorAnswer::oauth("invalid_grant", text));
    let code = params.required("code")?;
    let redirect_uri = params.required("redirect_uri")?;
    let code_verifier = params.required("code_verifier")?;
    let mut state = context.state();
    if let Some(family) = state.spent_codes.get(code).copied() {
        // Another party has it too, so the tokens it gave are void (RFC 6749, section 4.1.2).
        state.families.end(family, EndReason::Invalidated);
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
    let (family, tokens) = state
        .families
        .begin(&context.signer, &context.url, grant.profile);
    state.spent_codes.insert(code.to_owned(), family);
    Ok(token_answer(&tokens))
}

/// Exchanges a refresh token for its successor (RFC 6749, section 6).
fn refresh_token(context: &IssuerContext, params: &Params) -> JsonAnswer {
    let token = params.required("refresh_token")?;
    let refreshed = context
        .state()
        .families
        .refresh(&context.signer, &context.url, token);
    match refreshed {
        Ok(tokens) => Ok(token_answer(&tokens)),
        Err(RefreshRefused::Unknown) => {
            Err(ErrorAnswer::oauth("invalid_grant", "unknown refresh token"))
        }
        Err(RefreshRefused::Reused) => Err(ErrorAnswer::session(
            "refresh_token_reused",
            "Your refresh token has already been used to generate a new access token.",
        )),
        Err(RefreshRefused::Ended(EndReason::Expired)) => Err(ErrorAnswer::session(
            "refresh_token_expired",
            "Your refresh token has expired.",
        )),
        Err(RefreshRefused::Ended(EndReason::Invalidated)) => Err(ErrorAnswer::session(
            "refresh_token_invalidated",
            "Your refresh token has been revoked.",
        )),
    }
}

/// Exchanges an id token for an API key of the organization (RFC 8693, section 2).
fn token_exchange(context: &IssuerContext, params: &Params) -> JsonAnswer {
    if params.required("requested_token")? != "openai-api-key"
        || params.required("subject_token_type")? != ID_TOKEN_TYPE
    {
        let text = "only an id token for an API key is exchanged here";
        return Err(ErrorAnswer::oauth("invalid_request", text));
    }
    params.required("name")?;
    let claims = context.signer.verify(params.required("subject_token")?);
    let Some(claims) = claims else {
        return Err(ErrorAnswer::oauth(
            "invalid_request",
            "subject_token is not ours",
        ));
    };
    let auth = claims.get(AUTH_CLAIM);
    let has = |name| auth.and_then(|auth| auth.get(name)).is_some();
    if !has("organization_id") || !has("project_id") {
        let text = "subject_token names no organization and project";
        return Err(ErrorAnswer::oauth("invalid_request", text));
    }
    Ok(ok(&json!({
        "access_token": format!("sk-demo-{}", context.signer.draw_text()),
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

/// Returns whether this is a base64url SHA-256 without padding (RFC 7636, section 4.2).
pub(super) fn is_challenge(challenge: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(challenge)
        .is_ok_and(|digest| digest.len() == 32)
}

/// Returns `BASE64URL(SHA256(code_verifier))` (RFC 7636, section 4.2).
pub(super) fn challenge_of(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}

/// Returns whether this is a well-formed verifier: 43 to 128 unreserved characters (RFC 7636,
/// section 4.1).
fn is_verifier(code_verifier: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    (43..=128).contains(&code_verifier.len()) && code_verifier.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_agrees_with_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(is_verifier(verifier));
        assert_eq!(challenge_of(verifier), challenge);
        assert!(is_challenge(challenge));
        assert!(!is_challenge(verifier.trim_start_matches("dB")));
    }

    #[test]
    fn a_verifier_that_is_too_short_too_long_or_odd_is_none() {
        assert!(!is_verifier(&"a".repeat(42)));
        assert!(!is_verifier(&"a".repeat(129)));
        assert!(!is_verifier(&"é".repeat(43)));
    }
}
