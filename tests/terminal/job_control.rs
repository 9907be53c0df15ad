//! Ctrl-Z, `fg`, `bg` and `kill` as a shell with job control does them (threat 16).

use crate::patience::wait_until;
use crate::pty::{Launch, Pty};
use crate::session::{launch, start, wait_for_link, welcome};
use crate::stage::Stage;

/// The program as a shell's first job, and what the shell does when it stops.
fn in_a_shell(stage: &Stage, arguments: &[&str], then: &str) -> Pty {
    as_a_job(launch(stage), arguments, then)
}

/// As [`in_a_shell`], for any program.
pub fn as_a_job(program: Launch, arguments: &[&str], then: &str) -> Pty {
    let script = format!(
        "set -m\n\"$@\"\necho \"stopped: $?\"\n{then}\necho \"ended: $?\"\nread -r last\nexit 7"
    );
    let words = ["-c", &script, "sh", program.program.to_str().unwrap()].map(str::to_owned);
    let own = arguments.iter().map(|&argument| argument.to_owned());
    let pty = Launch {
        program: "/bin/sh".into(),
        arguments: words
            .into_iter()
            .chain(own)
            .chain(program.arguments)
            .collect(),
        ..program
    };
    pty.start()
}

/// The shell has the terminal again, as it was.
pub fn is_at_the_shell(pty: &Pty, sign: &str) {
    pty.until(sign, |screen, _| {
        screen.contents().contains(sign) && !screen.alternate_screen()
    });
    assert!(pty.has_same_modes());
    pty.until("a usual terminal", |screen, _| {
        !screen.hide_cursor() && !screen.bracketed_paste()
    });
}

pub fn ends(mut pty: Pty, sign: &str) {
    is_at_the_shell(&pty, sign);
    pty.send("\r");
    assert_eq!(pty.ended().code, 7);
}

#[test]
fn stopped_by_ctrl_z_and_brought_back() {
    let stage = Stage::new();
    let mut pty = in_a_shell(&stage, &[], "read -r go\nfg %1 >/dev/null");
    pty.sees(welcome::SIGN);
    pty.send("\x1a");
    is_at_the_shell(&pty, "stopped: 147");
    pty.send("\r");
    pty.until("the choices", |screen, _| {
        screen.alternate_screen()
            && screen.bracketed_paste()
            && screen.contents().contains(welcome::SIGN)
    });
    assert!(!pty.has_same_modes());
    pty.send("q");
    ends(pty, "ended: 130");
}

#[test]
fn a_sign_in_goes_on_in_the_background() {
    let stage = Stage::new();
    let then = "bg %1 >/dev/null\necho behind\nread -r go\nfg %1 >/dev/null";
    let mut pty = in_a_shell(&stage, &[], then);
    pty.sees(welcome::SIGN);
    let link = wait_for_link(&mut pty);
    pty.send("\x1a");
    is_at_the_shell(&pty, "behind");
    let page = stage.browse(&stage.approve(&link));
    assert_eq!(page.status, 200);
    is_at_the_shell(&pty, "behind");
    pty.send("\r");
    pty.sees("Signed in with your ChatGPT account");
    pty.send("\r");
    ends(pty, "ended: 0");
}

#[test]
fn ended_while_it_is_stopped() {
    let stage = Stage::new();
    // To this shell a job stays stopped until it has ended.
    let then = "kill -TERM %1\nkill -CONT %1\n\
                while wait %1; code=$?; [ $code = 147 ]; do :; done; (exit $code)";
    let mut pty = in_a_shell(&stage, &[], then);
    pty.sees(welcome::SIGN);
    pty.send("\x1a");
    ends(pty, "ended: 143");
}

#[test]
fn where_no_shell_could_bring_it_back_ctrl_z_does_nothing() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    pty.send("\x1a");
    pty.send("?");
    pty.sees("any key go back");
    pty.send("\x03");
    assert_eq!(pty.ended().code, 130);
}

#[test]
fn a_stop_that_nobody_can_catch_is_mended_too() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    pty.signal(rustix::process::Signal::STOP);
    let before = pty.output().len();
    pty.signal(rustix::process::Signal::CONT);
    pty.until("the picture anew", |_, output| {
        String::from_utf8_lossy(&output[before..]).contains("Sign in with ChatGPT")
    });
    pty.send("q");
    let ended = pty.ended();
    assert_eq!(ended.code, 130);
    crate::restored::assert_is_as_before(&ended, "after SIGSTOP");
}

#[test]
fn login_gives_the_echo_to_the_shell_and_takes_it_again() {
    let stage = Stage::new();
    let mut pty = in_a_shell(&stage, &["login"], "read -r go\nfg %1 >/dev/null");
    pty.sees("paste here the address you land on");
    assert!(!pty.has_same_modes());
    pty.send("\x1a");
    is_at_the_shell(&pty, "stopped: 147");
    pty.send("\r");
    wait_until("the masked input", || !pty.has_same_modes());
    let link = written_link(&pty);
    let callback = stage.approve(&link);
    pty.send(&callback);
    ends(pty, "ended: 0");
}

/// The link that `login` printed, however the terminal wraps it.
pub fn written_link(pty: &Pty) -> String {
    let output = String::from_utf8(pty.output()).unwrap();
    let mut lines = output.lines().filter(|line| line.starts_with("http"));
    lines.next_back().unwrap().trim_end().to_owned()
}
