//! All that `--plain` says during each flow, as a transcript to be read aloud: no symbol that a
//! speech synthesiser would spell, and no line twice where nothing was answered in between.

use codex_onboarding::demo::Profile;
use codex_onboarding::onboarding::Ended;
use codex_onboarding::remote::RemoteSession;

use crate::accounts::{profile, with_accounts};
use crate::issuer::{Fault, Route};
use crate::stage::Stage;
use crate::talk::{Talk, options};

const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz-LAST";
const LINK: &str = "/oauth/authorize?";

/// A conversation, with the person's answers between what is said.
struct Told<'a> {
    stage: &'a Stage,
    talk: Talk,
    text: String,
    heard: usize,
}

impl<'a> Told<'a> {
    fn on(stage: &'a Stage, talk: Talk) -> Self {
        Self {
            stage,
            talk,
            text: String::new(),
            heard: 0,
        }
    }

    /// Listens up to the question that holds this, and to the end of its line. Returns it all.
    fn hears(&mut self, question: &str) -> String {
        let mut said = self.talk.hears(question);
        said += &self.talk.hears("\n");
        self.heard += said.len();
        self.text += &said;
        said
    }

    /// Answers with a word, which is shown, or with something that stays hidden.
    fn answers(&mut self, line: &str) {
        let hidden = if line.len() > 3 { "(hidden)" } else { line };
        self.text.push_str("> ");
        self.text.push_str(hidden);
        self.text.push('\n');
        self.talk.answer(line);
    }

    /// Approves the link that was just said.
    fn approves(&mut self, said: &str) {
        let link = said.lines().find(|line| line.contains(LINK)).unwrap();
        self.stage.browse(&self.stage.approve(link));
    }

