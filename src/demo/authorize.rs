//! The authorization endpoint (RFC 6749, section 4.1.1; RFC 7636, section 4.3) and the decision of
//! the person in front of it.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::messages::Params;
use super::pages;
use super::profile::Profile;
use super::state::IssuerState;
use super::token_endpoint::is_challenge;
use crate::product::Product;

/// `GET /oauth/authorize`: the consent page, when the request is in order.
pub(super) fn consent(state: &mut IssuerState, params: &Params) -> Response {
    // Until the client and redirect URI are known to be valid, an error is shown to the person, not
    // sent to that URI (RFC 6749, section 4.1.2.1).
    let refused =
        |text: &str| pages::message(StatusCode::BAD_REQUEST, "This link does not work", text);
    if let Some(name) = params.duplicate() {
        return refused(&format!("It holds {name} twice."));
    }
    if params.text("client_id") != state.profile.client_id {
        return refused("Its client_id is not registered here.");
    }
    if !is_callback(params.text("redirect_uri")) {
        return refused("Its redirect_uri is not http://localhost:PORT/auth/callback.");
    }
    if let Some((error, text)) = problem(params, &state.profile) {
        let answer = [("error", error), ("error_description", text)];
        return answer_client(params, &state.profile, &answer);
    }
    let form = state.mint.draw_text("");
    let page = pages::consent(&form, params, &state.profile);
    state.consent_forms.insert(form, params.clone());
    page
}

/// `POST /oauth/authorize/decision`: Approve or Deny, once for each page shown.
pub(super) fn decision(state: &mut IssuerState, params: &Params) -> Response {
    let Some(request) = state.consent_forms.remove(params.text("form")) else {
        return pages::used_already("Start again from the terminal.");
    };
    let profile = state.profile.clone();
    if params.text("decision") != "approve" {
        let answer = [
            ("error", "access_denied"),
            ("error_description", "The person denied the request."),
        ];
        return answer_client(&request, &profile, &answer);
    }
    let (redirect_uri, challenge) = (request.text("redirect_uri"), request.text("code_challenge"));
    let code = state.issue_code(redirect_uri, challenge, profile.clone());
    answer_client(&request, &profile, &[("code", &code)])
}

/// Returns the error and description for the client, or `None` if the request is valid.
fn problem<'a>(request: &Params, profile: &'a Profile) -> Option<(&'a str, &'a str)> {
    let all_scopes = Product::codex().protocol.scope;
    let mut scopes = request.text("scope").split_ascii_whitespace();
    let has_openid = scopes.clone().any(|scope| scope == "openid");
    let workspaces = request.text("allowed_workspace_id");
    let own = profile.auth_text("chatgpt_account_id");
    if request.text("response_type") != "code" {
        Some(("unsupported_response_type", "response_type must be code"))
    } else if request.text("state").is_empty() {
        Some(("invalid_request", "state is missing"))
    } else if request.text("code_challenge_method") != "S256" {
        // `plain` gives no protection (RFC 9700, section 2.1.1).
        Some(("invalid_request", "code_challenge_method must be S256"))
    } else if !is_challenge(request.text("code_challenge")) {
        let text = "code_challenge is not a SHA-256 in base64url";
        Some(("invalid_request", text))
    } else if !has_openid || !scopes.all(|scope| all_scopes.split(' ').any(|it| it == scope)) {
        let text = "scope must hold openid and nothing unknown";
        Some(("invalid_scope", text))
    } else if !workspaces.is_empty() && !workspaces.split(',').any(|id| id == own) {
        let text = "This account is not in an allowed workspace.";
        Some(("access_denied", text))
    } else {
        let refusal = profile.refusal.as_ref();
        refusal.map(|(error, text)| (error.as_str(), text.as_str()))
    }
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

/// Redirects to the client with the answer and the state (RFC 6749, section 4.1.2). Uses 303, so
/// that the browser continues with GET and does not send the form again (RFC 9700, section 4.12).
fn answer_client(request: &Params, profile: &Profile, answer: &[(&str, &str)]) -> Response {
    // A redirect URI has no query of its own here.
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    let state = request.text("state");
    if !state.is_empty() {
        query.append_pair("state", &format!("{state}{}", profile.state_suffix));
    }
    let url = format!("{}?{}", request.text("redirect_uri"), query.finish());
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
