//! Nothing moves when nothing changes, and nothing spins when nobody listens.

use std::time::Duration;

use rustix::process::Signal;

use crate::pty::{KILLED, Launch, Pty};
use crate::session::{Place, at, everywhere, launch, start, wait_for_link, walk, welcome};
use crate::stage::Stage;

/// Long enough for ten frames of a spinner.
const A_WHILE: Duration = Duration::from_secs(1);

/// No whole picture is so small, and nothing else that is written so large.
const PICTURE: u64 = 1000;

/// The processor time of the program so far.
fn cpu(pty: &Pty) -> Duration {
    let pid = pty.pid().as_raw_nonzero();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = threads.flatten().map(|thread| {
        let spent = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        let first = spent.split_whitespace().next();
        first.map_or(0, |number| number.parse::<u64>().unwrap())
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The processor time since then.
fn spent_since(pty: &Pty, before: Duration) -> Duration {
    // A thread that has ended takes its account along.
    cpu(pty).saturating_sub(before)
}

/// Waits until the last event is drawn, and the browser has its page.
fn settles(pty: &Pty) {
    for _ in 0..20 {
        if pty.is_silent_for(A_WHILE) {
            return;
        }
    }
    panic!("it never rests:\n{}", pty.text());
}

fn is_idle(pty: &Pty, place: Place) {
    settles(pty);
    // On a busy machine everything takes longer now and then; what spins, always does.
    let rests = (0..3).any(|_| {
        let before = cpu(pty);
        assert!(
            pty.is_silent_for(A_WHILE),
            "{place:?} writes:\n{}",
            pty.text()
        );
        // A device code is asked about every second; else there is nothing to do at all.
        spent_since(pty, before) < Duration::from_millis(10)
    });
    assert!(rests, "{place:?} takes time");
}

#[test]
fn without_animations_no_screen_writes_a_byte_or_takes_time() {
    everywhere(|place| {
        let stage = Stage::new();
        let mut launch = launch(&stage);
        launch.arguments.push("--no-animations".to_owned());
        is_idle(&at(&stage, place, launch), place);
    });
}

#[test]
fn the_choices_never_move_even_with_animations() {
    let stage = Stage::new();
    for place in [Place::Welcome, Place::Help] {
        is_idle(&at(&stage, place, launch(&stage)), place);
    }
}

#[test]
fn a_spinner_costs_next_to_nothing() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    wait_for_link(&mut pty);
    let (before, bytes) = (cpu(&pty), pty.output().len());
    let start = std::time::Instant::now();
    pty.until("ten frames", |_, output| {
        output.len() > bytes && frames_of(&output[bytes..]) >= 10
    });
    let (seconds, spent) = (start.elapsed().as_secs_f64(), spent_since(&pty, before));
    assert!(seconds > 0.8, "ten frames in {seconds} s");
    assert!(
        spent < Duration::from_millis(200),
        "{spent:?} for {seconds} s"
    );
}

fn frames_of(output: &[u8]) -> usize {
    let text = String::from_utf8_lossy(output);
    text.matches(['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'])
        .count()
}

#[test]
fn a_window_that_is_closed_ends_it() {
    for place in [Place::Welcome, Place::Waiting, Place::ApiKey, Place::Help] {
        let stage = Stage::new();
        let mut pty = launch(&stage).start();
        walk(&stage, &mut pty, place);
        pty.close("?");
        let code = pty.code();
        // The shell's SIGHUP, or the terminal's end, whichever is noticed first.
        assert!(code == 129 || code == KILLED, "{place:?}: {code}");
    }
}

#[test]
fn a_terminal_that_goes_without_a_signal_ends_it_too() {
    for place in [Place::Welcome, Place::Waiting, Place::ApiKey] {
        let stage = Stage::new();
        let report = stage.home().join("report");
        let program = launch(&stage);
        // In a session of its own, so that nobody sends it SIGHUP.
        let script = "trap '' HUP; file=$1; shift; setsid \"$@\"; echo \"code $?\" >\"$file\"";
        let words = ["-c", script, "sh", report.to_str().unwrap()];
        let words = words.into_iter().chain([program.program.to_str().unwrap()]);
        let pty = Launch {
            program: "/bin/sh".into(),
            arguments: words
                .map(str::to_owned)
                .chain(program.arguments.clone())
                .collect(),
            ..program
        };
        let mut pty = pty.start();
        walk(&stage, &mut pty, place);
        pty.close("?");
        assert_eq!(pty.code(), 0);
        assert_eq!(
            std::fs::read_to_string(report).unwrap(),
            "code 129\n",
            "{place:?}"
        );
    }
}

#[test]
fn a_terminal_that_stops_reading_costs_no_time_and_holds_no_signal_up() {
    std::thread::scope(|scope| {
        for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
            scope.spawn(move || stops_reading(signal, code));
        }
    });
}

fn stops_reading(signal: Signal, code: u32) {
    let stage = Stage::new();
    let mut pty = start(&stage);
    wait_for_link(&mut pty);
    pty.without_reading(|pty| {
        overwhelm(pty);
        settles(pty);
        let before = cpu(pty);
        assert!(pty.is_silent_for(A_WHILE));
        let spent = spent_since(pty, before);
        assert!(spent < Duration::from_millis(50), "it spins: {spent:?}");
        pty.signal(signal);
        assert_eq!(pty.code(), code, "{signal:?}");
    });
    assert!(pty.ended().same_modes);
}

/// Asks for whole pictures until the terminal takes no more.
fn overwhelm(pty: &mut Pty) {
    let step = Duration::from_millis(20);
    loop {
        let before = written(pty);
        pty.send("\x0c");
        let mut steps = std::iter::repeat_with(|| pty.is_silent_for(step));
        if steps
            .by_ref()
            .take(20)
            .all(|_| written(pty) < before + PICTURE)
        {
            return;
        }
    }
}

/// The number of bytes that it has written, to the terminal and to itself.
fn written(pty: &Pty) -> u64 {
    let account = format!("/proc/{}/io", pty.pid().as_raw_nonzero());
    let account = std::fs::read_to_string(account).unwrap();
    let line = account
        .lines()
        .find_map(|line| line.strip_prefix("wchar: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_terminal_that_reads_again_shows_the_present() {
    let stage = Stage::new();
    let mut pty = start(&stage);
    let link = wait_for_link(&mut pty);
    pty.without_reading(|pty| {
        overwhelm(pty);
        stage.browse(&stage.approve(&link));
    });
    pty.sees("Signed in with your ChatGPT account");
    pty.sees_no(welcome::SIGN);
}
