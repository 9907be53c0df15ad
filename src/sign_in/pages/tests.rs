use super::*;
use crate::error::Error;
use crate::sign_in::completion::Failure;

const HEADING: &str = "<h1>We couldn't complete sign-in</h1>";

/// Returns the text between the only `<tag>` and its end.
fn inline<'a>(body: &'a str, tag: &str) -> &'a str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    assert_eq!(body.matches(&format!("<{tag}")).count(), 1, "{tag}");
    let (_, rest) = body.split_once(&open).unwrap();
    rest.split_once(&close).unwrap().0
}

fn every_page() -> Vec<CallbackPage> {
    vec![
        success(&codex(), None),
        setup("https://platform.openai.com/org-setup?p=plus&t=SECRET"),
        ignored(Ignored::StateMismatch),
        ignored(Ignored::MissingCode),
        ignored(Ignored::Repeated),
        bad_host(),
        made_by_a_page(),
        made_by_another_user(),
        conflict(),
        issuer_error("access_denied", None),
        issuer_error("access_denied", Some("missing_codex_entitlement")),
        issuer_error("server_error", Some("try later")),
        Failure::of_save(Error::storage("The disk is full")).page,
    ]
}

fn setup(link: &str) -> CallbackPage {
    success(&codex(), Some(Url::parse(link).unwrap()))
}

fn codex() -> Product {
    Product::codex()
}

fn issuer_error(code: &str, description: Option<&str>) -> CallbackPage {
    Failure::of_callback(&codex(), code, description).page
}

#[test]
fn every_page_passes_its_own_policy() {
    for page in every_page() {
        let body = page.body.expose_secret();
        let csp = &page.content_security_policy;
        assert!(
            csp.starts_with("default-src 'none'; style-src 'sha256-"),
            "{csp}"
        );
        for directive in [
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(csp.contains(directive), "{csp}");
        }
        assert!(!csp.contains("unsafe"), "{csp}");
        assert!(csp.contains(&hash_source(inline(body, "style"))));
        assert_eq!(body.contains("<script"), csp.contains("script-src"));
        if body.contains("<script") {
            assert!(csp.contains(&hash_source(inline(body, "script"))));
        }
        for forbidden in [
            " style=",
            " onclick=",
            " onload=",
            " src=",
            "@import",
            "url(",
        ] {
            assert!(!body.contains(forbidden), "{forbidden}");
        }
        // A browser turns CR LF into LF before it hashes.
        assert!(!body.contains('\r'));
    }
}

#[test]
fn every_page_is_small_whole_and_asks_for_nothing_else() {
    for page in every_page() {
        let body = page.body.expose_secret();
        assert!(body.len() < 8 * 1024, "{}", body.len());
        assert!(!body.contains("{{") && !body.contains("}}"), "{body}");
        for part in [
            "<!doctype html>",
            "<html lang=\"en\">",
            "name=\"viewport\"",
            "<h1>",
            "</html>",
        ] {
            assert!(body.contains(part), "{part}");
        }
        assert!(body.contains("<link rel=\"icon\" href=\"data:"));
    }
}

#[test]
fn success_says_that_it_is_done() {
    let page = success(&codex(), None);
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.expose_secret().contains("Signed in to Codex CLI"));
    assert!(
        page.body
            .expose_secret()
            .contains("You may now close this page")
    );
    assert!(!page.body.expose_secret().contains("<script"));
}

#[test]
fn setup_has_a_link_a_countdown_and_the_address_once() {
    let page = setup("https://platform.openai.com/org-setup?p=plus&t=a&b");
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        "Finish setting up your API organization",
        "Add a payment method to use your organization.",
        "Redirecting in 3s…",
        "href=\"https://platform.openai.com/org-setup?p=plus&amp;t=a&amp;b\"",
    ] {
        assert!(page.body.expose_secret().contains(text), "{text}");
    }
    assert_eq!(page.body.expose_secret().matches("org-setup").count(), 1);
    assert!(
        !page
            .body
            .expose_secret()
            .contains("You may now close this page")
    );
    assert!(!format!("{page:?}").contains("org-setup"));
}

