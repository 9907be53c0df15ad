//! The second table: how memory and time of the program grow with what it has to bear.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use codex_onboarding::demo::{DemoIssuer, Profile};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::footprint::{Footprint, count};
use crate::pty::Pty;
use crate::screen::CHOICES;
use crate::stage::auth_json;
use crate::subject::{Bench, Subject};
use crate::table::{Table, median};
use crate::trip::{WaitingLogin, ms, settle};

const ROUNDS: usize = 5;

/// One thing that grows, and what it costs.
pub struct Series {
    /// Names the count, the program and the time.
    pub name: &'static str,
    pub points: Vec<Point>,
}

/// Memory in megabytes and time in milliseconds, as medians.
pub struct Point {
    pub count: usize,
    pub memory: f64,
    pub time: f64,
}

/// Returns memory and time for a count.
type Measure<'a> = &'a dyn Fn(usize) -> (f64, f64);

/// Measures each series that the table wants, prints it, and returns all of them.
pub fn table(bench: &Bench, table: &Table) -> Vec<Series> {
    // A thousand connections need more descriptors than the usual limit.
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let all: [(&str, &[usize], Measure<'_>); 4] = [
        (
            "growth: parked accounts (full screen; start to choices)",
            &[0, 10, 25, 50, 100],
            &|accounts| parked_accounts(bench, accounts),
        ),
        (
            "growth: idle connections (login; callback to auth.json)",
            &[0, 100, 250, 500, 1000],
            &|connections| idle_connections(bench, connections),
        ),
        (
            "growth: pasted bytes (full screen; until it stands still)",
            &[1, 1_000, 8_000, 64_000, 250_000, 1_000_000],
            &|bytes| pasted_bytes(bench, bytes),
        ),
        (
            "growth: waiting for the lock (each token; free to the last exit)",
            &[1, 4, 8, 16, 32],
            &waiting_for_the_lock,
        ),
    ];
    let mut measured = Vec::new();
    for (name, counts, measure) in all {
        if !table.wants(&[name]) {
            continue;
        }
        println!("\n| {name} | memory | time |\n| --- | --- | --- |");
        let mut points = Vec::new();
        for &count in counts {
            let rounds: Vec<(f64, f64)> =
                (0..table.rounds(ROUNDS)).map(|_| measure(count)).collect();
            let (memory, time) = rounds.into_iter().unzip();
            let (memory, time) = (median(memory), median(time));
            println!("| {count} | {memory:.2} MB | {time:.2} ms |");
            points.push(Point {
                count,
                memory,
                time,
            });
        }
        measured.push(Series { name, points });
    }
    measured
}

/// Somebody is signed in, and this many others are parked.
fn parked_accounts(bench: &Bench, accounts: usize) -> (f64, f64) {
    let home = Bench::home();
    let mut slots = vec![home.path().to_owned()];
    slots.extend((0..accounts).map(|at| home.path().join(format!("accounts/slot-{at}"))));
    for (at, slot) in slots.iter().enumerate() {
        bench.issuer.edit_profile(|profile| {
            profile
                .email(format!("person-{at}@example.com"))
                .account_id(format!("acct-{at}"))
        });
        std::fs::create_dir_all(slot).unwrap();
        let mut file = auth_json(&bench.issuer.issue_tokens(), &Utc::now().to_rfc3339());
        file["tokens"]["account_id"] = format!("acct-{at}").into();
        std::fs::write(slot.join("auth.json"), file.to_string()).unwrap();
    }
    bench.issuer.edit_profile(|_| Profile::default());
    let mut pty = Pty::start(&Subject::Ours.screen(bench.issuer.url(), home.path()));
    let (drawn, _) = pty.sees("Keep");
    let memory = Footprint::of(pty.pid()).resident;
    (memory, ms(drawn - pty.started))
}

/// Others hold this many connections and say nothing.
fn idle_connections(bench: &Bench, connections: usize) -> (f64, f64) {
    let home = Bench::home();
    let mut command = Subject::Ours.login(bench.issuer.url(), 0, home.path());
    let mut login = WaitingLogin::start(&mut command);
    let callback = bench.approve(&login.link);
    let connect = |_| TcpStream::connect((Ipv4Addr::LOCALHOST, login.port)).unwrap();
    let idle: Vec<TcpStream> = (0..connections).map(connect).collect();
    // All of them are accepted, and older than the grace that a new one has.
    std::thread::sleep(Duration::from_millis(500));
    let memory = Footprint::of(login.pid()).resident;
    let (saved, _) = login.finish(&callback, home.path());
    drop(idle);
    settle();
    (memory, ms(saved))
}

/// The text is no address, so the screen refuses it.
fn pasted_bytes(bench: &Bench, bytes: usize) -> (f64, f64) {
    const QUIET: Duration = Duration::from_millis(150);
    let home = Bench::home();
    let mut command = Subject::Ours.screen(bench.issuer.url(), home.path());
    // Without a spinner the screen stands still when it is done.
    command.arg("--no-animations");
    let mut pty = Pty::start(&command);
    pty.sees(CHOICES);
    pty.send(b"\r");
    pty.sees("code_challenge");
    pty.within(QUIET);
    let text = "x".repeat(bytes);
    let pasted = pty.send(format!("\x1b[200~{text}\x1b[201~").as_bytes());
    let quiet = pty.until_quiet(QUIET).expect("a paste changes the picture");
    (Footprint::of(pty.pid()).resident, ms(quiet - pasted))
}

/// This many `token`s are due for a refresh and wait; one of them makes it.
fn waiting_for_the_lock(waiters: usize) -> (f64, f64) {
    let short = Profile::default().access_token_lifetime(TimeDelta::seconds(-60));
    let issuer = DemoIssuer::start(short).unwrap();
    let home = Bench::home();
    let file = auth_json(&issuer.issue_tokens(), &Utc::now().to_rfc3339());
    std::fs::write(home.path().join("auth.json"), file.to_string()).unwrap();
    issuer.edit_profile(|profile| profile.access_token_lifetime(TimeDelta::days(10)));
    let lock = File::create(home.path().join("auth.lock")).unwrap();
    lock.lock().unwrap();
    let waiting: Vec<Child> = (0..waiters)
        .map(|_| waiting_token(issuer.url(), home.path()))
        .collect();
    let memory: f64 = waiting
        .iter()
        .map(|token| Footprint::of(token.id()).resident)
        .sum();
    let freed = Instant::now();
    drop(lock);
    for mut token in waiting {
        assert!(token.wait().unwrap().success());
    }
    (memory / count(waiters), ms(freed.elapsed()))
}

/// Starts `token`, and returns once it has said that it waits.
fn waiting_token(issuer: &str, home: &Path) -> Child {
    let mut command = Subject::Ours.token(issuer, home);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert!(said.contains("Waiting"), "{said}");
    // What it says later must not break its pipe.
    child.stderr = Some(stderr.into_inner());
    child
}
