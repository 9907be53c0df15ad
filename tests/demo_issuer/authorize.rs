//! The authorization endpoint and its consent page.

use codex_onboarding::demo::{Profile, Route};

use crate::support::{REDIRECT_URI, Stage, assert_is_page, query};

#[tokio::test]
async fn approving_leads_back_with_a_code_and_the_state() {
    let stage = Stage::new();
    let callback = stage.person.approve(&stage.link(&[])).await.unwrap();
    assert!(callback.as_str().starts_with(REDIRECT_URI));
    assert_eq!(query(&callback, "state").unwrap(), "the-state");
    assert!(query(&callback, "code").unwrap().len() > 40);
    assert_eq!(query(&callback, "error"), None);
}

#[tokio::test]
async fn denying_leads_back_with_access_denied_and_the_state() {
    let stage = Stage::new();
    let callback = stage.person.deny(&stage.link(&[])).await.unwrap();
    assert_eq!(query(&callback, "error").unwrap(), "access_denied");
    assert!(query(&callback, "error_description").is_some());
    assert_eq!(query(&callback, "state").unwrap(), "the-state");
    assert_eq!(query(&callback, "code"), None);
}

#[tokio::test]
async fn the_consent_page_says_who_what_and_that_it_is_a_demo() {
    let stage = Stage::with(Profile::default().email("<b>ada@example.com"));
    let page = stage.person.open(&stage.link(&[])).await.unwrap();
    assert_eq!(page.status, 200);
    assert_is_page(&page);
    for words in [
        "&lt;b&gt;ada@example.com",
        "Plus plan",
        "acct-demo",
        "stay signed in",
        "Approve",
        "Deny",
        "This is a demo",
        "http://localhost:1455",
    ] {
        assert!(page.body.contains(words), "{words}");
    }
    // Without its target there, Chrome blocks the redirect that answers the form.
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://localhost:1455;"));
}

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_told_to_the_person_and_redirects_nowhere() {
    let stage = Stage::new();
    for change in [
        ("client_id", "app_other"),
        ("client_id", ""),
        ("redirect_uri", "http://localhost:1455/other"),
        ("redirect_uri", "https://evil.example/auth/callback"),
        ("redirect_uri", "http://127.0.0.1:1455/auth/callback"),
        ("redirect_uri", ""),
    ] {
        let page = stage.person.open(&stage.link(&[change])).await.unwrap();
        assert_eq!(page.status, 400, "{change:?}");
        assert_eq!(page.location(), None);
        assert_is_page(&page);
    }
    let doubled = format!("{}&state=other", stage.link(&[]));
    assert_eq!(stage.person.open(&doubled).await.unwrap().status, 400);
}

#[tokio::test]
async fn every_other_mistake_goes_back_to_the_client() {
    let stage = Stage::new();
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("state", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("scope", ""), "invalid_scope"),
        (("scope", "openid admin"), "invalid_scope"),
    ] {
        let callback = stage.person.approve(&stage.link(&[change])).await.unwrap();
        assert_eq!(
            query(&callback, "error").as_deref(),
            Some(error),
            "{change:?}"
        );
        assert_eq!(query(&callback, "code"), None);
    }
    assert_eq!(stage.issuer.count(Route::Decision), 0);
}

#[tokio::test]
async fn an_account_outside_the_allowed_workspaces_is_refused() {
    let stage = Stage::new();
    let link = stage.link(&[("allowed_workspace_id", "acct-other,acct-third")]);
    let callback = stage.person.approve(&link).await.unwrap();
    assert_eq!(query(&callback, "error").unwrap(), "access_denied");

    let link = stage.link(&[("allowed_workspace_id", "acct-other,acct-demo")]);
    let callback = stage.person.approve(&link).await.unwrap();
    assert!(query(&callback, "code").is_some());
}

#[tokio::test]
async fn a_profile_can_refuse_by_itself_and_mark_the_state() {
    let profile = Profile::default()
        .refusal("access_denied", "missing_codex_entitlement")
        .state_suffix(".onboarding_entrypoint=life_sciences");
    let stage = Stage::with(profile);
    let callback = stage.person.approve(&stage.link(&[])).await.unwrap();
    assert_eq!(
        query(&callback, "error_description").unwrap(),
        "missing_codex_entitlement"
    );
    assert_eq!(
        query(&callback, "state").unwrap(),
        "the-state.onboarding_entrypoint=life_sciences"
    );
}

#[tokio::test]
async fn a_consent_page_works_once_and_cannot_be_guessed() {
    let stage = Stage::new();
    let page = stage.person.open(&stage.link(&[])).await.unwrap();
    let (_, rest) = page.body.split_once(r#"name="form" value=""#).unwrap();
    let (form, _) = rest.split_once('"').unwrap();
    let url = format!("{}/oauth/authorize/decision", stage.issuer.url());
    let mut statuses = Vec::new();
    for form in ["guess", "", form, form] {
        let pairs = [("form", form), ("decision", "approve")];
        let answer = stage.client.post(&url).form(&pairs).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [400, 400, 303, 400]);
}

#[tokio::test]
async fn a_foreign_host_name_gets_nothing() {
    let stage = Stage::new();
    let request = stage
        .client
        .get(stage.link(&[]))
        .header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status(), 421);
}
