//! What an answer means is the same for every request (spec, section 5).

use codex_onboarding::auth::{Revocation, Save, sign_out};
use codex_onboarding::demo::PERSONAL_ACCESS_TOKEN;
use codex_onboarding::{Error, ErrorKind};

use super::support::*;
use crate::issuer::{Fault, Route};

const PAGE: &str = "<!DOCTYPE html><title>Just a moment...</title>";

/// Refreshes, asks for a token's owner, and signs out, each time with this answer.
async fn errors_of(status: u16, body: &str) -> [Error; 3] {
    let stage = Stage::due();
    let answer = || Fault::Status(status, body.to_owned());
    let before = stage.home.json();
    stage.issuer.fault(Route::Token, answer());
    let refresh = stage.home.session().bearer().await.unwrap_err();
    let options = &stage.home.options;
    let store = &options.store;
    stage.issuer.fault(Route::WhoAmI, answer());
    let token = PERSONAL_ACCESS_TOKEN.into();
    let save = Save::access_token(store, &options.issuer, &[], &token);
    let whoami = save.await.err().unwrap();
    assert_eq!(stage.home.json(), before);
    stage.issuer.fault(Route::Revoke, answer());
    let left = sign_out(store, Some(&options.issuer)).await;
    let Revocation::Failed(revoke) = left.unwrap().revocation else {
        panic!("{status}: the issuer did not end the session");
    };
    [refresh, whoami, revoke]
}

#[tokio::test]
async fn a_page_in_between_is_never_the_issuers_answer_whatever_its_status() {
    for status in [200, 302, 400, 401, 403, 404, 502, 511] {
        for error in errors_of(status, PAGE).await {
            let said = error.in_full();
            assert_eq!(error.kind(), ErrorKind::Network, "{said}");
            assert!(said.contains("Something in between answered"), "{said}");
            assert!(!said.contains("sign in again"), "{said}");
            let hint = error.hint().unwrap().to_lowercase();
            assert!(
                hint.contains("proxy") && !hint.contains("try again"),
                "{hint}"
            );
        }
    }
}

#[tokio::test]
async fn a_reason_that_lasts_is_said_as_one_by_every_request() {
    for (status, body, why) in [
        (
            403,
            r#"{"error":{"code":"unsupported_country_region_territory"}}"#,
            "does not serve the place",
        ),
        (
            401,
            r#"{"error":{"code":"account_deactivated"}}"#,
            "was deactivated",
        ),
        (
            400,
            r#"{"error":"invalid_grant","error_description":"missing_codex_entitlement"}"#,
            "not enabled for your workspace",
        ),
    ] {
        for error in errors_of(status, body).await {
            let said = error.in_full();
            assert_eq!(error.kind(), ErrorKind::Denied, "{said}");
            assert!(said.contains(why), "{said}");
            let hint = error.hint().unwrap();
            assert!(!format!("{said}{hint}").contains("again"), "{said}: {hint}");
        }
    }
}
