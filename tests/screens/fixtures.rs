//! Every screen, in every state that looks different.

use std::sync::Arc;
use std::time::Duration;

use codex_onboarding::auth::internals::{AuthorizeRequest, redirect_uri};
use codex_onboarding::auth::{Account, Mode, Plan};
use codex_onboarding::environment::Environment;
use codex_onboarding::onboarding::internals::{Key, Message, Model, update};
use codex_onboarding::onboarding::{Facts, Running};
use codex_onboarding::remote::RemoteSession;
use codex_onboarding::sign_in::internals::both_taken;
use codex_onboarding::sign_in::{DeviceCode, Link, REGISTERED_PORTS, Status};
use secrecy::SecretString;

use crate::real::{
    chatgpt_file, chatgpt_file_of, facts_of, failed_sign_in, no_device_code, not_signed_out,
    refused_paste, taken_port, unsaved_key, unsynced_folder,
};
use crate::subject;

pub const SHORT: &str = "http://localhost:1455/login/Zk3q9TtB";
pub const KEY: &str = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789wxyz";

pub fn authorization_url() -> String {
    let request = AuthorizeRequest {
        issuer: &subject::issuer(),
        redirect_uri: &redirect_uri(1455),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        state: "Yt5kQ1vJ0rXh8nLw2fBzC7uPdMaGsEoI3iK6jHlNqRt",
        workspaces: &[],
    };
    request.url().unwrap().to_string()
}

pub fn link() -> Link {
    let mut link = Link::default();
    link.authorization_url = authorization_url();
    link.short_url = Some(SHORT.to_owned());
    link.port = Some(1455);
    link
}

pub fn link_without_server() -> Link {
    let mut link = link();
    link.short_url = None;
    link.port = None;
    link.port_problem = Some(both_taken(
        REGISTERED_PORTS,
        [subject::PORT_HOLDER, "another program"],
    ));
    link
}

pub fn device_code() -> Status {
    let mut code = DeviceCode::default();
    code.user_code = "ABCD-12345".into();
    code.verification_url = subject::DEVICE_PAGE.into();
    code.expires_in = Duration::from_mins(15);
    Status::DeviceCode(code)
}

pub fn ada() -> Account {
    let mut ada = Account::unknown(Mode::ChatGpt);
    ada.email = Some("ada@example.com".to_owned());
    ada.plan = Some(Plan::new("plus"));
    ada.account_id = Some("8f2c1f9e-4a5d-4b0e-9d57-0c2f5f6f3a11".to_owned());
    ada
}

/// Nobody is signed in yet.
pub fn facts() -> Facts {
    facts_of("ada", &[], Environment::from([("DISPLAY", ":0")]))
}

/// The browser is on another machine.
pub fn remote() -> Facts {
    let mut facts = facts();
    // Detection would leave it out in a container.
    facts.remote = Some(RemoteSession::over_ssh("ada@192.0.2.7"));
    facts
}

/// The environment holds a key.
pub fn environment_key() -> Facts {
    let environment = [("DISPLAY", ":0"), (subject::KEY_VARIABLE, KEY)];
    facts_of("ada", &[], Environment::from(environment))
}

pub fn signed_in() -> Facts {
    let files = [(subject::FILE, chatgpt_file(None))];
    facts_of("grace", &files, Environment::from([("DISPLAY", ":0")]))
}

/// Signed in, but not for the next `codex`.
fn not_for_codex() -> Facts {
    let file = chatgpt_file(None).replace("\"last_refresh\":\"", "\"last_refresh\":\"on ");
    let settings = "forced_login_method = \"api\"\n".to_owned();
    let files = [(subject::FILE, file), ("config.toml", settings)];
    facts_of("hedy", &files, Environment::from([("DISPLAY", ":0")]))
}

/// A sign-in was left here.
fn interrupted(mut facts: Facts) -> Facts {
    let mut code = DeviceCode::default();
    code.user_code = "ABCD-12345".into();
    code.expires_in = Duration::from_mins(12);
    facts.interrupted = Some(code);
    facts
}

/// A Codex that runs goes on as somebody else.
fn running() -> Message {
    Message::Running(Running {
        programs: vec![subject::RUNNING.to_owned()],
        stop_command: Some(subject::STOP.to_owned()),
        ..Running::default()
    })
}