    /// Compares the whole transcript with the one that was reviewed.
    fn ends(mut self, name: &str, how: Ended) {
        let (ended, said) = self.talk.ended();
        self.text += &said[self.heard..];
        assert_eq!(ended, how, "{}", self.text);
        let text = self
            .text
            .replace(self.stage.issuer.url(), "https://issuer.example");
        let home = self.stage.home().display().to_string();
        let text = same_each_time(&text.replace(&home, "/home/ada"));
        can_be_read_aloud(&text);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("../../snapshots/plain");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// Replaces the words that differ from run to run.
fn same_each_time(text: &str) -> String {
    let word = |word: &str| {
        let is_like = |pattern: &str| {
            let fits = |(c, like): (char, char)| match like {
                '0' => c.is_ascii_digit(),
                'A' => c.is_ascii_uppercase() || c.is_ascii_digit(),
                like => c == like,
            };
            word.len() == pattern.len() && word.chars().zip(pattern.chars()).all(fits)
        };
        if word.contains(LINK) {
            "https://issuer.example/oauth/authorize?response_type=code".to_owned()
        } else if word.contains("/login/") {
            "http://localhost:1455/login/Zk3q9TtB".to_owned()
        } else if word.contains(":localhost:") {
            "1455:localhost:1455".to_owned()
        } else if is_like("AAAA-AAAAA") {
            "ABCD-12345".to_owned()
        } else if is_like("AAAA-AAAAA,") {
            "ABCD-12345,".to_owned()
        } else if is_like("0000-00-00") {
            "2026-05-03".to_owned()
        } else if is_like("00:00") {
            "09:12".to_owned()
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

/// The device code that was just said.
fn code_in(said: &str) -> &str {
    let mut lines = said
        .lines()
        .skip_while(|line| !line.starts_with("Type in this code"));
    lines.nth(1).unwrap()
}

fn can_be_read_aloud(text: &str) {
    for part in text.split("\n> ") {
        let mut lines: Vec<&str> = part.lines().filter(|line| !line.is_empty()).collect();
        for line in &lines {
            let is_address = line.contains("://") || line.starts_with("ssh ");
            let spelled = |c: char| !c.is_ascii_alphanumeric() && !" .,:;?!'\"()/@-_>".contains(c);
            assert!(is_address || !line.contains(spelled), "{line}");
        }
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), all, "a line is said twice in:\n{part}");
    }
}

#[test]
fn a_sign_in_through_the_browser() {
    let stage = Stage::new();
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("Type 1, 2 or 3");
    told.answers("1");
    let said = told.hears("c to cancel:");
    told.approves(&said);
    told.ends("browser", Ended::SignedIn);
}

#[test]
fn a_sign_in_by_the_address_that_is_pasted_over_ssh() {
    let stage = Stage::new();
    let mut options = options(&stage);
    options.facts.remote = Some(RemoteSession::over_ssh("ada@192.0.2.7"));
    let mut told = Told::on(&stage, Talk::with(options));
    told.hears("Type 1, 2 or 3");
    told.answers("x");
    told.hears("Type 1, 2 or 3");
    told.answers("1");
    let said = told.hears("c to cancel:");
    told.answers("an address of something else");
    told.hears("c to cancel:");
    let link = said.lines().find(|line| line.contains(LINK)).unwrap();
    told.answers(&stage.approve(link));
    told.ends("pasted-over-ssh", Ended::SignedIn);
}

#[test]
fn a_sign_in_with_a_device_code_at_the_second_try() {
    let stage = Stage::new();
    let refusal = Fault::Status(404, "{}".to_owned());
    stage.issuer.fault(Route::UserCode, refusal);
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("Type 1, 2 or 3");
    told.answers("3");
    told.hears("r to try again, or c to cancel:");
    told.answers("r");
    let said = told.hears("or c to cancel:");
    stage.approve_device(code_in(&said));
    told.ends("device-code", Ended::SignedIn);
}

#[test]
fn a_sign_in_that_is_interrupted_and_continued() {
    let stage = Stage::with(Profile::default().device_interval(1));
    let (close, closed) = tokio::sync::oneshot::channel::<()>();
    let mut options = options(&stage);
    options.shutdown = Some(Box::pin(async { _ = closed.await }));
    let mut told = Told::on(&stage, Talk::with(options));
    told.hears("Type 1, 2 or 3");
    told.answers("3");
    let said = told.hears("or c to cancel:");
    drop(close);
    told.ends("interrupted", Ended::Shutdown);
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("Type 1, 2, 3 or 4");
    told.answers("1");
    told.hears("or c to cancel:");
    stage.approve_device(code_in(&said));
    told.ends("continued", Ended::SignedIn);
}

#[test]
fn an_api_key_that_is_entered_at_the_second_try() {
    let stage = Stage::new();
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("Type 1, 2 or 3");
    told.answers("2");
    told.hears("or type b to go back:");
    told.answers("");
    told.hears("or type b to go back:");
    told.answers(KEY);
    told.ends("api-key", Ended::SignedIn);
}

#[test]
fn a_failure_and_the_way_out() {
    let stage = Stage::new();
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("Type 1, 2 or 3");
    told.answers("1");
    let said = told.hears("c to cancel:");
    let page = "<html>Log in to the network</html>".to_owned();
    stage.issuer.fault(Route::Token, Fault::Status(200, page));
    told.approves(&said);
    told.hears("or q to quit:");
    told.answers("b");
    told.hears("Type 1, 2 or 3");
    told.answers("q");
    told.ends("failure", Ended::Cancelled);
}

#[test]
fn several_accounts_one_used_one_added() {
    let stage = with_accounts(&["ada", "bob"]);
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("or q to quit and stay signed in:");
    told.answers("2");
    told.hears("or q to quit and stay signed in:");
    stage.issuer.set_profile(profile("cleo"));
    told.answers("3");
    told.hears("or q to quit:");
    told.answers("1");
    let said = told.hears("c to cancel:");
    told.approves(&said);
    told.hears("or press Enter to keep it:");
    told.answers("");
    told.ends("accounts", Ended::SignedIn);
}

#[test]
fn signing_out_with_a_damaged_file_and_a_stored_key() {
    let stage = with_accounts(&["ada", "bob"]);
    let bob = stage.codex_home().join("accounts/bob/auth.json");
    std::fs::write(bob, "{").unwrap();
    let mut file = stage.auth_json();
    file["OPENAI_API_KEY"] = "sk-old".into();
    stage.write_auth_file(&file.to_string());
    let mut told = Told::on(&stage, Talk::start(&stage));
    told.hears("or q to quit and stay signed in:");
    told.answers("3");
    told.hears("or n to stay signed in:");
    told.answers("y");
    told.hears("or q to quit");
    told.answers("q");
    told.ends("sign-out", Ended::Cancelled);
}
