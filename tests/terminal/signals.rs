//! Signals that were ignored when the program started, and those that nobody thinks of.

use rustix::process::Signal;

use crate::job_control::written_link;
use crate::pty::Launch;
use crate::restored::assert_is_as_before;
use crate::session::{device_code, launch, start, welcome};
use crate::stage::Stage;

/// The program from a shell that ignores these signals, as `nohup` does.
fn ignoring(signals: &str, launch: Launch) -> Launch {
    let script = format!("trap '' {signals}; exec \"$@\"");
    let words = ["-c", &script, "sh", launch.program.to_str().unwrap()].map(str::to_owned);
    Launch {
        program: "/bin/sh".into(),
        arguments: words.into_iter().chain(launch.arguments).collect(),
        ..launch
    }
}

fn login(stage: &Stage) -> Launch {
    let mut launch = launch(stage);
    launch.arguments.push("login".to_owned());
    launch
}

#[test]
#[cfg(target_os = "linux")] // Nothing else tells what is ignored.
fn what_was_ignored_when_the_full_screen_started_stays_ignored() {
    let stage = Stage::new();
    let mut pty = ignoring("HUP INT QUIT TERM TSTP USR1", launch(&stage)).start();
    pty.sees(welcome::SIGN);
    let ignored = [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::TSTP,
        Signal::USR1,
    ];
    for signal in ignored {
        pty.signal(signal);
    }
    pty.send("?");
    pty.sees("any key go back");
    // A key, not a signal.
    pty.send("\x03");
    let ended = pty.ended();
    assert_eq!(ended.code, 130);
    assert_is_as_before(&ended, "ignored signals");
}

#[test]
#[cfg(target_os = "linux")]
fn login_outlives_its_terminal_where_sighup_is_ignored() {
    let stage = Stage::new();
    let mut pty = ignoring("HUP", login(&stage)).start();
    pty.sees("paste here the address you land on");
    let callback = stage.approve(&written_link(&pty));
    pty.close("x\r");
    assert_eq!(stage.browse(&callback).status, 200);
    assert_eq!(pty.code(), 0);

    let pty = ignoring("HUP INT", login(&stage)).start();
    pty.sees("paste here the address you land on");
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        pty.signal(signal);
    }
    let ended = pty.ended();
    assert_eq!(ended.code, 143);
    assert!(ended.same_modes);
}

#[test]
fn every_other_signal_that_ends_a_program_restores_the_terminal_too() {
    for signal in [
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::XCPU,
    ] {
        let stage = Stage::new();
        let pty = start(&stage);
        pty.signal(signal);
        let ended = pty.ended();
        assert_eq!(ended.code, 128 + signal.as_raw().cast_unsigned());
        assert_is_as_before(&ended, &format!("{signal:?}"));
    }
}

#[test]
fn a_file_that_may_not_grow_ends_nothing_by_itself() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    pty.signal(Signal::XFSZ);
    pty.send("q");
    let ended = pty.ended();
    assert_eq!(ended.code, 130);
    assert_is_as_before(&ended, "SIGXFSZ");
}

#[test]
fn a_device_code_outlives_its_terminal_and_is_offered_at_the_next_start() {
    let stage = Stage::new();
    for (signal, code) in [(Signal::HUP, 129), (Signal::TERM, 143)] {
        let mut pty = launch(&stage).start();
        pty.sees(welcome::SIGN);
        pty.send("3");
        let user_code = device_code(&pty);
        pty.signal(signal);
        let ended = pty.ended();
        assert_eq!(ended.code, code);
        let text = ended.screen.contents();
        assert!(text.contains("codex-onboarding login --resume"), "{text}");
        let mut pty = launch(&stage).start();
        pty.sees("1  Continue the sign-in that was interrupted");
        pty.sees(&format!("Code {user_code}, 15 minutes left"));
        pty.send("1");
        assert_eq!(device_code(&pty), user_code);
        // The person ends it.
        pty.send("\x03");
        assert_eq!(pty.ended().code, 130);
        assert!(!stage.codex_home().join("pending-sign-in.json").exists());
    }
}
