use super::*;
use crate::ErrorKind;
use crate::auth::{Issuer, SessionOptions, Store};

/// A codex home and the machine's folder.
struct Machine {
    home: tempfile::TempDir,
    etc: tempfile::TempDir,
}

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let machine = Self {
            home: tempfile::tempdir().unwrap(),
            etc: tempfile::tempdir().unwrap(),
        };
        for (name, text) in files {
            let path = match name.strip_prefix("etc/") {
                Some(name) => machine.etc.path().join(name),
                None => machine.home.path().join(name),
            };
            std::fs::write(path, text).unwrap();
        }
        machine
    }

    fn config(&self) -> CodexConfig {
        CodexConfig::load(self.home.path(), Some(self.etc.path()))
    }

    fn store(&self) -> Store {
        Store::new(self.home.path())
    }
}

fn parse(text: &str) -> CodexConfig {
    Machine::new(&[("config.toml", text)]).config()
}

/// Returns which of ChatGPT and an API key are allowed.
fn ways(config: &CodexConfig) -> [bool; 2] {
    [Mode::ChatGpt, Mode::ApiKey].map(|mode| config.check_allowed(&mode).is_ok())
}

fn workspaces(config: &CodexConfig, asked: &[&str]) -> Result<Vec<String>> {
    let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
    config.workspaces(&asked)
}

fn refusal(config: &CodexConfig, mode: &Mode) -> String {
    let error = config.check_allowed(mode).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    error.message().to_owned()
}

#[test]
fn the_keys_are_read_and_others_are_not_looked_at() {
    let config = parse(
        "model = \"m\"\nforced_login_method = \"chatgpt\"\n\
         forced_chatgpt_workspace_id = \" acct-1 \"\ncli_auth_credentials_store = \"file\"\n\
         [mcp_servers.x]\ncommand = \"y\"\n",
    );
    assert_eq!(ways(&config), [true, false]);
    assert_eq!(workspaces(&config, &[]).unwrap(), ["acct-1"]);
    assert!(config.warnings.is_empty());
    let api = parse("forced_login_method = \"api\"");
    assert_eq!(ways(&api), [false, true]);
    assert_eq!(
        refusal(&api, &Mode::ChatGpt),
        "Not allowed: config.toml has forced_login_method = \"api\""
    );
}

#[test]
fn several_workspaces_are_taken_too_and_blank_ones_are_none() {
    let config = parse("forced_chatgpt_workspace_id = [\"a\", \"\", \"b\"]");
    assert_eq!(workspaces(&config, &[]).unwrap(), ["a", "b"]);
    for blank in ["\"  \"", "[]", "[\"\"]"] {
        let config = parse(&format!("forced_chatgpt_workspace_id = {blank}"));
        assert_eq!(config, CodexConfig::default(), "{blank}");
    }
}

