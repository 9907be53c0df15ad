//! The files that the Codex CLI refuses to load although they can be used here: its own rules,
//! field by field (0.169 and 0.171, seen).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::product::codex::{AUTH_CLAIM, PROFILE_CLAIM};

/// The modes that the Codex CLI loads, each with the field that holds its secret. It takes
/// `chatgpt` without tokens for a sign-in, so nothing is asked of that one.
const MODES: [(&str, Option<&str>); 7] = [
    ("chatgpt", None),
    ("chatgptAuthTokens", None),
    ("apikey", Some("OPENAI_API_KEY")),
    ("agentIdentity", Some("agent_identity")),
    ("personalAccessToken", Some("personal_access_token")),
    ("bedrockApiKey", Some("bedrock_api_key")),
    ("bedrockAccessKeys", Some("bedrock_access_keys")),
];

/// The texts that an agent identity has to have, in the file or in a token.
const AGENT: [&str; 5] = [
    "agent_runtime_id",
    "agent_private_key",
    "account_id",
    "chatgpt_user_id",
    "plan_type",
];

type Problem = Option<&'static str>;

/// Returns why the Codex CLI cannot load a file with these `bytes`, if it cannot. Bytes that
/// are no JSON object are damaged for everybody, and not judged here.
pub fn codex_problem(bytes: &[u8]) -> Problem {
    let fields: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let get = |name| fields.get(name).unwrap_or(&Value::Null);
    let (mode, refreshed) = (get("auth_mode"), get("last_refresh"));
    let bedrock = (get("bedrock_api_key"), get("bedrock_access_keys"));
    unless(is_loaded(mode), "auth_mode is none that Codex loads")
        .or(unless(
            refreshed.is_null() || is_time(refreshed),
            "last_refresh is not a time",
        ))
        .or_else(|| tokens_problem(get("tokens")))
        .or_else(|| agent_problem(get("agent_identity"), mode))
        .or(unless(
            bedrock.0.is_null() || has_texts(bedrock.0, &["api_key", "region"]),
            "bedrock_api_key is incomplete",
        ))
        .or(unless(
            bedrock.1.is_null()
                || has_texts(bedrock.1, &["access_key_id", "secret_access_key"])
                    && may_have_texts(bedrock.1, &["session_token"]),
            "bedrock_access_keys is incomplete",
        ))
        .or_else(|| {
            let secret = MODES.into_iter().find(|(name, _)| mode == name)?.1?;
            unless(
                !get(secret).is_null(),
                "the secret that auth_mode stands for is missing",
            )
        })
}

fn unless(fine: bool, problem: &'static str) -> Problem {
    (!fine).then_some(problem)
}

fn is_loaded(mode: &Value) -> bool {
    mode.is_null() || MODES.iter().any(|(known, _)| mode == known)
}

fn is_time(value: &Value) -> bool {
    let text = value.as_str();
    text.is_some_and(|text| text.parse::<DateTime<Utc>>().is_ok())
}

fn tokens_problem(tokens: &Value) -> Problem {
    if tokens.is_null() {
        return None;
    }
    let provenance = &tokens["oauth_provenance"];
    unless(tokens["id_token"].is_string(), "tokens.id_token is missing")
        .or(unless(
            tokens["access_token"].is_string(),
            "tokens.access_token is missing",
        ))
        // An empty one will do.
        .or(unless(
            tokens["refresh_token"].is_string(),
            "tokens.refresh_token is missing",
        ))
        .or(unless(
            provenance.is_null() || has_texts(provenance, &["issuer", "client_id"]),
            "tokens.oauth_provenance is incomplete",
        ))
        .or(unless(
            may_have_texts(tokens, &["login_owner_id"]),
            "tokens.login_owner_id is not a text",
        ))
        .or_else(|| {
            let token = tokens["id_token"].as_str().unwrap_or_default();
            let Some(claims) = claims(token) else {
                return Some("tokens.id_token is not a JWT");
            };
            unless(
                has_readable_claims(&claims),
                "tokens.id_token has a claim of the wrong type",
            )
        })
}

fn has_readable_claims(claims: &Value) -> bool {
    let profile = &claims[PROFILE_CLAIM];
    let auth = &claims[AUTH_CLAIM];
    let flag = auth.get("chatgpt_account_is_fedramp");
    let texts = [
        "chatgpt_plan_type",
        "chatgpt_user_id",
        "user_id",
        "chatgpt_account_id",
    ];
    may_have_texts(claims, &["email"])
        && (profile.is_null() || may_have_texts(profile, &["email"]))
        && (auth.is_null() || may_have_texts(auth, &texts))
        && flag.is_none_or(Value::is_boolean)
}

fn agent_problem(identity: &Value, mode: &Value) -> Problem {
    let Some(token) = identity.as_str() else {
        let is_complete = has_texts(identity, &AGENT)
            && may_have_texts(identity, &["email", "task_id"])
            && identity["chatgpt_account_is_fedramp"].is_boolean();
        return unless(
            identity.is_null() || is_complete,
            "agent_identity is incomplete",
        );
    };
    // Beside another mode it is not decoded.
    if mode != "agentIdentity" {
        return None;
    }
    let is_jwt = token.split('.').count() == 3;
    let Some(claims) = claims(token).filter(|_| is_jwt) else {
        return Some("agent_identity is not a JWT");
    };
    let is_complete = has_texts(&claims, &AGENT)
        && has_texts(&claims, &["iss", "aud"])
        && may_have_texts(&claims, &["email"])
        && claims["iat"].is_u64()
        && claims["exp"].is_u64()
        && claims["chatgpt_account_is_fedramp"].is_boolean();
    unless(is_complete, "agent_identity lacks a claim that Codex needs")
}

/// Returns whether `value` is an object in which all of `names` are texts.
fn has_texts(value: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| value[*name].is_string())
}

/// Returns whether `value` is an object in which each of `names` is a text or absent.
fn may_have_texts(value: &Value, names: &[&str]) -> bool {
    let may_be_text = |value: &Value| value.is_null() || value.is_string();
    value.is_object() && names.iter().all(|name| may_be_text(&value[*name]))
}

/// Returns the payload of a JWT as the Codex CLI reads it. It looks neither at the header nor
/// at what follows the signature, and refuses padding (RFC 7515, section 2).
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let [header, payload, signature] = [parts.next()?, parts.next()?, parts.next()?];
    if [header, payload, signature].contains(&"") {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests;
