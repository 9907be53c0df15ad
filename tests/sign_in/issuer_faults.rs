//! An issuer that misbehaves, one row a fault (threats 8 to 10): what the person sees,
//! how long it takes, that nothing is saved or told, and that the next attempt works.

use std::time::{Duration, Instant};

use codex_onboarding::auth::Timeouts;
use codex_onboarding::sign_in::Status;
use codex_onboarding::{Error, ErrorKind};
use serde_json::{Value, json};

use super::support::*;
use crate::bomb::gzip_bomb;
use crate::issuer::{Fault, HOSTILE_TEXT, Route};

fn timeouts() -> Timeouts {
    let mut timeouts = Timeouts::default();
    timeouts.connect = Duration::from_secs(2);
    timeouts.request = Duration::from_secs(2);
    timeouts
}

/// The timeouts and a few times the work, on a machine that has other things to do.
const AT_MOST: Duration = Duration::from_secs(15);

const NOT_JSON: &str = "is not JSON";
const PROXY: &str = "check the proxy";
const REGION: &str = r#"{"error":{"code":"unsupported_country_region_territory"}}"#;
const AGAIN: &str = "Try again";
const MINUTES: &str = "few minutes";

/// A fault, and the error that the person reads: kind, cause, hint.
type Row = (&'static str, Fault, ErrorKind, &'static str, &'static str);

/// Faults that any endpoint can have.
fn transport(issuer: &str) -> Vec<Row> {
    let mut rows = of_the_connection();
    rows.extend(of_http());
    rows.extend(of_others(issuer));
    rows
}

fn of_the_connection() -> Vec<Row> {
    use ErrorKind::{Network, Timeout};
    vec![
        (
            "hang",
            Fault::Hang,
            Timeout,
            "HTTP: 127.0.0.1 did not answer in full within 2s",
            AGAIN,
        ),
        (
            "late",
            Fault::Delay(Duration::from_mins(1)),
            Timeout,
            "within 2s",
            AGAIN,
        ),
        (
            "drip",
            Fault::Drip(Duration::from_millis(30)),
            Timeout,
            "within 2s",
            AGAIN,
        ),
        (
            "reset",
            Fault::Reset,
            Network,
            "HTTP: lost the connection to 127.0.0.1",
            AGAIN,
        ),
        (
            "closed",
            Fault::CloseEarly,
            Network,
            "HTTP: lost the connection to 127.0.0.1",
            AGAIN,
        ),
        (
            "half",
            Fault::HalfBody,
            Network,
            "HTTP: lost the connection to 127.0.0.1",
            AGAIN,
        ),
        (
            "huge head",
            Fault::HugeHead,
            Network,
            "HTTP: lost the connection to 127.0.0.1",
            AGAIN,
        ),
    ]
}

fn of_http() -> Vec<Row> {
    use ErrorKind::Issuer;
    vec![
        (
            "huge",
            Fault::Huge,
            Issuer,
            "answer is larger than 1 MiB",
            PROXY,
        ),
        ("bomb", Fault::Gzip(gzip_bomb()), Issuer, NOT_JSON, PROXY),
        ("garbage", Fault::Garbage, Issuer, NOT_JSON, PROXY),
        (
            "empty",
            Fault::Status(200, String::new()),
            Issuer,
            NOT_JSON,
            PROXY,
        ),
        (
            "busy",
            Fault::Status(503, "{}".to_owned()),
            Issuer,
            "HTTP 503",
            MINUTES,
        ),
        (
            "hostile text",
            Fault::HostileText,
            Issuer,
            "HTTP 400: <script>",
            AGAIN,
        ),
        (
            "other error shape",
            Fault::Status(
                500,
                r#"{"error":{"code":"oops","message":"sorry"}}"#.to_owned(),
            ),
            Issuer,
            "HTTP 500: oops: sorry",
            MINUTES,
        ),
        (
            "an error of no shape",
            Fault::Status(400, "[[[]]]".to_owned()),
            Issuer,
            "HTTP 400",
            AGAIN,
        ),
    ]
}

/// Answers of something in between, and refusals that last.
fn of_others(issuer: &str) -> Vec<Row> {
    use ErrorKind::{Denied, Network};
    let elsewhere = format!("{issuer}/elsewhere");
    let page = "<html><b>502</b></html>".to_owned();
    vec![
        (
            "captive portal",
            Fault::Status(200, page.clone()),
            Network,
            "Something in between answered instead of the issuer: HTTP 200, a web page",
            PROXY,
        ),
        (
            "redirect",
            Fault::Redirect(elsewhere),
            Network,
            "HTTP 307, a redirect",
            PROXY,
        ),
        (
            "gateway",
            Fault::Status(502, page.clone()),
            Network,
            "HTTP 502, a web page",
            "has a problem",
        ),
        (
            "challenge",
            Fault::Status(403, page),
            Network,
            "HTTP 403, a web page",
            PROXY,
        ),
        (
            "network's sign-in",
            Fault::Status(511, String::new()),
            Network,
            "HTTP 511, the network's own sign-in",
            PROXY,
        ),
        (
            "region",
            Fault::Status(403, REGION.to_owned()),
            Denied,
            "does not serve the place that this program's requests come from",
            "VPN",
        ),
        (
            "deactivated",
            Fault::Status(
                403,
                r#"{"error":{"code":"account_deactivated"}}"#.to_owned(),
            ),
            Denied,
            "was deactivated",
            "administrator",
        ),
    ]
}

/// Faults of a token answer.
fn of_tokens() -> Vec<Row> {
    use ErrorKind::Issuer;
    let set =
        |name: &'static str, value: Value| Fault::rewrite(move |body| body[name] = value.clone());
    let array = || Fault::rewrite(|body| *body = json!([body.clone()]));
    vec![
        (
            "too many",
            Fault::Status(429, "{}".to_owned()),
            Issuer,
            "HTTP 429",
            "Too many attempts",
        ),
        (
            "denied",
            Fault::Status(403, r#"{"error":"access_denied"}"#.to_owned()),
            ErrorKind::Denied,
            "HTTP 403: access_denied",
            AGAIN,
        ),
        (
            "types",
            Fault::WrongTypes,
            Issuer,
            "lacks id_token",
            MINUTES,
        ),
        (
            "no id token",
            Fault::MissingField("id_token".to_owned()),
            Issuer,
            "lacks id_token",
            MINUTES,
        ),
        (
            "no access token",
            Fault::MissingField("access_token".to_owned()),
            Issuer,
            "lacks access_token",
            MINUTES,
        ),
        (
            "no refresh token",
            Fault::MissingField("refresh_token".to_owned()),
            Issuer,
            "lacks refresh_token",
            MINUTES,
        ),
        (
            "empty token",
            set("access_token", json!("")),
            Issuer,
            "lacks access_token",
            MINUTES,
        ),
        (
            "null token",
            set("refresh_token", json!(null)),
            Issuer,
            "lacks refresh_token",
            MINUTES,
        ),
        (
            "no JWT",
            set("id_token", json!("not.a-jwt")),
            Issuer,
            "id token is not a JWT",
            MINUTES,
        ),
        (
            "hostile token",
            set("id_token", json!(HOSTILE_TEXT)),
            Issuer,
            "id token is not a JWT",
            MINUTES,
        ),
        ("array", array(), Issuer, "lacks id_token", MINUTES),
        (
            "number",
            Fault::Status(200, "42".to_owned()),
            Issuer,
            "lacks id_token",
            MINUTES,
        ),
        (
            "deep",
            Fault::Status(200, "[".repeat(100_000)),
            Issuer,
            NOT_JSON,
            PROXY,
        ),
    ]
}

fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.options.issuer = stage.options.issuer.with_timeouts(timeouts());
    stage
}

/// Returns all texts of an error that a person may see.
pub fn words(error: &Error) -> String {
    let hint = error.hint().unwrap_or_default();
    format!(
        "{}\n{}\n{hint}\n{error:?}",
        error.message(),
        error.causes().join("\n")
    )
}

/// Asserts that nothing moves the cursor and that no secret is shown.
#[track_caller]
pub fn assert_clean(text: &str, secrets: &[&str], what: &str) {
    let moves = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
    };
    assert!(!text.contains(moves), "{what}: {text:?}");
    // JWTs and refresh tokens begin so, also when an answer is quoted.
    for secret in secrets.iter().chain(&["eyJ", "rt-demo", "code="]) {
        assert!(!text.contains(secret), "{what} tells {secret}: {text}");
    }
}

