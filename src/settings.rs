//! The settings of a run, from its flags and the environment.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use codex_onboarding::auth::accounts::Accounts;
use codex_onboarding::auth::{
    CaFile, CodexConfig, DEFAULT_CLIENT_ID, Issuer, IssuerUrl, ProxySettings, Store,
};
use codex_onboarding::environment::Environment;
use codex_onboarding::product::codex::{
    ACCOUNTS_API_VARIABLE, API_KEY_VARIABLE, CLIENT_ID_VARIABLE, HOME_VARIABLE, MACHINE_FOLDER,
    TRACE_VARIABLE,
};
use codex_onboarding::remote::RemoteSession;
use codex_onboarding::sign_in::{Port, REGISTERED_PORTS, SignInOptions};
use codex_onboarding::text::shell_word;
use codex_onboarding::{Error, Result};
use secrecy::SecretString;

use crate::cli::GlobalFlags;

/// The settings of one run.
#[derive(Clone)]
pub struct Settings {
    /// The options that every command understands.
    pub flags: GlobalFlags,
    /// The folder of `auth.json`, and of all accounts.
    pub codex_home: PathBuf,
    /// The folder of one account, if that was named as the codex home, as by `exec`. Commands about
    /// one session then use this account's.
    pub slot: Option<PathBuf>,
    /// The source of the codex home's path.
    pub home_named_by: &'static str,
    /// The authorization server.
    pub issuer: Issuer,
    /// `OPENAI_API_KEY`
    pub environment_key: Option<SecretString>,
    /// All of the environment.
    pub environment: Environment,
    /// The folder of the Codex CLI's settings for the whole machine.
    pub machine_folder: Option<&'static Path>,
    /// The Codex CLI's settings, read when they are first needed.
    config: OnceLock<CodexConfig>,
}

impl Settings {
    /// Combines flags and variables; a flag takes precedence.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if an option is invalid, or no home folder is found.
    pub fn new(flags: &GlobalFlags, environment: Environment) -> Result<Self> {
        let client_id = flags.client_id.as_deref().filter(|id| !id.is_empty());
        let client_id = client_id
            .or(environment.get(CLIENT_ID_VARIABLE))
            .unwrap_or(DEFAULT_CLIENT_ID);
        let issuer = IssuerUrl::parse(&flags.issuer)?;
        let mut issuer = Issuer::new(issuer, client_id, CaFile::from_environment(&environment))
            .with_proxies(ProxySettings::from_environment(&environment));
        if let Some(base) = environment.get(ACCOUNTS_API_VARIABLE) {
            issuer = issuer.with_accounts_api(IssuerUrl::parse_named(ACCOUNTS_API_VARIABLE, base)?);
        }
        let (named, home_named_by) = codex_home(flags, &environment)?;
        let codex_home = Store::new(&named).codex_home().home().to_owned();
        Ok(Self {
            flags: flags.clone(),
            slot: (codex_home != named).then_some(named),
            codex_home,
            home_named_by,
            issuer,
            environment_key: environment.secret(API_KEY_VARIABLE),
            environment,
            machine_folder: cfg!(unix).then(|| Path::new(MACHINE_FOLDER)),
            config: OnceLock::new(),
        })
    }

    /// Returns whether to trace to standard error.
    pub fn verbose(&self) -> bool {
        let variable = self.environment.get(TRACE_VARIABLE);
        self.flags.verbose || matches!(variable, Some("1" | "true"))
    }

    /// Returns whether to talk line by line instead of full screen.
    pub fn plain(&self) -> bool {
        self.flags.plain || self.environment.reason_for_lines().is_some()
    }

    /// Returns the remote session, or `None` if a browser can be opened here. Looks for files that
    /// only a container has.
    pub fn remote(&self) -> Option<RemoteSession> {
        if self.flags.no_browser {
            Some(RemoteSession::assumed(&self.environment))
        } else {
            RemoteSession::detect(&self.environment)
        }
    }

