//! Every row of the routes table (spec, section 2).

use codex_onboarding::ErrorKind;
use codex_onboarding::demo::Profile;

use super::support::*;
use crate::issuer::{Fault, HOSTILE_TEXT, Route};

#[tokio::test]
async fn an_approval_is_exchanged_saved_and_redirected_to_a_page_without_secrets() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let reply = running.get(&callback).await;
    assert_eq!(reply.status, 302);
    let (known, key) = reply.header("location").split_once("&page=").unwrap();
    assert_eq!(
        known,
        "/success?needs_setup=false&org_id=org-demo&project_id=proj-demo&plan_type=plus"
    );
    assert!(key.len() >= 22, "{key} can be guessed");
    // On disk before the browser hears of it.
    assert_eq!(stage.saved().unwrap()["auth_mode"], "chatgpt");
    let account = running.end().await.unwrap();
    assert_eq!(account.email.as_deref(), Some("demo@example.com"));
    let page = running.get(reply.header("location")).await;
    page.assert_says(200, "Signed in to Codex CLI");
    page.assert_says(200, "You may now close this page");
}

#[tokio::test]
async fn a_state_that_is_absent_doubled_or_different_costs_nothing() {
    let stage = Stage::new();
    let mut running = stage.start();
    let ours = running.state.clone();
    let flipped: String = ours.chars().rev().collect();
    for query in [
        String::new(),
        "?".to_owned(),
        "?code=x".to_owned(),
        "?code=x&state=".to_owned(),
        format!("?code=x&state={flipped}"),
        format!("?code=x&state={ours}&state={ours}"),
        format!("?code=x&state={ours}&state=other"),
        format!("?code=x&state={ours}x"),
        format!("?code=x&state={}", &ours[1..]),
        format!("?code=x&state={ours}.onboarding_entrypoint=other"),
        format!("?code=x&State={ours}"),
        "?error=access_denied".to_owned(),
        "?error=access_denied&state=wrong".to_owned(),
    ] {
        let reply = running.get(&format!("/auth/callback{query}")).await;
        reply.assert_says(400, "State parameter mismatch");
    }
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_doubled_code_or_error_costs_nothing_and_unknown_parameters_may_repeat() {
    let stage = Stage::new();
    let mut running = stage.start();
    for query in [
        "code=a&code=b",
        "code=&code=a",
        "error=a&error=a",
        "code=a&error=a&error=",
    ] {
        let reply = running.get(&running.callback(query)).await;
        assert_eq!(reply.status, 400, "{query}");
    }
    let callback = running.approve().await + "&scope=a&scope=b&iss=x&iss=x";
    assert_eq!(stage.token_requests(), 0);
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_missing_code_is_named_and_costs_nothing_and_an_empty_error_counts_as_absent() {
    let stage = Stage::new();
    let mut running = stage.start();
    for query in ["", "code=", "error=", "code=&error=", "Code=x"] {
        let reply = running.get(&running.callback(query)).await;
        reply.assert_says(400, "Missing authorization code");
    }
    let callback = running.approve().await + "&error=";
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_denial_is_a_403_page_and_ends_the_attempt() {
    let stage = Stage::new();
    let mut running = stage.start();
    let denied = stage.person.deny(&running.link).await.unwrap();
    let reply = running.get(&path_of(&denied)).await;
    reply.assert_says(403, "Access was denied");
    let error = running.end().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(running.rest().await.is_empty());
    assert_eq!(stage.token_requests(), 0);
    stage.assert_untouched();
}

#[tokio::test]
async fn a_missing_entitlement_names_the_administrator_on_page_and_screen() {
    let stage =
        Stage::with(Profile::default().refusal("access_denied", "x missing_codex_entitlement y"));
    let mut running = stage.start();
    let callback = running.approve().await;
    let text = "Codex is not enabled for your workspace. Contact your workspace administrator \
                to request access to Codex.";
    running.get(&callback).await.assert_says(403, text);
    assert_eq!(running.end().await.unwrap_err().message(), text);
}

#[tokio::test]
async fn any_other_error_is_a_400_page_with_code_and_description_cleaned_and_escaped() {
    let stage = Stage::with(Profile::default().refusal("odd_<b>error", HOSTILE_TEXT));
    let mut running = stage.start();
    let reply = running.get(&running.approve().await).await;
    reply.assert_says(400, "We couldn't complete sign-in");
    reply.assert_says(400, "odd_&lt;b&gt;error");
    reply.assert_says(400, "start again from the terminal");
    assert!(unescaped(&reply.body).contains("<script>alert(1)</script>"));
    for tag in ["<script", "<img", "<b>"] {
        assert!(!reply.body.contains(tag), "{tag} is in {}", reply.body);
    }
    assert!(
        !reply
            .body
            .contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{200b}'])
    );
    let error = running.end().await.unwrap_err();
    let text = error.message();
    assert_eq!(error.kind(), ErrorKind::Issuer);
    assert!(
        !text.contains(|c: char| c.is_control() || c == '\u{202e}'),
        "{text:?}"
    );
    let from_outside = text.split_once("sign-in: ").unwrap().1;
    assert!(from_outside.chars().count() <= 300, "{from_outside}");
}

#[tokio::test]
async fn an_error_wins_over_a_code() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await + "&error=access_denied";
    assert_eq!(running.get(&callback).await.status, 403);
    running.end().await.unwrap_err();
    assert_eq!(stage.token_requests(), 0);
}

#[tokio::test]
async fn a_code_that_the_token_endpoint_refuses_is_a_500_page_and_ends_the_attempt() {
    let stage = Stage::new();
    let mut running = stage.start();
    let reply = running.get(&running.callback("code=made-up")).await;
    reply.assert_says(500, "Token exchange failed");
    let error = running.end().await.unwrap_err();
    assert_eq!(error.message(), "Token exchange failed");
    assert!(error.causes()[0].contains("invalid_grant"), "{error:?}");
    stage.assert_untouched();
}

#[tokio::test]
async fn the_same_callback_again_joins_the_first_before_and_after_the_end() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let (first, second, ()) = tokio::join!(running.get(&callback), running.get(&callback), async {
        gate.arrived().await;
        // A callback that does not join is answered while the exchange is held.
        assert_eq!(
            running.get(&running.callback("code=another")).await.status,
            409
        );
        gate.release();
    });
    running.end().await.unwrap();
    let third = running.get(&callback).await;
    assert_eq!(first.status, 302);
    let first = first.without_date();
    assert_eq!(first, second.without_date());
    assert_eq!(first, third.without_date());
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn another_code_or_an_error_with_the_right_state_is_a_409_that_changes_nothing() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let (winner, ()) = tokio::join!(running.get(&callback), async {
        gate.arrived().await;
        for query in ["code=another", "error=access_denied", "error=x&code=y"] {
            let reply = running.get(&running.callback(query)).await;
            reply.assert_says(409, "already being completed, or has ended");
        }
        gate.release();
    });
    assert_eq!(winner.status, 302);
    running.end().await.unwrap();
    let late = running.get(&running.callback("code=another")).await;
    assert_eq!(late.status, 409);
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn the_short_link_leads_to_the_authorization_url_until_the_end() {
    let stage = Stage::new();
    let mut running = stage.start();
    let short = running.sign_in.link().short_url.clone().unwrap();
    assert!(short.len() <= 40, "{short}");
    let path = short.split_once(&format!(":{}", running.port)).unwrap().1;
    let path = path.to_owned();
    let reply = running.get(&path).await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (302, running.link.as_str())
    );
    for other in [
        "/login/x".to_owned(),
        format!("{path}x"),
        path[..path.len() - 1].to_owned(),
    ] {
        assert_eq!(running.get(&other).await.status, 404, "{other}");
    }
    running.still_completes(&stage).await;
    assert_eq!(running.get(&path).await.status, 404);
}

#[tokio::test]
async fn known_paths_take_get_alone_and_say_so() {
    let stage = Stage::new();
    let mut running = stage.start();
    let callback = running.approve().await;
    for method in [
        "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW",
    ] {
        for path in [callback.as_str(), "/auth/callback", "/success", "/login/x"] {
            let reply = running.ask(method, path, "").await;
            assert_eq!(
                (reply.status, reply.header("allow")),
                (405, "GET"),
                "{method} {path}"
            );
        }
    }
    assert_eq!(stage.token_requests(), 0);
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
}

#[tokio::test]
async fn any_other_path_is_404_whatever_the_method() {
    let stage = Stage::new();
    let mut running = stage.start();
    for path in [
        "/",
        "/cancel",
        "/auth",
        "/auth/callback/",
        "//auth/callback",
        "/auth//callback",
        "/auth/../auth/callback",
        "/AUTH/CALLBACK",
        "/auth/callback%00",
        "/success/",
        "/login",
        "/login/",
        "/login/a/b",
        "/login/%ff",
        "/favicon.ico",
        "/.well-known/oauth",
    ] {
        for method in ["GET", "POST", "HEAD"] {
            let reply = running.ask(method, path, "").await;
            if method == "GET" {
                reply.assert_says(404, "Endpoint not supported");
            } else if path != "/login/%ff" {
                assert_eq!(reply.status, 404, "{method} {path}");
            }
        }
    }
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn the_issuers_suffix_on_the_state_is_accepted() {
    let suffix = ".onboarding_entrypoint=life_sciences";
    let stage = Stage::with(Profile::default().state_suffix(suffix));
    let mut running = stage.start();
    let callback = running.approve().await;
    assert!(callback.contains("life_sciences"));
    assert_eq!(running.get(&callback).await.status, 302);
    running.end().await.unwrap();
}

#[tokio::test]
async fn a_reload_after_a_failed_exchange_gets_the_same_page_and_no_second_request() {
    let stage = Stage::new();
    stage.issuer.fault(Route::Token, Fault::Garbage);
    let mut running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    let (first, second, ()) = tokio::join!(running.get(&callback), running.get(&callback), async {
        gate.arrived().await;
        running.get("/").await;
        gate.release();
    });
    first.assert_says(500, "Token exchange failed");
    assert_eq!(first.without_date(), second.without_date());
    running.end().await.unwrap_err();
    assert_eq!(stage.token_requests(), 1);
}
