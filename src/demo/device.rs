//! Signing in on another device: the device's two endpoints, and the page where the
//! person types the code. Not RFC 8628 to the letter, but what the real issuer does:
//! the device gets an authorization code and its verifier, both made here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::grants::challenge_of;
use super::pages;
use super::profile::Profile;
use super::reply::{Refusal, Reply, ok};
use super::route::Params;
use super::state::{CodeGrant, Form, Shared};

/// How long the page may stay open.
const PAGE_LIFETIME: Duration = Duration::from_mins(30);
/// No vowels, so no words; nothing that looks like something else (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Devices that asked for a code, by `device_auth_id`.
#[derive(Debug, Default)]
pub(super) struct Devices(HashMap<String, Device>);

#[derive(Debug)]
struct Device {
    user_code: String,
    expires: Instant,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Pending,
    Denied,
    /// By this account.
    Approved(Box<Profile>),
    /// The code was handed out.
    Collected,
}

/// `POST /api/accounts/deviceauth/usercode`.
pub(super) async fn user_code(
    State(shared): State<Arc<Shared>>,
    Extension(params): Extension<Params>,
) -> Reply {
    let mut state = shared.state();
    if params.required("client_id")? != state.profile.client_id {
        return Err(Refusal::oauth("invalid_client", "unknown client_id"));
    }
    let device_auth_id = format!("da-demo-{}", shared.signer.draw_text());
    let user_code = draw_user_code(shared.signer.draw());
    let mut body = json!({"device_auth_id": device_auth_id, "user_code": user_code});
    if !state.profile.device_interval.is_null() {
        body["interval"] = state.profile.device_interval.clone();
    }
    let device = Device {
        user_code,
        expires: Instant::now() + state.profile.device_code_lifetime,
        answer: Answer::Pending,
    };
    state.devices.0.insert(device_auth_id, device);
    Ok(ok(&body))
}

/// `POST /api/accounts/deviceauth/token`: 403 while nobody has decided.
pub(super) async fn poll(
    State(shared): State<Arc<Shared>>,
    Extension(params): Extension<Params>,
) -> Reply {
    let (id, user_code) = (
        params.required("device_auth_id")?,
        params.required("user_code")?,
    );
    let mut state = shared.state();
    let device = state.devices.0.get_mut(id);
    let Some(device) = device.filter(|device| device.user_code == user_code) else {
        return Err(Refusal::oauth(
            "invalid_grant",
            "unknown device_auth_id or user_code",
        ));
    };
    if device.expires <= Instant::now() {
        return Err(Refusal::oauth("expired_token", "The code has expired."));
    }
    let profile = match &device.answer {
        Answer::Pending => return Err(pending()),
        Answer::Denied => return Err(Refusal::oauth("access_denied", "The person said no.")),
        Answer::Collected => return Err(Refusal::oauth("invalid_grant", "collected before")),
        Answer::Approved(profile) => (**profile).clone(),
    };
    device.answer = Answer::Collected;
    let code = format!("ac-demo-{}", shared.signer.draw_text());
    let code_verifier = shared.signer.draw_text();
    let code_challenge = challenge_of(&code_verifier);
    let lifetime = profile.code_lifetime;
    let grant = CodeGrant {
        client_id: profile.client_id.clone(),
        redirect_uri: format!("{}/deviceauth/callback", shared.url),
        code_challenge: code_challenge.clone(),
        profile,
    };
    state.codes.put(code.clone(), lifetime, grant);
    Ok(ok(&json!({
        "authorization_code": code,
        "code_challenge": code_challenge,
        "code_verifier": code_verifier,
    })))
}

/// Nobody has decided yet.
pub(super) fn pending() -> Refusal {
    let body = json!({"error": {"code": "deviceauth_authorization_pending", "message": "Not approved yet."}});
    Refusal(StatusCode::FORBIDDEN, body)
}

/// `GET /codex/device`: where the person types the user code.
pub(super) async fn page(State(shared): State<Arc<Shared>>) -> Response {
    show_page(&shared, StatusCode::OK, "", "")
}

/// `POST /codex/device`: the code and the decision.
pub(super) async fn decision(
    State(shared): State<Arc<Shared>>,
    Extension(params): Extension<Params>,
) -> Response {
    let form = params.get("form").unwrap_or_default();
    let form = shared.state().forms.take(form);
    if !matches!(form, Some(Form::Device)) {
        let text = "Open it again and type the code once more.";
        return pages::message(StatusCode::BAD_REQUEST, "This page was used already", text);
    }
    let typed = params.get("user_code").unwrap_or_default();
    let approved = params.get("decision") == Some("approve");
    if !decide(&shared, typed, approved) {
        let text = "No device is waiting with this code. Check it against your terminal.";
        return show_page(&shared, StatusCode::BAD_REQUEST, typed, text);
    }
    let (title, text) = if approved {
        (
            "Device connected",
            "Your terminal goes on by itself. You may close this page.",
        )
    } else {
        (
            "Request denied",
            "The device was not let in. You may close this page.",
        )
    };
    pages::message(StatusCode::OK, title, text)
}

/// Whether a device was waiting with this code.
fn decide(shared: &Shared, typed: &str, approved: bool) -> bool {
    let typed = normalized(typed);
    let mut state = shared.state();
    let profile = Box::new(state.profile.clone());
    let now = Instant::now();
    let device = state.devices.0.values_mut().find(|device| {
        matches!(device.answer, Answer::Pending)
            && device.expires > now
            && normalized(&device.user_code) == typed
    });
    let Some(device) = device else {
        return false;
    };
    device.answer = if approved {
        Answer::Approved(profile)
    } else {
        Answer::Denied
    };
    true
}

fn show_page(shared: &Shared, status: StatusCode, typed: &str, problem: &str) -> Response {
    let form = shared.signer.draw_text();
    let mut state = shared.state();
    let page = pages::device(status, &form, &state.profile, typed, problem);
    state.forms.put(form, PAGE_LIFETIME, Form::Device);
    page
}

/// `WDJB-MJHTX`: nine letters, 38 bits.
fn draw_user_code(random: [u8; 32]) -> String {
    let mut code: String = random
        .iter()
        .take(9)
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .collect();
    code.insert(4, '-');
    code
}

/// People type it in lower case and without the dash (RFC 8628, section 6.1).
fn normalized(user_code: &str) -> String {
    let letters = user_code.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}
