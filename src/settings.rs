//! The settings that flags and environment add up to, as one plain value.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use codex_onboarding::auth::accounts::Accounts;
use codex_onboarding::auth::{
    ApiEndpointOptions, CaFile, CodexConfig, DEFAULT_CLIENT_ID, Issuer, IssuerUrl, ProxySettings,
    Store,
};
use codex_onboarding::environment::Environment;
use codex_onboarding::product::Product;
use codex_onboarding::remote::RemoteSession;
use codex_onboarding::sign_in::{Port, REGISTERED_PORTS, SignInOptions};
use codex_onboarding::text::shell_word;
use codex_onboarding::{Error, Result};
use secrecy::SecretString;

use crate::cli::Global;

/// The settings of one run.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools)] // Independent facts, not states.
pub struct Settings {
    /// The folder of `auth.json`, and of all accounts.
    pub codex_home: PathBuf,
    /// The folder of one account that was named as the codex home, as `exec` does: commands about
    /// one session are about this account's.
    pub slot: Option<PathBuf>,
    /// The source of the codex home's path.
    pub home_named_by: &'static str,
    /// The authorization server.
    pub issuer: Issuer,
    /// The callback server's port.
    pub port: Port,
    /// Account ids that may sign in; empty for any.
    pub workspaces: Vec<String>,
    /// `--no-browser`: the browser is elsewhere, or unwanted.
    pub no_browser: bool,
    /// Whether to talk line by line instead of full screen.
    pub plain: bool,
    /// The reason for that where nobody asked for it.
    pub reason_for_lines: Option<&'static str>,
    /// Whether spinners and clocks may move.
    pub animations: bool,
    /// Whether to trace to standard error.
    pub verbose: bool,
    /// The file to trace to.
    pub log_file: Option<PathBuf>,
    /// `OPENAI_API_KEY`
    pub environment_key: Option<SecretString>,
    /// `OPENAI_BASE_URL`, `OPENAI_ORGANIZATION`, `OPENAI_PROJECT`
    pub endpoint: ApiEndpointOptions,
    /// All of the environment.
    pub environment: Environment,
    /// The folder of the machine's own settings of the Codex CLI, where there may be one.
    pub machine_folder: Option<&'static Path>,
    /// The Codex CLI's settings, once they were read.
    config: OnceLock<CodexConfig>,
}

impl Settings {
    /// Weighs flags against variables.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when an option makes no sense, or no home can be found.
    pub fn new(flags: &Global, environment: Environment) -> Result<Self> {
        let client_id = flags.client_id.as_deref().filter(|id| !id.is_empty());
        let client_id = client_id
            .or(environment.get("CODEX_CLIENT_ID"))
            .unwrap_or(DEFAULT_CLIENT_ID);
        let issuer = IssuerUrl::parse(&flags.issuer)?;
        let trace = environment.get("CODEX_LOGIN_TRACE");
        let asked = flags.plain;
        let reason_for_lines = environment.reason_for_lines().filter(|_| !asked);
        let (named, home_named_by) = codex_home(flags, &environment)?;
        let codex_home = Store::new(&named).codex_home().home().to_owned();
        Ok(Self {
            slot: (codex_home != named).then_some(named),
            codex_home,
            home_named_by,
            issuer: with_accounts_api(
                Issuer::new(issuer, client_id, CaFile::from_environment(&environment))
                    .with_proxies(ProxySettings::from_environment(&environment)),
                &environment,
            )?,
            port: flags.port.map_or(Port::Registered, Port::Exactly),
            workspaces: flags.workspace.clone(),
            no_browser: flags.no_browser,
            plain: flags.plain || reason_for_lines.is_some(),
            reason_for_lines,
            animations: !flags.no_animations,
            verbose: flags.verbose || matches!(trace, Some("1" | "true")),
            log_file: flags.log_file.clone(),
            environment_key: environment.secret("OPENAI_API_KEY"),
            endpoint: ApiEndpointOptions::from_environment(&Product::codex(), &environment),
            environment,
            machine_folder: cfg!(unix).then(|| Path::new("/etc/codex")),
            config: OnceLock::new(),
        })
    }

