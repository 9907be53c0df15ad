//! A product: its words, and its requests to the issuer.
//!
//! ```
//! use codex_onboarding::product::Product;
//!
//! let mut product = Product::new("Acme");
//! product.wordmark = Some("A C M E".into());
//! product.next_step = "Run acme to start.".into();
//! product.protocol.scope = "openid profile email offline_access".into();
//! ```

#[doc(hidden)]
pub mod codex;

use std::borrow::Cow;

use crate::error::{Error, ErrorKind};

/// A text that is compiled in or made by the host.
pub type Text = Cow<'static, str>;

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// With an account, in the browser.
    Account,
    /// With an API key.
    ApiKey,
    /// With an account, by a code that is typed in on another device.
    DeviceCode,
}

/// One product. The default is [`Product::codex`]; a host's own begins with [`Product::new`],
/// which holds none of Codex's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Product {
    /// The product's name, for example `Codex`.
    pub name: Text,
    /// The purpose of the sign-in, in one line above the choices.
    pub purpose: Text,
    /// The heading of every screen, and of the choices where the wordmark does not fit.
    pub title: Text,
    /// The name in large letters: lines of equal width, drawn where they fit.
    pub wordmark: Option<Text>,
    /// The ways to sign in, in the order in which they are offered.
    pub choices: Vec<Choice>,
    /// The name of the account, as in "Sign in with …" and "your … account".
    pub account: Text,
    /// The reason to sign in with it, in one line.
    pub account_reason: Text,
    /// The next step after signing in, in one sentence.
    pub next_step: Text,
    /// The heading of the page that ends a sign-in in the browser.
    pub signed_in_page: Text,
    /// How to turn device codes on when the issuer's page refuses them: a sentence without its
    /// end, to which each screen adds how to go back and paste instead.
    pub device_code_help: Option<Text>,
    /// The issuer's code, and the sentence for the person, when an administrator has not enabled
    /// the product.
    pub not_enabled: Option<NotEnabled>,
    /// The command that finds out why a sign-in fails, for hints. `None` where there is none.
    pub doctor: Option<Text>,
    /// API keys: their issuer and their page.
    pub api_key: ApiKeyTexts,
    /// The requests to the issuer.
    pub protocol: Protocol,
    /// The base URLs of API requests; without one, the host gives it in
    /// [`ApiEndpointOptions`](crate::auth::ApiEndpointOptions).
    pub api: ApiBaseUrls,
    /// The name for the folder of the product's files, for example `codex home`.
    pub home: Text,
    /// The environment variable that names the folder.
    pub home_variable: Option<Text>,
    /// The file in the product's home that holds the credentials. The lock files beside it
    /// are named after it.
    pub credentials_file: Text,
    /// The name of the Codex CLI's settings (`config.toml`), for a product that obeys those in
    /// its home.
    pub settings_file: Option<Text>,
    /// The program that uses the credentials; without one, running programs are not looked for.
    pub program: Option<Program>,
}

/// A refusal that only an administrator can lift.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotEnabled {
    /// The word in the issuer's `error_description` of `access_denied`.
    pub code: Text,
    /// The sentence for the person.
    pub message: Text,
}

/// The words about API keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiKeyTexts {
    /// Their issuer, for example `OpenAI`.
    pub provider: Text,
    /// The page where one is made.
    pub page: Option<Text>,
    /// The environment variable that may hold one.
    pub variable: Option<Text>,
}

/// The names and paths of requests to the issuer. Each path begins with a slash and is relative
/// to the issuer's base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protocol {
    /// `scope` of the authorization request (RFC 6749, section 3.3).
    pub scope: Text,
    /// `scope` of a refresh; empty leaves it out (RFC 6749, section 6).
    pub refresh_scope: Text,
    /// Parameters that the authorization request carries between the challenge and the state.
    pub authorize_parameters: Vec<(Text, Text)>,
    /// The name by which the issuer and the API know the program: `originator`. Empty leaves it
    /// out.
    pub originator: Text,
    /// The `User-Agent` of requests to the issuer (RFC 9110, section 10.1.5).
    pub user_agent: Text,
    /// The beginning of the name of an API key that is exchanged for an id token.
    pub api_key_name: Text,
    /// The authorization endpoint (RFC 6749, section 3.1).
    pub authorize_path: Text,
    /// The token endpoint (RFC 6749, section 3.2).
    pub token_path: Text,
    /// The revocation endpoint (RFC 7009).
    pub revoke_path: Text,
    /// The base path of the accounts API, which knows the owner of a personal access token.
    pub accounts_api_path: Text,
    /// The path below it that tells the owner.
    pub owner_path: Text,
    /// The path where a device code is requested.
    pub user_code_path: Text,
    /// The path where its approval is polled.
    pub device_token_path: Text,
    /// The page where the person types it in.
    pub device_page_path: Text,
    /// The redirect URI of a code that came by device code.
    pub device_redirect_path: Text,
}

/// The default base URLs of API requests. Each ends without a slash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiBaseUrls {
    /// The issuer whose bearers they take: another issuer's is never sent there. `None` takes any
    /// issuer's.
    pub issuer: Option<Text>,
    /// With an account's tokens.
    pub account: Option<Text>,
    /// With an API key.
    pub api_key: Option<Text>,
    /// The URL that lists the workspaces of an account's tokens; see
    /// [`Session::check`](crate::auth::Session::check).
    pub check: Option<Text>,
    /// The environment variables that change them.
    pub variables: Option<ApiVariables>,
    /// The headers that tell the API more than the bearer does.
    pub headers: ApiHeaders,
}

