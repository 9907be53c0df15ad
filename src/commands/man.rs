//! `man`: the manual page, one for all commands.

use std::io;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::cli::Cli;

const ENVIRONMENT: [(&str, &str); 12] = [
    (
        "CODEX_HOME",
        "The folder of the credentials, instead of ~/.codex.",
    ),
    ("CODEX_CLIENT_ID", "As --client-id."),
    (
        "CODEX_ONBOARDING_ACCOUNT",
        "The account that status, token, logout and exec are about, unless --account says so.",
    ),
    (
        "OPENAI_API_KEY",
        "Counts as signed in for status and token where there is no auth.json. Codex does not \
         read it; the full screen offers to store it.",
    ),
    (
        "OPENAI_BASE_URL, OPENAI_ORGANIZATION, OPENAI_PROJECT",
        "For programs that embed the library: where they send API requests, and for which \
         organization and project. No command sends such a request.",
    ),
    (
        "CODEX_CA_CERTIFICATE, SSL_CERT_FILE",
        "A file of PEM certificates to trust besides the system's. The first variable that is set \
         counts.",
    ),
    (
        "HTTPS_PROXY, ALL_PROXY, NO_PROXY",
        "The proxy (http, https, socks5 or socks5h), and the hosts that need none. HTTPS_PROXY \
         counts before ALL_PROXY. One that cannot be used is an error. An issuer on this \
         machine's loopback is always reached directly.",
    ),
    (
        "BROWSER",
        "The command that opens links. When it is set, the session does not count as remote.",
    ),
    ("NO_COLOR", "No colours."),
    ("TERM", "Not set, dumb or unknown: as --plain."),
    ("ACCESSIBLE", "Not empty and not 0: as --plain."),
    ("CODEX_LOGIN_TRACE=1", "As --verbose."),
];

const EXIT_STATUS: [(&str, &str); 7] = [
    ("0", "Done, and whenever a sign-in completed."),
    ("1", "Failed; for status, nobody is signed in."),
    ("2", "Usage error, on the command line or in a variable."),
    ("13", "The callback server's port is in use."),
    (
        "126, 127",
        "exec: the command cannot be run, or was not found. Otherwise its exit status is the \
         command's.",
    ),
    ("130", "Cancelled by the person or by SIGINT."),
    ("128 + n", "Ended by signal n: 143 for SIGTERM."),
];

/// Returns the page in roff.
pub fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands(&command).to_writer(&mut page)?;
    list("ENVIRONMENT", &ENVIRONMENT).to_writer(&mut page)?;
    list("EXIT STATUS", &EXIT_STATUS).to_writer(&mut page)?;
    Ok(page)
}

fn commands(root: &Command) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["COMMANDS"]);
    let is_ours = |command: &&Command| command.get_name() != "help";
    for command in root.get_subcommands().filter(is_ours) {
        entry(&mut roff, command.get_name(), command);
        for nested in command.get_subcommands().filter(is_ours) {
            let name = format!("{} {}", command.get_name(), nested.get_name());
            entry(&mut roff, &name, nested);
        }
    }
    roff
}

fn entry(roff: &mut Roff, name: &str, command: &Command) {
    let mut line = vec![bold(name)];
    for value in command.get_positionals() {
        line.extend([roman(" "), italic(value.get_id().as_str().to_uppercase())]);
    }
    roff.control("TP", []);
    roff.text(line);
    roff.text([roman(about(command.get_about()))]);
    let is_its_own = |option: &&Arg| {
        !option.is_positional() && !option.is_global_set() && option.get_id() != "help"
    };
    let mut options = command.get_arguments().filter(is_its_own).peekable();
    if options.peek().is_none() {
        return;
    }
    roff.control("RS", []);
    for option in options {
        roff.control("TP", []);
        roff.text(signature(option));
        roff.text([roman(about(option.get_help()))]);
    }
    roff.control("RE", []);
}

fn signature(option: &Arg) -> Vec<clap_mangen::roff::Inline> {
    let mut line = vec![bold(format!("--{}", option.get_long().unwrap_or_default()))];
    if option.get_action().takes_values() {
        let names = option.get_value_names().unwrap_or_default();
        line.extend(
            names
                .iter()
                .flat_map(|name| [roman(" "), italic(name.as_str())]),
        );
    }
    line
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}

fn list(title: &str, rows: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for (name, text) in rows {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*text)]);
    }
    roff
}
