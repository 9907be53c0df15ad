//! Every screen, drawn from a value, at the two sizes that matter most and at
//! all the others.

use std::time::Duration;

use codex_onboarding::auth::{Account, Mode, Plan};
use codex_onboarding::onboarding::{
    self, AccountStep, ApiKey, Attempt, Choice, Code, Effect, Facts, Hyperlink, Key, Message,
    Method, Model, Note, Remote, Screen, SignedIn, TextField, Welcome, update,
};
use codex_onboarding::sign_in::{DeviceCode, Link, Status};
use codex_onboarding::{Error, ErrorKind};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use secrecy::SecretString;

const SHORT: &str = "http://localhost:1455/login/Zk3q9TtB";
const KEY: &str = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789wxyz";

/// As long as the real one: about 480 characters.
fn authorization_url() -> String {
    "https://auth.openai.com/oauth/authorize?response_type=code\
     &client_id=app_EMoamEEZ73f0CkXaXp7hrann\
     &redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback\
     &scope=openid+profile+email+offline_access+api.connectors.read+api.connectors.invoke\
     &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
     &id_token_add_organizations=true&codex_cli_simplified_flow=true\
     &state=Yt5kQ1vJ0rXh8nLw2fBzC7uPdMaGsEoI3iK6jHlNqRt&originator=codex_cli_rs"
        .to_owned()
}

fn link() -> Link {
    Link {
        authorization_url: authorization_url(),
        short_url: Some(SHORT.to_owned()),
        port: Some(1455),
        port_problem: None,
    }
}

fn link_without_server() -> Link {
    Link {
        short_url: None,
        port: None,
        port_problem: Some("ports 1455 and 1457 are taken (by codex, process 4711)".to_owned()),
        ..link()
    }
}

fn device_code() -> Status {
    Status::DeviceCode(DeviceCode {
        user_code: "ABCD-12345".to_owned(),
        verification_url: "https://auth.openai.com/codex/device".to_owned(),
        expires_in: Duration::from_secs(15 * 60),
    })
}

fn ada() -> Account {
    Account {
        mode: Mode::ChatGpt,
        email: Some("ada@example.com".to_owned()),
        plan: Some(Plan::new("plus")),
        account_id: Some("8f2c1f9e-4a5d-4b0e-9d57-0c2f5f6f3a11".to_owned()),
        needs_setup: false,
    }
}

fn facts() -> Facts {
    Facts {
        animations: true,
        color: true,
        auth_file: "~/.codex/auth.json".to_owned(),
        ..Facts::default()
    }
}

fn remote() -> Facts {
    Facts {
        remote: Some(Remote {
            ssh_target: Some("ada@build-7.example.com".to_owned()),
        }),
        ..facts()
    }
}

fn signed_in() -> Facts {
    Facts {
        signed_in: Some(SignedIn {
            account: ada(),
            since: Some("3 May 2026, 09:12".to_owned()),
            stored: "ChatGPT tokens".to_owned(),
        }),
        ..facts()
    }
}

fn refused_connection() -> Error {
    let refused = Error::new(ErrorKind::Network, "connection refused (os error 111)");
    let connect =
        Error::new(ErrorKind::Network, "connecting to auth.openai.com failed").with_source(refused);
    Error::new(ErrorKind::Network, "Token exchange failed")
        .with_source(connect)
        .with_hint("Check that this machine may reach auth.openai.com, or set HTTPS_PROXY")
}

fn damaged_file() -> Error {
    Error::new(
        ErrorKind::Storage,
        "~/.codex/auth.json is damaged: expected `,` at line 4, column 17",
    )
    .with_hint("Sign in again to replace it, or mend it by hand")
}

/// The screen after these messages.
fn after(facts: Facts, messages: Vec<Message>) -> Model {
    let mut model = Model::new(facts);
    for message in messages {
        update(&mut model, message);
    }
    model
}

fn key(c: char) -> Message {
    Message::Key(Key::Char(c))
}

fn paste(text: &str) -> Message {
    Message::Paste(SecretString::from(text))
}

fn tick(seconds: u64) -> Message {
    Message::Tick(Duration::from_secs(seconds))
}

