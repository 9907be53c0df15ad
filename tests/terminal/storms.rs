//! Sizes, pastes and half sequences that no person would send (threat 20).

use rustix::process::Signal;

use crate::pty::Pty;
use crate::restored::assert_is_as_before;
use crate::session::{Place, at, everywhere, launch, start, wait_for_link, welcome};
use crate::stage::Stage;

/// From nothing to the absurd, and past every limit of the layout.
const SIZES: [(u16, u16); 12] = [
    (1, 1),
    (1000, 1),
    (1, 1000),
    (24, 8),
    (23, 8),
    (24, 7),
    (2, 2),
    (40, 12),
    (1000, 1000),
    (1, 1),
    (200, 3),
    (79, 23),
];

const MEBIBYTE: usize = 1024 * 1024;

/// The text by which a screen is known, however small the terminal.
fn sign(place: Place) -> &'static str {
    match place {
        Place::Welcome => welcome::SIGN,
        Place::Waiting => "Finish signing in via your browser",
        Place::DeviceCode => "┗━",
        Place::ApiKey => "Paste or type your key",
        Place::Success => "Signed in with your ChatGPT account",
        Place::Failure => "Sign-in did not complete",
        Place::Account => "Keep this account",
        Place::Help => "any key go back",
    }
}

/// At each screen, which can be ended as before afterwards.
fn survives(act: impl Fn(Place, &mut Pty) + Sync) {
    everywhere(|place| {
        let stage = Stage::new();
        let mut pty = at(&stage, place, launch(&stage));
        act(place, &mut pty);
        pty.signal(Signal::TERM);
        let ended = pty.ended();
        let code = if place == Place::Success { 0 } else { 143 };
        assert_eq!(ended.code, code, "{place:?}");
        assert_is_as_before(&ended, &format!("{place:?}"));
    });
}

#[test]
fn every_screen_is_drawn_at_every_size_and_comes_back() {
    survives(|place, pty| {
        for (columns, rows) in SIZES {
            let before = pty.output().len();
            pty.resize(columns, rows);
            pty.until("a picture of the new size", |_, output| {
                output.len() > before
            });
        }
        pty.resize(80, 24);
        pty.sees(sign(place));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a_window_of_an_absurd_size_takes_no_more_memory_than_a_large_one() {
    let stage = Stage::new();
    let pty = start(&stage);
    for (columns, rows) in [(10_000, 10_000), (80, 24), (u16::MAX, u16::MAX)] {
        let before = pty.output().len();
        pty.claim_size(columns, rows);
        pty.until("a picture", |_, output| output.len() > before);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", pty.pid())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = most
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    assert!(kib < 300_000, "{kib} KiB");
    pty.resize(80, 24);
    pty.sees(welcome::SIGN);
    pty.signal(Signal::TERM);
    let ended = pty.ended();
    assert_eq!(ended.code, 143);
    assert_is_as_before(&ended, "an absurd size");
}

#[test]
fn a_storm_of_sizes_does_no_harm() {
    survives(|place, pty| {
        for _ in 0..5 {
            for (columns, rows) in SIZES {
                pty.resize(columns, rows);
            }
        }
        pty.resize(80, 24);
        pty.sees(sign(place));
    });
}

#[test]
fn below_the_least_size_it_says_so_and_goes_on() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    pty.resize(23, 7);
    pty.sees("too small");
    stage.browse(&stage.approve(&link));
    pty.resize(80, 24);
    pty.sees("Signed in with your ChatGPT account");
}

#[test]
fn a_mebibyte_in_a_paste_does_no_harm() {
    let paste = mebibyte_in_brackets();
    survives(|place, pty| {
        pty.send(&paste);
        // In any case, the program still runs.
        let before = pty.output().len();
        pty.resize(70, 24);
        pty.until("a picture", |_, output| output.len() > before);
        let most = most_memory(pty);
        assert!(most < 200 * 1024, "{place:?} took {most} KiB");
    });
}

fn mebibyte_in_brackets() -> Vec<u8> {
    [b"\x1b[200~", &vec![b'x'; MEBIBYTE][..], b"\x1b[201~"].concat()
}

/// As much as it ever had, in KiB.
fn most_memory(pty: &Pty) -> u64 {
    let status = format!("/proc/{}/status", pty.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

#[test]
fn a_paste_that_is_too_long_is_named_and_a_right_one_is_still_taken() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    pty.send(mebibyte_in_brackets());
    pty.sees("The text is longer than 8 KiB");
    let callback = stage.approve(&link);
    pty.send(format!("\x1b[200~{callback}\x1b[201~"));
    pty.sees("Signed in with your ChatGPT account");
}

#[test]
fn a_mebibyte_without_brackets_does_no_harm() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    pty.send(vec![b'x'; MEBIBYTE]);
    pty.sees("The text is longer than 8 KiB");
    let callback = stage.approve(&link);
    pty.send(format!("\x1b[200~{callback}\x1b[201~"));
    pty.sees("Signed in with your ChatGPT account");
}

#[test]
fn half_a_sequence_holds_no_signal_up() {
    let halves = [
        "\x1b",
        "\x1b[",
        "\x1b]52;c;",
        "\x1bP",
        "\x1b[200~code=",
        "\x1b[<0;1",
        "\u{e9}",
    ];
    std::thread::scope(|scope| {
        for half in halves {
            scope.spawn(move || {
                let stage = Stage::new();
                let mut pty = start(&stage);
                wait_for_link(&mut pty);
                // Without the last byte of what is longer than one.
                let bytes = if half == "\u{e9}" {
                    &b"\xc3"[..]
                } else {
                    half.as_bytes()
                };
                pty.send(bytes);
                pty.signal(Signal::TERM);
                let ended = pty.ended();
                assert_eq!(ended.code, 143, "{half:?}");
                assert_is_as_before(&ended, half);
            });
        }
    });
}

#[test]
fn half_a_paste_is_given_up_and_keys_are_keys_again() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    wait_for_link(&mut pty);
    pty.send("\x1b[200~half of it");
    pty.sees("10 characters");
    pty.send("\x03");
    assert_eq!(pty.ended().code, 130);
}