    /// Returns the remote session, or `None` where a browser here is wanted. Looks
    /// for files that only a container has.
    pub fn remote(&self) -> Option<RemoteSession> {
        if self.no_browser {
            Some(RemoteSession::assumed(&self.environment))
        } else {
            RemoteSession::detect(&self.environment)
        }
    }

    /// The Codex CLI's settings.
    pub fn config(&self) -> &CodexConfig {
        self.config
            .get_or_init(|| CodexConfig::load_with(&self.codex_home, self.machine_folder))
    }

    /// The place of the credentials, by the Codex CLI's setting.
    pub fn store(&self) -> Store {
        let store = Store::new(&self.codex_home).with_setting(self.config().credentials_store);
        match self.machine_folder {
            Some(folder) => store.with_machine_settings(folder),
            None => store,
        }
    }

    /// The accounts in the codex home.
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.store())
    }

    /// Returns the folder that was named as the codex home.
    pub fn named_home(&self) -> &Path {
        self.slot.as_ref().unwrap_or(&self.codex_home)
    }

    /// Returns one of this program's commands for the same issuer, client and codex home as this
    /// one, for a shell.
    pub fn command(&self, words: &str) -> String {
        let mut command = format!("codex-onboarding {words}");
        let mut add = |option: &str, value: &str| {
            for word in [option, &shell_word(value)] {
                command.push(' ');
                command.push_str(word);
            }
        };
        if !self.issuer.url().is_default() {
            add("--issuer", &self.issuer.url().to_string());
        }
        if self.issuer.client_id() != DEFAULT_CLIENT_ID {
            add("--client-id", self.issuer.client_id());
        }
        if self.home_named_by == "--codex-home" {
            let named = self.named_home();
            let home = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
            add("--codex-home", &home.to_string_lossy());
        }
        command
    }

    /// Says whose accounts are meant where one account's folder was named.
    pub fn slot_note(&self) -> Option<String> {
        let home = self.codex_home.display();
        self.slot.as_ref().map(|_| {
            format!(
                "{} names one account's folder: these are all accounts in {home}",
                self.home_named_by
            )
        })
    }

    /// Options for a sign-in with these settings.
    pub fn sign_in(&self) -> SignInOptions {
        let mut options = SignInOptions::new(self.issuer.clone(), self.store());
        options.port = self.port;
        options.workspaces.clone_from(&self.workspaces);
        options.trusted_users = invoking_users(&self.environment);
        options
    }

    /// Warns of a port that the issuer will refuse, as it does all but the registered ones.
    pub fn port_warning(&self) -> Option<String> {
        let Port::Exactly(port) = self.port else {
            return None;
        };
        let [first, second] = REGISTERED_PORTS;
        (self.issuer.url().is_default() && !REGISTERED_PORTS.contains(&port)).then(|| {
            format!(
                "warning: the issuer will refuse --port {port}: only {first} and {second} are \
                 registered"
            )
        })
    }
}

/// Returns whether standard input and output are both a terminal.
pub fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Returns the codex home, and where it was named.
fn codex_home(flags: &Global, environment: &Environment) -> Result<(PathBuf, &'static str)> {
    let flag = flags
        .codex_home
        .clone()
        .filter(|path| !path.as_os_str().is_empty());
    if let Some(home) = flag {
        return Ok((
            in_home_folder(&home, "--codex-home", environment)?,
            "--codex-home",
        ));
    }
    let unquoted = environment.unquoted(HOME_VARIABLE).map(PathBuf::from);
    if let Some(home) = unquoted.or_else(|| environment.path(HOME_VARIABLE)) {
        return Ok((
            in_home_folder(&home, HOME_VARIABLE, environment)?,
            HOME_VARIABLE,
        ));
    }
    let home = home_folder(environment).ok_or_else(|| {
        Error::usage("No home folder was found for the credentials")
            .with_hint("Set HOME or CODEX_HOME, or give --codex-home DIR")
    })?;
    Ok((home.join(".codex"), "the home folder"))
}

