//! Every screen, in every state that looks different.

use std::time::Duration;

use codex_onboarding::Error;
use codex_onboarding::auth::{Account, Mode, Plan};
use codex_onboarding::onboarding::{Facts, Key, Message, Model, SignedIn, update};
use codex_onboarding::remote::RemoteSession;
use codex_onboarding::sign_in::{DeviceCode, Link, Status};
use secrecy::SecretString;

pub const SHORT: &str = "http://localhost:1455/login/Zk3q9TtB";
pub const KEY: &str = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789wxyz";

/// As long as the real one: about 480 characters.
pub fn authorization_url() -> String {
    "https://auth.openai.com/oauth/authorize?response_type=code\
     &client_id=app_EMoamEEZ73f0CkXaXp7hrann\
     &redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback\
     &scope=openid+profile+email+offline_access+api.connectors.read+api.connectors.invoke\
     &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
     &id_token_add_organizations=true&codex_cli_simplified_flow=true\
     &state=Yt5kQ1vJ0rXh8nLw2fBzC7uPdMaGsEoI3iK6jHlNqRt&originator=codex_cli_rs"
        .to_owned()
}

pub fn link() -> Link {
    Link {
        authorization_url: authorization_url(),
        short_url: Some(SHORT.to_owned()),
        port: Some(1455),
        port_problem: None,
    }
}

pub fn link_without_server() -> Link {
    Link {
        short_url: None,
        port: None,
        port_problem: Some("ports 1455 and 1457 are taken (by codex, process 4711)".to_owned()),
        ..link()
    }
}

pub fn device_code() -> Status {
    Status::DeviceCode(DeviceCode {
        user_code: "ABCD-12345".to_owned(),
        verification_url: "https://auth.openai.com/codex/device".to_owned(),
        expires_in: Duration::from_mins(15),
    })
}

pub fn ada() -> Account {
    Account {
        mode: Mode::ChatGpt,
        email: Some("ada@example.com".to_owned()),
        plan: Some(Plan::new("plus")),
        account_id: Some("8f2c1f9e-4a5d-4b0e-9d57-0c2f5f6f3a11".to_owned()),
        needs_setup: false,
    }
}

pub fn facts() -> Facts {
    Facts {
        animations: true,
        color: true,
        auth_file: "~/.codex/auth.json".to_owned(),
        ..Facts::default()
    }
}

pub fn remote() -> Facts {
    Facts {
        remote: Some(RemoteSession {
            ssh_target: Some("ada@build-7.example.com".to_owned()),
        }),
        ..facts()
    }
}

pub fn signed_in() -> Facts {
    Facts {
        signed_in: Some(SignedIn {
            account: ada(),
            since: Some("3 May 2026, 09:12".to_owned()),
            stored: "ChatGPT tokens".to_owned(),
        }),
        ..facts()
    }
}

pub fn refused_connection() -> Error {
    let refused = Error::network("connection refused (os error 111)");
    let connect = Error::network("connecting to auth.openai.com failed").with_source(refused);
    Error::network("Token exchange failed")
        .with_source(connect)
        .with_hint("Check that this machine may reach auth.openai.com, or set HTTPS_PROXY")
}