/// Asserts that a fault which began at this time was explained soon, as its row says.
#[track_caller]
fn assert_explained(
    error: &Error,
    kind: ErrorKind,
    cause: &str,
    hint: &str,
    (what, began): (&str, Instant),
) {
    let took = began.elapsed();
    assert!(took < AT_MOST, "{what}: {took:?}");
    assert_eq!(error.kind(), kind, "{what}: {error:?}");
    assert!(words(error).contains(cause), "{what}: {error:?}");
    let hints = error.hint().unwrap();
    assert!(hints.contains(hint), "{what}: {hints}");
}

#[tokio::test]
async fn whatever_the_token_endpoint_does_is_explained_in_time_and_saves_nothing() {
    let stage = stage();
    for (what, fault, kind, cause, hint) in
        transport(stage.issuer.url()).into_iter().chain(of_tokens())
    {
        let mut running = stage.start();
        let callback = running.approve().await;
        let before = stage.issuer.requests().len();
        stage.issuer.fault(Route::Token, fault);
        let started = Instant::now();
        let page = running.get(&callback).await;
        let error = running.end().await.unwrap_err();
        assert_explained(&error, kind, cause, hint, (what, started));
        assert_eq!(error.message(), "Token exchange failed", "{what}");
        page.assert_says(500, "Token exchange failed");
        let html = unescaped(&page.body);
        assert!(html.contains(&error.causes()[0]), "{what}: {html}");
        // Asked once, and nobody else was asked: not again, and not where a redirect points.
        // A session that came all the same is ended.
        let mut requests = stage.issuer.requests().split_off(before);
        requests.retain(|request| request.route != Route::Revoke);
        assert_eq!(requests.len(), 1, "{what}");
        let verifier = requests[0].param("code_verifier").unwrap();
        let code = requests[0].param("code").unwrap();
        let secrets = [verifier, code, running.state.as_str()];
        assert_clean(&words(&error), &secrets, what);
        assert_clean(&html.replace('\r', ""), &secrets, what);
        for cause in error.causes() {
            assert!(cause.chars().count() <= 300, "{what}: {cause}");
        }
        stage.assert_untouched();
    }
    // And the next attempt works.
    let mut running = stage.start();
    let callback = running.approve().await;
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
    assert!(stage.saved().is_some());
}

