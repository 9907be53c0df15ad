use super::*;
use serde_json::json;

const AUTH: &str = "https://api.openai.com/auth";

fn jwt(claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.sig",
        encode(&json!({"alg": "RS256"})),
        encode(claims)
    )
}

fn chatgpt() -> Value {
    let id_token = jwt(&json!({"email": "ada@example.com", AUTH: {"chatgpt_account_id": "a"}}));
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {"id_token": id_token, "access_token": "a", "refresh_token": "r"},
        "last_refresh": "2026-11-30T00:00:00Z",
    })
}

/// A sign-in with this value in place of the one at `path`.
fn with(path: &str, value: Value) -> Value {
    let mut file = chatgpt();
    match path.split_once('/') {
        Some((object, key)) => file[object][key] = value,
        None => file[path] = value,
    }
    file
}

fn without(path: &str) -> Value {
    let mut file = chatgpt();
    let (object, key) = match path.split_once('/') {
        Some((object, key)) => (&mut file[object], key),
        None => (&mut file, path),
    };
    object.as_object_mut().unwrap().remove(key).unwrap();
    file
}

fn problem(file: &Value) -> Option<&'static str> {
    codex_problem(file.to_string().as_bytes())
}

#[test]
fn what_codex_loads_has_no_problem() {
    let agent = json!({
        "iss": "i", "aud": "a", "iat": 1, "exp": 2, "agent_runtime_id": "r",
        "agent_private_key": "k", "account_id": "a", "chatgpt_user_id": "u",
        "plan_type": "plus", "chatgpt_account_is_fedramp": false,
    });
    let id = |claims: Value| with("tokens/id_token", jwt(&claims).into());
    for file in [
        chatgpt(),
        json!({}),
        json!({"OPENAI_API_KEY": "sk-1"}),
        json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1", "tokens": null}),
        json!({"auth_mode": "chatgpt"}),
        json!({"personal_access_token": "at-1"}),
        json!({"auth_mode": "bedrockApiKey", "bedrock_api_key": {"api_key": "x", "region": "y"}}),
        json!({"auth_mode": "agentIdentity", "agent_identity": jwt(&agent)}),
        json!({"auth_mode": "agentIdentity", "agent_identity": agent}),
        json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1", "agent_identity": "no JWT"}),
        without("auth_mode"),
        without("last_refresh"),
        with("auth_mode", "chatgptAuthTokens".into()),
        with("auth_mode", Value::Null),
        with("last_refresh", Value::Null),
        with("last_refresh", "2026-11-30 00:00:00+02:00".into()),
        with("unknown", json!([1])),
        with("tokens/refresh_token", "".into()),
        with("tokens/access_token", "no JWT".into()),
        with("tokens/unknown", json!(5)),
        with("tokens/oauth_provenance", Value::Null),
        id(json!({})),
        id(json!({"email": null, AUTH: null, "exp": "soon"})),
        id(json!({AUTH: {"chatgpt_plan_type": "new", "organizations": 5}})),
    ] {
        assert_eq!(problem(&file), None, "{file}");
    }
}

#[test]
fn what_codex_refuses_is_named_by_its_field() {
    let id = |claims: Value| with("tokens/id_token", jwt(&claims).into());
    let agent = |identity: Value| json!({"auth_mode": "agentIdentity", "agent_identity": identity});
    let of_mode = |mode: &str| json!({"auth_mode": mode});
    for (file, words) in [
        (with("auth_mode", "pigeon".into()), "auth_mode is none"),
        (with("auth_mode", "".into()), "auth_mode is none"),
        (with("auth_mode", "ChatGPT".into()), "auth_mode is none"),
        (with("auth_mode", "headers".into()), "auth_mode is none"),
        (with("auth_mode", "apikey".into()), "secret that auth_mode"),
        (of_mode("personalAccessToken"), "secret that auth_mode"),
        (of_mode("agentIdentity"), "secret that auth_mode"),
        (of_mode("bedrockApiKey"), "secret that auth_mode"),
        (of_mode("bedrockAccessKeys"), "secret that auth_mode"),
        (with("last_refresh", "yesterday".into()), "not a time"),
        (with("last_refresh", "".into()), "not a time"),
        (with("last_refresh", json!(5)), "not a time"),
        (
            with("last_refresh", "2026-11-30T00:00:00".into()),
            "not a time",
        ),
        (
            with("tokens/id_token", "no JWT".into()),
            "id_token is not a JWT",
        ),
        (with("tokens/id_token", "".into()), "id_token is not a JWT"),
        (
            with("tokens/id_token", "e30.e30".into()),
            "id_token is not a JWT",
        ),
        (
            with("tokens/id_token", "e30.e30=.s".into()),
            "id_token is not a JWT",
        ),
        (id(json!("text")), "claim of the wrong type"),
        (id(json!({"email": 5})), "claim of the wrong type"),
        (id(json!({AUTH: "text"})), "claim of the wrong type"),
        (id(json!({AUTH: {"user_id": 5}})), "claim of the wrong type"),
        (
            id(json!({AUTH: {"chatgpt_account_is_fedramp": null}})),
            "claim of the wrong type",
        ),
        (without("tokens/id_token"), "id_token is missing"),
        (without("tokens/access_token"), "access_token is missing"),
        (without("tokens/refresh_token"), "refresh_token is missing"),
        (
            with("tokens/refresh_token", Value::Null),
            "refresh_token is missing",
        ),
        (with("tokens", json!({})), "id_token is missing"),
        (
            with("tokens/oauth_provenance", json!({"issuer": "x"})),
            "oauth_provenance",
        ),
        (with("tokens/login_owner_id", json!(5)), "login_owner_id"),
        (agent("no JWT".into()), "agent_identity is not a JWT"),
        (agent(jwt(&json!({"iss": "i"})).into()), "lacks a claim"),
        (agent(json!({})), "agent_identity is incomplete"),
        (
            with("agent_identity", json!({})),
            "agent_identity is incomplete",
        ),
        (with("bedrock_api_key", "text".into()), "bedrock_api_key"),
        (
            with("bedrock_access_keys", json!({})),
            "bedrock_access_keys",
        ),
    ] {
        let found = problem(&file).unwrap_or_default();
        assert!(found.contains(words), "{found:?}: {file}");
    }
}

#[test]
fn bytes_that_nobody_can_read_are_not_judged() {
    for bytes in ["", "[]", "null", "{\"auth_mode\":", "no JSON"] {
        assert_eq!(codex_problem(bytes.as_bytes()), None, "{bytes}");
    }
}
