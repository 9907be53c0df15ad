//! Every kind of credentials that the Codex CLI knows, in its own words, and what outranks them
//! (spec, section 9).

use serde_json::{Value, json};

use crate::program::{Run, run};
use crate::stage::Stage;

fn stored(file: &Value) -> Stage {
    let stage = Stage::new();
    stage.write_auth_file(&file.to_string());
    stage
}

/// The first line of `status`, and `mode` in its JSON.
fn kind(file: &Value) -> (String, String) {
    let stage = stored(file);
    let text = run(&stage, &["status"]).succeeded().stdout;
    let json = run(&stage, &["status", "--json"]).succeeded().json();
    assert!(!text.contains("at-secret"), "{text}");
    let first = text.lines().next().unwrap_or_default().to_owned();
    (first, json["mode"].as_str().unwrap().to_owned())
}

#[test]
fn every_kind_is_named_in_codexs_words() {
    let bedrock = json!({"api_key": "k", "region": "us-east-1"});
    let aws = json!({"access_key_id": "i", "secret_access_key": "s", "region": "us-east-1"});
    let tokens = json!({"access_token": "a", "refresh_token": ""});
    for (file, words, mode) in [
        (
            json!({"personal_access_token": "at-secret"}),
            "personal access token",
            "personalAccessToken",
        ),
        (
            json!({"auth_mode": "personalAccessToken", "personal_access_token": "at-secret"}),
            "personal access token",
            "personalAccessToken",
        ),
        (
            json!({"bedrock_api_key": bedrock}),
            "Amazon Bedrock API key",
            "bedrockApiKey",
        ),
        (
            json!({"bedrock_access_keys": aws}),
            "Amazon Bedrock AWS access keys",
            "bedrockAccessKeys",
        ),
        (
            json!({"auth_mode": "agentIdentity", "agent_identity": "x"}),
            "access token",
            "agentIdentity",
        ),
        (
            json!({"auth_mode": "chatgptAuthTokens", "tokens": tokens}),
            "ChatGPT",
            "chatgpt",
        ),
        (
            json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1"}),
            "an API key",
            "apikey",
        ),
    ] {
        let expected = (format!("Logged in using {words}"), mode.to_owned());
        assert_eq!(kind(&file), expected, "{file}");
    }
}

#[test]
fn without_a_name_a_personal_access_token_comes_before_bedrock_and_bedrock_before_a_key() {
    let mut file = json!({
        "OPENAI_API_KEY": "sk-1",
        "personal_access_token": "at-secret",
        "bedrock_api_key": {"api_key": "k", "region": "us-east-1"},
    });
    assert_eq!(kind(&file).1, "personalAccessToken");
    file["personal_access_token"] = Value::Null;
    assert_eq!(kind(&file).1, "bedrockApiKey");
    file["bedrock_api_key"] = Value::Null;
    assert_eq!(kind(&file).1, "apikey");
}

#[test]
fn where_codex_would_take_the_key_instead_that_is_said() {
    let mut file = json!({"OPENAI_API_KEY": "sk-1", "tokens": {"access_token": "a"}});
    let says = |file: &Value| run(&stored(file), &["status"]).succeeded().stdout;
    let unnamed = says(&file);
    assert!(
        unnamed.starts_with("Logged in using ChatGPT\n"),
        "{unnamed}"
    );
    assert!(
        unnamed.contains("Codex itself uses an API key"),
        "{unnamed}"
    );
    file["auth_mode"] = json!("chatgpt");
    assert!(!says(&file).contains("Codex itself"));
}

#[test]
fn variables_that_outrank_the_file_are_named_and_their_values_are_not() {
    let stage = stored(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1"}));
    let with = |words: &[&str]| {
        Run::new(&stage, words)
            .variable("CODEX_ACCESS_TOKEN", "at-secret")
            .variable("CODEX_API_KEY", "sk-secret")
            .variable("OPENAI_FEDERATION_RULE_ID", "rule-secret")
            .variable("OPENAI_IDENTITY_TOKEN_FILE", "file-secret")
            .variable("OPENAI_IDENTITY_TOKEN_SOURCE", "source-secret")
            .variable("OPENAI_SPIFFE_AUDIENCE", "audience-secret")
            .variable("OPENAI_SPIFFE_ID", "id-secret")
            .variable("SPIFFE_ENDPOINT_SOCKET", "selects nothing")
            .ends()
            .succeeded()
    };
    let text = with(&["status"]).stdout;
    for line in [
        "CODEX_ACCESS_TOKEN is set: Codex uses that access token instead",
        "CODEX_API_KEY is set: codex exec uses that API key instead",
        "OPENAI_FEDERATION_RULE_ID is set: Codex uses workload identity instead",
        "OPENAI_SPIFFE_ID is set: Codex uses workload identity instead",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(
        with(&["status", "--json"]).json()["overridden_by"],
        json!([
            "OPENAI_FEDERATION_RULE_ID",
            "OPENAI_IDENTITY_TOKEN_FILE",
            "OPENAI_IDENTITY_TOKEN_SOURCE",
            "OPENAI_SPIFFE_AUDIENCE",
            "OPENAI_SPIFFE_ID",
            "CODEX_API_KEY",
            "CODEX_ACCESS_TOKEN"
        ])
    );
}

#[test]
fn a_variable_that_outranks_nothing_is_named_when_signed_out_too() {
    let stage = Stage::new();
    let run = Run::new(&stage, &["status", "--json"]).variable("CODEX_ACCESS_TOKEN", "at-secret");
    let ended = run.ends().failed(1, "");
    let expected = json!({
        "version": 1, "signed_in": false, "overridden_by": ["CODEX_ACCESS_TOKEN"],
    });
    assert_eq!(ended.json(), expected);
}

#[test]
fn token_prints_a_personal_access_token_and_refreshes_nothing() {
    let stage = stored(&json!({"OPENAI_API_KEY": null, "personal_access_token": "at-1"}));
    let before = std::fs::read(stage.auth_file()).unwrap();
    for arguments in [&["token"][..], &["token", "--force-refresh"]] {
        assert_eq!(run(&stage, arguments).succeeded().stdout, "at-1\n");
    }
    assert_eq!(std::fs::read(stage.auth_file()).unwrap(), before);
    let bedrock = stored(&json!({"bedrock_api_key": {"api_key": "k", "region": "r"}}));
    run(&bedrock, &["token"]).failed(1, "bedrockApiKey");
}
