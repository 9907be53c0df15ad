//! The real binary on a terminal without a name: not one escape sequence, and the echo off
//! exactly while a secret is entered.

use rustix::process::Signal;

use crate::pty::{KILLED, Launch, Pty};
use crate::stage::{PROGRAM, Stage};

const KEY: &str = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz-LAST";

fn start(stage: &Stage, term: &str, more: &[&str]) -> Pty {
    start_in(stage, &[("TERM", term)], more)
}

fn start_in(stage: &Stage, variables: &[(&str, &str)], more: &[&str]) -> Pty {
    let mut environment = stage.environment();
    environment.retain(|(name, _)| name != "TERM");
    let own = variables.iter();
    environment.extend(own.map(|&(name, value)| (name.to_owned(), value.to_owned())));
    let mut arguments = stage.arguments();
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    Launch {
        program: PROGRAM.into(),
        arguments,
        environment,
        // Wide enough that no line wraps.
        columns: 1000,
        rows: 60,
    }
    .start()
}

fn link(pty: &Pty) -> String {
    pty.sees("or c to cancel:");
    let text = pty.text();
    let (_, rest) = text.split_once("Open this link in a browser:\n").unwrap();
    rest.lines().next().unwrap().to_owned()
}

fn ends(pty: Pty, code: u32) -> String {
    let ended = pty.ended();
    assert_eq!(ended.code, code);
    assert!(ended.same_modes);
    assert!(!ended.output.contains(&0x1b), "an escape sequence");
    assert!(!ended.output.contains(&0x08), "the cursor moved back");
    String::from_utf8(ended.output).unwrap()
}

#[test]
fn signs_in_and_writes_no_escape_sequence() {
    let stage = Stage::new();
    let mut pty = start(&stage, "dumb", &[]);
    pty.sees("Type 1, 2 or 3");
    pty.send("1\n");
    let link = link(&pty);
    // It hands itself in, as a paste does.
    pty.send(stage.approve(&link));
    pty.sees("Signed in with your ChatGPT account");
    let output = ends(pty, 0);
    assert!(!output.contains("code="), "the paste was shown");
    assert!(
        output.contains("quit:\r\n1\r\n"),
        "what may be seen is: {output}"
    );
}

#[test]
fn lines_are_chosen_for_a_terminal_without_a_usable_name_and_for_accessible() {
    let cases = [
        (vec![("TERM", "unknown")], "because TERM is unknown"),
        (vec![("TERM", "")], "because TERM is not set"),
        (vec![], "because TERM is not set"),
        (
            vec![("TERM", "xterm-256color"), ("ACCESSIBLE", "1")],
            "because ACCESSIBLE is set",
        ),
    ];
    for (variables, why) in cases {
        let stage = Stage::new();
        let mut pty = start_in(&stage, &variables, &[]);
        pty.sees("Type 1, 2 or 3");
        assert!(pty.text().contains(why), "{}", pty.text());
        pty.send("q\n");
        ends(pty, 130);
    }
}

#[test]
fn plain_is_chosen_by_hand_too_and_hides_a_key() {
    let stage = Stage::new();
    let mut pty = start(&stage, "xterm-256color", &["--plain"]);
    pty.sees("Type 1, 2 or 3");
    pty.send("2\n");
    pty.sees("it stays hidden");
    pty.send(format!("\x1b[200~{KEY}\x1b[201~\n"));
    pty.sees("API key configured");
    let output = ends(pty, 0);
    assert!(!output.contains("LAST"), "{output}");
    assert_eq!(stage.auth_json()["OPENAI_API_KEY"], KEY);
}

#[test]
fn the_demo_is_plain_too() {
    let stage = Stage::new();
    let mut pty = start(&stage, "dumb", &["demo"]);
    pty.sees("This is a demo");
    pty.send("1\n");
    pty.sees("with o, the demo approves");
    pty.send("o\n");
    pty.sees("Signed in with your ChatGPT account");
    ends(pty, 0);
}

#[test]
fn the_demo_approves_a_device_code_by_itself_too() {
    let stage = Stage::new();
    let mut pty = start(&stage, "dumb", &["demo"]);
    pty.sees("This is a demo");
    pty.send("3\n");
    pty.sees("Never share this code");
    pty.send("o\n");
    pty.sees("Signed in with your ChatGPT account");
    ends(pty, 0);
}

#[test]
fn it_leaves_as_the_full_screen_does() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let stage = Stage::new();
        let mut pty = start(&stage, "dumb", &[]);
        pty.sees("Type 1, 2 or 3");
        pty.send("1\n");
        link(&pty);
        pty.signal(signal);
        ends(pty, code);
    }
    let stage = Stage::new();
    let mut pty = start(&stage, "dumb", &[]);
    pty.sees("Type 1, 2 or 3");
    // Ctrl-D
    pty.send("\x04");
    ends(pty, 130);
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let stage = Stage::new();
    let mut pty = start(&stage, "dumb", &[]);
    pty.sees("Type 1, 2 or 3");
    pty.close("?\n");
    let code = pty.code();
    assert!(code == 129 || code == KILLED, "{code}");
}
