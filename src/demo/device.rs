//! Signing in on another device: the device's two endpoints, and the page where the person
//! types the code. Like the real issuer it deviates from RFC 8628: the device gets an
//! authorization code and its verifier, both made here.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::answers::{ErrorAnswer, JsonAnswer, ok};
use super::grants::challenge_of;
use super::pages;
use super::params::Params;
use super::state::{Form, IssuedCode, IssuerContext};
use crate::product::Protocol;

/// The time that the page may stay open.
const PAGE_LIFETIME: Duration = Duration::from_mins(30);
/// No vowels, so no words, and no look-alikes (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// `POST /api/accounts/deviceauth/usercode`.
pub(super) async fn user_code(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    let mut state = context.state();
    if params.required("client_id")? != state.profile.client_id {
        return Err(ErrorAnswer::oauth("invalid_client", "unknown client_id"));
    }
    let device_auth_id = format!("da-demo-{}", context.signer.draw_text());
    let user_code = draw_user_code(context.signer.draw());
    let mut body = json!({"device_auth_id": device_auth_id, "user_code": user_code});
    if !state.profile.device_interval.is_null() {
        body["interval"] = state.profile.device_interval.clone();
    }
    let lifetime = state.profile.device_code_lifetime;
    state.devices.add(device_auth_id, user_code, lifetime);
    Ok(ok(&body))
}

/// `POST /api/accounts/deviceauth/token`: 403 until the person has decided.
pub(super) async fn poll(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    collect(&context, &params, "/deviceauth/callback")
}

/// `POST /oauth/device/token`: the same for a product without paths of its own.
pub(super) async fn poll_neutral(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> JsonAnswer {
    collect(&context, &params, &Protocol::default().device_redirect_path)
}

fn collect(context: &IssuerContext, params: &Params, redirect_path: &str) -> JsonAnswer {
    let (id, user_code) = (
        params.required("device_auth_id")?,
        params.required("user_code")?,
    );
    let mut state = context.state();
    let profile = state.devices.collect(id, user_code)?;
    let code = format!("ac-demo-{}", context.signer.draw_text());
    let code_verifier = context.signer.draw_text();
    let code_challenge = challenge_of(&code_verifier);
    let lifetime = profile.code_lifetime;
    let grant = IssuedCode {
        client_id: profile.client_id.clone(),
        redirect_uri: format!("{}{redirect_path}", context.url),
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

/// `GET /codex/device`: the page where the person types the user code.
pub(super) async fn page(State(context): State<Arc<IssuerContext>>) -> Response {
    show_page(&context, StatusCode::OK, "", "")
}

/// `POST /codex/device`: the code and the decision.
pub(super) async fn decision(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
) -> Response {
    let form = params.get("form").unwrap_or_default();
    let form = context.state().forms.take(form);
    if !matches!(form, Some(Form::Device)) {
        let text = "Open it again and type the code once more.";
        return pages::message(StatusCode::BAD_REQUEST, "This page was used already", text);
    }
    let typed = params.get("user_code").unwrap_or_default();
    let approved = params.get("decision") == Some("approve");
    let known = {
        let mut state = context.state();
        let approved_by = approved.then(|| state.profile.clone());
        state.devices.decide(typed, approved_by)
    };
    if !known {
        let text = "No device is waiting with this code. Check it against your terminal.";
        return show_page(&context, StatusCode::BAD_REQUEST, typed, text);
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

fn show_page(context: &IssuerContext, status: StatusCode, typed: &str, problem: &str) -> Response {
    let form = context.signer.draw_text();
    let mut state = context.state();
    let page = pages::device(status, &form, &state.profile, typed, problem);
    state.forms.put(form, PAGE_LIFETIME, Form::Device);
    page
}

/// Makes a code such as `WDJB-MJHTX`: nine letters, 38 bits.
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
