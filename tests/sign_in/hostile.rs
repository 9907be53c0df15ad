//! Hostile requests, seeded and reproducible (threat 6): no panic, no request to the
//! issuer, memory flat, and the person's callback still works.
//!
//! The normal run takes one second. `HOSTILE_REQUESTS=1000000 cargo test --test sign_in
//! hostile -- --nocapture` sends that many; `HOSTILE_SEED` repeats a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use super::support::*;

const NORMALLY: Duration = Duration::from_secs(1);

/// Requests in flight; below the limit on connections, so that none is dropped for room.
const AT_ONCE: usize = 32;

/// The requests that are mutated. `PORT` is ours; the sender does not know the state.
const CORPUS: &[&str] = &[
    "GET /auth/callback?code=abc&state=guessed HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
    "GET /auth/callback?error=access_denied&error_description=x&state=s HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
    "GET /auth/callback?code=a&code=b&state=&state=%00 HTTP/1.1\r\nHost: [::1]:PORT\r\n\r\n",
    "GET /success?needs_setup=true&org_id=%3Cscript%3E HTTP/1.1\r\nHost: localhost:PORT\r\nCookie: a=b\r\n\r\n",
    "GET /login/AAAAAAAAAAA HTTP/1.1\r\nHost: localhost:PORT\r\nAccept: */*\r\n\r\n",
    "GET /login/%ff%fe/../../auth/callback HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
    "POST /auth/callback HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 20\r\n\r\ncode=abc&state=guess",
    "POST /auth/callback HTTP/1.1\r\nHost: localhost:PORT\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ncode=\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: localhost:PORT\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: localhost:PORT\r\nOrigin: https://evil.example\r\n\r\n",
    "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "GET http://evil.example/auth/callback?code=a HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n",
    "HEAD /auth/callback?code=a&state=b HTTP/1.0\r\n\r\n",
    "GET /auth/callback HTTP/1.1\r\nHost: localhost:PORT\r\nSec-Fetch-Dest: image\r\nRange: bytes=0-\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: localhost:PORT\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03",
];

/// Pieces that mean something to a parser.
const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"%",
    b"%00",
    b"%ff",
    b"%u0041",
    b"+",
    b"&",
    b"=",
    b"#",
    b"?",
    b"//",
    b"/../",
    b";",
    b"HTTP/1.1",
    b"HTTP/9.9",
    b"Host: ",
    b"Host: evil.example\r\n",
    b"Origin: null\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"state=",
    b"code=",
    b"error=",
    b"\xc0\xaf",
    b"\xff\xfe",
    b"\xf0\x9f\x92\xa9",
    b"ffffffffffffffff\r\n",
];

struct Generator {
    random: Random,
    corpus: Vec<Vec<u8>>,
}

impl Generator {
    fn new(seed: u64, port: u16) -> Self {
        let corpus = CORPUS.iter().map(|request| {
            let request = request.replace("PORT", &port.to_string());
            request.into_bytes()
        });
        Self {
            random: Random::new(seed),
            corpus: corpus.collect(),
        }
    }

    fn next(&mut self) -> Vec<u8> {
        if self.random.below(20) == 0 {
            let length = self.random.below(2048);
            return self.bytes(length);
        }
        let mut request = self.random.pick(&self.corpus).clone();
        for _ in 0..self.random.below(6) {
            self.mutate(&mut request);
        }
        request
    }

    fn mutate(&mut self, request: &mut Vec<u8>) {
        let at = self.random.below(request.len() + 1);
        let end = (at + self.random.below(24)).min(request.len());
        match self.random.below(8) {
            0 if at < request.len() => request[at] ^= 1 << self.random.below(8),
            1 => request.truncate(at),
            2 => drop(request.drain(at..end)),
            3 => {
                let token = self.random.pick(TOKENS);
                request.splice(at..at, token.iter().copied());
            }
            4 => {
                // Once more and once more, up to more than a head may hold.
                let piece = request[at..end].repeat(1 << self.random.below(11));
                request.splice(at..at, piece);
            }
            5 => {
                let other = self.random.pick(&self.corpus);
                let from = self.random.below(other.len());
                request.truncate(at);
                request.extend_from_slice(&other[from..]);
            }
            6 => {
                // In the query, at the edge of a name or a value.
                let edges = (0..request.len()).filter(|&at| b"?&=".contains(&request[at]));
                let edges: Vec<_> = edges.collect();
                if !edges.is_empty() {
                    let at = self.random.pick(&edges) + 1;
                    let token = self.random.pick(TOKENS);
                    request.splice(at..at, token.iter().copied());
                }
            }
            _ => {
                let noise = self.bytes(end - at);
                request.splice(at..end, noise);
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length)
            .map(|_| self.random.next().to_le_bytes()[0])
            .collect()
    }
}

/// Sends it, and says what came back. Now and then it goes without listening.
async fn attack(browser: Browser, request: Vec<u8>, leaves: bool) -> Option<u16> {
    let mut stream = browser.connect().await;
    // A server that has heard enough may be gone already.
    let _ = stream.write_all(&request).await;
    if leaves {
        // With a reset; and without one the system would run out of ports for a while.
        let _ = stream.set_zero_linger();
        return None;
    }
    let _ = stream.shutdown().await;
    Reply::read(stream).await.map(|reply| reply.status)
}

/// Panics on this thread, where the server's tasks run; other tests have their own.
fn count_panics() -> Arc<AtomicUsize> {
    let panics = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&panics);
    let here = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == here {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        before(info);
    }));
    panics
}

/// Returns the memory of this process in KiB; 0 where the system does not tell this way.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.map_or(0, |number| number.parse().unwrap())
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap())
}

#[tokio::test]
async fn hostile_requests_change_nothing_cost_nothing_and_crash_nothing() {
    let wanted = from_environment("HOSTILE_REQUESTS");
    let seed = from_environment("HOSTILE_SEED").unwrap_or(0x5eed);
    let stage = Stage::new();
    let mut running = stage.start();
    let panics = count_panics();
    let mut generator = Generator::new(seed, running.port);
    let started = Instant::now();
    let mut attacks = JoinSet::new();
    let mut statuses = std::collections::BTreeMap::<Option<u16>, u64>::new();
    let (mut sent, mut warm) = (0, 0);
    while wanted.map_or(started.elapsed() < NORMALLY, |wanted| sent < wanted) {
        if attacks.len() == AT_ONCE {
            *statuses
                .entry(attacks.join_next().await.unwrap().unwrap())
                .or_default() += 1;
        }
        let leaves = generator.random.below(16) == 0;
        attacks.spawn(attack(running.browser(), generator.next(), leaves));
        sent += 1;
        if sent == 1000 {
            warm = resident();
        }
    }
    for status in attacks.join_all().await {
        *statuses.entry(status).or_default() += 1;
    }
    let grown = resident().saturating_sub(warm);
    let took = started.elapsed();
    println!("{sent} requests in {took:?}, {grown} KiB more, answers: {statuses:?}");
    let expected = [400, 403, 404, 405, 414, 421, 431];
    let unexpected = statuses
        .keys()
        .flatten()
        .find(|status| !expected.contains(status));
    assert_eq!(unexpected, None);
    assert_eq!(panics.load(Ordering::Relaxed), 0, "the server panicked");
    assert!(stage.issuer.requests().is_empty());
    // Alone it is flat; beside other tests, in one process, theirs counts too.
    let bound = if wanted.is_some() { 16 } else { 256 };
    assert!(warm == 0 || grown < bound * 1024, "{grown} KiB more");
    running.still_completes(&stage).await;
}
