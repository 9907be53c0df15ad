//! A taken port: an error, or a sign-in without a server. Nothing is sent to the holder.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::Pace;
use codex_onboarding::sign_in::{Port, REGISTERED_PORTS, SignIn, SignInOptions, Status};
use url::Url;

use super::support::*;

/// A port that another program holds; this test plays the program.
struct Held {
    listener: TcpListener,
    port: u16,
}

impl Held {
    fn at(address: impl std::net::ToSocketAddrs) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { listener, port }
    }

    fn new() -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0))
    }

    /// Asserts that no connection was made.
    #[track_caller]
    fn assert_untouched(&self) {
        let knocked = self.listener.accept().map_err(|error| error.kind());
        assert_eq!(knocked.unwrap_err(), io::ErrorKind::WouldBlock);
    }
}

fn with_port(stage: &Stage, port: Port) -> SignInOptions {
    let mut options = stage.options.clone();
    options.port = port;
    options
}

fn me() -> String {
    format!("(process {})", std::process::id())
}

#[tokio::test]
async fn a_port_that_was_asked_for_and_is_taken_is_an_error_that_names_the_holder() {
    let stage = Stage::new();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let held = Held::at(address);
        let options = with_port(&stage, Port::Exactly(held.port));
        let error = SignIn::start(options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PortInUse, "{address}");
        let start = format!("Port {} is in use by ", held.port);
        assert!(error.message().starts_with(&start), "{error}");
        if cfg!(target_os = "linux") {
            assert!(error.message().ends_with(&me()), "{error}");
        }
        assert!(error.hint().unwrap().contains("choose another port"));
        held.assert_untouched();
    }
    stage.assert_untouched();
}

#[tokio::test]
async fn the_second_port_stands_in_for_the_first() {
    let stage = Stage::new();
    let held = Held::new();
    let free = Held::new();
    let second = free.port;
    drop(free);
    let options = with_port(&stage, Port::Either([held.port, second]));
    let mut running = stage.start_with(options);
    assert_eq!(running.port, second);
    assert_eq!(running.sign_in.link().port_problem, None);
    let url = Url::parse(&running.link).unwrap();
    let redirect_uri = format!("http://localhost:{second}/auth/callback");
    assert_eq!(parameter(&url, "redirect_uri"), Some(redirect_uri));
    running.still_completes(&stage).await;
    held.assert_untouched();
}

#[tokio::test]
async fn with_both_ports_taken_the_paste_still_signs_in_and_the_link_says_why() {
    let stage = Stage::new();
    let held = [Held::new(), Held::at((Ipv6Addr::LOCALHOST, 0))];
    let ports = [held[0].port, held[1].port];
    let mut running = stage.start_with(with_port(&stage, Port::Either(ports)));
    let link = running.sign_in.link().clone();
    assert_eq!((link.port, link.short_url), (None, None));
    let problem = link.port_problem.unwrap();
    let start = format!("Ports {} and {} are both in use by ", ports[0], ports[1]);
    assert!(problem.starts_with(&start), "{problem}");
    if cfg!(target_os = "linux") {
        assert!(problem.ends_with(&me()), "{problem}");
    }
    // The redirect names the first, where the person lands at the holder: the issuer knows no other.
    let url = Url::parse(&link.authorization_url).unwrap();
    let redirect_uri = format!("http://localhost:{}/auth/callback", ports[0]);
    assert_eq!(parameter(&url, "redirect_uri"), Some(redirect_uri));
    let landed = stage.person.approve(&running.link).await.unwrap();
    running.sign_in.submit(landed.as_str()).unwrap();
    running.end().await.unwrap();
    assert!(stage.saved().is_some());
    // The task ends by itself, without a page to deliver.
    assert!(running.rest().await.is_empty());
    for held in held {
        held.assert_untouched();
    }
}

