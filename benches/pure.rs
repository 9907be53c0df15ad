//! The cost of pictures and checks, and its growth with the input. Asserts nothing.
//!
//! ```sh
//! cargo bench --bench pure              # everything
//! cargo bench --bench pure -- paste     # only what has this in its name
//! ```

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../tests/screens/fixtures.rs"]
#[allow(dead_code)] // The tests need more of it.
mod fixtures;
#[path = "../tests/support/issuer.rs"]
#[allow(dead_code)] // The tests need all of it.
mod issuer;
#[path = "../tests/screens/real.rs"]
#[allow(dead_code)]
mod real;
#[path = "../tests/screens/subject.rs"]
#[allow(dead_code)]
mod subject;

use codex_onboarding::onboarding::internals::{Model, view};
use codex_onboarding::sign_in::internals::read_paste;
use codex_onboarding::text::clean;
use divan::Bencher;
use divan::counter::BytesCount;
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

const SIZES: [usize; 4] = [100, 1_000, 8_000, 1_000_000];

/// One of each kind.
const SCREENS: [&str; 8] = [
    "welcome",
    "waiting",
    "waiting-remote",
    "device-code",
    "exchanging",
    "api-key",
    "success",
    "account",
];

fn main() {
    divan::main();
}

fn model(name: &str) -> Model {
    let mut screens = fixtures::screens().into_iter();
    screens.find(|(found, _)| *found == name).unwrap().1
}

/// The model to a buffer of cells.
#[divan::bench(args = SCREENS)]
fn view_to_buffer(bencher: Bencher<'_, '_>, name: &str) {
    let model = model(name);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    bencher.bench_local(|| {
        terminal
            .draw(|frame| {
                divan::black_box(view(&model, frame.buffer_mut()));
            })
            .map(drop)
    });
}

/// The model to the bytes that a terminal which shows nothing yet gets.
#[divan::bench(args = SCREENS)]
fn view_to_bytes(bencher: Bencher<'_, '_>, name: &str) {
    let model = model(name);
    let viewport = Viewport::Fixed(Rect::new(0, 0, 80, 24));
    bencher.bench_local(|| {
        let backend = CrosstermBackend::new(Vec::with_capacity(16 * 1024));
        let options = TerminalOptions {
            viewport: viewport.clone(),
        };
        let mut terminal = Terminal::with_options(backend, options).unwrap();
        terminal
            .draw(|frame| {
                view(&model, frame.buffer_mut());
            })
            .unwrap();
        terminal
    });
}

#[divan::bench(args = SIZES)]
fn clean_plain_text(bencher: Bencher<'_, '_>, size: usize) {
    let text = "a name, or a sentence ".repeat(size / 22 + 1);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| clean(divan::black_box(&text)));
}

#[divan::bench(args = SIZES)]
fn clean_hostile_text(bencher: Bencher<'_, '_>, size: usize) {
    let text = "\u{1b}[2J\u{202e}\u{200b}é".repeat(size / 12 + 1);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| clean(divan::black_box(&text)));
}

/// Beyond 8 KiB it is refused unread.
#[divan::bench(args = SIZES)]
fn paste_a_callback(bencher: Bencher<'_, '_>, size: usize) {
    let code = "c".repeat(size.saturating_sub(100));
    let state = "s".repeat(43);
    let text = format!("http://localhost:1455/auth/callback?code={code}&state={state}");
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| read_paste(divan::black_box(&text)));
}

#[divan::bench(args = SIZES)]
fn paste_garbage(bencher: Bencher<'_, '_>, size: usize) {
    let text = "&=%zz#?│ ".repeat(size / 11 + 1);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench_local(|| read_paste(divan::black_box(&text)));
}
