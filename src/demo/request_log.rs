//! The requests that the issuer received, for tests to read. Its memory stays flat, whoever sends
//! how much.

use std::collections::{HashMap, VecDeque};

use super::route::{Received, Route};

/// Thousands of honest requests.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Rounded up: a request without anything in it.
const OVERHEAD: usize = 512;

/// The last requests, and the number of all.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    kept: VecDeque<Received>,
    bytes: usize,
    counts: HashMap<Route, usize>,
}

impl RequestLog {
    /// Adds a request; the oldest ones give way.
    pub(super) fn add(&mut self, request: Received) {
        *self.counts.entry(request.route).or_default() += 1;
        self.bytes += size(&request);
        self.kept.push_back(request);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= size(&oldest);
        }
    }

    /// Returns those that are kept, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Received> {
        self.kept.iter()
    }

    /// Returns how many came to this route.
    pub(super) fn count(&self, route: Route) -> usize {
        self.counts.get(&route).copied().unwrap_or_default()
    }
}

fn size(request: &Received) -> usize {
    let headers = request.headers.iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
    let pairs = request.params.pairs.iter();
    let pairs = pairs.map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>());
    OVERHEAD + request.path.len() + headers.sum::<usize>() + pairs.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, Method};

    use super::*;
    use crate::demo::route::Params;

    #[test]
    fn the_oldest_requests_give_way_and_all_are_counted() {
        let mut log = RequestLog::default();
        let sent = 40;
        for number in 0..sent {
            log.add(Received {
                route: Route::Token,
                method: Method::POST,
                path: format!("/{number}"),
                headers: HeaderMap::new(),
                params: Params::read(Some(&"x".repeat(1024 * 1024)), &HeaderMap::new(), b""),
            });
        }
        let kept: Vec<_> = log.iter().map(|request| request.path.as_str()).collect();
        assert!(kept.len() < 17, "{}", kept.len());
        assert_eq!(kept.last(), Some(&"/39"));
        assert_eq!(log.count(Route::Token), sent);
        assert_eq!(log.count(Route::Revoke), 0);
    }
}