/// The same in this person's home.
fn at(person: &str, mut facts: Facts) -> Facts {
    facts.auth_file = format!("home/{person}/{}/{}", subject::HOME, subject::FILE);
    facts
}

fn of_a_demo(mut facts: Facts) -> Facts {
    facts.demo = true;
    facts.product = Arc::new(subject::demo());
    facts
}

fn api_key_stored() -> Facts {
    let file = format!("{{\"OPENAI_API_KEY\": \"{KEY}\"}}");
    let files = [(subject::FILE, file)];
    facts_of("mary", &files, Environment::from([("DISPLAY", ":0")]))
}

/// Signed in with ChatGPT, with an API key beside it, and a setting that means nothing.
pub fn signed_in_with_key() -> Facts {
    let settings = "cli_auth_credentials_store = \"cupboard\"\n".to_owned();
    let files = [
        (subject::FILE, chatgpt_file(Some(KEY))),
        ("config.toml", settings),
    ];
    facts_of("lin", &files, Environment::from([("DISPLAY", ":0")]))
}

/// The path of a parked account's file.
fn slot_file(slot: &str) -> String {
    format!("accounts/{slot}/{}", subject::FILE)
}

/// One active account, if Ada is that, and two beside it.
fn several(person: &str, active: bool) -> Facts {
    let other = |name: &str| chatgpt_file_of(&format!("{name}@example.com"), name, None);
    let [first, second] = ["1", "2"].map(slot_file);
    let key = format!("{{\"OPENAI_API_KEY\": \"{KEY}\"}}");
    let mut files = vec![(first.as_str(), other("bob")), (second.as_str(), key)];
    if active {
        files.push((subject::FILE, chatgpt_file(None)));
    }
    facts_of(person, &files, Environment::from([("DISPLAY", ":0")]))
}

/// More accounts than digits.
fn many() -> Facts {
    let file = |number: usize| {
        let name = format!("n{number:02}");
        chatgpt_file_of(&format!("{name}@example.com"), &name, None)
    };
    let paths: Vec<_> = (1..15).map(|it| slot_file(&it.to_string())).collect();
    let mut files: Vec<_> = (1..15)
        .map(|it| (paths[it - 1].as_str(), file(it)))
        .collect();
    files.push((subject::FILE, chatgpt_file(None)));
    facts_of("max", &files, Environment::from([("DISPLAY", ":0")]))
}

/// The active account's file is damaged, and another account is parked.
fn damaged_beside_parked() -> Facts {
    let parked = slot_file("1");
    let files = [
        (subject::FILE, "{".to_owned()),
        (&parked, chatgpt_file_of("bob@example.com", "bob", None)),
    ];
    facts_of("dana", &files, Environment::from([("DISPLAY", ":0")]))
}

/// The screen after these messages.
pub fn after(facts: Facts, messages: Vec<Message>) -> Model {
    let mut model = Model::new(facts);
    for message in messages {
        update(&mut model, message);
    }
    model
}

pub fn key(c: char) -> Message {
    Message::Key(Key::Char(c))
}

pub fn paste(text: &str) -> Message {
    Message::Paste(SecretString::from(text))
}

pub fn tick(seconds: u64) -> Message {
    Message::Tick(Duration::from_secs(seconds))
}

pub fn waiting() -> Vec<(&'static str, Model)> {
    let facts = &facts();
    let start = vec![
        key('1'),
        tick(3),
        Message::Status(Status::Url(link())),
        tick(45),
    ];
    let with = |facts: &Facts, more: Vec<Message>| {
        after(
            facts.clone(),
            start.clone().into_iter().chain(more).collect(),
        )
    };
    let mut no_server = start.clone();
    no_server[2] = Message::Status(Status::Url(link_without_server()));
    let foreign = "code=1&state=Older1vJ0rXh8nLw2fBzC7uPdMaGsEoI3iK6jHlNqRt";
    let elsewhere = remote();
    vec![
        (
            "waiting-for-the-link",
            after(facts.clone(), vec![key('1'), tick(3)]),
        ),
        ("waiting", with(facts, vec![])),
        ("waiting-copied", with(facts, vec![key('c')])),
        ("waiting-other-alphabet", with(facts, vec![key('в')])),
        (
            "waiting-typing",
            with(facts, vec![key('p'), paste("code=1")]),
        ),
        (
            "waiting-refused",
            with(
                facts,
                vec![paste(foreign), Message::Problem(refused_paste(foreign))],
            ),
        ),
        ("waiting-no-server", after(facts.clone(), no_server)),
        ("waiting-remote", with(&elsewhere, vec![])),
        (
            "waiting-remote-typing",
            with(&elsewhere, vec![key('p'), key('x')]),
        ),
        (
            "waiting-drops-key",
            after(
                signed_in_with_key(),
                [key('2')].into_iter().chain(start.clone()).collect(),
            ),
        ),
    ]
}

