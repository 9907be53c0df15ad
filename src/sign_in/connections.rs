//! The connections of the callback server, and their limits (threat 5): at most 64, each for one
//! request. Idle ones are dropped to make room, first those that cannot deliver a callback.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::service::Service as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::listener::Listener;
use super::peer::{Ends, is_useless};
use super::server::{Door, USES_TLS, router};

/// The longest request head: the request line and all headers.
const MAX_HEAD: usize = 16 * 1024;

/// The time limit for a connection to send its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for a connection to receive its answer, once there is one.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// The most connections at once.
pub const MAX_CONNECTIONS: usize = 64;

/// The age below which a connection is never dropped to make room: it may be about to send its
/// request. A longer one would let a flood of idle connections delay the person.
const GRACE: Duration = Duration::from_millis(30);

/// The pause after an accept error such as EMFILE.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The first byte of a TLS connection: a handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// The open connections. Dropping this closes them.
#[derive(Debug)]
pub struct Connections {
    listener: Option<Listener>,
    /// When to accept again after an error.
    accept_again: Instant,
    router: Router,
    door: Arc<Door>,
    tasks: JoinSet<()>,
    /// In the order in which they were accepted.
    open: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    accepted: Instant,
    /// The connection cannot deliver a callback: its other end is closed or belongs to another
    /// user.
    is_useless: bool,
    progress: Arc<Progress>,
    task: AbortHandle,
}

/// The progress of one connection, shared by its task and the table.
#[derive(Debug, Default)]
struct Progress {
    /// A whole request head has arrived: the connection is worth keeping.
    requested: AtomicBool,
    /// The answer is on its way to the client.
    answered: Notify,
}

impl Connections {
    /// Prepares to serve the routes behind this door. Without a listener there are no connections.
    pub fn new(listener: Option<Listener>, door: Door) -> Self {
        let door = Arc::new(door);
        Self {
            listener,
            accept_again: Instant::now(),
            router: router(Arc::clone(&door)),
            door,
            tasks: JoinSet::new(),
            open: Vec::new(),
        }
    }

    /// Waits until a connection has ended or was accepted; for ever without a listener. Cancel
    /// safe.
    pub async fn next_change(&mut self) {
        let room_at = self.room_at(Instant::now());
        let accept_at = room_at.map(|room_at| room_at.max(self.accept_again));
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next_with_id() => {
                let id = ended.map_or_else(|died| died.id(), |(id, ())| id);
                self.open.retain(|connection| connection.task.id() != id);
            }
            accepted = accept(self.listener.as_ref(), accept_at) => self.accepted(accepted),
        }
    }

    /// Returns whether any connection whose request has arrived is still open.
    pub fn is_serving(&self) -> bool {
        !self.open.iter().all(Connection::is_idle)
    }

    /// Frees the port, ends every connection, and waits until they have ended.
    pub async fn close(&mut self) {
        if let Some(listener) = &self.listener {
            listener.close();
        }
        self.tasks.shutdown().await;
        self.open.clear();
    }

    /// Returns when the next connection may be accepted; `None` when one has to end first.
    fn room_at(&self, now: Instant) -> Option<Instant> {
        if self.open.len() < MAX_CONNECTIONS || self.idle_and_useless().is_some() {
            return Some(now);
        }
        self.oldest_idle().map(|at| self.open[at].accepted + GRACE)
    }

    fn accepted(&mut self, accepted: io::Result<TcpStream>) {
        match accepted {
            Ok(stream) => {
                // A connection that was reset meanwhile has no ends.
                if let Some(ends) = Ends::of(&stream) {
                    let progress = Arc::new(Progress::default());
                    let (router, door) = (self.router.clone(), Arc::clone(&self.door));
                    let served = serve(stream, ends, router, Arc::clone(&progress), door);
                    self.add(progress, is_useless(ends, &self.door.trusted_users), served);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                self.accept_again = Instant::now() + ACCEPT_PAUSE;
            }
        }
    }

    /// Adds a connection. When there are too many, drops an idle one: a useless one (which may be
    /// the new one), or else the oldest.
    fn add(
        &mut self,
        progress: Arc<Progress>,
        is_useless: bool,
        served: impl Future<Output = ()> + Send + 'static,
    ) {
        if self.open.len() >= MAX_CONNECTIONS {
            if is_useless {
                return;
            }
            if let Some(idle) = self.idle_and_useless().or_else(|| self.oldest_idle()) {
                self.open.remove(idle).task.abort();
            }
        }
        self.open.push(Connection {
            accepted: Instant::now(),
            is_useless,
            progress,
            task: self.tasks.spawn(served),
        });
    }

    fn oldest_idle(&self) -> Option<usize> {
        self.open.iter().position(Connection::is_idle)
    }

    fn idle_and_useless(&self) -> Option<usize> {
        let mut open = self.open.iter();
        open.position(|connection| connection.is_useless && connection.is_idle())
    }
}

