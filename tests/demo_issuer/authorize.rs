//! The authorization endpoint and its consent page.

use codex_onboarding::demo::Profile;

use crate::issuer::Route;
use crate::support::{Client, REDIRECT_URI, assert_is_page};
use crate::tokens::parameter;

#[tokio::test]
async fn approving_leads_back_with_a_code_and_the_state() {
    let client = Client::new();
    let callback = client.person.approve(&client.link(&[])).await.unwrap();
    assert!(callback.as_str().starts_with(REDIRECT_URI));
    assert_eq!(parameter(&callback, "state").unwrap(), "the-state");
    assert!(parameter(&callback, "code").unwrap().len() > 40);
    assert_eq!(parameter(&callback, "error"), None);
}

#[tokio::test]
async fn denying_leads_back_with_access_denied_and_the_state() {
    let client = Client::new();
    let callback = client.person.deny(&client.link(&[])).await.unwrap();
    assert_eq!(parameter(&callback, "error").unwrap(), "access_denied");
    assert!(parameter(&callback, "error_description").is_some());
    assert_eq!(parameter(&callback, "state").unwrap(), "the-state");
    assert_eq!(parameter(&callback, "code"), None);
}

#[tokio::test]
async fn the_consent_page_says_who_what_and_that_it_is_a_demo() {
    let client = Client::with(Profile::default().email("<b>ada@example.com"));
    let page = client.person.open(&client.link(&[])).await.unwrap();
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
    let client = Client::new();
    for change in [
        ("client_id", "app_other"),
        ("client_id", ""),
        ("redirect_uri", "http://localhost:1455/other"),
        ("redirect_uri", "https://evil.example/auth/callback"),
        ("redirect_uri", "http://127.0.0.1:1455/auth/callback"),
        ("redirect_uri", ""),
    ] {
        let page = client.person.open(&client.link(&[change])).await.unwrap();
        assert_eq!(page.status, 400, "{change:?}");
        assert_eq!(page.location(), None);
        assert_is_page(&page);
    }
    let doubled = format!("{}&state=other", client.link(&[]));
    assert_eq!(client.person.open(&doubled).await.unwrap().status, 400);
}

#[tokio::test]
async fn every_other_mistake_goes_back_to_the_client() {
    let client = Client::new();
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
        let callback = client
            .person
            .approve(&client.link(&[change]))
            .await
            .unwrap();
        assert_eq!(
            parameter(&callback, "error").as_deref(),
            Some(error),
            "{change:?}"
        );
        assert_eq!(parameter(&callback, "code"), None);
    }
    assert_eq!(client.issuer.count(Route::Decision), 0);
}

#[tokio::test]
async fn an_account_outside_the_allowed_workspaces_is_refused() {
    let client = Client::new();
    let link = client.link(&[("allowed_workspace_id", "acct-other,acct-third")]);
    let callback = client.person.approve(&link).await.unwrap();
    assert_eq!(parameter(&callback, "error").unwrap(), "access_denied");

    let link = client.link(&[("allowed_workspace_id", "acct-other,acct-demo")]);
    let callback = client.person.approve(&link).await.unwrap();
    assert!(parameter(&callback, "code").is_some());
}

#[tokio::test]
async fn a_profile_can_refuse_by_itself_and_mark_the_state() {
    let profile = Profile::default()
        .refusal("access_denied", "missing_codex_entitlement")
        .state_suffix(".onboarding_entrypoint=life_sciences");
    let client = Client::with(profile);
    let callback = client.person.approve(&client.link(&[])).await.unwrap();
    assert_eq!(
        parameter(&callback, "error_description").unwrap(),
        "missing_codex_entitlement"
    );
    assert_eq!(
        parameter(&callback, "state").unwrap(),
        "the-state.onboarding_entrypoint=life_sciences"
    );
}

#[tokio::test]
async fn a_consent_page_works_once_and_cannot_be_guessed() {
    let client = Client::new();
    let page = client.person.open(&client.link(&[])).await.unwrap();
    let (_, rest) = page.body.split_once(r#"name="form" value=""#).unwrap();
    let (form, _) = rest.split_once('"').unwrap();
    let url = format!("{}/oauth/authorize/decision", client.issuer.url());
    let mut statuses = Vec::new();
    for form in ["guess", "", form, form] {
        let pairs = [("form", form), ("decision", "approve")];
        let answer = client.http.post(&url).form(&pairs).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [400, 400, 303, 400]);
}

#[tokio::test]
async fn a_foreign_host_name_gets_nothing() {
    let client = Client::new();
    let request = client
        .http
        .get(client.link(&[]))
        .header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status(), 421);
    // Before it is kept, so that no web page and no stranger fills the memory.
    assert!(client.issuer.requests().is_empty());
}
