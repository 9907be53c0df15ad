//! The callback server: axum's routes on hyper's connections. The guard turns intruders away;
//! everything else goes to the sign-in task as a message, and its answer comes back.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, Request as HttpRequest, State};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::callback::CallbackQuery;
use super::connections::Progress;
use super::guard::{self, Intruder};
use super::pages::{self, CallbackPage};
use super::peer::Ends;
use super::undelivered::{TLS_HANDSHAKE, TellHost, Undelivered};

/// A request that passed the guard.
#[derive(Debug)]
pub struct Request {
    /// The question.
    pub ask: Ask,
    /// The connection's ends; `None` when it was reset.
    pub ends: Option<Ends>,
    /// The connection's task, which ends once the answer is delivered.
    pub connection: tokio::task::Id,
    /// Takes the answer. Dropping it answers 404.
    pub reply: oneshot::Sender<BrowserAnswer>,
}

/// The question in a request.
#[derive(Debug)]
pub enum Ask {
    /// `GET /auth/callback`
    Callback(CallbackQuery),
    /// `GET /success`, with its query.
    SuccessPage(String),
    /// `GET /login/{random}`
    ShortLink(String),
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub enum BrowserAnswer {
    /// A page with its status.
    Page(CallbackPage),
    /// 302 to this location.
    Redirect(String),
    /// 404
    NotFound,
}

/// The path of the redirect URI.
const CALLBACK: &str = "/auth/callback";

/// Returns the routes, behind the guard. Requests go to the task.
pub fn router(port: u16, requests: mpsc::Sender<Request>, tell_host: TellHost) -> Router {
    Router::new()
        .route(CALLBACK, any(callback))
        .route("/success", any(success))
        .route("/login/{random}", any(short_link))
        // Known paths only: an unknown path is 404 for every method.
        .route_layer(from_fn(only_get))
        .fallback(async || not_found())
        .layer(from_fn_with_state((port, tell_host), only_navigations))
        .layer(map_response(with_security_headers))
        .with_state(requests)
}

/// Serves one request on one connection, with the guard's limits.
pub async fn serve(
    stream: TcpStream,
    router: Router,
    progress: Arc<Progress>,
    tell_host: TellHost,
) {
    let began = Instant::now();
    let mut first = [0];
    let peek = stream.peek(&mut first);
    match tokio::time::timeout(guard::HEAD_TIMEOUT, peek).await {
        // Nothing was sent, and nobody waits for an answer.
        Err(_) => return,
        Ok(Ok(1..)) if first == [TLS_HANDSHAKE] => tell_host(Undelivered::Tls),
        Ok(_) => {}
    }
    let router = TowerToHyperService::new(router);
    let ends = Ends::of(&stream);
    let service = hyper::service::service_fn(|mut request: hyper::Request<_>| {
        progress.mark_requested();
        request.extensions_mut().insert(ends);
        let response = router.call(request);
        let progress = &progress;
        async move {
            let response = response.await;
            progress.mark_answered();
            response
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(guard::HEAD_TIMEOUT.saturating_sub(began.elapsed()))
        .max_buf_size(guard::MAX_HEAD)
        .keep_alive(false)
        // A client may close its sending side and still want the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let too_slow = async {
        progress.answered().await;
        tokio::time::sleep(guard::ANSWER_TIMEOUT).await;
    };
    tokio::select! {
        // A broken connection needs no report.
        _ = connection => {}
        () = too_slow => {}
    }
}

type Connection = Extension<Option<Ends>>;

async fn callback(
    requests: State<mpsc::Sender<Request>>,
    connection: Connection,
    RawQuery(query): RawQuery,
) -> Response {
    let query = CallbackQuery::parse(query.as_deref().unwrap_or_default());
    answer(requests, connection, Ask::Callback(query)).await
}

async fn success(
    requests: State<mpsc::Sender<Request>>,
    connection: Connection,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    answer(requests, connection, Ask::SuccessPage(query)).await
}

async fn short_link(
    requests: State<mpsc::Sender<Request>>,
    connection: Connection,
    path: Result<Path<String>, PathRejection>,
) -> Response {
    // A path that does not decode is not our link.
    let Ok(Path(random)) = path else {
        return not_found();
    };
    answer(requests, connection, Ask::ShortLink(random)).await
}

async fn answer(
    State(requests): State<mpsc::Sender<Request>>,
    Extension(ends): Connection,
    ask: Ask,
) -> Response {
    let (reply, answered) = oneshot::channel();
    let request = Request {
        ask,
        ends,
        connection: tokio::task::id(),
        reply,
    };
    if requests.send(request).await.is_err() {
        return not_found();
    }
    match answered.await {
        Ok(BrowserAnswer::Page(page)) => page_response(page),
        Ok(BrowserAnswer::Redirect(location)) => redirect(&location),
        Ok(BrowserAnswer::NotFound) | Err(_) => not_found(),
    }
}

async fn only_navigations(
    State((port, tell_host)): State<(u16, TellHost)>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    match guard::check(&parts, port) {
        Ok(()) => next.run(HttpRequest::from_parts(parts, body)).await,
        Err(intruder) => {
            tracing::warn!(?intruder, "request turned away");
            if parts.uri.path() == CALLBACK {
                tell_host(Undelivered::Refused);
            }
            match intruder {
                Intruder::BadHost => page_response(pages::bad_host()),
                Intruder::ForeignHost => {
                    (StatusCode::MISDIRECTED_REQUEST, "Wrong host").into_response()
                }
                Intruder::PageMade => page_response(pages::made_by_a_page()),
            }
        }
    }
}

/// Refuses HEAD as well: it could use up an attempt without showing the answer.
async fn only_get(request: HttpRequest, next: Next) -> Response {
    if request.method() == Method::GET {
        next.run(request).await
    } else {
        let allow = [(ALLOW, "GET")];
        (StatusCode::METHOD_NOT_ALLOWED, allow, "Method not allowed").into_response()
    }
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Endpoint not supported").into_response()
}

fn redirect(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn page_response(page: CallbackPage) -> Response {
    let policy = HeaderValue::from_str(&page.content_security_policy);
    let mut response = (page.status, Body::from(page.body)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    if let Ok(policy) = policy {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn with_security_headers(mut response: Response) -> Result<Response, Infallible> {
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
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    /// A connection that is served with these routes, and its task.
    async fn connect(router: Router) -> (TcpStream, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let progress = Arc::new(Progress::default());
        let nobody = Arc::new(|_| {});
        let task = tokio::spawn(serve(accepted.unwrap().0, router, progress, nobody));
        (client.unwrap(), task)
    }

    async fn all_of(mut client: TcpStream) -> String {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_given_up_after_fifteen_seconds() {
        // More than the buffers on the way hold.
        let huge = || async { vec![b'x'; 64 * 1024 * 1024] };
        let (mut client, task) = connect(Router::new().fallback(huge)).await;
        let asked = Instant::now();
        client.write_all(REQUEST).await.unwrap();
        task.await.unwrap();
        let took = asked.elapsed();
        let bounds = Duration::from_secs(15)..Duration::from_secs(16);
        assert!(bounds.contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_an_answer_does_not_count() {
        let slow = || async {
            tokio::time::sleep(Duration::from_mins(10)).await;
            "at last"
        };
        let (mut client, task) = connect(Router::new().fallback(slow)).await;
        client.write_all(REQUEST).await.unwrap();
        assert!(all_of(client).await.ends_with("at last"));
        task.await.unwrap();
    }
}