/// The variable that names the codex home.
pub const HOME_VARIABLE: &str = "CODEX_HOME";

fn home_folder(environment: &Environment) -> Option<PathBuf> {
    let home = environment.path("HOME").or_else(std::env::home_dir);
    home.filter(|home| !home.as_os_str().is_empty())
}

/// Returns the path with `~` at its beginning replaced: shells leave it there in quotes and after
/// `--option=`, and a folder of that name would be made unnoticed.
fn in_home_folder(path: &Path, named_by: &str, environment: &Environment) -> Result<PathBuf> {
    let Ok(rest) = path.strip_prefix("~") else {
        return Ok(path.to_owned());
    };
    let home = home_folder(environment).ok_or_else(|| {
        Error::usage(format!(
            "{named_by} begins with ~, but no home folder was found"
        ))
        .with_hint("Set HOME, or give the whole path")
    })?;
    Ok(home.join(rest))
}

/// Returns the users who ran sudo or pkexec: the browser is theirs.
fn invoking_users(environment: &Environment) -> Vec<u32> {
    ["SUDO_UID", "PKEXEC_UID"]
        .into_iter()
        .filter_map(|variable| environment.get(variable)?.parse().ok())
        .collect()
}

/// `CODEX_AUTHAPI_BASE_URL`: where the Codex CLI asks for the owner of an access token.
fn with_accounts_api(issuer: Issuer, environment: &Environment) -> Result<Issuer> {
    const VARIABLE: &str = "CODEX_AUTHAPI_BASE_URL";
    match environment.get(VARIABLE) {
        None => Ok(issuer),
        Some(base) => {
            let base = IssuerUrl::parse_named(VARIABLE, base)?;
            Ok(issuer.with_accounts_api(base))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use clap::Parser as _;
    use secrecy::ExposeSecret as _;

    fn settings(arguments: &[&str], environment: Environment) -> Result<Settings> {
        let arguments = ["codex-onboarding"].iter().chain(arguments);
        let cli = crate::cli::Cli::try_parse_from(arguments).unwrap();
        Settings::new(&cli.global, environment)
    }

    #[test]
    fn the_flag_outweighs_the_variable_and_the_variable_the_home() {
        let home =
            |arguments: &[&str], variables| settings(arguments, variables).unwrap().codex_home;
        let both = || Environment::from([("CODEX_HOME", "/v"), ("HOME", "/h")]);
        assert_eq!(home(&["--codex-home", "/f"], both()), PathBuf::from("/f"));
        assert_eq!(home(&[], both()), PathBuf::from("/v"));
        let empty = Environment::from([("CODEX_HOME", ""), ("HOME", "/h")]);
        assert_eq!(home(&[], empty), PathBuf::from("/h/.codex"));
    }

    #[test]
    fn a_tilde_or_quotes_that_no_shell_has_seen_to_make_no_folder_of_that_name() {
        let home = |arguments: &[&str], value| {
            let environment = Environment::from([("CODEX_HOME", value), ("HOME", "/h")]);
            settings(arguments, environment).unwrap().codex_home
        };
        for (value, expected) in [
            ("~/.codex", "/h/.codex"),
            ("~/.codex\r", "/h/.codex"),
            (" \"~/my codex\" ", "/h/my codex"),
            ("'/v'", "/v"),
            ("~//v", "/h/v"),
            ("~", "/h"),
            ("~ada/.codex", "~ada/.codex"),
            ("/v/~/x", "/v/~/x"),
        ] {
            assert_eq!(home(&[], value), PathBuf::from(expected), "{value:?}");
        }
        let flag = home(&["--codex-home=~/f"], "/v");
        assert_eq!(flag, PathBuf::from("/h/f"));
    }

    #[test]
    fn every_variable_is_read_without_what_stands_around_it() {
        let environment = Environment::from([
            ("HOME", "/h\r"),
            ("CODEX_CLIENT_ID", " app_1\r"),
            ("CODEX_CA_CERTIFICATE", "\r"),
            ("SSL_CERT_FILE", " /c.pem\r"),
            ("OPENAI_API_KEY", " sk-1\r"),
            ("OPENAI_BASE_URL", "https://api.example/v1\r"),
            ("CODEX_LOGIN_TRACE", "1\r"),
            ("TERM", "dumb\r"),
        ]);
        assert_eq!(
            CaFile::from_environment(&environment),
            Some(CaFile::new("SSL_CERT_FILE", "/c.pem"))
        );
        let settings = settings(&[], environment).unwrap();
        assert_eq!(settings.codex_home, PathBuf::from("/h/.codex"));
        assert_eq!(settings.issuer.client_id(), "app_1");
        let endpoint = format!("{:?}", settings.endpoint);
        assert!(
            endpoint.contains(r#""https://api.example/v1""#),
            "{endpoint}"
        );
        assert_eq!(settings.environment_key.unwrap().expose_secret(), "sk-1");
        assert!(settings.verbose && settings.plain);
    }

    #[test]
    fn an_empty_client_id_counts_as_unset() {
        let client_id = |arguments: &[&str], variables| {
            let settings = settings(arguments, variables).unwrap();
            settings.issuer.client_id().to_owned()
        };
        let variable = || Environment::from([("CODEX_CLIENT_ID", "v")]);
        assert_eq!(client_id(&["--client-id", "f"], variable()), "f");
        assert_eq!(client_id(&["--client-id", ""], variable()), "v");
        let empty = Environment::from([("CODEX_CLIENT_ID", "")]);
        assert_eq!(client_id(&[], empty), DEFAULT_CLIENT_ID);
    }

    #[test]
    fn an_unregistered_port_is_warned_of_with_the_default_issuer_only() {
        let warning = |arguments: &[&str]| {
            settings(arguments, Environment::default())
                .unwrap()
                .port_warning()
        };
        assert!(warning(&["--port", "9999"]).is_some());
        assert!(warning(&["--port", "1457"]).is_none());
        assert!(warning(&[]).is_none());
        assert!(warning(&["--port", "0", "--issuer", "https://id.example"]).is_none());
    }

    #[test]
    fn the_environment_says_where_api_requests_go() {
        let environment = Environment::from([
            ("OPENAI_BASE_URL", "https://api.example/v1"),
            ("OPENAI_ORGANIZATION", "org-1"),
            ("OPENAI_PROJECT", ""),
        ]);
        let endpoint = format!("{:?}", settings(&[], environment).unwrap().endpoint);
        for value in ["https://api.example/v1", "org-1"] {
            assert!(endpoint.contains(value), "{endpoint}");
        }
    }

    #[test]
    fn who_ran_sudo_or_pkexec_may_deliver_the_callback() {
        let users = |variables| {
            let settings = settings(&[], variables).unwrap();
            settings.sign_in().trusted_users
        };
        let both = Environment::from([("SUDO_UID", "1000"), ("PKEXEC_UID", "1001")]);
        assert_eq!(users(both), [1000, 1001]);
        let neither = Environment::from([("SUDO_UID", ""), ("PKEXEC_UID", "-1")]);
        assert!(users(neither).is_empty());
        assert!(users(Environment::default()).is_empty());
    }

    #[test]
    fn an_issuer_that_is_not_https_is_a_usage_error() {
        let error = settings(&["--issuer", "http://example.com"], Environment::default());
        assert_eq!(error.err().unwrap().kind(), ErrorKind::Usage);
    }
}
