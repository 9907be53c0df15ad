//! The least that could be called a sign-in: raw sockets, one thread, no checks. The harness
//! in `program/` measures the real program against it; by itself it does nothing.
//!
//! ```text
//! floor login PORT ISSUER HOME   one callback, one token request, one saved file
//! floor status                   prints two words
//! floor screen                   three choices on the alternate screen
//! ```

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};

/// RFC 7636, appendix B: nothing is random here.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["login", port, issuer, home] => login(port.parse().unwrap(), issuer, Path::new(home)),
        ["status"] => io::stdout().write_all(b"Logged in\n").unwrap(),
        ["screen"] => screen(),
        // `cargo bench` runs every target.
        _ => {}
    }
}

fn login(port: u16, issuer: &str, home: &Path) {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let port = v4.local_addr().unwrap().port();
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok();
    let listeners: Vec<TcpListener> = [v4].into_iter().chain(v6).collect();
    let redirect_uri = format!("http%3A%2F%2Flocalhost%3A{port}%2Fauth%2Fcallback");
    let link = format!(
        "{issuer}/oauth/authorize?response_type=code&client_id={CLIENT_ID}\
         &redirect_uri={redirect_uri}&scope=openid+profile+email+offline_access\
         &code_challenge={CHALLENGE}&code_challenge_method=S256&state=0123456789abcdef\
         &id_token_add_organizations=true&codex_cli_simplified_flow=true\
         &originator=codex_cli_rs\n"
    );
    io::stderr().write_all(link.as_bytes()).unwrap();
    serve(&listeners, |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if let Some((_, rest)) = path.split_once("code=") {
            let code = rest.split('&').next().unwrap();
            save(home, &exchange(issuer, code, &redirect_uri));
            let _ = stream.write_all(
                b"HTTP/1.1 302 Found\r\nLocation: /success\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n",
            );
            return false;
        }
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nSigned in",
        );
        path == "/success"
    });
}

/// Answers until `answer` says that it was the last. Idle connections just stay.
fn serve(listeners: &[TcpListener], mut answer: impl FnMut(&str, &mut TcpStream) -> bool) {
    let mut open: Vec<TcpStream> = Vec::new();
    loop {
        let ready: Vec<bool> = {
            let listeners = listeners.iter().map(|one| PollFd::new(one, PollFlags::IN));
            let streams = open.iter().map(|one| PollFd::new(one, PollFlags::IN));
            let mut descriptors: Vec<PollFd<'_>> = listeners.chain(streams).collect();
            poll(&mut descriptors, None).unwrap();
            let ready = descriptors.iter().map(|one| !one.revents().is_empty());
            ready.collect()
        };
        let (listeners_ready, streams_ready) = ready.split_at(listeners.len());
        for at in (0..open.len()).rev().filter(|&at| streams_ready[at]) {
            let mut stream = open.swap_remove(at);
            let mut head = [0; 8192];
            let count = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..count]);
            if count > 0 && answer(&head, &mut stream) {
                return;
            }
        }
        for (listener, _) in listeners.iter().zip(listeners_ready).filter(|one| *one.1) {
            open.push(listener.accept().unwrap().0);
        }
    }
}

/// The token request. Returns the answer's body.
fn exchange(issuer: &str, code: &str, redirect_uri: &str) -> Vec<u8> {
    let host = issuer.strip_prefix("http://").unwrap();
    let body = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}\
         &client_id={CLIENT_ID}&code_verifier={VERIFIER}"
    );
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let body = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    answer.split_off(body)
}

/// As safely as the real program: the file and its folder are synced.
fn save(home: &Path, bytes: &[u8]) {
    let temporary = home.join(".auth.json.tmp");
    let mut file = File::create(&temporary).unwrap();
    file.write_all(bytes).unwrap();
    file.sync_all().unwrap();
    std::fs::rename(&temporary, home.join("auth.json")).unwrap();
    File::open(home).unwrap().sync_all().unwrap();
}

/// Three choices, drawn by hand. Tokio, because signals need a runtime or unsafe code.
#[tokio::main(flavor = "current_thread")]
async fn screen() {
    let stdin = io::stdin();
    let original = tcgetattr(&stdin).unwrap();
    let mut raw = original.clone();
    raw.make_raw();
    tcsetattr(&stdin, OptionalActions::Now, &raw).unwrap();
    let mut resized = signal(SignalKind::window_change()).unwrap();
    let mut nonblocking = File::options();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    nonblocking
        .read(true)
        .custom_flags(flags.bits().cast_signed());
    #[expect(
        deprecated,
        reason = "a File owns its one descriptor, as the successor asks"
    )]
    let tty = AsyncFd::new(nonblocking.open("/dev/tty").unwrap()).unwrap();
    let mut stdout = File::options().write(true).open("/dev/tty").unwrap();
    stdout.write_all(b"\x1b[?1049h\x1b[?2004h").unwrap();
    draw(&mut stdout);
    loop {
        tokio::select! {
            ready = tty.readable() => {
                let mut key = [0; 64];
                let Ok(count) = ready.unwrap().try_io(|tty| tty.get_ref().read(&mut key)) else {
                    continue;
                };
                let count = count.unwrap();
                if key[..count].contains(&3) {
                    break;
                }
                stdout.write_all(b"\x1b[5;1H \x1b[6;1H\x1b[1m\xe2\x80\xba\x1b[0m\x1b[?25l").unwrap();
            }
            _ = resized.recv() => draw(&mut stdout),
        }
    }
    stdout
        .write_all(b"\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l")
        .unwrap();
    tcsetattr(&stdin, OptionalActions::Now, &original).unwrap();
    std::process::exit(130);
}

fn draw(stdout: &mut File) {
    let size = tcgetwinsize(&stdout).unwrap();
    let line = "-".repeat(usize::from(size.ws_col));
    let picture = format!(
        "\x1b[2J\x1b[H{line}\r\n\r\n\r\n  \r\n\
         > 1  Sign in with ChatGPT\r\n  2  Provide your own API key\r\n  3  Sign in with a device code"
    );
    stdout.write_all(picture.as_bytes()).unwrap();
}
