//! The callback server's routes, and the checks that come before them (threats 1, 2, 3 and 22).
//!
//! Every web page in the person's browser and every user of the machine can reach the port. Only a
//! browser that follows the issuer's redirect makes a top-level navigation to `localhost`.
//! Everything else is refused before its path or query is read. An accepted request goes to the
//! sign-in task as a message, which the task answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, Request, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HOST, LOCATION, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use tokio::sync::{mpsc, oneshot};

use super::callback::{Callback, CallbackQuery, Ignored, OAuthState};
use super::pages;
use super::peer::{Ends, Peer};

/// A message to the sign-in task.
#[derive(Debug)]
pub enum BrowserRequest {
    /// `GET /auth/callback`, with the right state and from a user who may deliver it.
    Callback(Callback, Reply),
    /// `GET /success`, with its query.
    SuccessPage(String, Reply),
    /// `GET /login/{random}`
    ShortLink(String, Reply),
    /// A callback had no effect. The notice tells the host, whose terminal would otherwise show
    /// nothing.
    Undelivered(&'static str),
}

/// The channel for the answer to a request. Dropping it answers 404.
pub type Reply = oneshot::Sender<Response>;

/// The attempt, as the routes see it.
#[derive(Debug)]
pub struct Door {
    /// The port that `Host` must name.
    pub port: u16,
    /// The state that a callback must have.
    pub state: OAuthState,
    /// Users who may deliver the callback, besides our own and root.
    pub trusted_users: Vec<u32>,
    /// Receives the accepted requests.
    pub requests: mpsc::Sender<BrowserRequest>,
}

/// The notice when a browser begins TLS, as in an HTTPS-only mode.
pub const USES_TLS: &str = "Your browser uses https, which this sign-in does not: paste the \
     address that the browser shows, as it is";

/// The notice when a callback's state is missing, or belongs to another attempt.
const WRONG_STATE: &str = "A callback came without the state of this sign-in: open the link shown \
     here, or paste the address that your browser shows";

/// The notice when a callback was not a browser's navigation, or was incomplete.
const REFUSED: &str = "A callback was refused (your browser says why): paste the address that \
     your browser shows";

/// The path of the redirect URI.
const CALLBACK: &str = "/auth/callback";

/// Returns the routes. Each request needs its connection's [`Ends`] as an extension.
pub fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route(CALLBACK, any(callback))
        .route("/success", any(success))
        .route("/login/{random}", any(short_link))
        // Applies to known paths only: an unknown path is 404 for every method.
        .route_layer(from_fn(only_get))
        .fallback(async || not_found())
        .layer(from_fn_with_state(Arc::clone(&door), only_navigations))
        .layer(map_response(with_security_headers))
        .with_state(door)
}

/// Returns the 302 to `location`.
pub fn redirect(location: &str) -> Response {
    (StatusCode::FOUND, [(LOCATION, location)]).into_response()
}

async fn only_navigations(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Some(refusal) = refusal(&parts, door.port) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    tracing::warn!(status = %refusal.status(), "request turned away");
    if parts.uri.path() == CALLBACK {
        door.tell(REFUSED).await;
    }
    refusal
}

/// Returns the refusal of any request but a navigation to this server.
fn refusal(request: &Parts, port: u16) -> Option<Response> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some(pages::bad_host().into_response());
    };
    let is_ours = |host: &str| is_ours(host, port);
    // The absolute form of a request target names the host a second time (RFC 9112, 3.2.2).
    let named_twice = request.uri.authority().map(Authority::as_str);
    if !host.to_str().is_ok_and(is_ours) || !named_twice.is_none_or(is_ours) {
        // DNS rebinding: a foreign name resolves to this machine.
        return Some((StatusCode::MISDIRECTED_REQUEST, "Wrong host").into_response());
    }
    is_made_by_a_page(&request.headers).then(|| pages::made_by_a_page().into_response())
}

fn is_ours(host: &str, port: u16) -> bool {
    let is_our_name = |name: &str| {
        name.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&name)
    };
    let with_port = host.rsplit_once(':');
    let named =
        with_port.is_some_and(|(name, given)| is_our_name(name) && given == port.to_string());
    // Browsers leave the scheme's own port out (RFC 9110, section 7.2).
    named || (port == 80 && is_our_name(host))
}