#[test]
fn every_failure_has_its_status_its_words_and_a_way_on() {
    let table = [
        (
            ignored(Ignored::StateMismatch),
            400,
            "State parameter mismatch",
        ),
        (
            ignored(Ignored::MissingCode),
            400,
            "Missing authorization code",
        ),
        (
            ignored(Ignored::Repeated),
            400,
            "Repeated code or error parameter",
        ),
        (bad_host(), 400, "which host"),
        (made_by_a_page(), 403, "made by a page"),
        (conflict(), 409, "already being completed"),
        (issuer_error("access_denied", None), 403, "access_denied"),
        (
            issuer_error("access_denied", Some("x: missing_codex_entitlement")),
            403,
            "Codex is not enabled for your workspace. Contact your workspace administrator to \
             request access to Codex.",
        ),
        (
            issuer_error("server_error", Some("try later")),
            400,
            "try later",
        ),
        (
            Failure::of_save(Error::storage("The disk is full")).page,
            500,
            "Unable to persist auth file",
        ),
    ];
    for (page, status, words) in table {
        assert_eq!(page.status.as_u16(), status, "{words}");
        assert!(page.body.expose_secret().contains(HEADING), "{words}");
        assert!(page.body.expose_secret().contains(words), "{words}");
        assert!(
            page.body
                .expose_secret()
                .contains("start again from the terminal"),
            "{words}"
        );
    }
}

#[test]
fn a_page_that_ended_nothing_does_not_say_that_it_is_over() {
    for page in [
        ignored(Ignored::StateMismatch),
        ignored(Ignored::MissingCode),
        ignored(Ignored::Repeated),
        bad_host(),
        made_by_a_page(),
    ] {
        assert!(page.body.expose_secret().contains("still waits"));
    }
    assert!(
        conflict()
            .body
            .expose_secret()
            .contains("has changed nothing")
    );
}

#[test]
fn the_issuers_words_are_cleaned_cut_and_escaped() {
    let page = issuer_error(
        "<script>alert(1)</script>",
        Some(&format!(
            "\"&'\u{202e}\u{1b}\n{}",
            "<img src=x>".repeat(100)
        )),
    );
    assert!(
        page.body
            .expose_secret()
            .contains("&lt;script&gt;alert(1)&lt;/script&gt;")
    );
    assert!(
        page.body
            .expose_secret()
            .contains("&quot;&amp;&#39; &lt;img")
    );
    assert!(page.body.expose_secret().contains('…'));
    assert!(
        !page.body.expose_secret().contains("<img")
            && !page.body.expose_secret().contains("<script")
    );
    assert!(
        !page.body.expose_secret().contains('\u{202e}')
            && !page.body.expose_secret().contains('\u{1b}')
    );
    assert!(page.body.expose_secret().matches("img src=x").count() < 30);
}

#[test]
fn what_the_issuer_did_not_say_leaves_no_empty_list() {
    assert!(!conflict().body.expose_secret().contains("<dl>"));
    assert!(
        !issuer_error("access_denied", Some(" \u{200b}\n"))
            .body
            .expose_secret()
            .contains("Details")
    );
}

#[test]
fn a_value_that_looks_like_a_placeholder_is_not_filled_in() {
    let page = issuer_error("{{style}}", Some("{{next_step}} {{details}} {{"));
    assert!(
        page.body
            .expose_secret()
            .contains("<dd dir=\"auto\">{{style}}</dd>")
    );
    assert!(
        page.body
            .expose_secret()
            .contains("{{next_step}} {{details}} {{</dd>")
    );
    assert_eq!(page.body.expose_secret().matches(START_AGAIN).count(), 1);
}
