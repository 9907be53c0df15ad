//! `man`: the manual page, one for all commands.

use std::io;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::cli::{Cli, NAME};

/// The environment and the exit status, which the command line's grammar does not describe.
const LAST_SECTIONS: &[u8] = include_bytes!("../../assets/man-end.roff");

/// Returns the page in roff.
pub fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut commands = Roff::default();
    commands.control("SH", ["COMMANDS"]);
    describe_commands(&mut commands, &command);
    let mut page = Vec::new();
    let man = Man::new(command);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands.to_writer(&mut page)?;
    page.extend_from_slice(LAST_SECTIONS);
    Ok(page)
}

/// Describes each command, followed by its own commands. `clap_mangen` would create a page for
/// each.
fn describe_commands(roff: &mut Roff, parent: &Command) {
    for command in parent.get_subcommands() {
        if command.get_name() != "help" {
            describe(roff, command);
            describe_commands(roff, command);
        }
    }
}

fn describe(roff: &mut Roff, command: &Command) {
    let invocation = command.get_bin_name().unwrap_or_default();
    let words = invocation.trim_start_matches(NAME).trim_start();
    let mut line = vec![bold(words)];
    for value in command.get_positionals() {
        line.extend([roman(" "), italic(value.get_id().as_str().to_uppercase())]);
    }
    roff.control("TP", []);
    roff.text(line);
    roff.text([roman(text(command.get_about()))]);
    let is_its_own = |option: &&Arg| {
        !option.is_positional() && !option.is_global_set() && option.get_id() != "help"
    };
    let mut options = command.get_arguments().filter(is_its_own).peekable();
    if options.peek().is_none() {
        return;
    }
    roff.control("RS", []);
    for option in options {
        let mut line = vec![bold(format!("--{}", option.get_long().unwrap_or_default()))];
        if option.get_action().takes_values() {
            for name in option.get_value_names().unwrap_or_default() {
                line.extend([roman(" "), italic(name.as_str())]);
            }
        }
        roff.control("TP", []);
        roff.text(line);
        roff.text([roman(text(option.get_help()))]);
    }
    roff.control("RE", []);
}

fn text(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}
