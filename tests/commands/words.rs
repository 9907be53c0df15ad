//! What each command prints, as text and as JSON, in the usual case and in the usual failures. The
//! transcripts are reviewed as a whole; the other tests look for what the words mean.

use std::fmt::Write as _;

use codex_onboarding::demo::Profile;
use serde_json::Value;

use crate::accounts::{park, profile, with_accounts};
use crate::issuer::Route;
use crate::program::{Exited, Run};
use crate::stage::Stage;

/// The runs of one test, one after the other.
struct Session {
    stage: Stage,
    transcript: String,
}

impl Session {
    fn on(stage: Stage) -> Self {
        let transcript = String::new();
        Self { stage, transcript }
    }

    /// Runs the command to its end.
    fn runs(&mut self, words: &str) -> &mut Self {
        self.takes(words, "")
    }

    /// Runs the command with this on standard input.
    fn takes(&mut self, words: &str, input: &str) -> &mut Self {
        let list: Vec<_> = words.split(' ').collect();
        let ended = Run::new(&self.stage, &list).takes(input.as_bytes());
        self.adds(words, &ended)
    }

    /// Runs a sign-in, in which this person approves the link.
    fn signs_in(&mut self, person: &str, words: &str) -> &mut Self {
        self.stage.issuer.set_profile(profile(person));
        let list: Vec<_> = words.split(' ').collect();
        let login = Run::new(&self.stage, &list).starts();
        let link = if list.contains(&"--json") {
            login.link_of_event()
        } else {
            login.link()
        };
        self.stage.browse(&self.stage.approve(&link));
        self.adds(words, &login.ended())
    }

    fn adds(&mut self, words: &str, ended: &Exited) -> &mut Self {
        let words = self.same_each_time(words);
        let _ = writeln!(self.transcript, "$ codex-onboarding {words}");
        for (mark, text) in [("  ", &ended.stdout), ("! ", &ended.stderr)] {
            for line in text.lines() {
                let line = format!("{mark}{}", self.same_each_time(line));
                let _ = writeln!(self.transcript, "{}", line.trim_end());
            }
        }
        if ended.code() != 0 {
            let _ = writeln!(self.transcript, "= {}", ended.code());
        }
        self.transcript += "\n";
        self
    }

    /// Replaces what differs from run to run.
    fn same_each_time(&self, line: &str) -> String {
        let home = self.stage.home().display().to_string();
        let mut line = line
            .replace(self.stage.issuer.url(), "https://issuer.example")
            .replace(&home, "/home/ada");
        for (before, after, instead) in [
            ("/oauth/authorize?", &[' ', '"'][..], "..."),
            ("http://localhost:", &[' ', '"', '/'], "PORT"),
            ("PORT/login/", &['"'], "..."),
            ("ssh -L ", &[':'], "PORT"),
            (":localhost:", &[' '], "PORT"),
            ("\"port\":", &[','], "PORT"),
            ("\"expires_in\":", &[','], "SECONDS"),
            ("It expires in ", &[], "14m 59s"),
            ("\"user_code\":\"", &['"'], "ABCD-EFGHI"),
            ("enter the code ", &[' '], "ABCD-EFGHI"),
        ] {
            if let Some((head, tail)) = line.split_once(before) {
                let end = tail.find(after).unwrap_or(tail.len());
                line = format!("{head}{before}{instead}{}", &tail[end..]);
            }
        }
        let is_time = |text: &str| {
            let mut pairs = text.chars().zip("0000-00-00T00:00:00Z".chars());
            text.len() == 20 && pairs.all(|(c, usual)| c == usual || c.is_ascii_digit())
        };
        let mut at = 0;
        while at + 20 <= line.len() {
            if line.get(at..at + 20).is_some_and(is_time) {
                line.replace_range(at..at + 20, "2026-01-01T00:00:00Z");
            }
            at += 1;
        }
        line
    }