fn device_codes() -> Vec<(&'static str, Model)> {
    let facts = facts();
    let start = vec![key('3'), tick(3), Message::Status(device_code()), tick(4)];
    let failed = Message::Status(Status::DeviceCodeFailed(no_device_code()));
    let mut late = start.clone();
    late.extend([tick(3 + 14 * 60 + 20), key('c')]);
    vec![
        (
            "device-code-asked",
            after(facts.clone(), vec![key('3'), tick(3)]),
        ),
        ("device-code", after(facts.clone(), start.clone())),
        ("device-code-late", after(facts.clone(), late)),
        ("device-code-remote", after(remote(), start.clone())),
        (
            "help-device-code",
            after(facts.clone(), [start, vec![key('?')]].concat()),
        ),
        (
            "device-code-failed",
            after(facts, vec![key('3'), tick(3), failed]),
        ),
    ]
}

fn api_keys() -> Vec<(&'static str, Model)> {
    let facts = facts();
    let tab = Message::Key(Key::Tab);
    let enter = Message::Key(Key::Enter);
    vec![
        ("api-key", after(facts.clone(), vec![key('2')])),
        (
            "api-key-typed",
            after(facts.clone(), vec![key('2'), paste(KEY), tab]),
        ),
        (
            "api-key-blank-inside",
            after(facts.clone(), vec![key('2'), paste("sk-a bc")]),
        ),
        (
            "api-key-empty",
            after(facts.clone(), vec![key('2'), enter.clone()]),
        ),
        (
            "api-key-environment",
            after(environment_key(), vec![key('2')]),
        ),
        (
            "api-key-taken",
            after(
                environment_key(),
                vec![key('2'), Message::Key(Key::Ctrl('o'))],
            ),
        ),
        (
            "api-key-replaces",
            after(signed_in(), vec![key('2'), key('2')]),
        ),
        (
            "api-key-saving",
            after(facts.clone(), vec![key('2'), paste(KEY), enter.clone()]),
        ),
        (
            "api-key-not-saved",
            after(
                facts,
                vec![
                    key('2'),
                    paste(KEY),
                    enter,
                    Message::ApiKeyNotSaved(unsaved_key(KEY)),
                ],
            ),
        ),
    ]
}

fn welcomes() -> Vec<(&'static str, Model)> {
    let facts = facts();
    let demo = of_a_demo(facts.clone());
    let local = || Environment::from([("DISPLAY", ":0")]);
    let broken = "{\n  \"auth_mode\": \"chatgpt\",\n  \"tokens\": {\"id_token\" \"e\"}\n}\n";
    let damaged = facts_of("eve", &[(subject::FILE, broken.to_owned())], local());
    let settings = "forced_login_method = \"chatgpt\"\n".to_owned();
    let forced = facts_of("joan", &[("config.toml", settings)], local());
    vec![
        ("welcome", after(facts.clone(), vec![])),
        (
            "welcome-interrupted",
            after(interrupted(facts.clone()), vec![tick(150)]),
        ),
        ("welcome-demo", after(demo, vec![key('j')])),
        ("welcome-damaged-file", after(damaged, vec![])),
        ("welcome-forced", after(forced, vec![key('2')])),
        ("welcome-environment", after(environment_key(), vec![])),
        (
            "welcome-remarks",
            after(signed_in_with_key(), vec![key('2')]),
        ),
        (
            "welcome-start-failed",
            after(
                facts.clone(),
                vec![key('1'), Message::StartFailed(taken_port())],
            ),
        ),
        ("welcome-switching", after(signed_in(), vec![key('2')])),
        ("help", after(facts.clone(), vec![key('?')])),
        (
            "help-waiting",
            after(
                facts,
                vec![key('1'), Message::Status(Status::Url(link())), key('?')],
            ),
        ),
    ]
}