#[tokio::test]
async fn with_both_ports_taken_the_device_code_still_signs_in() {
    let mut stage = Stage::new();
    let mut pace = Pace::default();
    pace.at_least = std::time::Duration::from_millis(1);
    pace.at_most = std::time::Duration::from_millis(5);
    stage.options.issuer = stage.options.issuer.with_pace(pace);
    let held = [Held::new(), Held::new()];
    let ports = [held[0].port, held[1].port];
    let mut running = stage.start_with(with_port(&stage, Port::Either(ports)));
    running.sign_in.request_device_code();
    let Some(Status::DeviceCode(code)) = running.next().await else {
        panic!("no device code");
    };
    stage.person.approve_device(&code.user_code).await.unwrap();
    running.end().await.unwrap();
    for held in held {
        held.assert_untouched();
    }
}

#[tokio::test]
async fn the_listener_is_on_loopback_alone_and_on_both_families() {
    let stage = Stage::new();
    let running = stage.start();
    for address in [
        (Ipv4Addr::LOCALHOST, running.port).into(),
        std::net::SocketAddr::from((Ipv6Addr::LOCALHOST, running.port)),
    ] {
        let taken = TcpListener::bind(address).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse, "{address}");
    }
    // A wildcard would hold this one too.
    TcpListener::bind(("127.0.0.2", running.port)).unwrap();
}

#[tokio::test]
async fn a_port_is_free_again_for_the_next_attempt_at_once() {
    let stage = Stage::new();
    let mut running = stage.start();
    let port = running.port;
    let callback = running.approve().await;
    let redirect = running.get(&callback).await;
    running.get(redirect.header("location")).await;
    running.end().await.unwrap();
    within(running.sign_in.finish()).await;
    // Connections that are over linger in the system for a minute.
    let again = stage.start_with(with_port(&stage, Port::Exactly(port)));
    assert_eq!(again.port, port);
}

/// Without awaiting anything, so that the old task has had no chance to run.
#[tokio::test]
async fn a_sign_in_that_was_dropped_or_cancelled_leaves_its_port_to_the_next_at_once() {
    let stage = Stage::new();
    let first = stage.start();
    let port = first.port;
    let options = with_port(&stage, Port::Exactly(port));
    drop(first);
    for _ in 0..20 {
        drop(stage.start_with(options.clone()));
    }
    for _ in 0..20 {
        let running = stage.start_with(options.clone());
        // Asked for, though nobody waits for the answer.
        drop(running.sign_in.cancel());
        std::mem::forget(running);
    }
    drop(stage.start_with(options.clone()));
    // Nor does anybody else have to wait for it.
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
}

/// A new attempt takes the port from the listener that delivers a last page.
#[tokio::test]
async fn a_new_attempt_takes_the_port_of_one_that_still_delivers_its_last_page() {
    let stage = Stage::new();
    let mut old = stage.start();
    let port = old.port;
    let browser = old.browser();
    let redirect = old.get(&old.approve().await).await;
    old.end().await.unwrap();
    drop(old);
    assert!(browser.is_listening().await, "the last page is lost");
    let mut new = stage.start_with(with_port(&stage, Port::Either([port, 0])));
    assert_eq!(new.port, port);
    assert_eq!(new.get(redirect.header("location")).await.status, 404);
    let callback = new.approve().await;
    assert_eq!(new.get(&callback).await.status, 302);
    new.end().await.unwrap();
}

/// A port of another program is never taken over, even if a sign-in had it before.
#[tokio::test]
async fn a_port_that_another_program_took_since_is_in_use() {
    let stage = Stage::new();
    let first = stage.start();
    let port = first.port;
    drop(first);
    let held = Held::at((Ipv4Addr::LOCALHOST, port));
    let error = SignIn::start(with_port(&stage, Port::Exactly(port))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PortInUse);
    held.assert_untouched();
}

#[test]
fn outside_a_runtime_a_sign_in_is_an_error_that_says_so() {
    let home = tempfile::tempdir().unwrap();
    let store = codex_onboarding::auth::Store::new(home.path());
    let mut options = SignInOptions::new(client("http://127.0.0.1:9"), store);
    options.port = Port::Exactly(0);
    let error = SignIn::start(options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().contains("no tokio runtime"), "{error}");
}

#[test]
fn the_registered_ports_are_those_of_the_client_id() {
    assert_eq!(REGISTERED_PORTS, [1455, 1457]);
    assert_eq!(Port::default(), Port::Registered);
}
