//! The authorization endpoint (RFC 6749, section 4.1.1; RFC 7636, section 4.3) and
//! the decision of the person in front of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::grants::is_challenge;
use super::pages;
use super::params::Params;
use super::profile::Profile;
use super::state::{AuthorizationRequest, Form, IssuedCode, IssuerContext};

/// The scopes that a client may ask for.
const SCOPES: [&str; 6] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "api.connectors.read",
    "api.connectors.invoke",
];
/// The time that the consent page may stay open.
const CONSENT_LIFETIME: Duration = Duration::from_mins(30);

/// An authorization request that is refused.
enum RefusedRequest {
    /// Tells the person alone: no address to send back to can be trusted (RFC 6749,
    /// section 4.1.2.1).
    OnPage(String),
    /// Tells the client, by a redirect to this URL.
    ByRedirect(String),
}

impl IntoResponse for RefusedRequest {
    fn into_response(self) -> Response {
        match self {
            Self::OnPage(text) => {
                pages::message(StatusCode::BAD_REQUEST, "This link does not work", &text)
            }
            Self::ByRedirect(url) => see_other(&url),
        }
    }
}

/// `GET /oauth/authorize`: the consent page, when the request is in order.
pub(super) async fn consent(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> Response {
    let mut state = context.state();
    match validate(&params, &state.profile) {
        Err(refused) => refused.into_response(),
        Ok(request) => {
            let form = context.signer.draw_text();
            let page = pages::consent(&form, &request, &state.profile);
            state
                .forms
                .put(form, CONSENT_LIFETIME, Form::Consent(request));
            page
        }
    }
}

/// `POST /oauth/authorize/decision`: Approve or Deny, once for each page shown.
pub(super) async fn decision(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> Response {
    let mut state = context.state();
    let form = state.forms.take(params.get("form").unwrap_or_default());
    let Some(Form::Consent(request)) = form else {
        return pages::message(
            StatusCode::BAD_REQUEST,
            "This page was used already",
            "Start again from the terminal.",
        );
    };
    let approved = params.get("decision") == Some("approve");
    if !approved {
        let text = "The person denied the request.";
        return see_other(&error_url(&request, &state.profile, "access_denied", text));
    }
    let code = format!("ac-demo-{}", context.signer.draw_text());
    let url = callback_url(&request, &state.profile, &[("code", &code)]);
    let profile = state.profile.clone();
    let grant = IssuedCode {
        client_id: request.client_id,
        redirect_uri: request.redirect_uri,
        code_challenge: request.code_challenge,
        profile,
    };
    let lifetime = state.profile.code_lifetime;
    state.codes.put(code, lifetime, grant);
    see_other(&url)
}

/// Checks the client and the redirect URI first: until they are known to be right, no error
/// may be sent to them.
fn validate(params: &Params, profile: &Profile) -> Result<AuthorizationRequest, RefusedRequest> {
    let page = |text: String| Err(RefusedRequest::OnPage(text));
    if let Some(name) = params.duplicate() {
        return page(format!("It holds {name} twice."));
    }
    let get = |name| params.get(name).unwrap_or_default();
    if get("client_id") != profile.client_id {
        return page("Its client_id is not registered here.".to_owned());
    }
    if !is_callback(get("redirect_uri")) {
        return page("Its redirect_uri is not http://localhost:PORT/auth/callback.".to_owned());
    }
    let request = AuthorizationRequest {
        client_id: get("client_id").to_owned(),
        redirect_uri: get("redirect_uri").to_owned(),
        scopes: get("scope")
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect(),
        state: get("state").to_owned(),
        code_challenge: get("code_challenge").to_owned(),
    };
    match problem(&request, params, profile) {
        None => Ok(request),
        Some((error, text)) => Err(RefusedRequest::ByRedirect(error_url(
            &request, profile, &error, &text,
        ))),
    }
}

/// Returns the error and description for the client, or `None` when all is well.
fn problem(
    request: &AuthorizationRequest,
    params: &Params,
    profile: &Profile,
) -> Option<(String, String)> {
    let get = |name| params.get(name).unwrap_or_default();
    let known = |scope: &String| SCOPES.contains(&scope.as_str());
    let workspaces = get("allowed_workspace_id");
    let (error, text) = if get("response_type") != "code" {
        ("unsupported_response_type", "response_type must be code")
    } else if request.state.is_empty() {
        ("invalid_request", "state is missing")
    } else if get("code_challenge_method") != "S256" {
        // `plain` gives no protection (RFC 9700, section 2.1.1).
        ("invalid_request", "code_challenge_method must be S256")
    } else if !is_challenge(&request.code_challenge) {
        (
            "invalid_request",
            "code_challenge is not a SHA-256 in base64url",
        )
    } else if !request.scopes.iter().any(|s| s == "openid") || !request.scopes.iter().all(known) {
        (
            "invalid_scope",
            "scope must hold openid and nothing unknown",
        )
    } else if !workspaces.is_empty() && !workspaces.split(',').any(|id| id == profile.account_id) {
        (
            "access_denied",
            "This account is not in an allowed workspace.",
        )
    } else {
        return profile.refusal.clone();
    };
    Some((error.to_owned(), text.to_owned()))
}

/// Returns whether this is the registered URI, on any port (RFC 8252, section 7.3).
fn is_callback(redirect_uri: &str) -> bool {
    let port = redirect_uri
        .strip_prefix("http://localhost:")
        .and_then(|rest| rest.strip_suffix("/auth/callback"));
    port.is_some_and(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn error_url(
    request: &AuthorizationRequest,
    profile: &Profile,
    error: &str,
    description: &str,
) -> String {
    let pairs = [("error", error), ("error_description", description)];
    callback_url(request, profile, &pairs)
}

/// Returns the redirect URI, which has no query of its own, with the answer and the state
/// (RFC 6749, section 4.1.2).
fn callback_url(
    request: &AuthorizationRequest,
    profile: &Profile,
    answer: &[(&str, &str)],
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    if !request.state.is_empty() {
        let state = format!("{}{}", request.state, profile.state_suffix);
        query.append_pair("state", &state);
    }
    format!("{}?{}", request.redirect_uri, query.finish())
}

/// Redirects with 303, so the browser goes on with GET and does not send the form again
/// (RFC 9700, section 4.12).
fn see_other(url: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_registered_callback_on_any_port_is_accepted() {
        assert!(is_callback("http://localhost:1455/auth/callback"));
        for wrong in [
            "http://localhost/auth/callback",
            "http://localhost:/auth/callback",
            "http://localhost:0/auth/callback",
            "http://localhost:+80/auth/callback",
            "http://localhost:65536/auth/callback",
            "http://127.0.0.1:1455/auth/callback",
            "https://localhost:1455/auth/callback",
            "http://localhost:1455/auth/callback?x=1",
            "http://localhost:1@evil.example/auth/callback",
            "",
        ] {
            assert!(!is_callback(wrong), "{wrong}");
        }
    }
}