fn ends() -> Vec<(&'static str, Model)> {
    let facts = facts();
    let completed = |account: Account| Message::Status(Status::Completed(account));
    let failed = Message::Status(Status::Failed(failed_sign_in()));
    let mut setup = ada();
    setup.needs_setup = true;
    let demo = of_a_demo(facts.clone());
    let mut foreign = ada();
    foreign.email = Some("שלום@例え.jp\u{202e}\u{1b}[2J e\u{301}💥".to_owned());
    foreign.plan = Some(Plan::new("東京".repeat(60)));
    vec![
        (
            "exchanging",
            after(
                facts.clone(),
                vec![
                    key('1'),
                    tick(1),
                    Message::Status(Status::Exchanging),
                    tick(2),
                ],
            ),
        ),
        ("success", after(facts.clone(), vec![completed(ada())])),
        (
            "success-running",
            after(
                facts.clone(),
                vec![
                    completed(ada()),
                    Message::Workspace("Analytical Engines".to_owned()),
                    running(),
                ],
            ),
        ),
        (
            "success-ending",
            after(facts.clone(), vec![completed(ada()), running(), key('e')]),
        ),
        (
            "success-warning",
            after(
                at("sue", facts.clone()),
                vec![
                    key('1'),
                    Message::Status(Status::Notice(unsynced_folder(KEY))),
                    completed(ada()),
                ],
            ),
        ),
        (
            "success-setup-needed",
            after(facts.clone(), vec![completed(setup)]),
        ),
        ("success-demo", after(demo, vec![completed(ada())])),
        (
            "success-foreign-text",
            after(facts.clone(), vec![completed(foreign)]),
        ),
        (
            "success-api-key",
            after(
                facts.clone(),
                vec![Message::Status(Status::Completed(Account::api_key()))],
            ),
        ),
        ("failure", after(facts, vec![key('1'), failed])),
        ("account", after(signed_in(), vec![])),
        ("account-not-for-codex", after(not_for_codex(), vec![])),
        ("account-api-key", after(api_key_stored(), vec![])),
        (
            "account-sign-out-api-key",
            after(api_key_stored(), vec![key('3')]),
        ),
        ("account-sign-out", after(signed_in(), vec![key('3')])),
        (
            "account-signing-out",
            after(signed_in(), vec![key('3'), key('y')]),
        ),
        (
            "account-not-signed-out",
            after(
                at("bob", signed_in()),
                vec![
                    key('3'),
                    key('y'),
                    Message::SignedOut(Err(not_signed_out())),
                ],
            ),
        ),
    ]
}

fn accounts() -> Vec<(&'static str, Model)> {
    let parked = |name: &str| {
        let file = chatgpt_file_of(&format!("{name}@example.com"), name, None);
        let path = slot_file("1");
        let files = [(path.as_str(), file)];
        let facts = facts_of("nobody", &files, Environment::from([("DISPLAY", ":0")]));
        Box::new(facts.accounts.parked[0].clone())
    };
    let mut bob = ada();
    bob.email = Some("bob@example.com".to_owned());
    let beside = Message::SignedInBeside(bob, parked("ada"));
    let programs = [subject::PORT_HOLDER.to_owned()];
    vec![
        ("accounts", after(several("joan", true), vec![key('j')])),
        (
            "accounts-changing",
            after(several("joan", true), vec![key('2')]),
        ),
        (
            "accounts-program-runs",
            after(
                several("joan", true),
                vec![
                    key('3'),
                    Message::ProgramsRun(parked("bob"), programs.to_vec()),
                ],
            ),
        ),
        (
            "accounts-interrupted",
            after(interrupted(several("joan", true)), vec![]),
        ),
        (
            "accounts-running",
            after(several("joan", true), vec![running()]),
        ),
        ("accounts-many", after(many(), vec![key('j'); 11])),
        ("accounts-damaged", after(damaged_beside_parked(), vec![])),
        ("accounts-none-active", after(several("kay", false), vec![])),
        ("keep", after(signed_in(), vec![key('2'), key('1'), beside])),
    ]
}

/// Every screen, in every state that looks different.
pub fn screens() -> Vec<(&'static str, Model)> {
    [welcomes, waiting, device_codes, api_keys, ends, accounts]
        .into_iter()
        .flat_map(|group| group())
        .collect()
}