    /// Returns the Codex CLI's settings.
    pub fn config(&self) -> &CodexConfig {
        self.config
            .get_or_init(|| CodexConfig::load(&self.codex_home, self.machine_folder))
    }

    /// Returns the store that the Codex CLI's settings choose.
    pub fn store(&self) -> Store {
        Store::new(&self.codex_home).with_setting(self.config().credentials_store)
    }

    /// Returns the accounts in the codex home.
    pub fn accounts(&self) -> Accounts {
        Accounts::new(self.store())
    }

    /// Returns the folder that was named as the codex home.
    pub fn named_home(&self) -> &Path {
        self.slot.as_ref().unwrap_or(&self.codex_home)
    }

    /// Returns the options for the same issuer, client and codex home as this command's, for a
    /// shell, each after a blank.
    pub fn repeated_options(&self) -> String {
        let mut options = String::new();
        let mut add = |option: &str, value: &str| {
            for word in [option, &shell_word(value)] {
                options.push(' ');
                options.push_str(word);
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
        options
    }

    /// Returns a note on which accounts are meant, if one account's folder was named.
    pub fn slot_note(&self) -> Option<String> {
        let home = self.codex_home.display();
        self.slot.as_ref().map(|_| {
            format!(
                "{} names one account's folder: these are all accounts in {home}",
                self.home_named_by
            )
        })
    }

    /// Returns the options for a sign-in.
    pub fn sign_in(&self) -> SignInOptions {
        let mut options = SignInOptions::new(self.issuer.clone(), self.store());
        options.port = self.flags.port.map_or(Port::Registered, Port::Exactly);
        options.workspaces.clone_from(&self.flags.workspace);
        options.trusted_users = invoking_users(&self.environment);
        options
    }

    /// Returns a warning if the issuer will refuse the port: it accepts the registered ones only.
    pub fn port_warning(&self) -> Option<String> {
        let port = self.flags.port?;
        let [first, second] = REGISTERED_PORTS;
        (self.issuer.url().is_default() && !REGISTERED_PORTS.contains(&port)).then(|| {
            format!(
                "the issuer will refuse --port {port}: only {first} and {second} are \
                 registered"
            )
        })
    }
}

/// Returns whether standard input and output are both a terminal.
pub fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Returns the codex home, and the source of its path.
fn codex_home(flags: &GlobalFlags, environment: &Environment) -> Result<(PathBuf, &'static str)> {
    let given = |path: &PathBuf| !path.as_os_str().is_empty();
    let flag = flags.codex_home.clone().filter(given);
    let unquoted = environment.unquoted(HOME_VARIABLE).map(PathBuf::from);
    let variable = unquoted.or_else(|| environment.path(HOME_VARIABLE));
    let flag = flag.map(|path| (path, "--codex-home"));
    let (path, named_by) = flag
        .or(variable.map(|path| (path, HOME_VARIABLE)))
        .unwrap_or_else(|| ("~/.codex".into(), "the home folder"));
    // A shell does not expand a tilde in quotes or after `--option=`.
    let Ok(rest) = path.strip_prefix("~") else {
        return Ok((path, named_by));
    };
    let home = environment.path("HOME").or_else(std::env::home_dir);
    let home = home.filter(given).ok_or_else(|| {
        Error::usage("No home folder was found for the credentials")
            .with_hint("Set HOME, or name a whole path with CODEX_HOME or --codex-home DIR")
    })?;
    Ok((home.join(rest), named_by))
}

/// Returns the users who ran sudo or pkexec: the browser runs as one of them.
fn invoking_users(environment: &Environment) -> Vec<u32> {
    ["SUDO_UID", "PKEXEC_UID"]
        .into_iter()
        .filter_map(|variable| environment.get(variable)?.parse().ok())
        .collect()
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
        assert!(settings.verbose() && settings.plain());
        assert_eq!(settings.environment_key.unwrap().expose_secret(), "sk-1");
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
