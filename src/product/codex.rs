//! Codex: its words and addresses, in this one place.

use super::program::texts;
use super::{
    ApiBaseUrls, ApiHeaders, ApiKeyTexts, ApiVariables, Choice, Daemon, NotEnabled, Product,
    Program, Protocol,
};

/// The issuer of Codex's sign-ins.
pub const DEFAULT_ISSUER: &str = "https://auth.openai.com";

/// The client that the Codex CLI registered with the default issuer.
pub const DEFAULT_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

impl Product {
    /// OpenAI's Codex CLI (0.169): what its own sign-in asks for, in the words that its users
    /// know.
    pub fn codex() -> Self {
        Self {
            name: "Codex".into(),
            purpose: "Sign in to use Codex in your terminal".into(),
            title: "codex onboarding".into(),
            wordmark: Some(include_str!("../../assets/wordmark.txt").into()),
            choices: vec![Choice::Account, Choice::ApiKey, Choice::DeviceCode],
            account: "ChatGPT".into(),
            account_reason: "Included with your ChatGPT plan".into(),
            next_step: "Run codex to start: it finds this sign-in by itself.".into(),
            signed_in_page: "Signed in to Codex CLI".into(),
            device_code_help: Some(
                "If the page says that device codes are off, turn them on in ChatGPT under \
                 Settings, Security"
                    .into(),
            ),
            not_enabled: Some(NotEnabled {
                code: "missing_codex_entitlement".into(),
                message: "Codex is not enabled for your workspace. Contact your workspace \
                          administrator to request access to Codex."
                    .into(),
            }),
            doctor: Some("codex-onboarding doctor".into()),
            api_key: ApiKeyTexts {
                provider: "OpenAI".into(),
                page: Some("https://platform.openai.com/api-keys".into()),
                variable: Some("OPENAI_API_KEY".into()),
            },
            protocol: protocol(),
            api: ApiBaseUrls {
                issuer: Some(DEFAULT_ISSUER.into()),
                account: Some("https://chatgpt.com/backend-api/codex".into()),
                api_key: Some("https://api.openai.com/v1".into()),
                check: Some("https://chatgpt.com/backend-api/wham/accounts/check".into()),
                variables: Some(ApiVariables {
                    base_url: "OPENAI_BASE_URL".into(),
                    organization: "OPENAI_ORGANIZATION".into(),
                    project: "OPENAI_PROJECT".into(),
                }),
                headers: ApiHeaders {
                    account: Some("chatgpt-account-id"),
                    organization: Some("openai-organization"),
                    project: Some("openai-project"),
                },
            },
            home: "codex home".into(),
            home_variable: Some("CODEX_HOME".into()),
            credentials_file: "auth.json".into(),
            settings_file: Some("config.toml".into()),
            program: Some(program()),
        }
    }
}

/// As 0.169 and 0.171 run. The daemon's updater, and the commands that manage the two, hold no
/// session.
fn program() -> Program {
    let mut daemon = Daemon::new(
        "app-server-daemon/daemon.pid",
        ["app-server", "--managed-daemon"],
        ["app-server", "daemon", "stop"],
    );
    daemon.without_session = texts(["app-server", "daemon"]);
    Program {
        // `packages` holds the daemon's executable, of some 400 MB.
        shared_folders: texts(["packages", "sessions"]),
        shared_files: texts(["config.toml", "history.jsonl"]),
        process_files: texts(["app-server-"]),
        daemon: Some(daemon),
        ..Program::new("codex", ".codex")
    }
}

fn protocol() -> Protocol {
    Protocol {
        // The first four are what signing in needs; the last two are what today's Codex CLI
        // asks for, and it is handed our credentials.
        scope: "openid profile email offline_access api.connectors.read api.connectors.invoke"
            .into(),
        refresh_scope: "openid profile email".into(),
        authorize_parameters: vec![
            ("id_token_add_organizations".into(), "true".into()),
            ("codex_cli_simplified_flow".into(), "true".into()),
        ],
        originator: "codex_cli_rs".into(),
        user_agent: concat!("codex-onboarding/", env!("CARGO_PKG_VERSION")).into(),
        api_key_name: "Codex CLI [auto-generated]".into(),
        authorize_path: "/oauth/authorize".into(),
        token_path: "/oauth/token".into(),
        revoke_path: "/oauth/revoke".into(),
        accounts_api_path: "/api/accounts".into(),
        owner_path: "/v1/user-auth-credential/whoami".into(),
        user_code_path: "/api/accounts/deviceauth/usercode".into(),
        device_token_path: "/api/accounts/deviceauth/token".into(),
        device_page_path: "/codex/device".into(),
        device_redirect_path: "/deviceauth/callback".into(),
    }
}
