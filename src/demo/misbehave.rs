//! Misbehaves: carries out a [`Fault`] on one request.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answers::{ErrorAnswer, json_response};
use super::faults::{Disconnect, Fault, HOSTILE_TEXT, Misbehaviour, Rewrite};

mod broken;

/// Returns the way in which this fault answers.
pub(super) fn misbehaviour(fault: Fault) -> Misbehaviour {
    Arc::new(move |disconnect, request, next| {
        Box::pin(play(fault.clone(), disconnect, request, next))
    })
}

/// Answers in the fault's way, or never.
async fn play(fault: Fault, disconnect: Arc<Disconnect>, request: Request, next: Next) -> Response {
    match fault {
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        Fault::Hang => std::future::pending().await,
        Fault::Reset => {
            disconnect.reset.notify_one();
            std::future::pending().await
        }
        Fault::Redirect(url) => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response()
        }
        Fault::Status(status, body) => as_json(status, body),
        Fault::Garbage => as_json(200, b"\x00\xffnot JSON \xc3<html>".to_vec()),
        Fault::Gzip(body) => {
            let gzip = [(header::CONTENT_ENCODING, "gzip")];
            (gzip, as_json(200, body)).into_response()
        }
        Fault::HostileText => ErrorAnswer::oauth(HOSTILE_TEXT, HOSTILE_TEXT).into_response(),
        Fault::SlowDown => ErrorAnswer::oauth("slow_down", "Poll less often.").into_response(),
        Fault::Pending => ErrorAnswer::device_pending().into_response(),
        Fault::CloseEarly => {
            next.run(request).await;
            disconnect.close.notify_one();
            std::future::pending().await
        }
        Fault::HalfBody => broken::half(next.run(request).await).await,
        Fault::Huge => broken::huge(next.run(request).await).await,
        Fault::Drip(pause) => broken::drip(next.run(request).await, pause).await,
        Fault::HugeHead => broken::huge_head(next.run(request).await),
        Fault::Mislabelled => ([HTML], next.run(request).await).into_response(),
        Fault::WrongTypes => change(next.run(request).await, broken::turn_types).await,
        Fault::MissingField(name) => {
            let remove = |body: &mut Value| drop(body.as_object_mut().map(|o| o.remove(&name)));
            change(next.run(request).await, remove).await
        }
        Fault::Rewrite(Rewrite(rewrite)) => {
            change(next.run(request).await, |body| rewrite(body)).await
        }
    }
}

const HTML: (HeaderName, &str) = (header::CONTENT_TYPE, "text/html");

fn as_json(status: u16, body: impl IntoResponse) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body).into_response()
}

/// Changes the JSON of an answer. Anything but JSON becomes `null` first.
async fn change(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    let status = response.status();
    let body = broken::read(response).await;
    let mut body = serde_json::from_slice(&body).unwrap_or(json!(null));
    change(&mut body);
    json_response(status, &body)
}