impl Connection {
    fn is_idle(&self) -> bool {
        !self.progress.requested.load(Ordering::Relaxed)
    }
}

/// Accepts a connection once the time has come; waits for ever without a listener or a time.
async fn accept(listener: Option<&Listener>, at: Option<Instant>) -> io::Result<TcpStream> {
    let (Some(listener), Some(at)) = (listener, at) else {
        return std::future::pending().await;
    };
    if at > Instant::now() {
        tokio::time::sleep_until(at).await;
    }
    listener.accept().await
}

/// Serves one request on one connection.
async fn serve(
    stream: TcpStream,
    ends: Ends,
    router: Router,
    progress: Arc<Progress>,
    door: Arc<Door>,
) {
    let began = Instant::now();
    let mut first = [0];
    match tokio::time::timeout(HEAD_TIMEOUT, stream.peek(&mut first)).await {
        // The client sent nothing, so it expects no answer.
        Err(_) => return,
        Ok(Ok(1..)) if first == [TLS_HANDSHAKE] => door.tell(USES_TLS).await,
        Ok(_) => {}
    }
    let router = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(|mut request: hyper::Request<_>| {
        progress.requested.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ends);
        let response = router.call(request);
        let progress = &progress;
        async move {
            let response = response.await;
            progress.answered.notify_one();
            response
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT.saturating_sub(began.elapsed()))
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        // A client may close its sending side and still want the answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let too_slow = async {
        progress.answered.notified().await;
        tokio::time::sleep(ANSWER_TIMEOUT).await;
    };
    tokio::select! {
        // A broken connection needs no report.
        _ = connection => {}
        () = too_slow => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::sign_in::callback::OAuthState;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

    fn door() -> Door {
        Door {
            port: 0,
            state: OAuthState::new("state".to_owned()),
            trusted_users: Vec::new(),
            requests: mpsc::channel(1).0,
        }
    }

    /// Adds a connection that sends nothing.
    fn add(connections: &mut Connections, is_useless: bool) -> Arc<Progress> {
        let progress = Arc::new(Progress::default());
        let never = std::future::pending();
        connections.add(Arc::clone(&progress), is_useless, never);
        progress
    }

    fn ids(connections: &Connections) -> Vec<tokio::task::Id> {
        connections.open.iter().map(|it| it.task.id()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn useless_connections_give_way_at_once_and_take_no_place_of_others() {
        let mut connections = Connections::new(None, door());
        for _ in 1..MAX_CONNECTIONS {
            add(&mut connections, false);
        }
        add(&mut connections, true);
        let now = Instant::now();
        assert_eq!(connections.room_at(now), Some(now));
        let before = ids(&connections);
        add(&mut connections, false);
        let after = ids(&connections);
        assert_eq!(after[..MAX_CONNECTIONS - 1], before[..MAX_CONNECTIONS - 1]);
        assert_ne!(after[MAX_CONNECTIONS - 1], before[MAX_CONNECTIONS - 1]);
        // Without room, a useless connection is not even served.
        add(&mut connections, true);
        assert_eq!(ids(&connections), after);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_idle_connection_gives_way_but_not_before_its_grace_is_over() {
        let mut connections = Connections::new(None, door());
        let busy = add(&mut connections, false);
        busy.requested.store(true, Ordering::Relaxed);
        for _ in 1..MAX_CONNECTIONS {
            add(&mut connections, false);
        }
        let now = Instant::now();
        assert_eq!(connections.room_at(now), Some(now + GRACE));
        let before = ids(&connections);
        add(&mut connections, false);
        let after = ids(&connections);
        assert_eq!(after.len(), MAX_CONNECTIONS);
        assert_eq!(after[0], before[0], "the busy one");
        assert_eq!(after[1..MAX_CONNECTIONS - 1], before[2..]);
    }

    #[tokio::test]
    async fn connections_that_wait_for_an_answer_are_never_dropped() {
        let mut connections = Connections::new(None, door());
        for _ in 0..MAX_CONNECTIONS {
            let progress = add(&mut connections, false);
            progress.requested.store(true, Ordering::Relaxed);
        }
        assert_eq!(connections.room_at(Instant::now()), None);
        assert!(connections.is_serving());
    }

    /// Returns a connection that is served with these routes, and its task.
    async fn connect(router: Router) -> (TcpStream, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let stream = accepted.unwrap().0;
        let ends = Ends::of(&stream).unwrap();
        let serve = serve(stream, ends, router, Arc::default(), Arc::new(door()));
        (client.unwrap(), tokio::spawn(serve))
    }

    async fn all_of(mut client: TcpStream) -> String {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_given_up_after_fifteen_seconds() {
        // This is more than all buffers hold.
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
