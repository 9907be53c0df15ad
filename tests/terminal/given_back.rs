//! A host goes on after the full screen as if it had never been there: the terminal, what
//! signals do, and what a panic does.

use rustix::process::Signal;

use crate::host::{self, GOES_ON, IS_BACK, LAST_WORDS, LEAVE, Manner, PANIC_IN_A_THREAD};
use crate::job_control::{as_a_job, ends, is_at_the_shell};
use crate::pty::{KILLED, Launch, Pty};
use crate::session::welcome;
use crate::stage::Stage;

/// The host after the screen has ended in this manner.
fn after_the_screen(manner: Manner, start: impl FnOnce(Launch) -> Pty) -> Pty {
    let stage = Stage::new();
    let mut pty = start(host::launch(&stage, manner));
    pty.sees(welcome::SIGN);
    match manner {
        Manner::Drops => pty.signal_group(LEAVE),
        _ => pty.send("q"),
    }
    pty.sees(GOES_ON);
    assert!(!pty.screen().alternate_screen() && !pty.screen().hide_cursor());
    pty
}

#[test]
fn a_signal_ends_the_host_again() {
    for manner in [Manner::Stays, Manner::Drops] {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
            let pty = after_the_screen(manner, Launch::start);
            assert!(pty.has_same_modes(), "{manner:?}");
            pty.signal(signal);
            let code = pty.code();
            assert_eq!(code, KILLED, "{manner:?}, {signal:?}");
        }
    }
}

#[test]
fn a_shell_stops_the_host_again_and_brings_it_back() {
    for manner in [Manner::Stays, Manner::Drops] {
        let start = |host| as_a_job(host, &[], "read -r go\nfg %1 >/dev/null");
        let mut pty = after_the_screen(manner, start);
        pty.send("\x1a");
        is_at_the_shell(&pty, "stopped: 147");
        pty.send("\r");
        pty.sees(IS_BACK);
        pty.signal_group(Signal::TERM);
        ends(pty, "ended: 143");
    }
}

#[test]
fn a_panic_in_a_thread_is_the_hosts_own_affair_again() {
    for manner in [Manner::Stays, Manner::Drops] {
        let pty = after_the_screen(manner, Launch::start);
        pty.signal(PANIC_IN_A_THREAD);
        pty.sees(LAST_WORDS);
        pty.signal(Signal::INT);
        assert_eq!(pty.code(), KILLED, "{manner:?}");
    }
}

#[test]
fn a_host_that_listens_to_signals_keeps_them_and_ends_the_screen_itself() {
    let stage = Stage::new();
    let pty = host::launch(&stage, Manner::ListensItself).start();
    pty.sees(welcome::SIGN);
    pty.signal(Signal::INT);
    pty.until("the host's own handler", |_, output| {
        String::from_utf8_lossy(output).contains("the host was interrupted")
    });
    // No signal tells of it.
    pty.resize(60, 20);
    pty.until("the picture for the new size", |_, output| {
        String::from_utf8_lossy(output)
            .matches("Sign in with ChatGPT")
            .count()
            > 1
    });
    pty.signal(LEAVE);
    pty.sees(&format!("{GOES_ON} Some(Shutdown)"));
    assert!(pty.has_same_modes());
    pty.signal(Signal::TERM);
    assert_eq!(pty.code(), KILLED);
}
