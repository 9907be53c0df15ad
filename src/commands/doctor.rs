//! `doctor`: finds why a sign-in fails, as text or JSON.

use std::io::IsTerminal as _;

use codex_onboarding::Result;
use codex_onboarding::doctor::{self, Health, Report, Style, Subject};
use codex_onboarding::product::codex::HOME_VARIABLE;

use super::output::{print, say};
use super::{events, session_options};
use crate::cli::DoctorFlags;
use crate::settings::Settings;

/// The width of the report if no terminal tells its own.
const USUAL_COLUMNS: usize = 80;

/// Prints the report, and returns exit code 1 if a check has failed.
pub async fn run(settings: &Settings, options: &DoctorFlags) -> Result<u8> {
    let named_by = match &settings.slot {
        None => settings.home_named_by,
        Some(_) if settings.home_named_by == HOME_VARIABLE => {
            "CODEX_HOME, which is one account's folder"
        }
        Some(_) => "--codex-home, which is one account's folder",
    };
    let mut subject = Subject::new(
        settings.sign_in(),
        session_options(settings),
        settings.environment.clone(),
        named_by,
    );
    subject.config = settings.config().clone();
    subject.machine_folder = settings.machine_folder;
    subject.offline = options.offline;
    let watched = std::io::stderr().is_terminal() && !settings.plain() && !options.json;
    let report = doctor::examine(subject, |ended, all| {
        if watched {
            show_progress(ended, all);
        }
    })
    .await;
    print_report(&report, settings, options)?;
    Ok(u8::from(report.overall() == Health::Fail))
}

/// Shows the progress in one line, which is erased after the last check.
fn show_progress(ended: usize, all: usize) {
    if ended < all {
        say(&format!("\rChecking {ended} of {all}"));
    } else {
        say("\r                    \r");
    }
}

fn print_report(report: &Report, settings: &Settings, options: &DoctorFlags) -> Result<u8> {
    if options.json {
        let json = events::escaped(&report.to_json().to_string());
        return print(format!("{json}\n").as_bytes());
    }
    let stdout = std::io::stdout();
    let columns = settings.environment.get("COLUMNS");
    let columns = columns
        .and_then(|columns| columns.parse().ok())
        .or_else(|| {
            let size = stdout.is_terminal().then(crossterm::terminal::size);
            let (columns, _) = size?.ok()?;
            (columns > 0).then_some(usize::from(columns))
        });
    let mut style = Style::plain(columns.unwrap_or(USUAL_COLUMNS));
    style.bold = stdout.is_terminal() && !settings.plain() && !settings.environment.has("NO_COLOR");
    style.everything = settings.verbose();
    print(doctor::render(report, style).as_bytes())
}
