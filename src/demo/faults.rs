//! The faults that are planned: which route misbehaves next, and how.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_core::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Notify;

use super::route::Route;

/// The `error_description` of [`Fault::HostileText`]: a screen wipe, a title change, a bell, a
/// bidirectional override, zero-width characters, line breaks and HTML, and more of it than a
/// program should show.
pub const HOSTILE_TEXT: &str = concat!(
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}[H\u{1b}]0;owned\u{7}\u{9b}31m",
    "\u{202e}desrever\u{202c} zero\u{200b}width\u{feff}\r\nSuccessfully logged in\r\n",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ",
    "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
);

/// A way to misbehave.
///
/// The first group happens instead of the request: the issuer's state does not
/// change. The second spoils the true answer: the issuer has done its part, so a
/// code is used up and a refresh token is rotated.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
pub struct Rewrite(pub(super) Arc<dyn Fn(&mut Value) + Send + Sync>);

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
}

/// Ends the connection of the request that a fault plays on.
#[derive(Debug, Default)]
pub(super) struct Disconnect {
    /// An orderly end (FIN), however much of the answer is out.
    pub(super) close: Notify,
    /// A reset (RST): the peer sees "connection reset".
    pub(super) reset: Notify,
}

/// Answers a request in a fault's way. The program plans no fault, so the linker leaves out the
/// code behind this pointer.
pub(super) type Misbehaviour =
    Arc<dyn Fn(Arc<Disconnect>, Request, Next) -> BoxFuture<'static, Response> + Send + Sync>;

/// The faults planned for each route.
#[derive(Default)]
pub(super) struct Faults {
    queued: HashMap<Route, VecDeque<(usize, Misbehaviour)>>,
    always: HashMap<Route, Misbehaviour>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults(..)")
    }
}

impl Faults {
    pub(super) fn queue(&mut self, route: Route, times: usize, fault: Misbehaviour) {
        let queue = self.queued.entry(route).or_default();
        queue.push_back((times, fault));
    }

    pub(super) fn always(&mut self, route: Route, fault: Misbehaviour) {
        self.always.insert(route, fault);
    }

    pub(super) fn clear(&mut self) {
        self.queued.clear();
        self.always.clear();
    }

    pub(super) fn next(&mut self, route: Route) -> Option<Misbehaviour> {
        if let Some(queue) = self.queued.get_mut(&route) {
            while let Some((times, fault)) = queue.front_mut() {
                if *times > 0 {
                    *times -= 1;
                    return Some(Arc::clone(fault));
                }
                queue.pop_front();
            }
        }
        self.always.get(&route).cloned()
    }
}