#[test]
fn a_workspace_has_to_be_asked_for_and_allowed() {
    let machine = Machine::new(&[(
        "config.toml",
        "forced_chatgpt_workspace_id = [\"a\", \"b\"]",
    )]);
    let config = machine.config();
    assert_eq!(workspaces(&config, &["c", "b"]).unwrap(), ["b"]);
    let free = CodexConfig::default();
    assert_eq!(workspaces(&free, &["c"]).unwrap(), ["c"]);
    assert!(workspaces(&free, &[]).unwrap().is_empty());
    let error = workspaces(&config, &["c"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let path = machine.home.path().join("config.toml");
    assert!(
        error.message().contains(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn of_the_configurations_the_managed_one_is_strongest_and_the_machines_weakest() {
    let own = ("config.toml", "forced_login_method = \"chatgpt\"");
    let api = "forced_login_method = \"api\"\ncli_auth_credentials_store = \"ephemeral\"";
    let weak = Machine::new(&[own, ("etc/config.toml", api)]).config();
    assert_eq!(ways(&weak), [true, false]);
    // The machine decides each key that the person's own file leaves unset.
    assert_eq!(weak.credentials_store, StoreSetting::Ephemeral);
    let strong = Machine::new(&[own, ("etc/managed_config.toml", api)]);
    assert_eq!(ways(&strong.config()), [false, true]);
    let file = strong.etc.path().join("managed_config.toml");
    let why = refusal(&strong.config(), &Mode::ChatGpt);
    assert!(why.contains(&file.display().to_string()), "{why}");
    let alone = Machine::new(&[("etc/config.toml", api)]).config();
    assert_eq!(ways(&alone), [false, true]);
}

#[test]
fn the_requirements_restrict_what_is_left() {
    let requires = |text: &str, own: &str| {
        Machine::new(&[("config.toml", own), ("etc/requirements.toml", text)]).config()
    };
    let methods = |list: &str| requires(&format!("allowed_login_methods = {list}"), "");
    assert_eq!(ways(&methods("[\"chatgpt\"]")), [true, false]);
    assert_eq!(ways(&methods("[\"api\"]")), [false, true]);
    assert_eq!(ways(&methods("[\"api\", \"chatgpt\"]")), [true, true]);
    assert_eq!(ways(&methods("[]")), [false, false]);
    let both = requires(
        "allowed_login_methods = [\"chatgpt\"]",
        "forced_login_method = \"api\"",
    );
    assert_eq!(ways(&both), [false, false]);
    let why = refusal(&methods("[\"api\"]"), &Mode::PersonalAccessToken);
    assert!(
        why.ends_with("requirements.toml has allowed_login_methods = [\"api\"]"),
        "{why}"
    );
    let bedrock = Mode::Other("bedrockApiKey".to_owned());
    assert!(methods("[\"api\"]").check_allowed(&bedrock).is_ok());

    let store = requires(
        "cli_auth_credentials_store = \"file\"",
        "cli_auth_credentials_store = \"keyring\"",
    );
    assert_eq!(store.credentials_store, StoreSetting::File);
}

#[test]
fn where_no_workspace_is_left_chatgpt_is_off_and_a_key_is_not() {
    let left = |list: &str, own: &str| {
        let requirements = format!("allowed_chatgpt_workspaces = {list}");
        let files = [
            ("config.toml", own),
            ("etc/requirements.toml", &requirements),
        ];
        Machine::new(&files).config()
    };
    let own = "forced_chatgpt_workspace_id = [\"a\", \"b\"]";
    let some = left("[\" b \", \"c\"]", own);
    assert_eq!(workspaces(&some, &[]).unwrap(), ["b"]);
    assert_eq!(ways(&some), [true, true]);
    assert!(
        workspaces(&some, &["a"]).is_err(),
        "the requirements leave it out"
    );
    for none in [left("[\"c\"]", own), left("[]", ""), left("[\"\"]", "")] {
        assert_eq!(ways(&none), [false, true], "{none:?}");
        assert!(
            workspaces(&none, &[]).is_err(),
            "an empty list would allow any"
        );
        let why = refusal(&none, &Mode::ChatGpt);
        assert!(why.contains("requirements.toml"), "{why}");
    }
}

#[test]
fn a_store_that_the_machine_decides_is_refused_by_its_file() {
    let decided = Machine::new(&[(
        "etc/requirements.toml",
        "cli_auth_credentials_store = \"ephemeral\"",
    )]);
    let error = decided.config().check_store().unwrap_err();
    assert!(error.message().contains("requirements.toml"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Storage);
    let own = parse("cli_auth_credentials_store = \"ephemeral\"");
    assert!(
        own.check_store()
            .unwrap_err()
            .message()
            .starts_with("config.toml")
    );
}

#[test]
fn every_credentials_store_has_its_value() {
    let store = |text: &str| {
        let config = parse(text);
        assert!(config.warnings.is_empty(), "{config:?}");
        config.credentials_store
    };
    assert_eq!(store(""), StoreSetting::File);
    for (name, expected) in [
        ("file", StoreSetting::File),
        ("keyring", StoreSetting::Keyring),
        ("auto", StoreSetting::Auto),
        ("ephemeral", StoreSetting::Ephemeral),
    ] {
        let text = format!("cli_auth_credentials_store = \"{name}\"");
        assert_eq!(store(&text), expected);
    }
}

#[test]
fn the_encrypted_file_is_used_only_instead_of_a_keyring() {
    let store = |name: &str, on: bool| {
        let text = format!(
            "cli_auth_credentials_store = \"{name}\"\n[features]\nsecret_auth_storage = {on}"
        );
        parse(&text).credentials_store
    };
    assert_eq!(store("keyring", true), StoreSetting::Encrypted);
    assert_eq!(store("auto", true), StoreSetting::Encrypted);
    assert_eq!(store("file", true), StoreSetting::File);
    assert_eq!(store("keyring", false), StoreSetting::Keyring);
    let required = Machine::new(&[
        ("config.toml", "cli_auth_credentials_store = \"keyring\""),
        (
            "etc/requirements.toml",
            "[features]\nsecret_auth_storage = true",
        ),
    ]);
    assert_eq!(required.config().credentials_store, StoreSetting::Encrypted);
}

#[test]
fn values_that_are_not_understood_are_warnings_and_safe_to_show() {
    let config = parse(
        "forced_login_method = \"pigeon\\u001b[2J\"\nforced_chatgpt_workspace_id = [1]\n\
         cli_auth_credentials_store = 5",
    );
    assert_eq!(ways(&config), [true, true]);
    assert!(workspaces(&config, &[]).unwrap().is_empty());
    assert_eq!(config.warnings.len(), 3);
    assert!(!config.warnings.concat().contains('\u{1b}'), "{config:?}");
    // Codex accepts lists for one key but not for the other.
    assert_eq!(
        parse("forced_chatgpt_workspace_id = \"a,b\"")
            .warnings
            .len(),
        1
    );
    let text = "allowed_login_methods = \"api\"\nallowed_chatgpt_workspaces = \"a\"";
    let machine = Machine::new(&[("etc/requirements.toml", text)]);
    assert_eq!(machine.config().warnings.len(), 2);
}

#[test]
fn a_file_that_cannot_be_read_or_parsed_is_a_warning() {
    for folder in ["", "etc/"] {
        let machine = Machine::new(&[]);
        assert_eq!(machine.config(), CodexConfig::default());
        let path = match folder {
            "" => machine.home.path().join("config.toml"),
            _ => machine.etc.path().join("requirements.toml"),
        };
        let warnings = || machine.config().warnings;
        std::fs::write(&path, "a = 1\nb = [").unwrap();
        assert!(warnings()[0].contains("line 2"), "{:?}", warnings());
        std::fs::write(&path, b"a = \"\xff\"").unwrap();
        assert_eq!(warnings().len(), 1);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(warnings().len(), 1);
    }
}

/// An id token and an access token of this workspace.
fn token(workspace: &str) -> String {
    use base64::Engine as _;
    let claims =
        serde_json::json!({"https://api.openai.com/auth": {"chatgpt_account_id": workspace}});
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{payload}.sig")
}

/// Returns what `text` in the requirements has against the stored `file`.
fn breach(text: &str, file: &serde_json::Value) -> Option<String> {
    let machine = Machine::new(&[
        ("auth.json", &file.to_string()),
        ("etc/requirements.toml", text),
    ]);
    let options = SessionOptions::new(machine.store(), Issuer::openai());
    let session = Session::load(&options).unwrap().unwrap();
    machine.config().breach(&session)
}

#[test]
fn stored_credentials_that_break_the_settings_are_told_with_the_file() {
    let chatgpt = |stored: Option<&str>, named: &str| {
        serde_json::json!({
            "auth_mode": "chatgpt",
            "tokens": {"id_token": token(named), "access_token": "a", "refresh_token": "r",
                       "account_id": stored},
        })
    };
    let key = serde_json::json!({"auth_mode": "apikey", "OPENAI_API_KEY": "sk-1"});
    let bedrock = serde_json::json!({"bedrock_api_key": {"api_key": "x", "region": "y"}});
    let token = serde_json::json!({"personal_access_token": "at-1"});
    let ours = chatgpt(Some("a"), "a");
    let (api, account) = (
        "allowed_login_methods = [\"api\"]",
        "allowed_login_methods = [\"chatgpt\"]",
    );
    let (a, b) = (
        "allowed_chatgpt_workspaces = [\"a\"]",
        "allowed_chatgpt_workspaces = [\"b\"]",
    );
    for (text, file, breaks) in [
        (api, &ours, true),
        (api, &token, true),
        (api, &key, false),
        (api, &bedrock, false),
        (account, &ours, false),
        (account, &token, false),
        (account, &key, true),
        (account, &bedrock, true),
        (a, &ours, false),
        (b, &ours, true),
        (b, &key, false),
        (a, &chatgpt(None, "a"), false),
        (b, &chatgpt(None, "a"), true),
        (a, &chatgpt(Some("b"), "a"), true),
        (a, &chatgpt(Some("a"), "b"), true),
    ] {
        let found = breach(text, file);
        assert_eq!(found.is_some(), breaks, "{text}: {file}");
        assert!(found.is_none_or(|rule| rule.contains("requirements.toml has ")));
    }
}
