//! Which credentials count: every row of the spec's table.

use chrono::TimeDelta;
use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Mode, Source};
use codex_onboarding::onboarding::is_needed;
use serde_json::{Value, json};

use super::support::*;

/// A token set whose access token names this plan.
fn tokens_with_plan(plan: &str) -> Value {
    let auth = json!({"chatgpt_plan_type": plan, "chatgpt_account_id": "acct-1"});
    let token = jwt(&json!({"email": "a@b.c", "https://api.openai.com/auth": auth}));
    json!({"id_token": token, "access_token": token, "refresh_token": "r", "account_id": "acct-1"})
}

fn mode_of(file: &Value) -> Mode {
    let home = Home::new();
    home.write(file);
    home.session().mode()
}

#[test]
fn nothing_anywhere_is_signed_out() {
    let mut home = Home::of_openai();
    assert!(home.load().unwrap().is_none());
    for blank in ["", "  "] {
        home.options.environment_key = Some(blank.into());
        assert!(home.load().unwrap().is_none());
    }
    assert!(is_needed(&home.options));
    assert!(home.files().is_empty(), "looking leaves no trace");
}

#[tokio::test]
async fn without_a_file_the_environments_key_counts_for_openais_issuer_alone() {
    let mut home = Home::new();
    home.options.environment_key = Some("sk-env".into());
    assert!(home.load().unwrap().is_none());

    let mut home = Home::of_openai();
    home.options.environment_key = Some("sk-env".into());
    let session = home.session();
    assert_eq!(session.source(), Source::Environment);
    assert_eq!(session.mode(), Mode::ApiKey);
    assert_eq!(session.path(), None);
    assert_eq!(text(&session.bearer().await.unwrap()), "sk-env");
    assert!(is_needed(&home.options), "it is not stored");
}

#[test]
fn the_onboarding_is_needed_where_nothing_usable_is_stored() {
    let home = Home::new();
    home.write(&json!({"OPENAI_API_KEY": "sk-1"}));
    assert!(!is_needed(&home.options));
    std::fs::remove_file(home.file()).unwrap();
    std::fs::create_dir(home.file()).unwrap();
    assert!(is_needed(&home.options), "it cannot be read");
}

#[test]
fn the_file_comes_before_the_environment() {
    let mut home = Home::of_openai();
    home.options.environment_key = Some("sk-env".into());
    home.write(
        &json!({"tokens": tokens_with_plan("plus"), "last_refresh": ago(TimeDelta::zero())}),
    );
    let session = home.session();
    assert_eq!(session.source(), Source::File);
    assert_eq!(session.mode(), Mode::ChatGpt);
    assert_eq!(session.path(), Some(home.file()));
    assert_eq!(session.account().email.as_deref(), Some("a@b.c"));
    assert_eq!(session.account().plan.unwrap().as_str(), "plus");
}

#[test]
fn a_malformed_file_is_an_error_with_its_place_and_nothing_else_counts() {
    let mut home = Home::new();
    home.options.environment_key = Some("sk-env".into());
    for bad in [
        "{",
        "[]",
        "{\n  \"tokens\": {\"access_token\": 5}\n}",
        "\u{0}\u{0}",
    ] {
        home.write_text(bad);
        let error = home.refusal();
        assert_eq!(error.kind(), ErrorKind::Storage, "{bad:?}");
        assert!(error.message().contains("auth.json"), "{error}");
        assert!(error.message().contains("line "), "{error}");
        assert!(error.message().contains(", column "), "{error}");
    }
    home.write_text("{\n  \"tokens\": {\"access_token\": 5}\n}");
    assert!(home.refusal().message().contains("line 2, column"));
    assert!(is_needed(&home.options), "the onboarding replaces it");
}

#[test]
fn with_both_secrets_the_mode_decides() {
    for plan in ["plus", "enterprise"] {
        let both = |mode: Value| json!({"auth_mode": mode, "OPENAI_API_KEY": "sk-1", "tokens": tokens_with_plan(plan)});
        assert_eq!(mode_of(&both(json!("chatgpt"))), Mode::ChatGpt);
        assert_eq!(mode_of(&both(json!("apikey"))), Mode::ApiKey);
    }
}

#[test]
fn with_both_secrets_and_no_mode_only_a_metered_plan_makes_the_key_count() {
    for (plan, expected) in [
        ("free", Mode::ChatGpt),
        ("plus", Mode::ChatGpt),
        ("pro", Mode::ChatGpt),
        ("team", Mode::ChatGpt),
        ("unheard-of", Mode::ChatGpt),
        ("business", Mode::ApiKey),
        ("enterprise", Mode::ApiKey),
        ("edu", Mode::ApiKey),
    ] {
        for mode in [Value::Null, json!("")] {
            let tokens = tokens_with_plan(plan);
            let file = json!({"auth_mode": mode, "OPENAI_API_KEY": "sk-1", "tokens": tokens});
            assert_eq!(mode_of(&file), expected, "{plan}");
        }
    }
    // Without a key there is nothing to prefer.
    assert_eq!(
        mode_of(&json!({"tokens": tokens_with_plan("edu")})),
        Mode::ChatGpt
    );
}