pub fn damaged_file() -> Error {
    Error::storage("~/.codex/auth.json is damaged: expected `,` at line 4, column 17")
        .with_hint("Sign in again to replace it, or mend it by hand")
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

pub fn waiting(facts: Facts) -> Vec<(&'static str, Model)> {
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
    let foreign = Error::usage("That address belongs to an older link")
        .with_hint("Open the link above and paste the address it ends on");
    let elsewhere = remote();
    vec![
        (
            "waiting-for-the-link",
            after(facts.clone(), vec![key('1'), tick(3)]),
        ),
        ("waiting", with(&facts, vec![])),
        ("waiting-copied", with(&facts, vec![key('c')])),
        (
            "waiting-typing",
            with(&facts, vec![key('p'), paste("code=1")]),
        ),
        (
            "waiting-refused",
            with(
                &facts,
                vec![
                    paste("code=1&state=Older1vJ0rXh8nLw2fBzC7uPdMaGsEoI3iK6jHlNqRt"),
                    Message::PasteRefused(foreign),
                ],
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
            with(
                &Facts {
                    replaces_api_key: true,
                    ..facts
                },
                vec![],
            ),
        ),
    ]
}

pub fn device_codes(facts: Facts) -> Vec<(&'static str, Model)> {
    let start = vec![key('3'), tick(3), Message::Status(device_code()), tick(4)];
    let off = Error::issuer("Device code login is not enabled for this account or issuer")
        .with_hint("Ask your workspace's administrator, or sign in with a browser");
    let failed = Message::Status(Status::DeviceCodeFailed(off));
    let mut late = start.clone();
    late.extend([tick(3 + 14 * 60 + 20), key('c')]);
    vec![
        (
            "device-code-asked",
            after(facts.clone(), vec![key('3'), tick(3)]),
        ),
        ("device-code", after(facts.clone(), start.clone())),
        ("device-code-late", after(facts.clone(), late)),
        ("device-code-remote", after(remote(), start)),
        (
            "device-code-failed",
            after(facts, vec![key('3'), tick(3), failed]),
        ),
    ]
}

pub fn api_keys(facts: Facts) -> Vec<(&'static str, Model)> {
    let with_environment = Facts {
        environment_key: Some(SecretString::from(KEY)),
        ..facts.clone()
    };
    let unwritable = Error::storage("~/.codex/auth.json cannot be written")
        .with_source(Error::storage("No space left on device (os error 28)"))
        .with_hint("Free some space, then press Enter");
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
            after(with_environment.clone(), vec![key('2')]),
        ),
        (
            "api-key-taken",
            after(
                with_environment,
                vec![key('2'), Message::Key(Key::Ctrl('o'))],
            ),
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
                    Message::ApiKeySaved(Err(unwritable)),
                ],
            ),
        ),
    ]
}

pub fn welcomes(facts: Facts) -> Vec<(&'static str, Model)> {
    let demo = Facts {
        demo: true,
        ..facts.clone()
    };
    let damaged = Facts {
        problem: Some(damaged_file()),
        ..facts.clone()
    };
    let forced = Facts {
        forced: Some(Mode::ChatGpt),
        ..facts.clone()
    };
    let busy = Facts {
        environment_key: Some(SecretString::from(KEY)),
        replaces_api_key: true,
        warnings: vec![
            "config.toml keeps Codex's credentials in the keyring: Codex will look there."
                .to_owned(),
        ],
        ..facts.clone()
    };
    let start_failed = Error::port_in_use("Port 9000 is taken by another program")
        .with_hint("End that program, or choose another port with --port");
    vec![
        ("welcome", after(facts.clone(), vec![])),
        ("welcome-demo", after(demo, vec![key('j')])),
        ("welcome-damaged-file", after(damaged, vec![])),
        ("welcome-forced", after(forced, vec![key('2')])),
        ("welcome-remarks", after(busy, vec![])),
        (
            "welcome-start-failed",
            after(
                facts.clone(),
                vec![key('1'), Message::StartFailed(start_failed)],
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

pub fn ends(facts: Facts) -> Vec<(&'static str, Model)> {
    let completed = |account: Account| Message::Status(Status::Completed(account));
    let failed = Message::Status(Status::Failed(refused_connection()));
    let setup = Account {
        needs_setup: true,
        ..ada()
    };
    let demo = Facts {
        demo: true,
        ..facts.clone()
    };
    let foreign = Account {
        email: Some("שלום@例え.jp\u{202e}\u{1b}[2J e\u{301}💥".to_owned()),
        plan: Some(Plan::new("東京".repeat(60))),
        ..ada()
    };
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
                vec![Message::ApiKeySaved(Ok(Account::api_key()))],
            ),
        ),
        ("failure", after(facts, vec![key('1'), failed])),
        ("account", after(signed_in(), vec![])),
        ("account-sign-out", after(signed_in(), vec![key('3')])),
        (
            "account-signing-out",
            after(signed_in(), vec![key('3'), key('y')]),
        ),
        (
            "account-not-signed-out",
            after(
                signed_in(),
                vec![
                    key('3'),
                    key('y'),
                    Message::SignedOut(Err(refused_connection())),
                ],
            ),
        ),
    ]
}

/// Every screen, in every state that looks different.
pub fn screens() -> Vec<(&'static str, Model)> {
    [welcomes, waiting, device_codes, api_keys, ends]
        .into_iter()
        .flat_map(|group| group(facts()))
        .collect()
}
