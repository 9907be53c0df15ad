//! The files that the Codex CLI refuses to load although they can be used here: its own rules,
//! field by field (0.169 and 0.171, seen).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::product::codex::{AUTH_CLAIM, PROFILE_CLAIM};

/// The modes that the Codex CLI loads, each with the field that holds its secret. It accepts
/// `chatgpt` without tokens as a sign-in, so that mode needs no field.
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

/// The texts among the issuer's own claims, and a flag.
const AUTH_TEXTS: [&str; 4] = [
    "chatgpt_plan_type",
    "chatgpt_user_id",
    "user_id",
    "chatgpt_account_id",
];
const FEDRAMP: &str = "chatgpt_account_is_fedramp";

/// The error is the reason why the Codex CLI cannot load a file.
type Loaded = Result<(), &'static str>;

/// Returns why the Codex CLI cannot load a file with these `bytes`, if it cannot. Bytes that are
/// not a JSON object are damaged for every program, and not judged here.
pub fn codex_problem(bytes: &[u8]) -> Option<&'static str> {
    let file: Value = serde_json::from_slice(bytes).ok()?;
    file.is_object().then(|| load(&file))?.err()
}

fn load(file: &Value) -> Loaded {
    let mode = &file["auth_mode"];
    let known = MODES.into_iter().find(|(name, _)| mode == name);
    check(
        mode.is_null() || known.is_some(),
        "auth_mode is none that Codex loads",
    )?;
    let time = &file["last_refresh"];
    let is_time = time.as_str().map(str::parse::<DateTime<Utc>>);
    check(
        time.is_null() || is_time.is_some_and(|time| time.is_ok()),
        "last_refresh is not a time",
    )?;
    load_tokens(&file["tokens"])?;
    load_agent(&file["agent_identity"], mode)?;
    let key = &file["bedrock_api_key"];
    check(
        key.is_null() || has_texts(key, &["api_key", "region"]),
        "bedrock_api_key is incomplete",
    )?;
    let keys = &file["bedrock_access_keys"];
    check(
        keys.is_null()
            || has_texts(keys, &["access_key_id", "secret_access_key"])
                && may_have_texts(keys, &["session_token"]),
        "bedrock_access_keys is incomplete",
    )?;
    let secret = known.and_then(|(_, secret)| secret);
    check(
        secret.is_none_or(|name| !file[name].is_null()),
        "the secret that auth_mode stands for is missing",
    )
}

fn load_tokens(tokens: &Value) -> Loaded {
    if tokens.is_null() {
        return Ok(());
    }
    let has = |name: &str| tokens[name].is_string();
    check(has("id_token"), "tokens.id_token is missing")?;
    check(has("access_token"), "tokens.access_token is missing")?;
    // An empty refresh token is accepted.
    check(has("refresh_token"), "tokens.refresh_token is missing")?;
    let provenance = &tokens["oauth_provenance"];
    check(
        provenance.is_null() || has_texts(provenance, &["issuer", "client_id"]),
        "tokens.oauth_provenance is incomplete",
    )?;
    check(
        may_have_texts(tokens, &["login_owner_id"]),
        "tokens.login_owner_id is not a text",
    )?;
    let claims = claims(&tokens["id_token"]).ok_or("tokens.id_token is not a JWT")?;
    let (profile, auth) = (&claims[PROFILE_CLAIM], &claims[AUTH_CLAIM]);
    let is_readable = may_have_texts(&claims, &["email"])
        && (profile.is_null() || may_have_texts(profile, &["email"]))
        && (auth.is_null() || may_have_texts(auth, &AUTH_TEXTS))
        && auth.get(FEDRAMP).is_none_or(Value::is_boolean);
    check(is_readable, "tokens.id_token has a claim of the wrong type")
}

fn load_agent(identity: &Value, mode: &Value) -> Loaded {
    if !identity.is_string() {
        let is_complete = has_texts(identity, &AGENT)
            && may_have_texts(identity, &["email", "task_id"])
            && identity[FEDRAMP].is_boolean();
        return check(
            identity.is_null() || is_complete,
            "agent_identity is incomplete",
        );
    }
    // In any other mode the token is not decoded.
    if mode != "agentIdentity" {
        return Ok(());
    }
    let is_jwt = |token: &str| token.split('.').count() == 3;
    let claims = claims(identity).filter(|_| identity.as_str().is_some_and(is_jwt));
    let claims = claims.ok_or("agent_identity is not a JWT")?;
    let is_complete = has_texts(&claims, &AGENT)
        && has_texts(&claims, &["iss", "aud"])
        && may_have_texts(&claims, &["email"])
        && claims["iat"].is_u64()
        && claims["exp"].is_u64()
        && claims[FEDRAMP].is_boolean();
    check(is_complete, "agent_identity lacks a claim that Codex needs")
}

fn check(is_fine: bool, problem: &'static str) -> Loaded {
    if is_fine { Ok(()) } else { Err(problem) }
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
fn claims(token: &Value) -> Option<Value> {
    let mut parts = token.as_str()?.split('.');
    let [header, payload, signature] = [parts.next()?, parts.next()?, parts.next()?];
    if [header, payload, signature].contains(&"") {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests;
