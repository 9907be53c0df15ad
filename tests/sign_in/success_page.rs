//! The last page of a sign-in: `/success`.

use codex_onboarding::demo::Profile;

use super::support::*;

#[tokio::test]
async fn the_success_page_is_404_before_the_end_and_after_a_failure_there_is_none() {
    let stage = Stage::new();
    let mut running = stage.start();
    let before = running.get("/success?needs_setup=false").await;
    before.assert_says(404, "Endpoint not supported");
    running.still_completes(&stage).await;
    // Rendered from what the server knows, not from its query.
    let page = running
        .get("/success?needs_setup=true&plan_type=%3Cscript%3E")
        .await;
    page.assert_says(200, "You may now close this page");
    assert!(!page.body.contains("<script"));
}

#[tokio::test]
async fn setup_still_needed_is_a_countdown_to_the_issuers_platform_with_a_plain_link() {
    let stage = Stage::with(Profile::default().plan("pro").needs_setup());
    let mut running = stage.start();
    let reply = running.get(&running.approve().await).await;
    running.end().await.unwrap();
    let id_token = stage.saved().unwrap()["tokens"]["id_token"].clone();
    let location = reply.header("location");
    assert!(
        location.starts_with("/success?needs_setup=true&"),
        "{location}"
    );
    assert!(
        location.len() < 200 && !location.contains("http"),
        "{location}"
    );
    let page = running.get(location).await;
    page.assert_says(200, "Finish setting up your API organization");
    page.assert_says(200, "Add a payment method to use your organization.");
    page.assert_says(200, "Redirecting in 3s…");
    let setup = format!("href=\"{}/org-setup?p=pro&t=", stage.issuer.url());
    let html = unescaped(&page.body);
    assert!(html.contains(&setup), "{html}");
    assert!(html.contains(&format!("t={}&", id_token.as_str().unwrap())));
    assert!(html.contains("with_org=org-demo") && html.contains("project_id=proj-demo"));
}

#[tokio::test]
async fn who_was_not_redirected_learns_nothing_and_does_not_use_the_page_up() {
    let stage = Stage::with(Profile::default().needs_setup());
    let mut running = stage.start();
    let reply = running.get(&running.approve().await).await;
    running.end().await.unwrap();
    let location = reply.header("location");
    let id_token = stage.saved().unwrap()["tokens"]["id_token"].clone();
    let id_token = id_token.as_str().unwrap();
    let personal = [id_token, "org-demo", "proj-demo", "plus"];
    let (path, _) = location.split_once("&page=").unwrap();
    for other in [
        "/success",
        path,
        &format!("{path}&page="),
        &format!("{location}A"),
    ] {
        let page = running.get(other).await;
        page.assert_says(200, "Finish setting up your API organization");
        for word in personal {
            assert!(!page.body.contains(word), "{word} for {other}");
        }
    }
    let page = running.get(location).await;
    for word in personal {
        assert!(page.body.contains(word), "{word}");
    }
}

/// The server waits for the browser that was redirected, whoever else asks for the page.
#[tokio::test]
async fn a_success_page_without_the_key_does_not_end_the_wait_for_the_browser() {
    let stage = Stage::new();
    let mut running = stage.start();
    let reply = running.get(&running.approve().await).await;
    running.end().await.unwrap();
    for _ in 0..3 {
        let page = running.get("/success?needs_setup=false&page=guessed").await;
        page.assert_says(200, "You may now close this page");
    }
    let page = running.get(reply.header("location")).await;
    page.assert_says(200, "You may now close this page");
    within(running.sign_in.finish()).await;
}
