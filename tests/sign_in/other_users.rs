//! Callbacks of another user of the machine, who has read the link in the browser's arguments
//! (threat 22).

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::support::*;

/// The user `nobody` of most systems. Only the number matters.
const NOBODY: u32 = 65_534;

/// Returns whether this test can act as another user, and says so where it cannot.
fn can_be_nobody() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        // Not `println!`, which is captured when the test passes.
        let note = "skipped: only root can act as another user\n";
        std::io::stderr().write_all(note.as_bytes()).unwrap();
    }
    root
}

/// Sends a callback as another user, and returns what comes back.
async fn ask_as_nobody(running: &Running, path: &str) -> String {
    let port = running.port;
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; \
         printf 'GET {path} HTTP/1.1\\r\\nHost: localhost:{port}\\r\\n\\r\\n' >&3; cat <&3"
    );
    let client = Command::new("bash")
        .args(["-c", &script])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = tokio::task::spawn_blocking(move || client.wait_with_output());
    String::from_utf8(within(output).await.unwrap().unwrap().stdout).unwrap()
}

#[tokio::test]
async fn a_callback_of_another_user_is_refused_and_uses_nothing_up() {
    if !can_be_nobody() {
        return;
    }
    let stage = Stage::new();
    let mut running = stage.start();
    let denied = running.callback("error=access_denied");
    // The attacker approved with an account of their own.
    let approved = running.approve().await;
    for path in [&approved, &denied] {
        let answer = ask_as_nobody(&running, path).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains("another user of the machine"), "{answer}");
    }
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_callback_of_a_trusted_user_is_taken() {
    if !can_be_nobody() {
        return;
    }
    let stage = Stage::new();
    let mut options = stage.options.clone();
    options.trusted_users = vec![NOBODY];
    let mut running = stage.start_with(options);
    let approved = running.approve().await;
    let answer = ask_as_nobody(&running, &approved).await;
    assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
    running.end().await.unwrap();
}

#[tokio::test]
async fn beside_thousands_of_idle_connections_of_another_user_the_callback_completes() {
    // On each of two families, almost as many as a backlog holds.
    const EACH: usize = 4000;
    if !can_be_nobody() {
        return;
    }
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    // Blocking from here on, so that the server has seen none of them when the person comes.
    let script = format!(
        "use Socket; $| = 1; for my $i (1..{EACH}) {{\
           for ([AF_INET, pack_sockaddr_in({port}, INADDR_LOOPBACK)],\
                [AF_INET6, Socket::pack_sockaddr_in6({port}, Socket::IN6ADDR_LOOPBACK)]) {{\
             my $s; socket($s, $_->[0], SOCK_STREAM, 0) && connect($s, $_->[1]) && push @s, $s;\
         }} }} print scalar(@s), \"\\n\"; sleep",
        port = running.port
    );
    let flood = Command::new("perl")
        .args(["-e", &script])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut flood) = flood else {
        return; // A machine without perl.
    };
    let mut count = String::new();
    let stdout = flood.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut count).unwrap();
    let count: usize = count.trim().parse().unwrap();
    assert!(count >= EACH, "the backlog was full: {count}");
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
    flood.kill().unwrap();
    flood.wait().unwrap();
}
