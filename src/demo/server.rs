//! Connections: accept, serve, and die as told.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

use super::route::{Params, Received, Route};
use super::state::Shared;
use super::{authorize, credits, device, grants, pages, revoke};

/// Far more than any honest request here.
const MAX_BODY: usize = 64 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// A pause when the system has no descriptor left, instead of spinning.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(20);

/// How a fault ends its own connection.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// An orderly end (FIN), however much of the answer is out.
    pub(super) close: Notify,
    /// A reset (RST): the peer sees "connection reset".
    pub(super) reset: Notify,
}

/// Serves until `stopped` fires or its sender is gone.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    mut stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let router = router(&shared);
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

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/oauth/authorize", get(authorize::consent))
        .route("/oauth/authorize/decision", post(authorize::decision))
        .route("/oauth/token", post(grants::token))
        .route("/oauth/revoke", post(revoke::revoke))
        .route("/api/accounts/deviceauth/usercode", post(device::user_code))
        .route("/api/accounts/deviceauth/token", post(device::poll))
        .route("/codex/device", get(device::page).post(device::decision))
        .route("/v1/billing/redeem_credits", post(credits::redeem))
        .route("/org-setup", get(pages::org_setup))
        .fallback(pages::not_found)
        .layer(from_fn_with_state(Arc::clone(shared), receive))
        .with_state(Arc::clone(shared))
}

async fn connection(stream: TcpStream, router: Router) {
    let wire = Arc::new(Wire::default());
    let handler = TowerToHyperService::new(router);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&wire));
        handler.call(request)
    });
    // One request a connection: a fault then hits the request that is counted, and
    // no client repeats one by itself because a kept connection went away.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = &mut connection => {}
        () = wire.close.notified() => {}
        () = wire.reset.notified() => {
            // With a zero linger time, closing sends RST.
            let stream = connection.into_parts().io.into_inner();
            let _ = stream.set_zero_linger();
        }
    }
}

/// What every request goes through: into the log, past the gates and faults, to its route.
async fn receive(
    State(shared): State<Arc<Shared>>,
    Extension(wire): Extension<Arc<Wire>>,
    request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let (mut head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Ok(StatusCode::PAYLOAD_TOO_LARGE.into_response());
    };
    let params = Params::read(head.uri.query(), &head.headers, &body);
    let endpoint = Route::of(head.uri.path());
    let gates = {
        let mut state = shared.state();
        state.log.push(Received {
            endpoint,
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            headers: head.headers.clone(),
            params: params.clone(),
        });
        state.faults.arrive(endpoint)
    };
    for gate in gates {
        gate.pass().await;
    }
    // A page elsewhere that points its own name at 127.0.0.1 (DNS rebinding) gets nothing.
    let host = head.headers.get(header::HOST);
    if !shared
        .hosts
        .iter()
        .any(|own| host.is_some_and(|h| h == own))
    {
        return Ok(StatusCode::MISDIRECTED_REQUEST.into_response());
    }
    head.extensions.insert(params);
    let request = Request::from_parts(head, Body::empty());
    let fault = shared.state().faults.next(endpoint);
    let mut response = match fault {
        None => next.run(request).await,
        Some(fault) => fault.play(&wire, request, next).await,
    };
    // IssuedTokens and codes must not stay in any cache (RFC 6749, section 5.1).
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