/// The names of request headers, in lower case. `None` leaves a header out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiHeaders {
    /// The account's id, which is sent with an account's bearer and must then be known.
    pub account: Option<&'static str>,
    /// The organization that an API key is used for.
    pub organization: Option<&'static str>,
    /// The project that an API key is used for.
    pub project: Option<&'static str>,
}

/// The names of environment variables that a host may pass in with
/// [`ApiEndpointOptions::from_environment`](crate::auth::ApiEndpointOptions::from_environment).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiVariables {
    /// The base URL.
    pub base_url: Text,
    /// The organization that an API key is used for.
    pub organization: Text,
    /// The project that an API key is used for.
    pub project: Text,
}

/// A product's program. Its files in the product's home are shared by all accounts, except those of
/// one running process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// The file name of its executable, which is also its command.
    pub executable: Text,
    /// Its home below the person's own folder, where [`Product::home_variable`] is not set.
    pub default_home: Text,
    /// Folders in its home that are made before it first runs as a parked account, so that all
    /// accounts share them.
    pub shared_folders: Vec<Text>,
    /// The same for files, which are created empty.
    pub shared_files: Vec<Text>,
    /// The beginnings of the names of files that belong to one running process.
    pub process_files: Vec<Text>,
    /// A process that it leaves running.
    pub daemon: Option<Daemon>,
}

/// A process that a program leaves running, and that holds the session in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Daemon {
    /// The file in the program's home with its process id, alone or as `pid` of a JSON object.
    pub pid_file: Text,
    /// The arguments that together distinguish it from other processes of the program.
    pub arguments: Vec<Text>,
    /// The arguments, one after the other, of processes that hold no session.
    pub without_session: Vec<Text>,
    /// The program's arguments that end it.
    pub stop: Vec<Text>,
}

/// Separates a hint, which may end in a command to copy, from an addition to it.
pub(crate) const ASIDE: &str = " – ";

impl Product {
    /// Creates a product of this name, with neutral words and standard parameters.
    pub fn new(name: impl Into<Text>) -> Self {
        let name = name.into();
        Self {
            purpose: format!("Sign in to use {name} in your terminal").into(),
            title: name.clone(),
            wordmark: None,
            choices: vec![Choice::Account, Choice::ApiKey, Choice::DeviceCode],
            account: name.clone(),
            account_reason: format!("Included with your {name} account").into(),
            next_step: format!("{name} is ready to use.").into(),
            signed_in_page: format!("Signed in to {name}").into(),
            device_code_help: None,
            not_enabled: None,
            doctor: None,
            api_key: ApiKeyTexts {
                provider: name.clone(),
                page: None,
                variable: None,
            },
            protocol: Protocol::default(),
            api: ApiBaseUrls::default(),
            home: "credentials folder".into(),
            home_variable: None,
            credentials_file: "credentials.json".into(),
            settings_file: None,
            program: None,
            name,
        }
    }

    /// Adds the product's doctor to the hint of an error whose cause it can find: a network, a
    /// port, a disk or a lock.
    #[must_use]
    pub fn advise(&self, error: Error) -> Error {
        let findable = matches!(
            error.kind(),
            ErrorKind::Network | ErrorKind::PortInUse | ErrorKind::Storage
        );
        match (&self.doctor, error.hint()) {
            (Some(doctor), Some(hint)) if findable => {
                let hint = format!("{hint}{ASIDE}to find out more: {doctor}");
                error.with_hint(hint)
            }
            _ => error,
        }
    }

    /// Returns the sentence for the person, if this description from the issuer says that an
    /// administrator has not enabled the product.
    pub(crate) fn not_enabled_message(&self, description: Option<&str>) -> Option<&str> {
        let not_enabled = self.not_enabled.as_ref()?;
        description?
            .contains(not_enabled.code.as_ref())
            .then_some(not_enabled.message.as_ref())
    }
}

impl Default for Product {
    /// Returns [`Product::codex`].
    fn default() -> Self {
        Self::codex()
    }
}

impl Default for Protocol {
    /// Returns the standard scope, no parameter of its own, and plain paths, which the embedded
    /// issuer serves too.
    fn default() -> Self {
        Self {
            scope: "openid profile email offline_access".into(),
            refresh_scope: "".into(),
            authorize_parameters: Vec::new(),
            originator: "".into(),
            user_agent: concat!("terminal-sign-in/", env!("CARGO_PKG_VERSION")).into(),
            api_key_name: "Terminal sign-in".into(),
            authorize_path: "/oauth/authorize".into(),
            token_path: "/oauth/token".into(),
            revoke_path: "/oauth/revoke".into(),
            accounts_api_path: "/api/accounts".into(),
            owner_path: "/v1/user-auth-credential/whoami".into(),
            user_code_path: "/oauth/device/code".into(),
            device_token_path: "/oauth/device/token".into(),
            device_page_path: "/device".into(),
            device_redirect_path: "/device/callback".into(),
        }
    }
}

impl Program {
    /// Creates a program that leaves nothing running, and whose files are all shared.
    pub fn new(executable: impl Into<Text>, default_home: impl Into<Text>) -> Self {
        Self {
            executable: executable.into(),
            default_home: default_home.into(),
            shared_folders: Vec::new(),
            shared_files: Vec::new(),
            process_files: Vec::new(),
            daemon: None,
        }
    }
}

impl Daemon {
    /// Creates a daemon that is known by its arguments and ended by others.
    pub fn new(
        pid_file: impl Into<Text>,
        arguments: impl IntoIterator<Item = &'static str>,
        stop: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        Self {
            pid_file: pid_file.into(),
            arguments: texts(arguments),
            without_session: Vec::new(),
            stop: texts(stop),
        }
    }
}

fn texts(words: impl IntoIterator<Item = &'static str>) -> Vec<Text> {
    words.into_iter().map(Text::from).collect()
}
