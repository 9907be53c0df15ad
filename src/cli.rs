//! The command line's grammar, without behaviour.

#![expect(clippy::doc_markdown, reason = "these docs are the help text")]

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

/// The heading of the options that every command understands, below its own.
const GLOBAL: &str = "Global options";

/// The name of the program.
pub const NAME: &str = "codex-onboarding";

/// Sign in to Codex with ChatGPT or an API key, from any terminal.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    version,
    override_help = include_str!("../assets/help.txt")
)]
pub struct Cli {
    /// Options that every command understands.
    #[command(flatten)]
    pub global: GlobalFlags,

    /// Exit with 0 at once if credentials are stored; never uses the network
    #[arg(long)]
    pub if_needed: bool,

    /// The command; without one, the full screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// Parses the arguments, the first of which is the program's name.
    ///
    /// Clap copies the global options into every command that it knows, and a sign-in would hold
    /// that memory while it waits. So clap first learns the commands that the arguments name. Help
    /// and errors may be about any command: for them it learns all, and parses again.
    ///
    /// # Errors
    /// The help, the version, or a usage error.
    pub fn parse_named(arguments: &[OsString]) -> Result<Self, clap::Error> {
        named_commands(arguments)
            .try_get_matches_from(arguments)
            .and_then(|matches| Self::from_arg_matches(&matches))
            .or_else(|_| Self::try_parse_from(arguments))
    }
}

/// Returns the grammar with those commands only that the arguments name.
fn named_commands(arguments: &[OsString]) -> clap::Command {
    let all = Cli::command();
    let named = |it: &&clap::Command| arguments.iter().any(|word| word == it.get_name());
    clap::Command::new(NAME)
        .args(all.get_arguments())
        .subcommands(all.get_subcommands().filter(named))
}

/// Options that every command understands.
#[derive(Args, Clone, Debug)]
#[allow(clippy::struct_excessive_bools)] // Flags are.
pub struct GlobalFlags {
    /// The folder with the credentials [default: $CODEX_HOME, else ~/.codex]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "DIR")]
    pub codex_home: Option<PathBuf>,

