//! Both programs are asked about the same files and variables, and have to say the same.

use serde_json::{Value, json};

use crate::machine::{Machine, version};
use crate::run::say;
use crate::tokens::claims;

/// Places in a file that both take, and the values, as JSON, that stand there in turn.
const CHANGES: [(&str, &str); 13] = [
    ("/tokens", r#"[{}, "x", []]"#),
    ("/tokens/id_token", r#"["abc", "a.b.c", "", null, 5]"#),
    ("/tokens/access_token", r#"["abc", "", null, 5]"#),
    ("/tokens/refresh_token", r#"["", null, 5]"#),
    ("/tokens/account_id", r#"["", null, 5, "acct-x"]"#),
    (
        "/tokens/oauth_provenance",
        r#"["x", {}, {"issuer": 5, "client_id": "x"}, null,
            {"issuer": "https://auth.openai.com", "client_id": "app_x"}]"#,
    ),
    ("/tokens/login_owner_id", r#"["x", 5]"#),
    ("/tokens/something_new", r#"[{"a": 1}]"#),
    (
        "/last_refresh",
        r#"["yesterday", "", null, 5, "2026-11-30", "2026-11-30T02:00:00",
            "2026-11-30T02:00:00+02:00", "2026-11-30 02:00:00Z", "2020-01-01T00:00:00Z"]"#,
    ),
    (
        "/auth_mode",
        r#"["telepathy", "", null, 5, "ChatGPT", "CHATGPT", "apikey", "apiKey",
            "chatgptAuthTokens", "agentIdentity", "personalAccessToken", "bedrockApiKey"]"#,
    ),
    ("/OPENAI_API_KEY", r#"["sk-1234567890", "", 5]"#),
    ("/agent_identity", r#"["no JWT", 5]"#),
    ("/something_new", r#"[{"a": 1}]"#),
];
/// The places from which the value is taken away.
const ABSENT: [&str; 6] = [
    "/tokens/id_token",
    "/tokens/access_token",
    "/tokens/refresh_token",
    "/tokens/account_id",
    "/last_refresh",
    "/auth_mode",
];
/// Claims of the id token, and their values in turn.
const CLAIMS: [(&str, &str); 7] = [
    ("/exp", r#"["soon"]"#),
    ("/email", "[5]"),
    ("/https:~1~1api.openai.com~1auth", r#"["x"]"#),
    (
        "/https:~1~1api.openai.com~1auth/chatgpt_plan_type",
        r#"[5, "odd"]"#,
    ),
    ("/https:~1~1api.openai.com~1auth/chatgpt_account_id", "[5]"),
    (
        "/https:~1~1api.openai.com~1auth/chatgpt_user_id",
        "[null, 5]",
    ),
    (
        "/https:~1~1api.openai.com~1auth/chatgpt_account_is_fedramp",
        r#"["x", true]"#,
    ),
];
/// Whole files, most of them for another kind of credentials.
const FILES: [&str; 17] = [
    "null",
    "[]",
    "",
    "\n",
    r#""x""#,
    r#"{"auth_mode": "#,
    "{} {}",
    r#"{"OPENAI_API_KEY": "sk-1234567890"}"#,
    r#"{"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1234567890"}"#,
    r#"{"auth_mode": "apikey", "OPENAI_API_KEY": null}"#,
    r#"{"auth_mode": "apikey", "auth_mode": "apikey", "OPENAI_API_KEY": "sk-1234567890"}"#,
    r#"{"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1234567890", "last_refresh": "x"}"#,
    r#"{"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1234567890", "tokens": {"id_token": "x"}}"#,
    r#"{"auth_mode": "agentIdentity", "agent_identity": "no JWT"}"#,
    r#"{"auth_mode": "agentIdentity", "agent_identity": "e30.e30.c2ln"}"#,
    r#"{"auth_mode": "bedrockApiKey"}"#,
    r#"{"auth_mode": "bedrockApiKey", "bedrock_api_key": {"api_key": "x", "region": "us-east-1"}}"#,
];
/// Files that Codex takes although they hold nothing to sign in with.
const HOLLOW: [&str; 4] = [
    "{}",
    r#"{"auth_mode": "chatgpt"}"#,
    r#"{"auth_mode": "chatgpt", "tokens": null}"#,
    r#"{"auth_mode": "apikey", "OPENAI_API_KEY": ""}"#,
];

/// Every file, with what is special about it.
fn files(machine: &Machine) -> Vec<(String, String)> {
    machine.sign_in("ada");
    let good = machine.auth_json();
    let mut files = vec![("a good one".to_owned(), good.to_string())];
    let mut add = |name: String, file: &Value| files.push((name, file.to_string()));
    for (place, values) in CHANGES {
        for value in list(values) {
            add(
                format!("{place} = {value}"),
                &with(&good, place, Some(value)),
            );
        }
    }
    for place in ABSENT {
        add(format!("no {place}"), &with(&good, place, None));
    }
    let id_token = good["tokens"]["id_token"].as_str().unwrap();
    let mut add_id_token = |name: String, token: String| {
        let file = with(&good, "/tokens/id_token", Some(json!(token)));
        add(format!("id token: {name}"), &file);
    };
    for (place, values) in CLAIMS {
        for value in list(values) {
            let name = format!("{place} = {value}");
            add_id_token(name, jwt(&with(&claims(id_token), place, Some(value))));
        }
    }
    let (unsigned, _) = id_token.rsplit_once('.').unwrap();
    add_id_token("two parts".to_owned(), unsigned.to_owned());
    add_id_token("no signature".to_owned(), format!("{unsigned}."));
    add_id_token("four parts".to_owned(), format!("{id_token}.x"));
    add_id_token("no claims".to_owned(), jwt(&json!({})));
    add_id_token("a list".to_owned(), jwt(&json!([1])));
    files.extend(FILES.map(|text| (text.to_owned(), text.to_owned())));
    files
}

fn list(values: &str) -> Vec<Value> {
    serde_json::from_str(values).unwrap()
}

/// The same with this value at this place, or with none.
fn with(file: &Value, place: &str, value: Option<Value>) -> Value {
    let mut file = file.clone();
    let (parent, key) = place.rsplit_once('/').unwrap();
    let parent = file.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    let key = key.replace("~1", "/");
    match value {
        Some(value) => parent.insert(key, value),
        None => parent.remove(&key),
    };
    file
}

/// A token with these claims, whose signature neither program checks.
fn jwt(claims: &Value) -> String {
    use base64::Engine as _;
    let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let header = json!({"alg": "none"}).to_string();
    format!("{}.{}.c2ln", encode(header), encode(claims.to_string()))
}

/// What this program's `status` says of the file.
fn status_takes(machine: &Machine) -> bool {
    let said = say(machine.ours(&["status", "--json"]));
    let status: Value = serde_json::from_str(&said.stdout).unwrap();
    status["signed_in"] == true && status["codex_can_load"] != false
}

fn codex_takes(machine: &Machine) -> bool {
    say(machine.codex(&["login", "status"])).code == Some(0)
}

#[test]
#[ignore = "needs the Codex CLI"]
fn status_refuses_every_file_that_codex_cannot_load_and_takes_every_other() {
    let machine = Machine::new();
    let path = machine.codex_home().join("auth.json");
    let mut wrong = Vec::new();
    for (name, text) in files(&machine) {
        std::fs::write(&path, &text).unwrap();
        let ours = status_takes(&machine);
        std::fs::write(&path, &text).unwrap();
        let codex = codex_takes(&machine);
        if ours != codex {
            wrong.push(format!("{name}: Codex takes it: {codex}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs the Codex CLI"]
fn status_calls_nobody_signed_in_whose_file_is_hollow_although_codex_does() {
    let machine = Machine::new();
    for text in HOLLOW {
        std::fs::write(machine.codex_home().join("auth.json"), text).unwrap();
        assert!(codex_takes(&machine), "{text}");
        assert!(!status_takes(&machine), "{text}");
    }
}

#[test]
#[ignore = "needs the Codex CLI"]
fn doctor_and_if_needed_are_not_content_with_a_file_that_codex_cannot_load() {
    let machine = Machine::new();
    machine.sign_in("ada");
    let good = machine.auth_json();
    let path = machine.codex_home().join("auth.json");
    for (place, value) in [
        ("/tokens/id_token", Some(json!("abc"))),
        ("/last_refresh", Some(json!("yesterday"))),
        ("/auth_mode", Some(json!("telepathy"))),
        ("/tokens/refresh_token", None),
        ("/agent_identity", Some(json!(5))),
    ] {
        std::fs::write(&path, with(&good, place, value).to_string()).unwrap();
        assert!(!codex_takes(&machine), "{place}");
        // Without a terminal, it would have to ask somebody.
        let said = say(machine.ours(&["--if-needed"]));
        assert_eq!(said.code, Some(2), "{place}: {said:#?}");
        let report = say(machine.ours(&["doctor", "--offline", "--json"]));
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let file = &report["checks"]["credentials.file"];
        assert_eq!(file["status"], "fail", "{place}: {file}");
    }
}

/// Variables that Codex obeys, and others that it does not.
const VARIABLES: [&str; 12] = [
    "CODEX_ACCESS_TOKEN",
    "CODEX_API_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_FEDERATION_RULE_ID",
    "OPENAI_IDENTITY_TOKEN_FILE",
    "OPENAI_IDENTITY_TOKEN_SOURCE",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT",
    "OPENAI_SPIFFE_AUDIENCE",
    "OPENAI_SPIFFE_ID",
    "SPIFFE_ENDPOINT_SOCKET",
];

/// Codex 0.169 does not know these, and 0.171 does.
const NOT_IN_0_169: [&str; 3] = [
    "OPENAI_IDENTITY_TOKEN_SOURCE",
    "OPENAI_SPIFFE_AUDIENCE",
    "OPENAI_SPIFFE_ID",
];

#[test]
#[ignore = "needs the Codex CLI"]
fn status_names_exactly_the_variables_with_which_codex_does_not_use_the_file() {
    let mut wrong = Vec::new();
    let is_new = version() > (0, 169);
    let variables = VARIABLES.into_iter();
    for variable in variables.filter(|name| is_new || !NOT_IN_0_169.contains(name)) {
        let machine = Machine::new().with(variable, "something-else");
        let token = machine.sign_in("ada").access_token;
        let said = say(machine.ours(&["status", "--json"])).succeeded();
        let status: Value = serde_json::from_str(&said.stdout).unwrap();
        let named = status["overridden_by"] == json!([variable]);
        let said = machine.turn();
        let asked = machine.openai.asked();
        let uses_file = asked.iter().any(|one| one.bearer() == Some(&token));
        if named == uses_file {
            wrong.push(format!(
                "{variable}: {}, {said:#?}",
                status["overridden_by"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