fn waiting(facts: Facts) -> Vec<(&'static str, Model)> {
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
    let foreign = Error::new(ErrorKind::Usage, "That address belongs to an older link")
        .with_hint("Open the link above and paste the address it ends on");
    let elsewhere = remote();
    vec![
        (
            "waiting-for-the-link",
            after(facts.clone(), vec![key('1'), tick(3)]),
        ),
        ("waiting", with(&facts, vec![])),
        (
            "waiting-copied",
            with(&facts, vec![key('c'), Message::Copied]),
        ),
        (
            "waiting-typing",
            with(&facts, vec![key('p'), paste("code=1")]),
        ),
        (
            "waiting-refused",
            with(
                &facts,
                vec![paste("code=1&state=2"), Message::PasteRefused(foreign)],
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

fn device_codes(facts: Facts) -> Vec<(&'static str, Model)> {
    let start = vec![key('3'), tick(3), Message::Status(device_code()), tick(4)];
    let off = Error::new(
        ErrorKind::Issuer,
        "Device code login is not enabled for this account or issuer",
    )
    .with_hint("Ask your workspace's administrator, or sign in with a browser");
    let failed = Message::Status(Status::DeviceCodeFailed(off));
    let mut late = start.clone();
    late.extend([tick(3 + 14 * 60 + 20), key('c'), Message::Copied]);
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

fn api_keys(facts: Facts) -> Vec<(&'static str, Model)> {
    let with_environment = Facts {
        environment_key: Some(SecretString::from(KEY)),
        ..facts.clone()
    };
    let unwritable = Error::new(ErrorKind::Storage, "~/.codex/auth.json cannot be written")
        .with_source(Error::new(
            ErrorKind::Storage,
            "No space left on device (os error 28)",
        ))
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

fn welcomes(facts: Facts) -> Vec<(&'static str, Model)> {
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
    let start_failed = Error::new(
        ErrorKind::PortInUse,
        "Port 9000 is taken by another program",
    )
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

fn ends(facts: Facts) -> Vec<(&'static str, Model)> {
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
fn screens() -> Vec<(&'static str, Model)> {
    [welcomes, waiting, device_codes, api_keys, ends]
        .into_iter()
        .flat_map(|group| group(facts()))
        .collect()
}

struct Drawn {
    terminal: Terminal<TestBackend>,
    links: Vec<Hyperlink>,
}

impl Drawn {
    fn buffer(&self) -> &Buffer {
        self.terminal.backend().buffer()
    }

    fn text(&self) -> String {
        let width = usize::from(self.buffer().area.width);
        let cells = self.buffer().content();
        let rows = cells.chunks(width).map(|row| {
            let row: String = row.iter().map(|cell| cell.symbol()).collect();
            row.trim_end().to_owned() + "\n"
        });
        rows.collect()
    }

    /// The text that stands on a link.
    fn on(&self, link: &Hyperlink) -> String {
        let cells = link.rows.iter().flat_map(|row| row.positions());
        cells.map(|at| self.buffer()[at].symbol()).collect()
    }
}

fn draw(model: &Model, width: u16, height: u16) -> Drawn {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut links = Vec::new();
    terminal
        .draw(|frame| links = onboarding::view(model, frame))
        .unwrap();
    Drawn { terminal, links }
}

fn snapshots() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

#[test]
fn every_screen_at_both_sizes() {
    snapshots().bind(|| {
        for (name, model) in screens() {
            for (width, height) in [(80, 24), (40, 12)] {
                let text = draw(&model, width, height).text();
                insta::assert_snapshot!(format!("{name}-{width}x{height}"), text);
            }
        }
    });
}

#[test]
fn styles_where_they_carry_meaning() {
    let wanted = [
        "welcome",
        "waiting",
        "device-code",
        "api-key-blank-inside",
        "success",
        "failure",
    ];
    snapshots().bind(|| {
        for (name, model) in screens() {
            if wanted.contains(&name) {
                let drawn = draw(&model, 80, 24);
                insta::assert_debug_snapshot!(format!("{name}-style"), drawn.buffer());
            }
        }
    });
}

#[test]
fn without_color_no_cell_has_one() {
    use ratatui::style::Color;
    for (name, mut model) in screens() {
        model.facts.color = false;
        let drawn = draw(&model, 80, 24);
        for cell in drawn.buffer().content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}");
        }
    }
}

#[test]
fn no_size_does_harm() {
    let sizes = (1..=60).flat_map(|width| (1..=30).map(move |height| (width, height)));
    let sizes: Vec<(u16, u16)> = sizes
        .chain([(1000, 1), (1, 300), (200, 60), (1000, 8)])
        .collect();
    for (name, model) in screens() {
        for &(width, height) in &sizes {
            let drawn = draw(&model, width, height);
            let area = Rect::new(0, 0, width, height);
            for row in drawn.links.iter().flat_map(|link| &link.rows) {
                assert_eq!(row.intersection(area), *row, "{name} at {width}x{height}");
            }
            if width >= 9 && (width < 24 || height < 8) {
                assert!(
                    drawn.text().starts_with("too small"),
                    "{name} at {width}x{height}"
                );
            }
        }
    }
}

#[test]
fn the_link_is_whole_and_flush_left_or_not_there() {
    let url = authorization_url();
    for (name, model) in waiting(facts())
        .into_iter()
        .filter(|(name, _)| *name != "waiting-for-the-link")
    {
        for width in (24..=200).step_by(8) {
            for height in (8..=60).step_by(3) {
                let drawn = draw(&model, width, height);
                let long = drawn.links.iter().find(|link| drawn.on(link) == url);
                if let Some(link) = long {
                    assert!(
                        link.rows.iter().all(|row| row.x == 0),
                        "{name} at {width}x{height}"
                    );
                }
                let cut = drawn.text().contains("https://auth.openai.com") && long.is_none();
                assert!(!cut, "{name} at {width}x{height}:\n{}", drawn.text());
                assert!(drawn.links.iter().all(|link| link.url == url));
            }
        }
    }
}

#[test]
fn what_every_waiting_screen_needs_is_there_at_40x12() {
    for (name, model) in waiting(facts()) {
        let text = draw(&model, 40, 12).text();
        assert!(
            text.contains("Finish signing in via your browser"),
            "{name}:\n{text}"
        );
        assert!(text.contains("Esc"), "{name}:\n{text}");
        let short = text.contains(SHORT);
        let stand_in = text.contains("press u") || name == "waiting-for-the-link";
        assert!(short || stand_in, "{name}:\n{text}");
    }
}

#[test]
fn a_remote_session_is_not_shown_the_short_link() {
    let model = after(
        remote(),
        vec![key('1'), Message::Status(Status::Url(link()))],
    );
    for (width, height) in [(80, 24), (40, 12), (200, 60)] {
        let drawn = draw(&model, width, height);
        assert!(!drawn.text().contains("/login/"), "{}", drawn.text());
    }
    assert!(
        draw(&model, 80, 24)
            .text()
            .contains("ssh -L 1455:localhost:1455 ada@build-7.example.com")
    );
}

#[test]
fn a_short_link_leads_straight_to_the_issuer() {
    let model = after(
        facts(),
        vec![key('1'), Message::Status(Status::Url(link()))],
    );
    let drawn = draw(&model, 40, 12);
    let texts: Vec<String> = drawn.links.iter().map(|link| drawn.on(link)).collect();
    assert_eq!(texts, [SHORT]);
    assert_eq!(drawn.links[0].url, authorization_url());
}

#[test]
fn a_key_or_a_code_is_never_drawn_and_never_in_debug_output() {
    let text = draw(
        &after(facts(), vec![key('2'), paste(KEY), Message::Key(Key::Tab)]),
        200,
        24,
    )
    .text();
    assert!(text.contains("•wxyz"), "{text}");
    assert!(
        !text.contains("9wxyz") && !text.contains("sk-proj"),
        "{text}"
    );
    for (name, model) in screens() {
        let debug = format!("{model:?}");
        assert!(
            !debug.contains("sk-proj") && !debug.contains("wxyz"),
            "{name}"
        );
    }
    let short = after(
        facts(),
        vec![key('2'), paste("sk-short"), Message::Key(Key::Tab)],
    );
    assert!(!draw(&short, 80, 24).text().contains("hort"));
    let code = after(facts(), vec![key('1'), paste("code=verysecret")]);
    assert!(!draw(&code, 200, 24).text().contains("verysecret"));
    assert!(!format!("{code:?}").contains("verysecret"));
    let message = format!("{:?} {:?}", key('s'), paste("secret"));
    assert!(
        !message.contains('s') || !message.contains("secret\""),
        "{message}"
    );
}

#[test]
fn the_qr_code_can_be_read() {
    let model = after(facts(), vec![key('3'), Message::Status(device_code())]);
    let drawn = draw(&model, 80, 24);
    let buffer = drawn.buffer();
    let dark = |x: usize, y: usize| {
        let cell = &buffer[(u16::try_from(x).unwrap(), u16::try_from(y / 2).unwrap())];
        if cell.bg != ratatui::style::Color::Black {
            return false;
        }
        match cell.symbol() {
            "█" => false,
            "▀" => y % 2 == 1,
            "▄" => y % 2 == 0,
            _ => true,
        }
    };
    // Eight pixels a module, as a camera would see it.
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(80 * 8, 48 * 8, |x, y| {
        if dark(x / 8, y / 8) { 0 } else { 255 }
    });
    let grids = image.detect_grids();
    let (_, content) = grids.first().expect("a QR code").decode().unwrap();
    assert_eq!(content, "https://auth.openai.com/codex/device");
}

#[test]
fn screens_are_values() {
    // What a host or a test may build by hand.
    let mut model = Model::new(facts());
    model.screen = Screen::Welcome(Welcome {
        selected: Choice::DeviceCode,
        note: Some(Note::Info("Hello".to_owned())),
    });
    assert!(draw(&model, 80, 24).text().contains("› Hello"));
    model.screen = Screen::ApiKey(ApiKey {
        field: TextField::with_text("sk-1").unwrap(),
        ..ApiKey::default()
    });
    assert!(draw(&model, 80, 24).text().contains("4 characters"));
    let mut attempt = Attempt::new(Method::DeviceCode);
    attempt.code = Code::Failed(refused_connection());
    model.screen = Screen::DeviceCode(attempt);
    assert!(matches!(
        update(&mut model, key('r'))[..],
        [Effect::RequestDeviceCode]
    ));
    let mut account = onboarding::Account::new(signed_in().signed_in.unwrap());
    account.step = AccountStep::Confirming;
    model.screen = Screen::Account(account);
    assert!(draw(&model, 80, 24).text().contains("Sign out?"));
}
