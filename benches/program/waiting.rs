//! The cost of waiting for the person.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use chrono::Utc;

use crate::footprint::Footprint;
use crate::pty::Pty;
use crate::screen::CHOICES;
use crate::stage::auth_json;
use crate::subject::{Bench, Subject, interleaved};
use crate::table::{Goal, Pair, Table, Unit};
use crate::trip::{WaitingLogin, ms, settle};

const IDLE: Duration = Duration::from_secs(10);
const SHORT_IDLE: Duration = Duration::from_secs(1);
const CONNECTIONS: usize = 500;

/// An https issuer that does not answer: its authorities are loaded all the same.
const HTTPS: &str = "https://localhost:9";

/// Memory, threads and wakeups of programs that wait, all at the same time.
pub fn memory_and_wakeups(bench: &Bench, table: &mut Table) {
    if !table.wants(&["memory", "threads", "CPU", "wakeups"]) {
        return;
    }
    let home = Bench::home();
    let both = [Subject::Ours, Subject::Floor];
    let logins = both
        .map(|subject| WaitingLogin::start(&mut subject.login(bench.issuer.url(), 0, home.path())));
    let https = WaitingLogin::start(&mut Subject::Ours.login(HTTPS, 0, home.path()));
    let screens = both.map(|subject| {
        let mut pty = Pty::start(&subject.screen(bench.issuer.url(), home.path()));
        pty.sees(CHOICES);
        pty
    });
    std::thread::sleep(Duration::from_millis(500));
    let pids = [
        logins[0].pid(),
        logins[1].pid(),
        screens[0].pid(),
        screens[1].pid(),
    ];
    let before = pids.map(Footprint::of);
    let with_authorities = Footprint::of(https.pid());
    std::thread::sleep(if table.is_short { SHORT_IDLE } else { IDLE });
    let after = pids.map(Footprint::of);
    for (at, what) in [(0, "login"), (2, "full screen")] {
        let pair = |value: fn(&Footprint, &Footprint) -> f64| Pair {
            ours: vec![value(&before[at], &after[at])],
            floor: vec![value(&before[at + 1], &after[at + 1])],
        };
        let goal = if at == 0 { 5.0 } else { 5.5 };
        let row =
            |name: &str, unit, goal, pair| table.row(&format!("{what}: {name}"), unit, goal, pair);
        let memory = Unit::Megabytes;
        row(
            "memory while waiting",
            memory,
            Goal::AtMost(goal),
            pair(|_, after| after.resident),
        );
        row(
            "of it not shared",
            memory,
            Goal::None,
            pair(|_, after| after.private),
        );
        row(
            "threads while waiting",
            Unit::Count,
            Goal::AtMost(2.0),
            pair(|_, after| after.threads),
        );
        let ticks = pair(|before, after| after.ticks - before.ticks);
        row(
            "idle CPU in 10 s (ticks)",
            Unit::Count,
            Goal::AtMost(0.0),
            ticks,
        );
        let wakeups = pair(|before, after| after.wakeups - before.wakeups);
        row("wakeups in 10 s", Unit::Count, Goal::AtMost(0.0), wakeups);
    }
    let more = Pair {
        ours: vec![with_authorities.resident - before[0].resident],
        ..Pair::default()
    };
    table.row(
        "login: memory that https adds",
        Unit::Megabytes,
        Goal::None,
        more,
    );
}

/// Memory, threads and wakeups of `lend --watch` while nothing changes: it looks at two files a
/// second.
pub fn watcher(bench: &Bench, table: &mut Table) {
    let names = ["memory", "threads", "wakeups in 10 s"].map(|it| format!("lend --watch: {it}"));
    if !names.iter().any(|name| table.wants(&[name])) {
        return;
    }
    let (home, to) = (Bench::home(), Bench::home());
    let file = auth_json(&bench.issuer.issue_tokens(), &Utc::now().to_rfc3339());
    std::fs::write(home.path().join("auth.json"), file.to_string()).unwrap();
    let mut command = Subject::Ours.watcher(bench.issuer.url(), home.path(), to.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut watcher = command.spawn().unwrap();
    let mut path = String::new();
    let stdout = watcher.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut path).unwrap();
    assert!(path.contains("auth.json"), "{path}");
    let idle = if table.is_short { SHORT_IDLE } else { IDLE };
    let before = Footprint::of(watcher.id());
    std::thread::sleep(idle);
    let after = Footprint::of(watcher.id());
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    let values = [
        (Unit::Megabytes, Goal::None, after.resident),
        (Unit::Count, Goal::AtMost(2.0), after.threads),
        (
            Unit::Count,
            Goal::AtMost(25.0),
            after.wakeups - before.wakeups,
        ),
    ];
    for (name, (unit, goal, value)) in names.iter().zip(values) {
        let pair = Pair {
            ours: vec![value],
            ..Pair::default()
        };
        table.row(name, unit, goal, pair);
    }
}

/// The callback comes while others hold connections and say nothing.
pub fn idle_connections(bench: &Bench, table: &mut Table) {
    let names = [
        "500 idle connections: callback to auth.json",
        "500 idle connections: memory",
        "500 idle connections: threads",
    ];
    if !table.wants(&names) {
        return;
    }
    let mut rows = [Pair::default(), Pair::default(), Pair::default()];
    interleaved(table.rounds(15), |subject| {
        let home = Bench::home();
        let mut login = WaitingLogin::start(&mut subject.login(bench.issuer.url(), 0, home.path()));
        let callback = bench.approve(&login.link);
        let connect = |_| TcpStream::connect((Ipv4Addr::LOCALHOST, login.port)).unwrap();
        let idle: Vec<TcpStream> = (0..CONNECTIONS).map(connect).collect();
        // All of them are accepted, and older than the grace that a new one has.
        std::thread::sleep(Duration::from_millis(500));
        let footprint = Footprint::of(login.pid());
        let (saved, _) = login.finish(&callback, home.path());
        drop(idle);
        settle();
        let measured = [ms(saved), footprint.resident, footprint.threads];
        for (row, value) in rows.iter_mut().zip(measured) {
            subject.of(row).push(value);
        }
    });
    let [saved, memory, threads] = rows;
    table.row(names[0], Unit::Milliseconds, Goal::AtMost(5.0), saved);
    table.row(names[1], Unit::Megabytes, Goal::AtMost(10.0), memory);
    table.row(names[2], Unit::Count, Goal::AtMost(2.0), threads);
}
