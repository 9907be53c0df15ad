//! However the program ends on any screen, the terminal is restored (threat 16).

use rustix::process::Signal;

use crate::host::{self, Manner};
use crate::issuer::Route;
use crate::pty::{Aftermath, Pty};
use crate::session::{Place, at, everywhere, launch, start, welcome};
use crate::stage::Stage;

/// Leaves every screen in this way.
fn leaving(leave: impl Fn(&mut Pty) + Sync, code: impl Fn(Place) -> u32 + Sync) {
    everywhere(|place| {
        let stage = Stage::new();
        let mut pty = at(&stage, place, launch(&stage));
        assert!(!pty.has_same_modes());
        leave(&mut pty);
        let ended = pty.ended();
        assert_eq!(ended.code, code(place), "{place:?}");
        assert_is_as_before(&ended, &format!("{place:?}"));
    });
}

pub fn assert_is_as_before(ended: &Aftermath, when: &str) {
    let screen = &ended.screen;
    assert!(ended.same_modes, "{when}: the modes differ");
    assert!(!screen.alternate_screen(), "{when}: alternate screen");
    assert!(!screen.hide_cursor(), "{when}: no cursor");
    assert!(!screen.bracketed_paste(), "{when}: bracketed paste");
    let mouse = screen.mouse_protocol_mode();
    assert_eq!(mouse, vt100::MouseProtocolMode::None, "{when}");
    assert!(!screen.bold() && !screen.inverse(), "{when}: attributes");
    assert_eq!(screen.fgcolor(), vt100::Color::Default, "{when}");
    let links = String::from_utf8_lossy(&ended.output).into_owned();
    if let Some((_, last)) = links.rsplit_once("\x1b]8;") {
        assert!(last.starts_with(";\x1b\\"), "{when}: a link is open");
    }
}

/// Signed in before or by this run: leaving is no cancelling.
fn is_signed_in(place: Place) -> bool {
    matches!(place, Place::Account | Place::Success)
}

/// Saved by this run: whatever ends it, it exits 0.
fn unless_completed(code: u32) -> impl Fn(Place) -> u32 + Sync {
    move |place| if place == Place::Success { 0 } else { code }
}

#[test]
fn by_esc_and_q() {
    everywhere(|place| {
        let stage = Stage::new();
        let mut pty = at(&stage, place, launch(&stage));
        assert!(!pty.has_same_modes());
        if !is_signed_in(place) && place != Place::Welcome {
            pty.send("\x1b");
            pty.sees(welcome::SIGN);
            pty.sees("q quit");
        }
        pty.send(if is_signed_in(place) { "\x1b" } else { "q" });
        let ended = pty.ended();
        let code = if is_signed_in(place) { 0 } else { 130 };
        assert_eq!(ended.code, code, "{place:?}");
        assert_is_as_before(&ended, &format!("{place:?}"));
    });
}

#[test]
fn ctrl_g_goes_back_from_every_screen_as_esc_does() {
    everywhere(|place| {
        let stage = Stage::new();
        let mut pty = at(&stage, place, launch(&stage));
        if !is_signed_in(place) && place != Place::Welcome {
            pty.send("\x07");
            pty.sees(welcome::SIGN);
            pty.sees("q quit");
        }
        pty.send("\x07");
        let code = if is_signed_in(place) { 0 } else { 130 };
        assert_eq!(pty.ended().code, code, "{place:?}");
    });
}

#[test]
fn by_ctrl_c() {
    let code = |place| if is_signed_in(place) { 0 } else { 130 };
    leaving(|pty| pty.send("\x03"), code);
}

#[test]
fn by_sigint() {
    let code = |place| if is_signed_in(place) { 0 } else { 130 };
    leaving(|pty| pty.signal(Signal::INT), code);
}

#[test]
fn by_sigterm() {
    leaving(|pty| pty.signal(Signal::TERM), unless_completed(143));
}

#[test]
fn by_sighup() {
    leaving(|pty| pty.signal(Signal::HUP), unless_completed(129));
}

#[test]
fn by_sigquit() {
    leaving(|pty| pty.signal(Signal::QUIT), unless_completed(131));
}

#[test]
fn by_a_panic_in_a_task_or_a_thread() {
    for signal in [host::PANIC_IN_A_TASK, host::PANIC_IN_A_THREAD] {
        everywhere(|place| {
            let stage = Stage::new();
            let pty = at(&stage, place, host::launch(&stage, Manner::Ends));
            pty.signal(signal);
            let ended = pty.ended();
            assert_eq!(ended.code, 101, "{place:?}");
            assert_is_as_before(&ended, &format!("{place:?}"));
            // The panic's message is on the main screen.
            let text = ended.screen.contents();
            assert!(text.contains(host::LAST_WORDS), "{place:?}: {text}");
        });
    }
}

#[test]
fn by_a_panic_where_the_browser_is_opened() {
    let stage = Stage::new();
    let mut launch = host::launch(&stage, Manner::Ends);
    let variable = (host::BROWSER_PANICS.to_owned(), "1".to_owned());
    launch.environment.push(variable);
    let mut pty = launch.start();
    pty.sees(welcome::SIGN);
    pty.send("1");
    let ended = pty.ended();
    assert_eq!(ended.code, 101);
    assert_is_as_before(&ended, "opening the browser");
}

#[test]
fn while_tokens_are_fetched() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let stage = Stage::new();
        let gate = stage.issuer.hold(Route::Token);
        let mut pty = start(&stage);
        let link = crate::session::wait_for_link(&mut pty);
        let callback = stage.approve(&link);
        pty.send(format!("\x1b[200~{callback}\x1b[201~"));
        pty.sees("Finishing sign-in");
        pty.signal(signal);
        let ended = pty.ended();
        assert_eq!(ended.code, code);
        assert_is_as_before(&ended, "exchanging");
        assert!(!stage.auth_file().exists());
        drop(gate);
    }
}