/// Returns whether a page made the request itself (a script, an image, a frame, a prefetch), unlike
/// a navigation. Judged by Fetch Metadata (W3C) and `Origin` (RFC 6454).
fn is_made_by_a_page(headers: &HeaderMap) -> bool {
    let differs = |name: &str, of_navigation: &str| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| value != of_navigation)
    };
    let mut purposes = headers.get_all("sec-purpose").iter();
    headers.contains_key(ORIGIN)
        || differs("sec-fetch-dest", "document")
        || differs("sec-fetch-mode", "navigate")
        || purposes.any(|purpose| {
            purpose
                .to_str()
                .map_or(true, |text| text.to_ascii_lowercase().contains("prefetch"))
        })
}

/// Refuses HEAD as well: it could use up an attempt without showing the answer.
async fn only_get(request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        next.run(request).await
    } else {
        let allow = [(ALLOW, "GET")];
        (StatusCode::METHOD_NOT_ALLOWED, allow, "Method not allowed").into_response()
    }
}

/// Accepts a callback if its state is right and its sender is trusted: another user of the machine
/// could have read the link and approved with an account of their own.
async fn callback(
    State(door): State<Arc<Door>>,
    Extension(ends): Extension<Ends>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = CallbackQuery::parse(query.as_deref().unwrap_or_default());
    let callback = match door.state.check(query) {
        Ok(callback) => callback,
        Err(ignored) => {
            door.tell(match ignored {
                Ignored::StateMismatch => WRONG_STATE,
                Ignored::Repeated | Ignored::MissingCode => REFUSED,
            })
            .await;
            return pages::ignored(ignored).into_response();
        }
    };
    // The peer is checked last, because that costs more than refusing a wrong state.
    let peer = Peer::of(ends).await;
    if !peer.may_deliver(&door.trusted_users) {
        tracing::warn!(?peer, "callback turned away");
        door.tell(REFUSED).await;
        return pages::made_by_another_user().into_response();
    }
    door.ask(|reply| BrowserRequest::Callback(callback, reply))
        .await
}

async fn success(State(door): State<Arc<Door>>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    door.ask(|reply| BrowserRequest::SuccessPage(query, reply))
        .await
}

async fn short_link(
    State(door): State<Arc<Door>>,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    // A path that cannot be decoded is not our link.
    let Ok(Path(random)) = path else {
        return not_found();
    };
    door.ask(|reply| BrowserRequest::ShortLink(random, reply))
        .await
}

impl Door {
    /// Tells the task that a callback had no effect.
    pub async fn tell(&self, notice: &'static str) {
        // The task may have ended, and then needs no callback.
        let _ = self
            .requests
            .send(BrowserRequest::Undelivered(notice))
            .await;
    }

    async fn ask(&self, request: impl FnOnce(Reply) -> BrowserRequest) -> Response {
        let (reply, answer) = oneshot::channel();
        // A task that has ended drops the reply.
        let _ = self.requests.send(request(reply)).await;
        answer.await.unwrap_or_else(|_| not_found())
    }
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Endpoint not supported").into_response()
}

async fn with_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ));
    for (name, value) in [
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (CONNECTION, "close"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The cases that `tests/sign_in/guard.rs` cannot cause over the wire.
#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    /// Returns the status with which a request with these headers is refused.
    fn refused(port: u16, uri: &str, headers: &[(&str, &[u8])]) -> Option<u16> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        Some(refusal(&parts, port)?.status().as_u16())
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(refused(1455, "/", &[("host", b"\xff")]), Some(421));
        for name in ["sec-fetch-dest", "sec-purpose"] {
            let headers = [("host", &b"localhost:1455"[..]), (name, b"\xff")];
            assert_eq!(refused(1455, "/", &headers), Some(403), "{name}");
        }
    }

    #[test]
    fn on_port_80_a_host_without_a_port_is_ours() {
        let refused = |host: &str| refused(80, "/", &[("host", host.as_bytes())]);
        for host in ["localhost", "LocalHost", "127.0.0.1", "[::1]"] {
            assert_eq!(refused(host), None, "{host}");
            assert_eq!(refused(&format!("{host}:80")), None, "{host}");
        }
        for host in [
            "evil.example",
            "localhost:1455",
            "localhost:",
            "::1",
            "[::1",
            "",
        ] {
            assert_eq!(refused(host), Some(421), "{host}");
        }
    }

    #[test]
    fn the_absolute_form_must_name_us_too() {
        let refused = |uri: &str| refused(1455, uri, &[("host", b"localhost:1455")]);
        assert_eq!(refused("http://localhost:1455/"), None);
        for other in ["evil.example", "user@localhost:1455", "localhost"] {
            assert_eq!(refused(&format!("http://{other}/")), Some(421), "{other}");
        }
    }
}
