//! The issuer's pages: templates from `assets/demo/`, filled in.
//!
//! They have no script, load nothing, and cannot be framed.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::messages::Params;
use super::profile::Profile;
use crate::html::{Html, hash_source};

const PAGE: &str = include_str!("../../assets/demo/page.html");
const STYLE: &str = include_str!("../../assets/demo/style.css");
const CONSENT: &str = include_str!("../../assets/demo/consent.html");
const DEVICE: &str = include_str!("../../assets/demo/device.html");
const MESSAGE: &str = include_str!("../../assets/demo/message.html");

/// Renders the consent page, with a form of this name.
pub(super) fn consent(form: &str, request: &Params, profile: &Profile) -> Response {
    let scopes = scope_lines(request.text("scope"))
        .into_iter()
        .map(|line| Html::fill("<li>{{line}}</li>", &[("line", Html::text(line))]))
        .collect();
    let redirect_uri = request.text("redirect_uri");
    let back = redirect_uri.trim_end_matches("/auth/callback");
    let email = profile.email_address();
    let initial: String = capitalized(email).chars().take(1).collect();
    let plan = capitalized(profile.auth_text("chatgpt_plan_type"));
    let account_id = profile.auth_text("chatgpt_account_id");
    let content = Html::fill(
        CONSENT,
        &[
            ("initial", Html::text(&initial)),
            ("email", Html::text(email)),
            ("plan", Html::text(&format!("{plan} plan"))),
            ("account_id", Html::text(account_id)),
            ("scopes", scopes),
            ("form", Html::text(form)),
            ("return_to", Html::text(back)),
        ],
    );
    // Browsers apply `form-action` also to the redirect that answers the form.
    let form_action = format!("'self' {back}");
    page(StatusCode::OK, "Sign in", content, &form_action)
}

/// Renders the page for a device's user code, with a form of this name.
pub(super) fn device(
    status: StatusCode,
    form: &str,
    profile: &Profile,
    typed: &str,
    problem: &str,
) -> Response {
    let problem = match problem {
        "" => Html::default(),
        text => Html::fill(
            r#"<p class="problem" role="alert">{{text}}</p>"#,
            &[("text", Html::text(text))],
        ),
    };
    let content = Html::fill(
        DEVICE,
        &[
            ("email", Html::text(profile.email_address())),
            ("problem", problem),
            ("form", Html::text(form)),
            ("typed", Html::text(typed)),
        ],
    );
    page(status, "Connect a device", content, "'self'")
}

/// Renders a page without a form.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    let slots = [("title", Html::text(title)), ("text", Html::text(text))];
    page(status, title, Html::fill(MESSAGE, &slots), "'none'")
}

/// Renders the page for a form that was sent before.
pub(super) fn used_already(text: &str) -> Response {
    message(StatusCode::BAD_REQUEST, "This page was used already", text)
}

/// `GET /org-setup`: the success page leads here when a payment method is missing.
pub(super) fn org_setup() -> Response {
    let text = "On the real platform you would add a payment method here. \
                In the demo there is nothing to do: you may close this page.";
    message(StatusCode::OK, "Finish setting up your organization", text)
}

/// Renders the page for any other path.
pub(super) fn not_found() -> Response {
    let text = "The demo issuer has no such page.";
    message(StatusCode::NOT_FOUND, "Nothing here", text)
}

fn page(status: StatusCode, title: &str, content: Html, form_action: &str) -> Response {
    let slots = [
        ("title", Html::text(title)),
        ("style", Html::new(STYLE)),
        ("content", content),
    ];
    let policy = format!(
        "default-src 'none'; style-src {}; form-action {form_action}; \
         frame-ancestors 'none'; base-uri 'none'",
        hash_source(STYLE)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, &policy),
    ];
    (status, headers, String::from(Html::fill(PAGE, &slots))).into_response()
}

/// Describes the scopes, each line once; unknown ones by their own name.
fn scope_lines(scopes: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    for scope in scopes.split_ascii_whitespace() {
        let line = match scope {
            "openid" | "profile" | "email" => "see your name and e-mail address",
            "offline_access" => "stay signed in until you sign out",
            "api.connectors.read" | "api.connectors.invoke" => "read and use your connectors",
            other => other,
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines
}

/// Returns `Plus` for `plus`.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_permission_is_listed_once() {
        let scopes = "openid profile email offline_access";
        assert_eq!(scope_lines(scopes).len(), 2);
    }
}
