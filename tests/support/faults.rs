//! The ways in which the issuer misbehaves, and which route does so next.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use codex_onboarding::demo::Disconnect;
use serde_json::{Value, json};

use super::broken;
use super::{HOSTILE_TEXT, Route};

/// A way to misbehave.
///
/// The first group happens instead of the request: the issuer's state does not
/// change. The second spoils the true answer: the issuer has done its part, so a
/// code is used up and a refresh token is rotated.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers properly, but this much later.
    Delay(Duration),
    /// Never answers; the connection stays open.
    Hang,
    /// Resets the connection (RST) without an answer.
    Reset,
    /// Redirects with 307, which would take the request's body along.
    Redirect(String),
    /// This status with this body, called JSON.
    Status(u16, String),
    /// 200 with bytes that are not JSON, called JSON.
    Garbage,
    /// 200 with this body, called JSON that is packed with gzip (RFC 1952).
    Gzip(Vec<u8>),
    /// 400 with [`HOSTILE_TEXT`] as error and description.
    HostileText,
    /// 400 `slow_down` (RFC 8628, section 3.5).
    SlowDown,
    /// 403: the device is not approved yet.
    Pending,

    /// Does the work, then closes the connection without an answer: the answer is lost.
    CloseEarly,
    /// Promises the whole answer, sends half of it and closes the connection.
    HalfBody,
    /// The true answer made 8 MiB long, chunked, so that no header gives it away.
    /// Still JSON with every field: only its size is wrong.
    Huge,
    /// The true answer a byte at a time, with this pause after each: something always moves.
    Drip(Duration),
    /// The true answer behind 4,000 header lines, more than 400 KiB.
    HugeHead,
    /// The true answer, called `text/html`.
    Mislabelled,
    /// The true answer with every value of another JSON type.
    WrongTypes,
    /// The true answer without this field.
    MissingField(String),
    /// The true answer, changed: see [`Fault::rewrite`].
    Rewrite(Rewrite),
}

/// A change to a JSON answer.
#[derive(Clone)]
pub struct Rewrite(Arc<dyn Fn(&mut Value) + Send + Sync>);

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewrite(..)")
    }
}

/// The faults planned for each route.
#[derive(Default)]
pub struct Faults {
    queued: HashMap<Route, VecDeque<(usize, Fault)>>,
    always: HashMap<Route, Fault>,
}

impl Faults {
    pub fn queue(&mut self, route: Route, times: usize, fault: Fault) {
        let queue = self.queued.entry(route).or_default();
        queue.push_back((times, fault));
    }

    pub fn always(&mut self, route: Route, fault: Fault) {
        self.always.insert(route, fault);
    }

    pub fn next(&mut self, route: Route) -> Option<Fault> {
        if let Some(queue) = self.queued.get_mut(&route) {
            while let Some((times, fault)) = queue.front_mut() {
                if *times > 0 {
                    *times -= 1;
                    return Some(fault.clone());
                }
                queue.pop_front();
            }
        }
        self.always.get(&route).cloned()
    }
}

impl Fault {
    /// The true answer with this change made to its JSON.
    pub fn rewrite(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Rewrite(Rewrite(Arc::new(change)))
    }

    /// Answers in this way, or never.
    pub async fn play(self, request: Request, next: Next) -> Response {
        let disconnect = request.extensions().get::<Arc<Disconnect>>().unwrap();
        let disconnect = Arc::clone(disconnect);
        match self {
            Self::Delay(time) => {
                tokio::time::sleep(time).await;
                next.run(request).await
            }
            Self::Hang => std::future::pending().await,
            Self::Reset => {
                disconnect.reset.notify_one();
                std::future::pending().await
            }
            Self::Redirect(url) => {
                (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response()
            }
            Self::Status(status, body) => as_json(status, body),
            Self::Garbage => as_json(200, b"\x00\xffnot JSON \xc3<html>".to_vec()),
            Self::Gzip(body) => {
                let gzip = [(header::CONTENT_ENCODING, "gzip")];
                (gzip, as_json(200, body)).into_response()
            }
            Self::HostileText => {
                let body = json!({"error": HOSTILE_TEXT, "error_description": HOSTILE_TEXT});
                as_json(400, body.to_string())
            }
            Self::SlowDown => as_json(400, r#"{"error": "slow_down"}"#),
            Self::Pending => {
                let error = json!({"code": "deviceauth_authorization_pending"});
                as_json(403, json!({"error": error}).to_string())
            }
            Self::CloseEarly => {
                next.run(request).await;
                disconnect.close.notify_one();
                std::future::pending().await
            }
            Self::HalfBody => broken::half(next.run(request).await).await,
            Self::Huge => broken::huge(next.run(request).await).await,
            Self::Drip(pause) => broken::drip(next.run(request).await, pause).await,
            Self::HugeHead => broken::huge_head(next.run(request).await),
            Self::Mislabelled => {
                let html = [(header::CONTENT_TYPE, "text/html")];
                (html, next.run(request).await).into_response()
            }
            Self::WrongTypes => change(next.run(request).await, broken::turn_types).await,
            Self::MissingField(name) => {
                let remove = |body: &mut Value| drop(body.as_object_mut().map(|o| o.remove(&name)));
                change(next.run(request).await, remove).await
            }
            Self::Rewrite(Rewrite(rewrite)) => {
                change(next.run(request).await, |body| rewrite(body)).await
            }
        }
    }
}

fn as_json(status: u16, body: impl IntoResponse) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let json: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body).into_response()
}

/// Changes the JSON of an answer. Anything but JSON becomes `null` first.
async fn change(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    let status = response.status();
    let body = broken::read(response).await;
    let mut body = serde_json::from_slice(&body).unwrap_or(json!(null));
    change(&mut body);
    as_json(status.as_u16(), body.to_string())
}