#[test]
fn a_key_without_tokens_is_an_api_key() {
    for tokens in [
        Value::Null,
        json!({}),
        json!({"access_token": "", "refresh_token": ""}),
    ] {
        let file = json!({"OPENAI_API_KEY": "sk-1", "tokens": tokens});
        assert_eq!(mode_of(&file), Mode::ApiKey, "{tokens}");
    }
}

#[test]
fn the_hosts_preference_wins_where_the_file_holds_both() {
    let both = json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": "sk-1", "tokens": tokens_with_plan("plus")});
    let mut home = Home::new();
    home.write(&both);
    home.options.preference = Some(Mode::ApiKey);
    assert_eq!(home.session().mode(), Mode::ApiKey);
    home.write(&json!({"auth_mode": "chatgpt", "tokens": tokens_with_plan("plus")}));
    assert_eq!(home.session().mode(), Mode::ChatGpt, "only one is there");
    home.options.preference = Some(Mode::ChatGpt);
    home.write(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1", "tokens": tokens_with_plan("edu")}));
    assert_eq!(home.session().mode(), Mode::ChatGpt);
}

#[test]
fn what_is_missing_is_said() {
    for (file, missing) in [
        (json!({}), "neither tokens nor an API key"),
        (
            json!({"OPENAI_API_KEY": "", "tokens": null}),
            "neither tokens nor an API key",
        ),
        (
            json!({"tokens": {"id_token": "i"}}),
            "neither tokens nor an API key",
        ),
        (json!({"auth_mode": "chatgpt"}), "holds no tokens"),
        (
            json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": "sk-1"}),
            "holds no tokens",
        ),
        (json!({"auth_mode": "apikey"}), "holds none"),
        (
            json!({"auth_mode": "apikey", "tokens": tokens_with_plan("plus")}),
            "holds none",
        ),
    ] {
        let mut home = Home::of_openai();
        home.options.environment_key = Some("sk-env".into());
        home.write(&file);
        let error = home.refusal();
        assert_eq!(error.kind(), ErrorKind::NotSignedIn, "{file}");
        assert!(error.message().starts_with("Not logged in"), "{error}");
        assert!(is_needed(&home.options));
        assert!(error.message().contains(missing), "{file}: {error}");
    }
}

#[tokio::test]
async fn a_mode_of_the_codex_cli_counts_by_its_name_but_gives_no_token() {
    let home = Home::new();
    home.write(&json!({"auth_mode": "agentIdentity", "agent": {}, "OPENAI_API_KEY": "sk-1"}));
    let session = home.session();
    assert_eq!(session.mode(), Mode::Other("agentIdentity".to_owned()));
    for error in [
        session.bearer().await.unwrap_err(),
        session.refresh().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotSignedIn);
        assert!(error.message().contains("agentIdentity"), "{error}");
    }
}

#[tokio::test]
async fn an_api_key_is_never_refreshed() {
    let home = Home::new();
    home.write(&json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1", "tokens": null}));
    let session = home.session();
    session.refresh().await.unwrap();
    assert_eq!(text(&session.bearer().await.unwrap()), "sk-1");
    assert_eq!(
        text(&session.replace(&"sk-1".into()).await.unwrap()),
        "sk-1"
    );
    assert_eq!((session.expires_at(), session.last_refresh()), (None, None));
}

#[test]
fn two_sessions_are_equal_only_when_mode_account_and_secret_are() {
    let session = |file: &Value| {
        let home = Home::new();
        home.write(file);
        home.session()
    };
    let base = json!({"OPENAI_API_KEY": "sk-1", "tokens": tokens_with_plan("plus"), "x": 1});
    let with = |change: &dyn Fn(&mut Value)| {
        let mut file = base.clone();
        change(&mut file);
        session(&file)
    };
    assert_eq!(session(&base), with(&|file| file["x"] = json!(2)));
    assert_ne!(
        session(&base),
        with(&|file| file["auth_mode"] = json!("apikey"))
    );
    assert_ne!(
        session(&base),
        with(&|file| file["tokens"]["account_id"] = json!("acct-2"))
    );
    assert_ne!(
        session(&base),
        with(&|file| file["tokens"]["access_token"] = json!("a"))
    );
    assert_ne!(
        session(&base),
        with(&|file| file["tokens"]["refresh_token"] = json!("s"))
    );
    let key = |key: &str| session(&json!({"OPENAI_API_KEY": key}));
    assert_eq!(key("sk-1"), key("sk-1"));
    assert_ne!(key("sk-1"), key("sk-2"));
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let home = Home::of_openai();
    let mut tokens = tokens_with_plan("plus");
    tokens["refresh_token"] = json!("canary-refresh");
    home.write(&json!({"tokens": tokens, "last_refresh": ago(TimeDelta::zero())}));
    let session = home.session();
    let endpoint = session.endpoint().await.unwrap();
    let shown = format!("{session:?} {endpoint:?}");
    let bearer = text(&session.bearer().await.unwrap());
    assert!(
        !shown.contains("canary") && !shown.contains(&bearer),
        "{shown}"
    );
}
