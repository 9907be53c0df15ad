//! The pages of the callback server: static assets with their texts filled in.
//!
//! Each comes with the Content-Security-Policy that lets its own inline style
//! (and, on the setup page, its own script) run and nothing else. The hashes are
//! computed from what is sent, so asset and policy cannot drift apart.

use std::fmt;
use std::sync::LazyLock;

use axum::http::StatusCode;

use super::attempt::Ignored;
use crate::html::{Html, hash_source};
use crate::product::Product;
use crate::text::clean_short;

/// Texts from the issuer are cut to this many characters (threat 9).
const MAX_CHARS: usize = 300;

const STYLE: &str = include_str!("../../assets/page.css");
const SCRIPT: &str = include_str!("../../assets/setup.js");
const SUCCESS: &str = include_str!("../../assets/success.html");
const SETUP: &str = include_str!("../../assets/setup.html");
const ERROR: &str = include_str!("../../assets/error.html");

/// The next step when the attempt is over.
const START_AGAIN: &str = "Close this page and start again from the terminal.";

/// The next step when the attempt may still be open, or belongs to a newer link.
const STILL_OPEN: &str = "Nothing has changed: a sign-in that is waiting in your terminal still \
     waits. Open the newest link it shows, or start again from the terminal.";

/// A page, ready to be sent as `text/html; charset=utf-8`.
///
/// `Debug` leaves the body out: the setup page's link holds an id token.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackPage {
    /// The answer's status.
    pub status: StatusCode,
    /// The whole document.
    pub body: String,
    /// The value of the `Content-Security-Policy` header it must be sent with.
    pub content_security_policy: String,
}

impl fmt::Debug for CallbackPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackPage")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// 200: signed in, and the credentials are on disk.
pub fn success(product: &Product) -> CallbackPage {
    let values = [
        ("style", Html::new(STYLE)),
        ("title", Html::text(&product.signed_in_page)),
    ];
    CallbackPage {
        status: StatusCode::OK,
        body: Html::fill(SUCCESS, &values).into(),
        content_security_policy: policy(None),
    }
}

/// 200: signed in, and the API organization still needs a payment method.
///
/// The page goes to `org_setup_url` after a countdown that the person can stop; without scripts
/// there is its link. If the URL is not a web address, it is the plain [`success`] page.
pub fn success_setup(product: &Product, org_setup_url: &str) -> CallbackPage {
    if !["https://", "http://"]
        .iter()
        .any(|scheme| org_setup_url.starts_with(scheme))
    {
        return success(product);
    }
    let values = [
        ("style", Html::new(STYLE)),
        ("script", Html::new(SCRIPT)),
        ("org_setup_url", Html::text(org_setup_url)),
    ];
    CallbackPage {
        status: StatusCode::OK,
        body: Html::fill(SETUP, &values).into(),
        content_security_policy: policy(Some(SCRIPT)),
    }
}

/// 400: a callback that is ignored; the attempt is still open.
pub fn ignored(ignored: Ignored) -> CallbackPage {
    let explanation = match ignored {
        Ignored::StateMismatch => "State parameter mismatch",
        Ignored::Repeated => "Repeated code or error parameter",
        Ignored::MissingCode => "Missing authorization code",
    };
    unchanged(StatusCode::BAD_REQUEST, explanation)
}

/// 400: none or several `Host` headers, or one that cannot be read; still open.
pub fn bad_host() -> CallbackPage {
    unchanged(
        StatusCode::BAD_REQUEST,
        "The request does not say which host it is for",
    )
}

/// 403: a script, an image or a prefetch asked, not a person; still open.
pub fn made_by_a_page() -> CallbackPage {
    unchanged(
        StatusCode::FORBIDDEN,
        "This request was made by a page in the background, not by opening a link",
    )
}

/// 403: another user of this machine delivered the callback; still open.
pub fn made_by_another_user() -> CallbackPage {
    unchanged(
        StatusCode::FORBIDDEN,
        "This request was made by another user of the machine that you are signing in on",
    )
}

/// 409: another code was faster, or the attempt has ended.
pub fn conflict() -> CallbackPage {
    render(
        StatusCode::CONFLICT,
        "This sign-in is already being completed, or has ended",
        None,
        None,
        "This page has changed nothing. Your terminal shows how the sign-in ended; if you are \
         not signed in, start again from the terminal.",
    )
}

/// Any failure that ends the attempt. Code and description may come from
/// outside: they are cleaned, cut and escaped here.
pub fn error(
    status: StatusCode,
    explanation: &str,
    code: Option<&str>,
    description: Option<&str>,
) -> CallbackPage {
    render(status, explanation, code, description, START_AGAIN)
}

fn unchanged(status: StatusCode, explanation: &str) -> CallbackPage {
    render(status, explanation, None, None, STILL_OPEN)
}

fn render(
    status: StatusCode,
    explanation: &str,
    code: Option<&str>,
    description: Option<&str>,
    next_step: &str,
) -> CallbackPage {
    let values = [
        ("style", Html::new(STYLE)),
        (
            "explanation",
            Html::text(&clean_short(explanation, MAX_CHARS)),
        ),
        ("details", details(code, description)),
        ("next_step", Html::text(next_step)),
    ];
    CallbackPage {
        status,
        body: Html::fill(ERROR, &values).into(),
        content_security_policy: policy(None),
    }
}

/// Lists the issuer's code and description; empty without them.
fn details(code: Option<&str>, description: Option<&str>) -> Html {
    let rows = [("Error", code), ("Details", description)].map(|(label, text)| {
        let text = clean_short(text.unwrap_or_default(), MAX_CHARS);
        if text.is_empty() {
            return Html::default();
        }
        Html::fill(
            "<dt>{{label}}</dt><dd dir=\"auto\">{{text}}</dd>",
            &[("label", Html::new(label)), ("text", Html::text(&text))],
        )
    });
    let rows: Html = rows.into_iter().collect();
    if rows.is_empty() {
        return rows;
    }
    Html::fill("<dl>{{rows}}</dl>\n", &[("rows", rows)])
}

/// Nothing may be loaded, framed or sent; the icon is a `data:` URL.
fn policy(script: Option<&str>) -> String {
    static STYLE_HASH: LazyLock<String> = LazyLock::new(|| hash_source(STYLE));
    let script = script.map_or(String::new(), |script| {
        format!("script-src {}; ", hash_source(script))
    });
    format!(
        "default-src 'none'; style-src {}; {script}img-src data:; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'none'",
        *STYLE_HASH
    )
}

#[cfg(test)]
mod tests;
