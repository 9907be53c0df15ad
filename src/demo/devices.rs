//! Signing in on another device: the device's two endpoints, and the page where the person
//! types the code. Like the real issuer it deviates from RFC 8628: the device gets an
//! authorization code and its verifier, both made here.

use std::time::Instant;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::messages::{ErrorAnswer, JsonAnswer, Params};
use super::pages;
use super::profile::Profile;
use super::state::{Decision, IssuerState, WaitingDevice};
use super::token_endpoint::challenge_of;

/// The letters of a user code: no vowels, so no words, and no look-alikes (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// `POST /api/accounts/deviceauth/usercode`.
pub(super) fn user_code(state: &mut IssuerState, params: &Params) -> JsonAnswer {
    params.check(&state.profile.client_id)?;
    let device_auth_id = state.mint.draw_text("da-demo-");
    let user_code = draw_user_code(state.mint.draw());
    let mut body = json!({"device_auth_id": device_auth_id, "user_code": user_code});
    if !state.profile.device_interval.is_null() {
        body["interval"] = state.profile.device_interval.clone();
    }
    let device = WaitingDevice {
        user_code,
        expires: Instant::now() + state.profile.device_code_lifetime,
        decision: Decision::Pending,
    };
    state.devices.insert(device_auth_id, device);
    Ok(body)
}

/// `POST /api/accounts/deviceauth/token`: 403 until the person has decided, then an authorization
/// code for a client whose redirect URI has this path.
pub(super) fn poll(state: &mut IssuerState, params: &Params, redirect_path: &str) -> JsonAnswer {
    let error = |code, text| Err(ErrorAnswer::oauth(code, text));
    let id = params.required("device_auth_id")?;
    let user_code = params.required("user_code")?;
    let device = state.devices.get(id);
    let Some(device) = device.filter(|device| device.user_code == user_code) else {
        return error("invalid_grant", "unknown device_auth_id or user_code");
    };
    if device.has_expired() {
        return error("expired_token", "The code has expired.");
    }
    let profile = match &device.decision {
        Decision::Denied => return error("access_denied", "The person denied the request."),
        Decision::Pending => {
            let (code, text) = ("deviceauth_authorization_pending", "Not approved yet.");
            return Err(ErrorAnswer::openai(StatusCode::FORBIDDEN, code, text));
        }
        Decision::Approved(profile) => Profile::clone(profile),
    };
    state.devices.remove(id);
    let code_verifier = state.mint.draw_text("");
    let code_challenge = challenge_of(&code_verifier);
    let redirect_uri = format!("{}{redirect_path}", state.mint.issuer);
    let code = state.issue_code(&redirect_uri, &code_challenge, profile);
    Ok(json!({
        "authorization_code": code,
        "code_challenge": code_challenge,
        "code_verifier": code_verifier,
    }))
}

/// `GET /codex/device`: the page where the person types the user code.
pub(super) fn page(state: &mut IssuerState) -> Response {
    show_page(state, StatusCode::OK, "", "")
}

/// `POST /codex/device`: the code and the decision.
pub(super) fn decision(state: &mut IssuerState, params: &Params) -> Response {
    if !state.device_forms.remove(params.text("form")) {
        return pages::used_already("Open it again and type the code once more.");
    }
    let typed = params.text("user_code");
    let mut waiting = state.devices.values_mut().filter(|device| device.waits());
    let Some(device) = waiting.find(|it| normalized(&it.user_code) == normalized(typed)) else {
        let text = "No device is waiting with this code. Check it against your terminal.";
        return show_page(state, StatusCode::BAD_REQUEST, typed, text);
    };
    let approved = params.text("decision") == "approve";
    let (decision, title, text) = if approved {
        (
            Decision::Approved(Box::new(state.profile.clone())),
            "Device connected",
            "Your terminal goes on by itself. You may close this page.",
        )
    } else {
        (
            Decision::Denied,
            "Request denied",
            "The device was not let in. You may close this page.",
        )
    };
    device.decision = decision;
    pages::message(StatusCode::OK, title, text)
}

fn show_page(state: &mut IssuerState, status: StatusCode, typed: &str, problem: &str) -> Response {
    let form = state.mint.draw_text("");
    let page = pages::device(status, &form, &state.profile, typed, problem);
    state.device_forms.insert(form);
    page
}

/// Makes a code such as `WDJB-MJHTX`: nine letters, 38 bits.
fn draw_user_code(random: [u8; 32]) -> String {
    let mut code: String = random
        .iter()
        .take(9)
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect();
    code.insert(4, '-');
    code
}

/// Ignores case and dashes, because people type `wdjbmjhtx` (RFC 8628, section 6.1).
fn normalized(user_code: &str) -> String {
    let letters = user_code.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}
