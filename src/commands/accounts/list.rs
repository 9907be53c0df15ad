//! `accounts` without a subcommand: the list. Never touches the network.

use chrono::{DateTime, Utc};
use codex_onboarding::Result;
use codex_onboarding::auth::accounts::StoredAccount;
use codex_onboarding::auth::{Account, Plan, Source};
use codex_onboarding::text::{clean, rfc3339};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::commands::events;
use crate::commands::output::{note, print, say_line, sign_in_hint};
use crate::settings::Settings;

const COLUMNS: [&str; 6] = ["NAME", "EMAIL", "PLAN", "WORKSPACE", "MODE", "EXPIRES"];

/// Prints the accounts, the active one first.
pub fn run(settings: &Settings, as_json: bool) -> Result<u8> {
    let accounts = settings.accounts().list()?;
    if as_json {
        let accounts: Vec<_> = accounts.iter().map(json).collect();
        events::emit(json!({ "accounts": accounts }));
        return Ok(0);
    }
    if let Some(text) = settings.slot_note() {
        note(&text);
    }
    if accounts.is_empty() {
        say_line("There are no accounts");
        say_line(&sign_in_hint());
        return Ok(0);
    }
    print(table(&accounts).as_bytes())
}

fn json(account: &StoredAccount) -> Value {
    // JSON is Unicode, but a path may not be.
    let path = match account.source() {
        Source::File => Some(account.path().to_string_lossy().into_owned()),
        _ => None,
    };
    let mut entry = json!({ "name": account.name, "active": account.active, "path": path });
    match &account.details {
        Ok(who) => {
            entry["mode"] = json!(who.mode.as_str());
            entry["email"] = json!(who.email);
            entry["plan"] = json!(who.plan.as_ref().map(Plan::as_str));
            entry["account_id"] = json!(who.account_id);
            entry["expires_at"] = json!(account.expires_at().map(rfc3339));
            entry["last_refresh"] = json!(account.last_refresh().map(rfc3339));
            if account.is_lent() {
                entry["lent"] = json!(true);
            }
        }
        Err(error) => entry["error"] = events::error(error),
    }
    entry
}

/// Formats one account a line: the active one with a star, a damaged one with its problem.
fn table(accounts: &[StoredAccount]) -> String {
    let mut rows = vec![("  ", COLUMNS.map(str::to_owned).to_vec())];
    for account in accounts {
        let mark = if account.active { "* " } else { "  " };
        let mut cells = vec![clean(&account.name)];
        match &account.details {
            Ok(who) => cells.extend(facts(who, account.expires_at())),
            Err(error) => cells.push(clean(error.message())),
        }
        rows.push((mark, cells));
    }
    let width = |column: usize| {
        // The reason why a file is unusable must not widen a column.
        let in_columns = |cells: &[String]| column == 0 || cells.len() == COLUMNS.len();
        let cells = rows.iter().map(|(_, cells)| cells);
        let cells = cells.filter(|cells| in_columns(cells));
        cells
            .map(|cells| cells[column].width())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let line = |(mark, cells): &(&str, Vec<String>)| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| {
            let blanks = " ".repeat(width.saturating_sub(cell.width()));
            format!("{cell}{blanks}")
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        format!("{mark}{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

fn facts(who: &Account, expires_at: Option<DateTime<Utc>>) -> [String; 5] {
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        known(who.email.as_deref().map(clean)),
        known(who.plan.as_ref().map(|plan| clean(&plan.to_string()))),
        known(who.account_id.as_deref().map(clean)),
        clean(who.mode.words()),
        known(expires_at.map(rfc3339)),
    ]
}
