//! The headers of every answer, and the order of the checks of a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codex_onboarding::demo::Profile;
use sha2::{Digest as _, Sha256};

use super::support::*;

#[track_caller]
fn assert_is_hardened(reply: &Reply, what: &str) {
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("connection", "close"),
    ] {
        assert_eq!(reply.header(name), value, "{name} of {what}");
    }
    let policy = reply.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{part} of {what}: {policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    // Nothing that tells a scanner what listens here, or lets a page read the answer.
    for name in ["server", "access-control-allow-origin", "set-cookie"] {
        assert_eq!(reply.header(name), "", "{name} of {what}");
    }
}

/// Inline style and script must be the ones whose hashes the policy names.
#[track_caller]
fn assert_policy_fits(reply: &Reply) {
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    let policy = reply.header("content-security-policy");
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let inline = reply.body.split_once(&format!("<{tag}>"));
        let Some((content, _)) = inline.and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")))
        else {
            assert!(!policy.contains(directive), "{policy}");
            continue;
        };
        let hash = STANDARD.encode(Sha256::digest(content));
        assert!(
            policy.contains(&format!("{directive} 'sha256-{hash}'")),
            "{policy}"
        );
    }
    for forbidden in [
        " style=",
        " onclick",
        " onerror",
        "<link rel=\"stylesheet",
        "src=\"http",
    ] {
        assert!(
            !reply.body.contains(forbidden),
            "{forbidden} in {}",
            reply.body
        );
    }
}

#[tokio::test]
async fn every_routed_answer_is_hardened_and_every_page_passes_its_own_policy() {
    let stage = Stage::with(Profile::default().needs_setup());
    let mut running = stage.start();
    let short = running.sign_in.link().short_url.clone().unwrap();
    let short = short.rsplit_once('/').unwrap().1.to_owned();
    let port = running.port;
    let right = format!("Host: localhost:{port}\r\n");
    let callback = running.approve().await;
    for (what, head) in [
        ("no host", "GET / HTTP/1.1\r\n".to_owned()),
        (
            "foreign host",
            "GET / HTTP/1.1\r\nHost: evil.example\r\n".to_owned(),
        ),
        ("page", format!("GET / HTTP/1.1\r\n{right}Origin: null\r\n")),
        ("path", format!("GET /x HTTP/1.1\r\n{right}")),
        ("method", format!("POST /auth/callback HTTP/1.1\r\n{right}")),
        ("state", format!("GET /auth/callback HTTP/1.1\r\n{right}")),
        (
            "code",
            format!(
                "GET /auth/callback?state={} HTTP/1.1\r\n{right}",
                running.state
            ),
        ),
        (
            "short link",
            format!("GET /login/{short} HTTP/1.1\r\n{right}"),
        ),
        ("unknown link", format!("GET /login/x HTTP/1.1\r\n{right}")),
        ("early success", format!("GET /success HTTP/1.1\r\n{right}")),
        ("callback", format!("GET {callback} HTTP/1.1\r\n{right}")),
        (
            "late code",
            format!("GET {} HTTP/1.1\r\n{right}", running.callback("code=late")),
        ),
        ("success", format!("GET /success HTTP/1.1\r\n{right}")),
    ] {
        let reply = running.send(format!("{head}\r\n")).await;
        assert_is_hardened(&reply, what);
        if reply.body.starts_with("<!") {
            assert_policy_fits(&reply);
        } else {
            assert!(
                matches!(reply.status, 302 | 404 | 405 | 421),
                "{what}: {}",
                reply.status
            );
        }
    }
    running.end().await.unwrap();
}

#[tokio::test]
async fn checks_come_in_the_order_of_the_contract() {
    let stage = Stage::new();
    let mut running = stage.start();
    let port = running.port;
    let foreign = "Host: evil.example\r\n";
    let right = format!("Host: localhost:{port}\r\n");
    let origin = "Origin: https://evil.example\r\n";
    let ours = running.state.clone();
    for (status, method, path, headers) in [
        // Each fails this check and all that come later.
        (400, "POST", "/cancel", origin.to_owned()),
        (400, "POST", "/cancel", format!("{right}{right}{origin}")),
        (421, "POST", "/cancel", format!("{foreign}{origin}")),
        (403, "POST", "/cancel", format!("{right}{origin}")),
        (404, "POST", "/cancel", right.clone()),
        (
            405,
            "POST",
            "/auth/callback?error=access_denied",
            right.clone(),
        ),
        (
            400,
            "GET",
            "/auth/callback?error=access_denied&code=x",
            right.clone(),
        ),
    ] {
        let reply = running
            .send(format!("{method} {path} HTTP/1.1\r\n{headers}\r\n"))
            .await;
        assert_eq!(reply.status, status, "{method} {path} {headers}");
    }
    let error_and_code = format!("/auth/callback?state={ours}&error=access_denied&code=");
    assert_eq!(running.get(&error_and_code).await.status, 403);
    running.end().await.unwrap_err();
}

#[tokio::test]
async fn no_token_and_no_code_ever_stands_in_a_url_of_ours() {
    let stage = Stage::with(Profile::default().needs_setup());
    let mut running = stage.start();
    let callback = running.approve().await;
    let reply = running.get(&callback).await;
    running.end().await.unwrap();
    let tokens = stage.saved().unwrap()["tokens"].clone();
    let link = running.sign_in.link();
    let mut urls = vec![
        reply.header("location").to_owned(),
        link.authorization_url.clone(),
    ];
    urls.extend(link.short_url.clone());
    for name in ["id_token", "access_token", "refresh_token"] {
        let token = tokens[name].as_str().unwrap();
        assert!(
            !urls.iter().any(|url| url.contains(token)),
            "{name} in {urls:?}"
        );
    }
    assert!(!reply.header("location").contains("code="));
    assert!(!reply.header("location").contains(&running.state));
}