#[tokio::test]
async fn whatever_the_device_endpoint_does_is_explained_and_the_other_ways_stay_open() {
    let stage = stage();
    let mut running = stage.start();
    for (what, fault, kind, cause, hint) in transport(stage.issuer.url()) {
        stage.issuer.fault(Route::UserCode, fault);
        let started = Instant::now();
        running.sign_in.request_device_code();
        let error = match running.next().await {
            Some(Status::DeviceCodeFailed(error)) => error,
            other => panic!("{what}: {other:?}"),
        };
        assert_explained(&error, kind, cause, hint, (what, started));
        assert_clean(&words(&error), &[&running.state], what);
    }
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn an_answer_that_is_late_or_mislabelled_but_true_is_taken() {
    for fault in [
        Fault::Delay(Duration::from_millis(50)),
        Fault::Mislabelled,
        Fault::rewrite(|body| body["unknown"] = json!({"a": [HOSTILE_TEXT]})),
    ] {
        let stage = stage();
        stage.issuer.fault(Route::Token, fault);
        let mut running = stage.start();
        let callback = running.approve().await;
        assert_eq!(running.get(&callback).await.status, 302);
        running.end().await.unwrap();
    }
}

#[tokio::test]
async fn an_issuer_that_is_gone_is_named_with_its_hop() {
    for (url, says) in [
        // Bound and closed again: nobody listens.
        (None, "Connect: could not connect to 127.0.0.1"),
        (
            Some("https://no-such-host.invalid"),
            "DNS: could not find no-such-host.invalid",
        ),
    ] {
        let stage = stage();
        let gone = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let url = url.map_or_else(gone, str::to_owned);
        let mut options = stage.options.clone();
        options.issuer = client(&url);
        let mut running = stage.start_with(options);
        let callback = running.callback("code=secret-code");
        let reply = running.get(&callback).await;
        let error = running.end().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Network, "{error:?}");
        assert!(error.causes()[0].contains(says), "{error:?}");
        assert!(error.hint().unwrap().contains("HTTPS_PROXY"));
        reply.assert_says(500, says);
        assert_clean(&words(&error), &["secret-code", &running.state], &url);
        stage.assert_untouched();
    }
}

/// An untrusted certificate, on a real TLS handshake.
#[tokio::test]
async fn a_certificate_failure_names_the_authorities_tried_and_the_way_out() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // It fails: that is the point.
            let _ = acceptor.accept(stream).await;
        }
    });
    let stage = stage();
    let mut options = stage.options.clone();
    options.issuer = client(&format!("https://localhost:{port}"));
    let mut running = stage.start_with(options);
    let reply = running.get(&running.callback("code=x")).await;
    let error = running.end().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    let cause = &error.causes()[0];
    assert!(
        cause.starts_with("TLS: the certificate of localhost"),
        "{cause}"
    );
    assert!(cause.contains("authorities tried:"), "{cause}");
    assert!(error.hint().unwrap().contains("CODEX_CA_CERTIFICATE"));
    reply.assert_says(500, "certificate");
    stage.assert_untouched();
}
