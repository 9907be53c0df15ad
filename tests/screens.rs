//! Every screen, drawn from a value, at the two sizes that matter most and at
//! all the others.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

#[path = "screens/fixtures.rs"]
mod fixtures;
#[path = "support/issuer.rs"]
#[allow(dead_code)] // The tests of the sign-in need all of it.
mod issuer;
#[path = "screens/pictures.rs"]
mod pictures;
#[path = "screens/real.rs"]
mod real;
#[path = "screens/subject.rs"]
mod subject;
#[path = "screens/svg.rs"]
mod svg;

use codex_onboarding::onboarding::internals::{
    AccountScreen, AccountStep, ApiKeyScreen, CodeStep, Effect, Hyperlink, Key, Message, Method,
    Model, Note, Screen, SignInScreen, TextField, WelcomeScreen, update, view,
};
use codex_onboarding::sign_in::Status;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

use fixtures::*;

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
            let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
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
    let draw = |frame: &mut Frame<'_>| links = view(model, frame.buffer_mut()).links;
    terminal.draw(draw).unwrap();
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
    for (name, model) in waiting()
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
    for (name, model) in waiting() {
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
            .contains("ssh -L 1455:localhost:1455 ada@192.0.2.7")
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
    let messages = [key('Q'), paste("Q")].map(|message| format!("{message:?}"));
    assert!(
        messages.iter().all(|text| !text.contains('Q')),
        "{messages:?}"
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
            "▄" => y.is_multiple_of(2),
            _ => true,
        }
    };
    // Eight pixels a module, as a camera would see it.
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(80 * 8, 48 * 8, |x, y| {
        if dark(x / 8, y / 8) { 0 } else { 255 }
    });
    let grids = image.detect_grids();
    let (_, content) = grids.first().expect("a QR code").decode().unwrap();
    assert_eq!(content, subject::DEVICE_PAGE);
}

#[test]
fn screens_are_values() {
    // A host or a test may build any screen by hand.
    let mut model = Model::new(facts());
    model.screen = Screen::Welcome(WelcomeScreen {
        selected: 2,
        note: Some(Note::Info("Hello".to_owned())),
    });
    assert!(draw(&model, 80, 24).text().contains("› Hello"));
    model.screen = Screen::ApiKey(ApiKeyScreen {
        field: TextField::with_text("sk-1").unwrap(),
        ..ApiKeyScreen::default()
    });
    assert!(draw(&model, 80, 24).text().contains("4 characters"));
    let mut sign_in = SignInScreen::new(Method::DeviceCode);
    sign_in.code = CodeStep::Failed(real::failed_sign_in());
    model.screen = Screen::SignIn(sign_in);
    assert!(matches!(
        update(&mut model, key('r'))[..],
        [Effect::RequestDeviceCode]
    ));
    model.screen = Screen::Account(AccountScreen {
        step: AccountStep::Confirming,
        ..AccountScreen::default()
    });
    assert!(draw(&model, 80, 24).text().contains("Sign out?"));
}

#[test]
#[ignore = "prints every screen, SHOW_COLUMNS wide and SHOW_ROWS high, to be looked at"]
fn show() {
    let number = |name: &str, default| {
        std::env::var(name)
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(default)
    };
    let (width, height) = (number("SHOW_COLUMNS", 24), number("SHOW_ROWS", 8));
    for (name, model) in screens() {
        println!("=== {name}\n{}", draw(&model, width, height).text());
    }
}
