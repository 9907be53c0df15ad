//! The token endpoint (RFC 6749, section 3.2) with its grants, the revocation endpoint (RFC 7009),
//! and the issuer's half of PKCE (RFC 7636), method S256.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::messages::{ErrorAnswer, JsonAnswer, Params};
use super::state::IssuerState;
use super::tokens::{self, INVALIDATED, IssuedTokens, family_of};
use crate::product::codex::AUTH_CLAIM;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// `POST /oauth/token`.
pub(super) fn token(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    params.check(&state.profile.client_id)?;
    let grant_type = params.required("grant_type")?;
    // Only the refresh may come as JSON, which is how the Codex CLI sends it.
    if !params.is_form && grant_type != "refresh_token" {
        return Err(ErrorAnswer::oauth("invalid_request", "send a form"));
    }
    match grant_type {
        "authorization_code" => authorization_code(state, params),
        "refresh_token" => refresh_token(state, params),
        TOKEN_EXCHANGE => token_exchange(state, params),
        _ => Err(ErrorAnswer::oauth("unsupported_grant_type", grant_type)),
    }
}

/// `POST /oauth/revoke`: ends the refresh token's whole family. An unknown token is not an error,
/// because it is invalid already (RFC 7009, section 2.2).
pub(super) fn revoke(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    params.check(&state.profile.client_id)?;
    if let Some(family) = family_of(&mut state.families, params.required("token")?) {
        family.end(INVALIDATED);
    }
    Ok(json!({}))
}

/// Exchanges a code (RFC 6749, section 4.1.3) with the proof of RFC 7636, section 4.6. The attempt
/// consumes the code, whether or not it succeeds.
fn authorization_code(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    let invalid = |text| Err(ErrorAnswer::oauth("invalid_grant", text));
    let code = params.required("code")?;
    let redirect_uri = params.required("redirect_uri")?;
    let code_verifier = params.required("code_verifier")?;
    let mut families = state.families.iter_mut();
    if let Some(family) = families.find(|family| family.code.as_deref() == Some(code)) {
        // Another party has the code too, so the tokens that it gave are void (RFC 6749, section
        // 4.1.2).
        family.end(INVALIDATED);
        return invalid("the code was used before");
    }
    let grant = state.codes.remove(code);
    let Some(grant) = grant.filter(|grant| Instant::now() < grant.expires) else {
        return invalid("the code is unknown or has expired");
    };
    if grant.profile.client_id != params.required("client_id")?
        || grant.redirect_uri != redirect_uri
    {
        return invalid("the code was issued for another client or redirect_uri");
    }
    if !is_verifier(code_verifier) || challenge_of(code_verifier) != grant.code_challenge {
        return invalid("code_verifier does not match the challenge");
    }
    Ok(token_answer(&state.begin_family(grant.profile, Some(code))))
}

/// Exchanges a refresh token for its successor (RFC 6749, section 6).
fn refresh_token(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    let token = params.required("refresh_token")?;
    let unknown = || ErrorAnswer::oauth("invalid_grant", "unknown refresh token");
    let family = family_of(&mut state.families, token).ok_or_else(unknown)?;
    let tokens = family.refresh(&mut state.mint, token)?;
    Ok(token_answer(&tokens))
}

/// Exchanges an id token for an API key of the organization (RFC 8693, section 2).
fn token_exchange(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    let invalid = |text| ErrorAnswer::oauth("invalid_request", text);
    if params.required("requested_token")? != "openai-api-key"
        || params.required("subject_token_type")? != ID_TOKEN_TYPE
    {
        return Err(invalid("only an id token for an API key is exchanged here"));
    }
    params.required("name")?;
    let read = tokens::read(&state.families, params.required("subject_token")?);
    let (_, claims) = read.ok_or_else(|| invalid("subject_token is not ours"))?;
    let auth = &claims[AUTH_CLAIM];
    if !auth["organization_id"].is_string() || !auth["project_id"].is_string() {
        return Err(invalid("subject_token names no organization and project"));
    }
    Ok(json!({
        "access_token": state.mint.draw_text("sk-demo-"),
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "N_A",
    }))
}

fn token_answer(tokens: &IssuedTokens) -> Value {
    json!({
        "id_token": tokens.id_token,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_type": "Bearer",
    })
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
