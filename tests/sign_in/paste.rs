//! Paste-back beside the callback: what the person landed on, handed in by hand.

use codex_onboarding::ErrorKind;
use codex_onboarding::demo::Profile;

use super::support::*;
use crate::issuer::{Gate, Route};

/// A callback as its code and state.
fn code_of(callback: &str) -> String {
    let url = url::Url::parse(&format!("http://localhost{callback}")).unwrap();
    parameter(&url, "code").unwrap()
}

#[tokio::test]
async fn every_form_of_a_pasted_callback_signs_in() {
    let stage = Stage::new();
    for form in [
        "{url}",
        "  \"{url}\"\r\n",
        "<{url}>",
        "https://elsewhere.example:8443/any/path?code={code}&state={state}",
        "code={code}&state={state}",
        "?state={state}&code={code}&scope=openid",
        "{code}#{state}",
        "Location: {wrapped}",
        "[the page]({url}).",
        "{html}",
    ] {
        let mut running = stage.start();
        let callback = running.approve().await;
        let url = running.url(&callback);
        let (head, tail) = url.split_at(60);
        let text = form
            .replace("{url}", &url)
            .replace("{html}", &url.replace('&', "&amp;"))
            .replace("{wrapped}", &format!("{head}\n   {tail}"))
            .replace("{code}", &code_of(&callback))
            .replace("{state}", &running.state);
        running.sign_in.submit(&text).unwrap();
        let account = running.end().await.unwrap();
        assert_eq!(account.email.as_deref(), Some("demo@example.com"), "{form}");
        assert!(stage.saved().is_some(), "{form}");
        std::fs::remove_file(stage.file()).unwrap();
    }
}

#[tokio::test]
async fn what_is_no_callback_of_this_attempt_is_explained_and_costs_nothing() {
    let stage = Stage::new();
    let mut running = stage.start();
    let older = stage.start();
    let of_older = older.url(&older.approve().await);
    let ours = running.state.clone();
    let flipped: String = ours.chars().rev().collect();
    let open_this = "that is the link to open: paste the address you land on afterwards";
    let another = "belongs to an older link or to another sign-in";
    let short = running.sign_in.link().short_url.clone().unwrap();
    for (text, says) in [
        (of_older, another),
        (format!("code=x&state={flipped}"), another),
        (format!("x#{flipped}"), another),
        (format!("code=x&state={}", &ours[1..]), another),
        (format!("error=access_denied&state={flipped}"), another),
        (running.link.clone(), open_this),
        (older.link.clone(), open_this),
        (short, open_this),
        ("code=x".to_owned(), "The state is missing"),
        ("just-a-code".to_owned(), "The state is missing"),
        (format!("state={ours}"), "The code is missing"),
        (format!("#{ours}"), "The code is missing"),
        (
            format!("code=a&code=b&state={ours}"),
            "more than once: paste the address once",
        ),
        (
            format!("code=a&state={ours}&state={ours}"),
            "more than once: paste the address once",
        ),
        (
            "https://example.com/".to_owned(),
            "does not hold the answer to this sign-in",
        ),
        (
            format!("{{\"code\": \"x\", \"state\": \"{ours}\"}}"),
            "cannot be read, although the state is in it",
        ),
        (
            format!("code=x&state=really:{ours}"),
            "cannot be read, although the state is in it",
        ),
        (
            format!("ftp://localhost/?code=x&state={ours}"),
            "cannot be read, although the state is in it",
        ),
        (
            "http://localhost:1455/success?page=x".to_owned(),
            "another program received that callback",
        ),
        (" \n\t ".to_owned(), "Nothing to read"),
        (
            format!("code={}&state={ours}", "x".repeat(8 * 1024)),
            "longer than 8 KiB",
        ),
    ] {
        let error = running.sign_in.submit(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
        assert!(error.message().contains(says), "{text}: {error}");
        // Nothing of what was pasted comes back: it may hold somebody's code.
        assert!(!error.message().contains(&ours), "{error}");
    }
    running.still_completes(&stage).await;
}

#[tokio::test]
async fn a_pasted_error_redirect_is_taken_as_in_the_callback() {
    let stage = Stage::new();
    let mut running = stage.start();
    let denied = stage.person.deny(&running.link).await.unwrap();
    running.sign_in.submit(denied.as_str()).unwrap();
    let error = running.end().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.message(), "The sign-in was denied");
    assert!(running.rest().await.is_empty());

    let stage =
        Stage::with(Profile::default().refusal("temporarily_unavailable", "come \u{7}back"));
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    let error = running.end().await.unwrap_err();
    assert_eq!(
        error.message(),
        "The issuer refused the sign-in: temporarily_unavailable: come back"
    );
    assert_eq!(stage.token_requests(), 0);
    stage.assert_untouched();
}

/// An attempt whose pasted callback, which is returned, is being exchanged.
async fn exchanging(stage: &Stage) -> (Running, String, Gate) {
    let running = stage.start();
    let callback = running.approve().await;
    let gate = stage.issuer.hold(Route::Token);
    running.paste(&callback);
    within(gate.arrived()).await;
    (running, callback, gate)
}

#[tokio::test]
async fn a_paste_and_the_browser_with_the_same_code_are_one_sign_in() {
    let stage = Stage::new();
    let (mut running, callback, gate) = exchanging(&stage).await;
    let (joined, ()) = tokio::join!(running.get(&callback), async {
        // Asked after the callback, answered before it: that one waits.
        let conflict = running.get(&running.callback("code=another")).await;
        assert_eq!(conflict.status, 409);
        gate.release();
    });
    assert_eq!(joined.status, 302);
    running.end().await.unwrap();
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_second_paste_while_the_first_is_exchanged_or_after_the_end_changes_nothing() {
    let stage = Stage::new();
    let (mut running, callback, gate) = exchanging(&stage).await;
    let other = running.callback("code=another");
    let denial = running.callback("error=access_denied");
    for path in [&other, &denial, &callback] {
        running.paste(path);
    }
    gate.release();
    assert_eq!(names(&running.rest().await), ["Exchanging", "Completed"]);
    running.paste(&other);
    assert!(running.rest().await.is_empty());
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test]
async fn a_pasted_code_that_is_refused_ends_the_attempt_as_the_callback_does() {
    let stage = Stage::new();
    let mut running = stage.start();
    running.paste(&running.callback("code=made-up"));
    let error = running.end().await.unwrap_err();
    assert_eq!(error.message(), "Token exchange failed");
    assert!(error.causes()[0].contains("invalid_grant"), "{error:?}");
    stage.assert_untouched();
}

#[tokio::test]
async fn the_issuers_suffix_on_a_pasted_state_is_accepted() {
    let suffix = ".onboarding_entrypoint=life_sciences";
    let stage = Stage::with(Profile::default().state_suffix(suffix));
    let mut running = stage.start();
    let callback = running.approve().await;
    running.paste(&callback);
    running.end().await.unwrap();
}
