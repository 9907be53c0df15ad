//! A terminal that belongs to another user, as after `su` (threat 30): everything works that
//! works in one's own. Only root can set it up.

use std::os::unix::fs::chown;
use std::path::Path;

use rustix::process::{Signal, geteuid};

use crate::executable;
use crate::job_control::{as_a_job, ends, is_at_the_shell, written_link};
use crate::patience::wait_until;
use crate::pty::{Launch, Pty};
use crate::restored::assert_is_as_before;
use crate::session::{self, Place, welcome};
use crate::stage::{PROGRAM, Stage};

const NOBODY: u32 = 65534;
const SETPRIV: &str = "/usr/bin/setpriv";
const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz-LAST";

/// A stage whose home is nobody's, with a copy of the program that nobody can reach; `None`
/// where this user cannot become nobody.
fn stage() -> Option<Stage> {
    if !geteuid().is_root() || !Path::new(SETPRIV).exists() {
        println!("not tried: only root can give a terminal of its own to another user");
        return None;
    }
    let stage = Stage::new();
    executable::write(
        &stage.home().join("program"),
        std::fs::read(PROGRAM).unwrap(),
    );
    chown(stage.home(), Some(NOBODY), Some(NOBODY)).unwrap();
    Some(stage)
}

/// The program as nobody, in a terminal that is root's.
fn launch(stage: &Stage, more: &[&str]) -> Launch {
    let program = stage.home().join("program").display().to_string();
    let become_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", &program];
    let arguments = become_nobody.map(str::to_owned).into_iter();
    let more = more.iter().map(|&argument| argument.to_owned());
    Launch {
        program: SETPRIV.into(),
        arguments: arguments.chain(stage.arguments()).chain(more).collect(),
        ..session::launch(stage)
    }
}

fn ended(pty: Pty, code: u32, when: &str) {
    let ended = pty.ended();
    assert_eq!(ended.code, code, "{when}");
    assert_is_as_before(&ended, when);
}

#[test]
fn the_full_screen_signs_in_by_the_callback_there() {
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &[]).start();
    session::walk(&stage, &mut pty, Place::Success);
    pty.send("\r");
    ended(pty, 0, "the callback");
    assert!(stage.auth_file().exists());
}

#[test]
fn the_full_screen_takes_keys_pastes_and_resizes_there() {
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &[]).start();
    pty.sees(welcome::SIGN);
    for _ in 0..3 {
        pty.send("2");
        pty.sees("Paste or type your key");
        pty.send("sk-\x1b");
        pty.sees("q quit");
    }
    pty.resize(60, 20);
    let link = session::wait_for_link(&mut pty);
    let callback = stage.approve(&link);
    pty.send(format!("\x1b[200~{callback}\x1b[201~"));
    pty.sees("Signed in with your ChatGPT account");
    pty.send("\r");
    ended(pty, 0, "a paste");
}

#[test]
fn where_the_terminal_is_another_sessions_the_size_is_looked_up() {
    let Some(stage) = stage() else { return };
    let inner = launch(&stage, &[]);
    let words = ["--wait", SETPRIV].map(str::to_owned);
    let in_a_session_of_its_own = Launch {
        program: "/usr/bin/setsid".into(),
        arguments: words.into_iter().chain(inner.arguments).collect(),
        ..inner
    };
    let mut pty = in_a_session_of_its_own.start();
    pty.sees(welcome::SIGN);
    let before = pty.output().len();
    pty.resize(60, 20);
    pty.until("the picture for the new size", |_, output| {
        String::from_utf8_lossy(&output[before..]).contains("Sign in with ChatGPT")
    });
    pty.send("q");
    ended(pty, 130, "another session");
}

#[test]
fn signals_end_the_full_screen_there_even_where_nobody_reads_it() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let Some(stage) = stage() else { return };
        let mut pty = launch(&stage, &[]).start();
        session::walk(&stage, &mut pty, Place::Waiting);
        pty.signal(signal);
        ended(pty, code, "a signal");
    }
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &[]).start();
    session::walk(&stage, &mut pty, Place::Waiting);
    pty.without_reading(|pty| {
        // More pictures than the terminal keeps for a reader.
        for width in (40..200).chain(40..200) {
            pty.resize(width, 60);
            pty.send("\x0c");
        }
        pty.signal(Signal::TERM);
        assert_eq!(pty.code(), 143);
    });
}

#[test]
fn login_takes_typed_characters_and_a_paste_there() {
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &["login"]).start();
    pty.sees("paste here the address you land on");
    let callback = stage.approve(&written_link(&pty));
    pty.send("x");
    pty.send("\x7f");
    pty.send(callback);
    pty.sees("Successfully logged in");
    ended(pty, 0, "a paste");
}

#[test]
fn login_ends_by_a_signal_there_after_a_typed_character() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let Some(stage) = stage() else { return };
        let mut pty = launch(&stage, &["login"]).start();
        pty.sees("paste here the address you land on");
        wait_until("the masked input", || !pty.has_same_modes());
        pty.send("x");
        pty.signal(signal);
        ended(pty, code, "a signal");
    }
}

#[test]
fn login_takes_the_callback_there_after_a_typed_character() {
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &["login"]).start();
    pty.sees("paste here the address you land on");
    pty.send("x");
    let page = stage.browse(&stage.approve(&written_link(&pty)));
    assert_eq!(page.status, 200);
    pty.sees("Successfully logged in");
    ended(pty, 0, "the callback");
}

#[test]
fn a_hidden_prompt_takes_a_key_there() {
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &["login", "--with-api-key"]).start();
    pty.sees("it stays hidden");
    pty.send(format!("{KEY}\r"));
    let ended = pty.ended();
    assert_eq!(ended.code, 0);
    assert!(ended.same_modes);
    assert!(!ended.screen.contents().contains("LAST"));
}

#[test]
fn plain_converses_there() {
    let Some(stage) = stage() else { return };
    let mut pty = launch(&stage, &["--plain"]).start();
    pty.sees("Type 1, 2 or 3");
    for answer in ["?\n", "x\n", "2\n"] {
        pty.send(answer);
    }
    pty.sees("it stays hidden");
    pty.send(format!("{KEY}\n"));
    pty.sees("API key configured");
    let ended = pty.ended();
    assert_eq!(ended.code, 0);
    assert!(ended.same_modes);
}

#[test]
fn ctrl_z_gives_the_terminal_back_there_and_fg_takes_it_again() {
    let Some(stage) = stage() else { return };
    let then = "read -r go\nfg %1 >/dev/null";
    let mut pty = as_a_job(launch(&stage, &[]), &[], then);
    pty.sees(welcome::SIGN);
    pty.send("\x1a");
    is_at_the_shell(&pty, "stopped: 147");
    pty.send("\r");
    pty.until("the choices", |screen, _| {
        screen.alternate_screen() && screen.contents().contains(welcome::SIGN)
    });
    pty.send("q");
    ends(pty, "ended: 130");

    let mut pty = as_a_job(launch(&stage, &["login"]), &[], then);
    pty.sees("paste here the address you land on");
    pty.send("x");
    pty.send("\x1a");
    is_at_the_shell(&pty, "stopped: 147");
    pty.send("\r");
    wait_until("the masked input", || !pty.has_same_modes());
    pty.send(stage.approve(&written_link(&pty)));
    ends(pty, "ended: 0");
}
