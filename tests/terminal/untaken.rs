//! Output that nobody takes (Ctrl-S, a pipe that is full) stops neither the sign-in nor signals
//! nor the time limit (threat 16).

use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::process::{Child, Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

use crate::job_control::written_link;
use crate::patience::wait_until;
use crate::pty::Launch;
use crate::session::{self, launch};
use crate::stage::{PROGRAM, Stage};

/// A pipe that takes nothing until somebody reads it.
fn full_pipe() -> (PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// `login --json` that traces to a full pipe.
fn login(stage: &Stage, more: &[&str]) -> (Child, PipeReader) {
    let (reader, writer) = full_pipe();
    let child = Command::new(PROGRAM)
        .args(stage.arguments())
        .args(["login", "--json", "--verbose"])
        .args(more)
        .env_clear()
        .envs(stage.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(writer)
        .spawn()
        .unwrap();
    (child, reader)
}

fn link(child: &mut Child) -> String {
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    event["url"].as_str().unwrap().to_owned()
}

#[test]
fn a_trace_that_nobody_reads_does_not_stop_the_sign_in() {
    let stage = Stage::new();
    let (mut child, unread) = login(&stage, &[]);
    let link = link(&mut child);
    let callback = stage.approve(&link);
    for _ in 0..700 {
        assert_eq!(stage.browse(&format!("{callback}x")).status, 400);
    }
    assert_eq!(stage.browse(&callback).status, 200);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(unread);
}

#[test]
fn signals_and_the_time_limit_end_it_all_the_same() {
    let stage = Stage::new();
    let (mut child, unread) = login(&stage, &[]);
    let link = link(&mut child);
    assert_eq!(stage.browse(&(stage.approve(&link) + "x")).status, 400);
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    drop(unread);
    let (mut child, unread) = login(&stage, &["--timeout", "1s"]);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(unread);
}

#[test]
fn a_result_waits_for_its_reader_and_is_complete() {
    let stage = Stage::new();
    stage.sign_in();
    let (mut child, mut reader) = token(&stage);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    let bearer = output.trim_start_matches('.').trim_end();
    assert_eq!(bearer.split('.').count(), 3, "{bearer}");
    assert!(child.wait().unwrap().success());
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_the_wait_for_a_results_reader() {
    let stage = Stage::new();
    stage.sign_in();
    let (mut child, unread) = token(&stage);
    // The thread that waits for the reader.
    let threads = format!("/proc/{}/task", child.id());
    let is_output = |thread: std::io::Result<std::fs::DirEntry>| {
        let name = std::fs::read_to_string(thread.unwrap().path().join("comm"));
        name.is_ok_and(|name| name == "output\n")
    };
    wait_until("its output to wait", || {
        std::fs::read_dir(&threads).unwrap().any(is_output)
    });
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    drop(unread);
}

/// `token` into a full pipe.
fn token(stage: &Stage) -> (Child, PipeReader) {
    let (reader, writer) = full_pipe();
    let child = Command::new(PROGRAM)
        .args(stage.arguments())
        .arg("token")
        .env_clear()
        .envs(stage.environment())
        .stdout(writer)
        .spawn()
        .unwrap();
    (child, reader)
}

#[test]
fn ctrl_s_stops_neither_login_nor_the_dialogue_of_lines() {
    let stage = Stage::new();
    let login = Launch {
        arguments: [stage.arguments(), vec!["login".to_owned()]].concat(),
        ..launch(&stage)
    };
    let mut pty = login.start();
    pty.sees("paste here the address you land on");
    let callback = stage.approve(&written_link(&pty));
    pty.send("\x13");
    assert_eq!(stage.browse(&callback).status, 200);
    let ended = pty.ended();
    assert_eq!(ended.code, 0);
    assert!(ended.same_modes);

    let stage = Stage::new();
    let plain = Launch {
        arguments: [stage.arguments(), vec!["--plain".to_owned()]].concat(),
        ..session::launch(&stage)
    };
    let mut pty = plain.start();
    pty.sees("Type 1, 2 or 3");
    pty.send("\x131\n");
    pty.signal(Signal::TERM);
    assert_eq!(pty.code(), 143);
}