    /// Compares the transcript with the one that was reviewed.
    fn is_as_reviewed(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../snapshots/commands");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, self.transcript));
    }
}

#[test]
fn status_and_token() {
    let mut session = Session::on(Stage::new());
    session.runs("--plain");
    session.runs("status").runs("status --json");
    session.runs("status --check --json").runs("token");
    session.stage.sign_in();
    session.runs("status").runs("status --json");
    session.runs("status --check").runs("status --check --json");
    session
        .stage
        .write_auth_file(r#"{"OPENAI_API_KEY":"sk-1"}"#);
    session.runs("status").runs("status --json").runs("token");
    session.stage.write_auth_file("{");
    session.runs("status").runs("status --json").runs("token");
    session.is_as_reviewed("status");
}

#[test]
fn login() {
    let mut session = Session::on(Stage::new());
    session
        .signs_in("ada", "login")
        .signs_in("bob", "login --json");
    session.signs_in("ada", "login --keep");
    session.takes("login --with-api-key", "sk-1\n");
    session.takes("login --with-api-key --json", "sk-2\n");
    session.takes("login --with-api-key", "at-1\n");
    session.takes("login --with-api-key --json", "\n");
    session
        .runs("login --timeout 100ms")
        .runs("login --timeout 100ms --json");
    session.is_as_reviewed("login");
}

#[test]
fn login_later() {
    let mut session = Session::on(Stage::with(Profile::default().device_interval(60)));
    session.runs("login --resume").runs("login --resume --json");
    session
        .runs("login --no-wait")
        .runs("login --no-wait --json");
    session.runs("login --resume --timeout 0");
    session.runs("login --resume --timeout 0 --json");
    session.runs("login --resume --keep");
    assert_eq!(session.stage.issuer.count(Route::DeviceToken), 0);
    session.is_as_reviewed("login-later");
}

#[test]
fn logout() {
    let mut session = Session::on(with_accounts(&["ada", "bob", "cid"]));
    session.runs("logout --local").runs("logout");
    session.runs("logout --account bob").runs("logout --all");
    session.stage.write_auth_file("{");
    session.runs("logout").runs("logout --account nobody");
    session.is_as_reviewed("logout");
}

#[test]
fn accounts_add() {
    let mut session = Session::on(Stage::new());
    session.runs("accounts").runs("accounts --json");
    session.signs_in("ada", "accounts add");
    session.signs_in("bob", "accounts add --name ada");
    session.signs_in("cid", "accounts add --json");
    session.runs("accounts");
    session.is_as_reviewed("accounts-add");
}

#[test]
fn accounts() {
    let mut session = Session::on(with_accounts(&["bob", "ada", "adam"]));
    park(&session.stage, "damaged", "{");
    session.runs("accounts").runs("accounts --json");
    session.runs("accounts use ada").runs("accounts use ada");
    session.runs("accounts use ad").runs("accounts use zoe");
    session.runs("accounts rename adam work");
    session.runs("accounts remove work");
    session.runs("accounts remove damaged");
    session.is_as_reviewed("accounts");
}

#[test]
fn lend_and_exec() {
    let mut session = Session::on(Stage::new());
    let folder = session.stage.home().join("lent").display().to_string();
    let to = format!("lend --to {folder}");
    session.runs(&to).runs(&format!("{to} --json"));
    session.runs("exec true");
    session.stage.sign_in();
    session.runs(&to).runs(&format!("{to} --json --for 90d"));
    session
        .stage
        .write_auth_file(r#"{"OPENAI_API_KEY":"sk-1"}"#);
    session.runs(&to).runs(&format!("{to} --json"));
    let lent = std::fs::read(format!("{folder}/auth.json")).unwrap();
    let lent: Value = serde_json::from_slice(&lent).unwrap();
    session.stage.write_auth_file(&lent.to_string());
    session.runs("status").runs("status --json");
    session.is_as_reviewed("lend-and-exec");
}
