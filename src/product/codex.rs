//! Codex: its words and addresses, in this one place.

use std::fmt;

use super::{
    ApiBaseUrls, ApiHeaders, ApiKeyTexts, ApiVariables, Choice, Daemon, NotEnabled, Product,
    Program, Protocol, texts,
};
use crate::environment::Environment;
use crate::error::Error;

/// The issuer of Codex's sign-ins.
pub const DEFAULT_ISSUER: &str = "https://auth.openai.com";

/// The client that the Codex CLI registered with the default issuer.
pub const DEFAULT_CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// The web platform of the default issuer.
pub const PLATFORM: &str = "https://platform.openai.com";

/// The API of the default issuer.
pub const API: &str = "https://api.openai.com";

/// The domain of OpenAI's other issuers, their web platform and their API.
pub const INTERNAL_DOMAIN: &str = "openai.org";
pub const INTERNAL_PLATFORM: &str = "https://platform.api.openai.org";
pub const INTERNAL_API: &str = "https://api.openai.org";

/// The claim of a token that holds the issuer's own claims.
pub const AUTH_CLAIM: &str = "https://api.openai.com/auth";

/// The claim of an id token that describes the person.
pub const PROFILE_CLAIM: &str = "https://api.openai.com/profile";

/// The service of the Codex CLI's entries in the system's keyring.
pub const KEYRING_SERVICE: &str = "Codex Auth";

/// The environment variable that names a file of certificate authorities.
pub const CA_VARIABLE: &str = "CODEX_CA_CERTIFICATE";

/// The environment variable that names the codex home.
pub const HOME_VARIABLE: &str = "CODEX_HOME";

/// The environment variable that names the client.
pub const CLIENT_ID_VARIABLE: &str = "CODEX_CLIENT_ID";

/// The environment variable that asks for a trace.
pub const TRACE_VARIABLE: &str = "CODEX_LOGIN_TRACE";

/// The environment variable with the address that knows the owner of an access token.
pub const ACCOUNTS_API_VARIABLE: &str = "CODEX_AUTHAPI_BASE_URL";

/// The environment variable that holds an API key.
pub const API_KEY_VARIABLE: &str = "OPENAI_API_KEY";

/// The Codex CLI's settings in its home.
pub const SETTINGS_FILE: &str = "config.toml";

/// The setting for where credentials are kept.
pub const STORE_KEY: &str = "cli_auth_credentials_store";

/// The folder of the machine's own settings of the Codex CLI.
pub const MACHINE_FOLDER: &str = "/etc/codex";

impl Product {
    /// Returns OpenAI's Codex CLI (0.169): the parameters of its own sign-in, in the words that
    /// its users know.
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
                variable: Some(API_KEY_VARIABLE.into()),
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
            home_variable: Some(HOME_VARIABLE.into()),
            credentials_file: "auth.json".into(),
            settings_file: Some(SETTINGS_FILE.into()),
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
        shared_files: texts([SETTINGS_FILE, "history.jsonl"]),
        process_files: texts(["app-server-"]),
        daemon: Some(daemon),
        ..Program::new("codex", ".codex")
    }
}

fn protocol() -> Protocol {
    Protocol {
        // Signing in needs the first four. Today's Codex CLI asks for the last two, and it will use
        // these credentials.
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
        user_code_path: "/api/accounts/deviceauth/usercode".into(),
        device_token_path: "/api/accounts/deviceauth/token".into(),
        device_page_path: "/codex/device".into(),
        device_redirect_path: "/deviceauth/callback".into(),
        ..Protocol::default()
    }
}

/// The settings under which credentials need no keyring, for hints.
pub const USE_FILE: &str = "set cli_auth_credentials_store = \"file\" in config.toml";
pub const AUTO_OR_FILE: &str =
    "set cli_auth_credentials_store = \"auto\" or \"file\" in config.toml";

/// The error for running a command as a parked account while a keyring counts.
pub fn looks_elsewhere() -> Error {
    let message = "Commands can run only as the active account: Codex does not look into a \
                   parked one's file, because of cli_auth_credentials_store in config.toml";
    Error::storage(message).with_hint("Set it to \"file\", then try again")
}

/// The error for the setting that keeps no credentials, which is made in `file`.
pub fn keeps_nothing(file: &str) -> Error {
    Error::storage(format!(
        "{file} has cli_auth_credentials_store = \"ephemeral\": Codex keeps no credentials, so a \
         sign-in here would be of no use"
    ))
    .with_hint("Set it to \"file\", \"keyring\" or \"auto\", then sign in again")
}

/// The error for the setting under which only the Codex CLI can read what is stored.
pub fn encrypts() -> Error {
    Error::storage(
        "config.toml has features.secret_auth_storage = true: Codex keeps credentials in its \
         encrypted file, which only Codex itself reads and writes",
    )
    .with_hint("Sign in with: codex login; or remove the setting, then sign in here")
}

/// The error for a build without keyring support where the setting is the keyring.
pub fn needs_keyring() -> Error {
    Error::storage(
        "config.toml has cli_auth_credentials_store = \"keyring\", but this program was built \
         without keyring support",
    )
    .with_hint("Set it to \"file\", or use a build with keyring support")
}

/// A variable that is set and outranks the stored credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    variable: &'static str,
    consequence: &'static str,
}

/// The variables and what each changes, the strongest first (0.171, seen).
const OVERRIDES: [(&str, &str); 7] = [
    ("OPENAI_FEDERATION_RULE_ID", WORKLOAD_IDENTITY),
    ("OPENAI_IDENTITY_TOKEN_FILE", WORKLOAD_IDENTITY),
    ("OPENAI_IDENTITY_TOKEN_SOURCE", WORKLOAD_IDENTITY),
    ("OPENAI_SPIFFE_AUDIENCE", WORKLOAD_IDENTITY),
    ("OPENAI_SPIFFE_ID", WORKLOAD_IDENTITY),
    ("CODEX_API_KEY", "codex exec uses that API key instead"),
    ("CODEX_ACCESS_TOKEN", "Codex uses that access token instead"),
];

const WORKLOAD_IDENTITY: &str = "Codex uses workload identity instead";

impl Override {
    /// Returns those that are set in `environment`, the strongest first.
    pub fn all_in(environment: &Environment) -> Vec<Self> {
        let set = OVERRIDES.into_iter();
        let set = set.filter(|(variable, _)| environment.has(variable));
        set.map(|(variable, consequence)| Self {
            variable,
            consequence,
        })
        .collect()
    }

    /// Returns the variable's name.
    pub fn variable(&self) -> &'static str {
        self.variable
    }
}

impl fmt::Display for Override {
    /// Writes one line that names the variable and what it changes, never its value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is set: {}", self.variable, self.consequence)
    }
}