    /// The authorization server
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "URL", default_value = codex_onboarding::auth::DEFAULT_ISSUER)]
    pub issuer: String,

    /// The OAuth client id to sign in with [default: $CODEX_CLIENT_ID, else the Codex CLI's]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "ID")]
    pub client_id: Option<String>,

    /// Listen on this port only; 0 means any free one [default: 1455, then 1457]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "N")]
    pub port: Option<u16>,

    /// Do not open a browser (use when it runs on another machine)
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_browser: bool,

    /// Accept only this workspace (account id); may be repeated
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub workspace: Vec<String>,

    /// Work line by line instead of full screen, for screen readers and dumb terminals
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub plain: bool,

    /// Show no spinners or running clocks
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub no_animations: bool,

    /// Write a trace, without secrets, to standard error
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    pub verbose: bool,

    /// Write the trace to this file
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sign in without the full screen
    Login(Chosen<LoginFlags>),
    /// End the session everywhere and remove the credentials
    Logout(Chosen<LogoutFlags>),
    /// Show who is signed in, without using the network
    Status(StatusFlags),
    /// Print a valid bearer token, refreshed if needed
    Token(TokenFlags),
    /// Print a session that cannot be renewed: for containers, CI jobs, other machines
    Lend(Chosen<LendFlags>),
    /// List the accounts; add, use, remove and rename them
    Accounts(AccountsFlags),
    /// Run a command as one of the accounts, whichever is active
    Exec(Chosen<ExecFlags>),
    /// Find out why signing in fails, without changing anything or sending credentials
    Doctor(Chosen<DoctorFlags>),
    /// Try the whole onboarding against an embedded issuer: nothing leaves this machine
    #[command(
        after_help = "The demo has its own issuer, port and codex home: it ignores \
                            --codex-home, --issuer, --client-id, --port and --workspace."
    )]
    Demo,
    /// Print a completion script
    Completions {
        /// The shell to print it for
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// The options of a command, which clap learns only if that command was chosen: the options of all
/// commands would take memory, which a sign-in would hold while it waits.
#[derive(Debug)]
pub struct Chosen<T>(pub T);

impl<T: Args> Args for Chosen<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            let about = command.get_about().cloned().unwrap_or_default();
            T::augment_args(command).about(about)
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Chosen<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// The choice of an account.
#[derive(Args, Clone, Debug)]
pub struct AccountFlag {
    /// A name, an email or an account id, or the beginning of one
    /// [default: $CODEX_ONBOARDING_ACCOUNT, else the active account]
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
}

/// `status`
#[derive(Args, Debug)]
pub struct StatusFlags {
    /// Also ask over the network whether Codex can use the session
    #[arg(long)]
    pub check: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub which: AccountFlag,
}

/// `token`
#[derive(Args, Debug)]
pub struct TokenFlags {
    /// Refresh the token even if it looks valid, for example after a 401
    #[arg(long)]
    pub force_refresh: bool,

    #[command(flatten)]
    pub which: AccountFlag,
}

/// `login`
#[derive(Args, Debug)]
pub struct LoginFlags {
    #[command(flatten)]
    pub sign_in: SignInFlags,

    /// Park the active account instead of replacing it
    #[arg(long)]
    pub keep: bool,

    /// Do not ask: stop a running Codex that holds the earlier session, with its own command
    #[arg(long)]
    pub yes: bool,
}

/// `logout`
#[derive(Args, Debug)]
pub struct LogoutFlags {
    /// Remove the credentials here only: the session stays alive at the issuer
    #[arg(long)]
    pub local: bool,

    /// Sign out of every account
    #[arg(long, conflicts_with = "account")]
    pub all: bool,

    /// Do not ask: stop a running Codex that holds the session, with its own command
    #[arg(long)]
    pub yes: bool,

    #[command(flatten)]
    pub which: AccountFlag,
}

/// `lend`
#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools)] // Flags are.
pub struct LendFlags {
    #[command(flatten)]
    pub which: AccountFlag,

    /// Renew the session first if it ends within this time
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub at_least: Duration,

    /// Write the session to auth.json in this folder, and print the file's path
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,

    /// Keep running, and renew the file until a signal comes
    #[arg(long, requires = "to")]
    pub watch: bool,

    /// Remove the file at the end
    #[arg(long, requires = "watch")]
    pub remove: bool,

    /// Print events as JSON, one object a line, on standard output
    #[arg(long, requires = "to")]
    pub json: bool,

    /// Print the session even if standard output is a terminal
    #[arg(long, conflicts_with = "to")]
    pub print: bool,
}

/// `accounts`
#[derive(Args, Debug)]
pub struct AccountsFlags {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,

    /// The subcommand; without one, the accounts are listed.
    #[command(subcommand)]
    pub command: Option<AccountsCommand>,
}

/// The commands of `accounts`
#[derive(Debug, Subcommand)]
pub enum AccountsCommand {
    /// Sign in to another account without replacing the active one
    Add(Chosen<AddFlags>),
    /// Make an account the active one
    Use {
        /// A name, an email or an account id, or the beginning of one
        name: String,

        /// Do not ask: stop a running Codex that holds the session, with its own command
        #[arg(long)]
        yes: bool,
    },
    /// End an account's session and remove its credentials
    Remove {
        /// A name, an email or an account id, or the beginning of one
        name: String,

        /// Remove the credentials here only: the session stays alive at the issuer
        #[arg(long)]
        local: bool,

        /// Do not ask: stop a running Codex that holds the session, with its own command
        #[arg(long)]
        yes: bool,
    },
    /// Give an account another name
    Rename {
        /// The current name
        old: String,

        /// The new name
        new: String,
    },
}

/// `accounts add`
#[derive(Args, Debug)]
pub struct AddFlags {
    #[command(flatten)]
    pub sign_in: SignInFlags,

    /// A name for the account [default: made from the email]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `exec`
#[derive(Args, Debug)]
pub struct ExecFlags {
    /// A name, an email or an account id, or the beginning of one
    /// [default: $CODEX_ONBOARDING_ACCOUNT]
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// The ways to sign in.
#[derive(Args, Debug, Default)]
#[command(group = clap::ArgGroup::new("way").multiple(false))]
#[allow(clippy::struct_excessive_bools)] // Flags are.
pub struct SignInFlags {
    /// Sign in with a code that you type in on another device
    #[arg(long, group = "way")]
    pub device_auth: bool,

    /// Read an API key from standard input; at a terminal, from a hidden prompt
    #[arg(long, group = "way")]
    pub with_api_key: bool,

    /// Read a personal access token from standard input; at a terminal, from a hidden prompt
    #[arg(long, group = "way")]
    pub with_access_token: bool,

    /// Also create an API key for the organization, and store it with the tokens
    #[arg(long, conflicts_with_all = ["with_api_key", "with_access_token"])]
    pub exchange_api_key: bool,

    /// Also redeem the API credits of a ChatGPT Plus or Pro subscription
    #[arg(long, conflicts_with_all = ["with_api_key", "with_access_token"])]
    pub redeem_credits: bool,

    /// Show how to approve the sign-in, and exit: --resume finishes it later
    #[arg(long, conflicts_with_all = ["with_api_key", "with_access_token"])]
    pub no_wait: bool,

    /// Finish a sign-in that was begun with --no-wait: wait until it is approved, or give the
    /// address that the browser landed on (- reads it from standard input)
    #[arg(
        long,
        value_name = "ADDRESS",
        conflicts_with_all = ["no_wait", "way", "exchange_api_key", "redeem_credits"]
    )]
    #[allow(clippy::option_option)] // An option with an optional value.
    pub resume: Option<Option<String>>,

    /// Give up after this long, for example 90s or 5m; with --resume, 0 asks once
    /// [default: none at a terminal, else 15m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,

    /// Print events as JSON, one object a line, on standard output
    #[arg(long)]
    pub json: bool,
}

/// `doctor`
#[derive(Args, Debug)]
pub struct DoctorFlags {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,

    /// Send nothing outside this machine
    #[arg(long)]
    pub offline: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be longer than zero".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn clap_learns_only_the_commands_that_are_named_and_understands_them_all_the_same() {
        for (line, named) in [
            ("--plain --if-needed", &[][..]),
            ("--port 0 login --no-browser --timeout 5m", &["login"]),
            ("login --workspace a --workspace b --keep", &["login"]),
            ("--codex-home login logout --all", &["login", "logout"]),
            ("accounts -v add --name demo --json", &["accounts", "demo"]),
            ("accounts --json --port 7", &["accounts"]),
            ("exec --account a status --port 7", &["status", "exec"]),
            ("lend --for 2h --to d --log-file f", &["lend"]),
            ("completions bash", &["completions"]),
        ] {
            let words = [NAME].into_iter().chain(line.split(' '));
            let arguments: Vec<OsString> = words.map(OsString::from).collect();
            let grammar = named_commands(&arguments);
            let learned: Vec<_> = grammar
                .get_subcommands()
                .map(clap::Command::get_name)
                .collect();
            assert_eq!(learned, named, "{line}");
            let matches = grammar.try_get_matches_from(&arguments).unwrap();
            let understood = Cli::from_arg_matches(&matches).unwrap();
            let expected = Cli::try_parse_from(&arguments).unwrap();
            assert_eq!(format!("{understood:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn help_and_errors_tell_of_commands_that_are_not_named() {
        for words in [
            &["--help"][..],
            &["logn"],
            &["help", "status"],
            &["status", "--jsn"],
        ] {
            let arguments: Vec<OsString> = [NAME].iter().chain(words).map(OsString::from).collect();
            let shown = Cli::parse_named(&arguments).unwrap_err().to_string();
            let expected = Cli::try_parse_from(&arguments).unwrap_err().to_string();
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn the_help_fits_one_screen_and_names_everything() {
        let help = include_str!("../assets/help.txt");
        assert!(help.lines().count() <= 24);
        assert!(help.lines().all(|line| line.chars().count() <= 80));
        let command = Cli::command();
        for subcommand in command.get_subcommands() {
            assert!(help.contains(subcommand.get_name()), "{subcommand}");
        }
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(help.contains(&format!("--{option}")), "--{option}");
        }
    }
}
