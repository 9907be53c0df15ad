//! Callbacks that wait until the system has told which user sent them (threat 22).

use futures_core::future::BoxFuture;

use crate::platform::check_threads;
use crate::sign_in::peer::Peer;
use crate::sign_in::server::Request;

/// Looks up the senders of requests, those of one look-up together: on a busy machine the
/// kernel's tables are long, and a hundred callbacks may come at once.
pub struct PeerLookups {
    /// The callback server's port.
    port: u16,
    waiting: Vec<Request>,
    look_up: Option<BoxFuture<'static, Vec<(Request, Peer)>>>,
}

impl PeerLookups {
    /// Creates an empty list.
    pub fn new(port: u16) -> Self {
        Self {
            port,
            waiting: Vec::new(),
            look_up: None,
        }
    }

    /// Adds a request.
    pub fn add(&mut self, request: Request) {
        self.waiting.push(request);
    }

    /// Returns whether no request waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.look_up.is_none()
    }

    /// Waits for the next requests whose senders are known; for ever without any. Cancel safe.
    pub async fn next(&mut self) -> Vec<(Request, Peer)> {
        if self.look_up.is_none() && self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        let look_up = self
            .look_up
            .get_or_insert_with(|| Box::pin(look_up(self.port, std::mem::take(&mut self.waiting))));
        let known = look_up.await;
        self.look_up = None;
        known
    }
}

async fn look_up(port: u16, requests: Vec<Request>) -> Vec<(Request, Peer)> {
    let look_up = move || {
        let ends: Vec<_> = requests.iter().map(|request| request.ends).collect();
        requests
            .into_iter()
            .zip(Peer::look_up(port, &ends))
            .collect()
    };
    // tokio panics where it cannot start its first thread.
    if check_threads().is_err() {
        return look_up();
    }
    // After a panic the requests are gone, and their browsers get 404.
    tokio::task::spawn_blocking(look_up)
        .await
        .unwrap_or_default()
}
