//! `login` and `status`, timed from outside.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Pid, Signal, kill_process};

use crate::patience::PATIENCE;
use crate::pty::Pty;
use crate::subject::{Bench, Subject, interleaved};
use crate::table::{Goal, Pair, Table, Unit};

const ROUNDS: usize = 100;

/// A `login` that waits for its callback. Killed when dropped.
pub struct WaitingLogin {
    child: Child,
    pub port: u16,
    pub link: String,
    /// The time from before the start to the link's line break.
    pub until_link: Duration,
    _stderr: BufReader<ChildStderr>,
}

impl WaitingLogin {
    pub fn start(command: &mut Command) -> Self {
        let started = Instant::now();
        // A pipe that stays open, as a host's would.
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut link = String::new();
        while !link.starts_with("http") {
            link.clear();
            assert!(
                stderr.read_line(&mut link).unwrap() > 0,
                "it ended without a link"
            );
        }
        let until_link = started.elapsed();
        let port = link.split_once("localhost%3A").unwrap().1;
        let port = port.split_once("%2F").unwrap().0.parse().unwrap();
        let link = link.trim_end().to_owned();
        Self {
            child,
            port,
            link,
            until_link,
            _stderr: stderr,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Goes to the callback. Returns the time until the file was there, and until the program
    /// had ended with its success page delivered.
    pub fn finish(&mut self, callback: &str, home: &Path) -> (Duration, Duration) {
        let watch = inotify::init(CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&watch, home, WatchFlags::MOVED_TO).unwrap();
        let called = Instant::now();
        let mut browser = self.get(callback);
        await_file(&watch, "auth.json");
        let saved = called.elapsed();
        let answer = read(&mut browser);
        let (_, rest) = answer.split_once("ocation: ").expect(&answer);
        let page = read(&mut self.get(rest.lines().next().unwrap()));
        assert!(page.contains("Signed in"), "{page}");
        assert!(self.child.wait().unwrap().success());
        (saved, called.elapsed())
    }

    fn get(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost:{}\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }
}

impl Drop for WaitingLogin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits for the rename that makes a file appear.
fn await_file(watch: &OwnedFd, name: &str) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(watch, &mut buffer);
    loop {
        let mut descriptors = [PollFd::new(watch, PollFlags::IN)];
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let ready = poll(&mut descriptors, Some(&patience)).unwrap();
        assert_eq!(ready, 1, "{name} did not appear");
        let event = events.next().unwrap();
        if event
            .file_name()
            .is_some_and(|found| found.to_bytes() == name.as_bytes())
        {
            return;
        }
    }
}

/// Start to the link, and to a port that accepts.
pub fn start(bench: &Bench, table: &mut Table) {
    let names = ["start to the URL line", "start to the port open"];
    if !table.wants(&names) {
        return;
    }
    let (mut to_link, mut to_port) = (Pair::default(), Pair::default());
    interleaved(table.rounds(ROUNDS), |subject| {
        let home = Bench::home();
        let login = WaitingLogin::start(&mut subject.login(bench.issuer.url(), 0, home.path()));
        subject.of(&mut to_link).push(ms(login.until_link));
        drop(login);
        subject
            .of(&mut to_port)
            .push(ms(until_port_open(bench, subject, home.path())));
    });
    table.row(names[0], Unit::Milliseconds, Goal::Times(1.5), to_link);
    table.row(names[1], Unit::Milliseconds, Goal::Times(1.5), to_port);
}

fn until_port_open(bench: &Bench, subject: Subject, home: &Path) -> Duration {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = subject.login(bench.issuer.url(), port, home);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().unwrap();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(started.elapsed() < PATIENCE, "the port stays closed");
        // Leaves the core to the program, whatever the machine.
        std::thread::sleep(Duration::from_micros(20));
    }
    let open = started.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    open
}

/// From the browser's callback to the end.
pub fn callback(bench: &Bench, table: &mut Table) {
    let names = [
        "callback to auth.json on disk",
        "callback to exit, page fetched",
    ];
    if !table.wants(&names) {
        return;
    }
    let (mut to_file, mut to_exit) = (Pair::default(), Pair::default());
    interleaved(table.rounds(ROUNDS), |subject| {
        let home = Bench::home();
        let mut login = WaitingLogin::start(&mut subject.login(bench.issuer.url(), 0, home.path()));
        let callback = bench.approve(&login.link);
        let (saved, ended) = login.finish(&callback, home.path());
        subject.of(&mut to_file).push(ms(saved));
        subject.of(&mut to_exit).push(ms(ended));
    });
    table.row(names[0], Unit::Milliseconds, Goal::Times(1.4), to_file);
    table.row(names[1], Unit::Milliseconds, Goal::Times(2.6), to_exit);
}

/// SIGINT to the end of the process, without and with a terminal.
pub fn interrupt(bench: &Bench, table: &mut Table) {
    let names = ["SIGINT to gone", "SIGINT to gone, in a terminal"];
    if !table.wants(&names) {
        return;
    }
    let (mut piped, mut in_terminal) = (Pair::default(), Pair::default());
    interleaved(table.rounds(ROUNDS), |subject| {
        let home = Bench::home();
        let mut login = WaitingLogin::start(&mut subject.login(bench.issuer.url(), 0, home.path()));
        settle();
        let signalled = interrupted(login.pid());
        login.child.wait().unwrap();
        subject.of(&mut piped).push(ms(signalled.elapsed()));

        let mut pty = Pty::start(&subject.login(bench.issuer.url(), 0, home.path()));
        pty.sees("code_challenge_method");
        settle();
        let signalled = interrupted(pty.pid());
        pty.wait();
        subject.of(&mut in_terminal).push(ms(signalled.elapsed()));
        assert!(pty.is_as_before(), "the terminal was not restored");
    });
    table.row(names[0], Unit::Milliseconds, Goal::AtMost(1.0), piped);
    table.row(names[1], Unit::Milliseconds, Goal::AtMost(1.0), in_terminal);
}

fn interrupted(pid: u32) -> Instant {
    let now = Instant::now();
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    now
}

/// `status` over saved credentials.
pub fn status(bench: &Bench, table: &mut Table) {
    let name = "status";
    if !table.wants(&[name]) {
        return;
    }
    let home = Bench::home();
    let mut login =
        WaitingLogin::start(&mut Subject::Ours.login(bench.issuer.url(), 0, home.path()));
    let callback = bench.approve(&login.link);
    login.finish(&callback, home.path());
    let mut pair = Pair::default();
    interleaved(table.rounds(2 * ROUNDS), |subject| {
        // Finding the floor's file takes longer than running it.
        let mut command = subject.status(home.path());
        let started = Instant::now();
        let output = command.output().unwrap();
        subject.of(&mut pair).push(ms(started.elapsed()));
        assert!(output.stdout.starts_with(b"Logged in"));
    });
    table.row(name, Unit::Milliseconds, Goal::Plus(1.0), pair);
}

/// Lets the program come to rest, because an interrupt usually meets one that waits.
pub fn settle() {
    std::thread::sleep(Duration::from_millis(10));
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
