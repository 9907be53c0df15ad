//! The pages of the callback server: static assets with their texts filled in.
//!
//! Each page has a Content-Security-Policy that allows its own inline style (and, on the setup
//! page, its own script) and nothing else. The hashes are computed from what is sent, so asset and
//! policy cannot drift apart.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::{Url, form_urlencoded};

use super::callback::Ignored;
use crate::auth::{Issuer, Plan, Tokens, random_base64url};
use crate::error::Result;
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

/// A page and its status.
#[derive(Clone, Debug)]
pub struct CallbackPage {
    status: StatusCode,
    /// The whole document. The setup page's link holds an id token.
    body: SecretString,
    content_security_policy: String,
}

impl IntoResponse for CallbackPage {
    fn into_response(self) -> Response {
        let policy = [(CONTENT_SECURITY_POLICY, self.content_security_policy)];
        let html = axum::response::Html(self.body.expose_secret().to_owned());
        (self.status, policy, html).into_response()
    }
}

/// The pages of a completed sign-in.
#[derive(Clone, Debug)]
pub struct Success {
    /// The relative URL that the callback redirects to. Holds no token.
    pub location: String,
    /// The key that opens the page for the browser that was redirected to it, and for no other user
    /// of the machine.
    key: String,
    /// The page for a request with the key.
    pub page: CallbackPage,
    /// The page for any other request: any program or user of this machine can make one, so the
    /// page says nothing about the account.
    pub page_for_others: CallbackPage,
}

/// The parameter that holds the key.
const KEY: &str = "page";

impl Success {
    /// Makes the pages and a random key.
    pub fn new(tokens: &Tokens, issuer: &Issuer, id_token: &SecretString) -> Result<Self> {
        let account = tokens.account();
        let key = random_base64url::<16>()?;
        let known = [
            ("org_id", tokens.claim("organization_id")),
            ("project_id", tokens.claim("project_id")),
            (
                "plan_type",
                account.plan.map(|plan| plan.as_str().to_owned()),
            ),
        ];
        let known = known.into_iter().filter_map(|(name, it)| Some((name, it?)));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("needs_setup", &account.needs_setup.to_string())
            .extend_pairs(known)
            .append_pair(KEY, &key)
            .finish();
        let page = |id_token| success(issuer.product(), setup_link(tokens, issuer, id_token));
        Ok(Self {
            location: format!("/success?{query}"),
            key,
            page: page(Some(id_token)),
            page_for_others: page(None),
        })
    }

    /// Returns whether a query has the key.
    pub fn has_key(&self, query: &str) -> bool {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let key = pairs.find(|(name, _)| name == KEY);
        key.is_some_and(|(_, key)| key.as_bytes().ct_eq(self.key.as_bytes()).into())
    }
}

/// Returns the address where an organization that needs it is set up. The address says something
/// about the account only with an id token.
fn setup_link(tokens: &Tokens, issuer: &Issuer, id_token: Option<&SecretString>) -> Option<Url> {
    let account = tokens.account();
    if !account.needs_setup {
        return None;
    }
    let mut link = Url::parse(&format!("{}/org-setup", issuer.url().platform())).ok()?;
    if let Some(id_token) = id_token {
        let plan = account.plan.as_ref().map_or("", Plan::as_str);
        let claim = |name| tokens.claim(name).unwrap_or_default();
        link.query_pairs_mut()
            .append_pair("p", plan)
            // The issuer's platform expects the id token here. It is used only in this link.
            .append_pair("t", id_token.expose_secret())
            .append_pair("with_org", &claim("organization_id"))
            .append_pair("project_id", &claim("project_id"));
    }
    Some(link)
}

/// 200: signed in, and the credentials are on disk. With a setup link, the page goes there after a
/// countdown that the person can stop; the link also works without scripts.
fn success(product: &Product, setup_link: Option<Url>) -> CallbackPage {
    let Some(link) = setup_link else {
        let title = ("title", Html::text(&product.signed_in_page));
        return page(StatusCode::OK, SUCCESS, [title], None);
    };
    let values = [
        ("script", Html::new(SCRIPT)),
        ("org_setup_url", Html::text(link.as_str())),
    ];
    page(StatusCode::OK, SETUP, values, Some(SCRIPT))
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

/// 400: no `Host` header, several, or an unreadable one; the attempt is still open.
pub fn bad_host() -> CallbackPage {
    unchanged(
        StatusCode::BAD_REQUEST,
        "The request does not say which host it is for",
    )
}

/// 403: the request came from a script, an image or a prefetch, not a person; the attempt is still
/// open.
pub fn made_by_a_page() -> CallbackPage {
    unchanged(
        StatusCode::FORBIDDEN,
        "This request was made by a page in the background, not by opening a link",
    )
}

/// 403: another user of this machine delivered the callback; the attempt is still open.
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
        (
            "explanation",
            Html::text(&clean_short(explanation, MAX_CHARS)),
        ),
        ("details", details(code, description)),
        ("next_step", Html::text(next_step)),
    ];
    page(status, ERROR, values, None)
}

fn page<const N: usize>(
    status: StatusCode,
    template: &'static str,
    values: [(&str, Html); N],
    script: Option<&str>,
) -> CallbackPage {
    let style = ("style", Html::new(STYLE));
    let values: Vec<_> = values.into_iter().chain([style]).collect();
    CallbackPage {
        status,
        body: String::from(Html::fill(template, &values)).into(),
        content_security_policy: policy(script),
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

/// Returns the policy: nothing may be loaded, framed or sent. The icon is a `data:` URL.
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
