//! The server: accepts connections, serves them, and ends them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use super::accounts::ACCOUNTS_CHECK;
use super::messages::{Params, send};
use super::state::IssuerContext;
use super::{accounts, authorize, devices, pages, token_endpoint};
use crate::product::Protocol;

/// The size limit of a body, far more than any valid request needs.
const MAX_BODY: usize = 64 * 1024;
/// The pause, instead of spinning, while the system has no descriptor left.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(20);

/// Serves until `stopped` fires or its sender is gone.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    context: Arc<IssuerContext>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let router = Router::new()
        .fallback(answer)
        .layer(from_fn_with_state(Arc::clone(&context), receive))
        .with_state(context);
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(stream, router.clone()))),
                Err(_) => tokio::time::sleep(ACCEPT_BACK_OFF).await,
            },
        }
    }
}

/// Calls the route of a request. The second path of each pair is for a host's product that names
/// no paths of its own.
async fn answer(
    State(context): State<Arc<IssuerContext>>,
    Extension(params): Extension<Params>,
    method: Method,
    uri: Uri,
) -> Response {
    let (state, params) = (&mut *context.state(), &params);
    match (&method, uri.path()) {
        (&Method::GET, "/oauth/authorize") => authorize::consent(state, params),
        (&Method::POST, "/oauth/authorize/decision") => authorize::decision(state, params),
        (&Method::POST, "/oauth/token") => send(token_endpoint::token(state, params)),
        (&Method::POST, "/oauth/revoke") => send(token_endpoint::revoke(state, params)),
        (&Method::POST, "/api/accounts/deviceauth/usercode" | "/oauth/device/code") => {
            send(devices::user_code(state, params))
        }
        (&Method::POST, "/api/accounts/deviceauth/token") => {
            send(devices::poll(state, params, "/deviceauth/callback"))
        }
        (&Method::POST, "/oauth/device/token") => {
            let redirect_path = Protocol::default().device_redirect_path;
            send(devices::poll(state, params, &redirect_path))
        }
        (&Method::GET, "/codex/device" | "/device") => devices::page(state),
        (&Method::POST, "/codex/device" | "/device") => devices::decision(state, params),
        (&Method::GET, "/api/accounts/v1/user-auth-credential/whoami") => {
            send(accounts::whoami(state, params))
        }
        (&Method::GET, ACCOUNTS_CHECK) => send(accounts::check(state, params)),
        (&Method::POST, "/v1/billing/redeem_credits") => send(accounts::redeem(state, params)),
        (&Method::GET, "/org-setup") => pages::org_setup(),
        _ => pages::not_found(),
    }
}

/// Ends the connection of a request.
#[derive(Debug, Default)]
pub struct Disconnect {
    /// An orderly end (FIN), however much of the answer has been sent.
    pub close: Notify,
    /// A reset (RST): the peer sees "connection reset".
    pub reset: Notify,
}

async fn connection(stream: TcpStream, router: Router) {
    let disconnect = Arc::new(Disconnect::default());
    let handler = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&disconnect));
        handler.call(request)
    });
    // One request per connection, so that a test's fault hits the request that it counts, and no
    // client repeats one because a kept connection has gone away.
    let mut connection = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut connection => {}
        () = disconnect.close.notified() => {}
        () = disconnect.reset.notified() => {
            // With a zero linger time, closing sends RST.
            let stream = connection.into_parts().io.into_inner();
            let _ = stream.set_zero_linger();
        }
    }
}

/// Checks and reads a request, and hands it to the interceptor.
async fn receive(
    State(context): State<Arc<IssuerContext>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut head, body) = request.into_parts();
    // A foreign page whose own name resolves to 127.0.0.1 (DNS rebinding) gets nothing.
    let host = head.headers.get(header::HOST);
    if !host.is_some_and(|host| context.hosts.iter().any(|own| host == own)) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let params = Params::read(&head, &body);
    head.extensions.insert(params);
    let request = Request::from_parts(head, Body::empty());
    let mut response = (context.interceptor)(request, next).await;
    // Tokens and codes must not stay in any cache (RFC 6749, section 5.1).
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
