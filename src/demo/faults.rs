//! Misbehaviour on demand.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::device;
use super::reply::{Refusal, json_response};
use super::route::Route;
use super::server::Wire;

mod broken;

/// What [`Fault::HostileText`] puts into `error_description`: a screen wipe, a title
/// change, a bell, a bidirectional override, zero-width characters, line breaks and
/// HTML, and more of it than anybody should show.
pub const HOSTILE_TEXT: &str = concat!(
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}[H\u{1b}]0;owned\u{7}\u{9b}31m",
    "\u{202e}desrever\u{202c} zero\u{200b}width\u{feff}\r\nSuccessfully logged in\r\n",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
);

/// One way to misbehave.
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
    /// 200 with bytes that are no JSON, called JSON.
    Garbage,
    /// 200 with a small gzip body that would unpack to more than 150 MiB.
    CompressedBomb,
    /// 400 with [`HOSTILE_TEXT`] as error and description.
    HostileText,
    /// 400 `slow_down` (RFC 8628, section 3.5).
    SlowDown,
    /// The device was not approved yet.
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

impl Fault {
    /// The true answer with this change made to its JSON.
    pub fn rewrite(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Self {
        Self::Rewrite(Rewrite(Arc::new(change)))
    }

    /// Answers in this fault's way, or never.
    pub(super) async fn play(self, wire: &Wire, request: Request, next: Next) -> Response {
        match self {
            Self::Delay(time) => {
                tokio::time::sleep(time).await;
                next.run(request).await
            }
            Self::Hang => std::future::pending().await,
            Self::Reset => {
                wire.reset.notify_one();
                std::future::pending().await
            }
            Self::Redirect(url) => {
                (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, url)]).into_response()
            }
            Self::Status(status, body) => as_json(status, body),
            Self::Garbage => as_json(200, b"\x00\xffnot JSON \xc3<html>".to_vec()),
            Self::CompressedBomb => {
                let gzip = [(header::CONTENT_ENCODING, "gzip")];
                (gzip, as_json(200, broken::bomb())).into_response()
            }
            Self::HostileText => Refusal::oauth(HOSTILE_TEXT, HOSTILE_TEXT).into_response(),
            Self::SlowDown => Refusal::oauth("slow_down", "Poll less often.").into_response(),
            Self::Pending => device::pending().into_response(),
            Self::CloseEarly => {
                next.run(request).await;
                wire.close.notify_one();
                std::future::pending().await
            }
            Self::HalfBody => broken::half(next.run(request).await).await,
            Self::Huge => broken::huge(next.run(request).await).await,
            Self::Drip(pause) => broken::drip(next.run(request).await, pause).await,
            Self::HugeHead => broken::huge_head(next.run(request).await),
            Self::Mislabelled => ([HTML], next.run(request).await).into_response(),
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

const HTML: (HeaderName, &str) = (header::CONTENT_TYPE, "text/html");

fn as_json(status: u16, body: impl IntoResponse) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body).into_response()
}

/// The same answer with its JSON changed. Anything but JSON becomes `null` first.
async fn change(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    let status = response.status();
    let body = broken::read(response).await;
    let mut body = serde_json::from_slice(&body).unwrap_or(json!(null));
    change(&mut body);
    json_response(status, &body)
}

/// What is planned for each endpoint.
#[derive(Debug, Default)]
pub(super) struct Faults {
    queued: HashMap<Route, VecDeque<(usize, Fault)>>,
    always: HashMap<Route, Fault>,
    gates: HashMap<Route, Vec<Held>>,
}

impl Faults {
    pub(super) fn queue(&mut self, endpoint: Route, times: usize, fault: Fault) {
        let queue = self.queued.entry(endpoint).or_default();
        queue.push_back((times, fault));
    }

    pub(super) fn always(&mut self, endpoint: Route, fault: Fault) {
        self.always.insert(endpoint, fault);
    }

    pub(super) fn clear(&mut self) {
        self.queued.clear();
        self.always.clear();
    }

    pub(super) fn next(&mut self, endpoint: Route) -> Option<Fault> {
        if let Some(queue) = self.queued.get_mut(&endpoint) {
            while let Some((times, fault)) = queue.front_mut() {
                if *times > 0 {
                    *times -= 1;
                    return Some(fault.clone());
                }
                queue.pop_front();
            }
        }
        self.always.get(&endpoint).cloned()
    }

    pub(super) fn hold(&mut self, endpoint: Route) -> Gate {
        let (release, released) = watch::channel(false);
        let (arrive, arrived) = watch::channel(0);
        let held = Held {
            released,
            arrive: Arc::new(arrive),
        };
        self.gates.entry(endpoint).or_default().push(held);
        Gate { arrived, release }
    }

    /// Tells the endpoint's gates that a request came, and names those it must pass.
    pub(super) fn arrive(&mut self, endpoint: Route) -> Vec<Held> {
        let Some(gates) = self.gates.get_mut(&endpoint) else {
            return Vec::new();
        };
        gates.retain(Held::is_closed);
        for gate in gates.iter() {
            gate.arrive.send_modify(|count| *count += 1);
        }
        gates.clone()
    }
}

/// Holds requests until it is released or dropped: see [`super::DemoIssuer::hold`].
#[derive(Debug)]
pub struct Gate {
    arrived: watch::Receiver<usize>,
    release: watch::Sender<bool>,
}

impl Gate {
    /// Waits until a request stands at the gate.
    pub async fn arrived(&self) {
        self.arrivals(1).await;
    }

    /// Waits until this many requests have come to the gate.
    pub async fn arrivals(&self, count: usize) {
        // The sender lives as long as the issuer; without one nothing more will come.
        let mut arrived = self.arrived.clone();
        let _ = arrived.wait_for(|arrived| *arrived >= count).await;
    }

    /// Lets everything pass, from now on.
    pub fn release(self) {
        self.release.send_replace(true);
    }
}

/// The issuer's side of a gate.
#[derive(Clone, Debug)]
pub(super) struct Held {
    released: watch::Receiver<bool>,
    arrive: Arc<watch::Sender<usize>>,
}

impl Held {
    fn is_closed(&self) -> bool {
        !*self.released.borrow() && self.released.has_changed().is_ok()
    }

    pub(super) async fn pass(mut self) {
        // A gate that was dropped holds nobody.
        let _ = self.released.wait_for(|released| *released).await;
    }
}
