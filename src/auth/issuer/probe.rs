//! Checks whether a host can be reached: nothing is asked of it and nothing is sent to it but the
//! request itself.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::DATE;
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::Issuer;
use crate::error::Result;

/// The extra time for a connection that is only timed, beyond the answer.
const GRACE: Duration = Duration::from_millis(100);

/// An answer, whatever it says.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The HTTP status.
    pub status: u16,
    /// The time by the server's clock (RFC 9110, section 6.6.1).
    pub date: Option<DateTime<Utc>>,
    /// The time for the name; unknown where a proxy resolves it.
    pub name: Option<Duration>,
    /// The time for the connection; unknown where a proxy makes it.
    pub connection: Option<Duration>,
    /// The time for the whole answer, TLS included.
    pub answer: Duration,
}

impl Issuer {
    /// Sends a GET without credentials with the client of the other requests, so that it meets
    /// the same proxies, certificate authorities and limits.
    ///
    /// # Errors
    /// As any request: the hop that failed and its cause.
    pub(crate) async fn probe(&self, url: String) -> Result<Probe> {
        let is_direct = self.proxy_for(&url)?.is_none();
        let direct = self.connect_directly(&url);
        tokio::pin!(direct);
        // Past a proxy not even a connection is opened.
        let mut times = (!is_direct).then(Default::default);
        let asked = Instant::now();
        let request = self.execute(Method::GET, &url, |request| request);
        tokio::pin!(request);
        let answered = loop {
            tokio::select! {
                found = &mut direct, if times.is_none() => times = Some(found),
                answered = &mut request => break answered,
            }
        };
        let answer = asked.elapsed();
        let response = answered?;
        let (name, connection) = match times {
            Some(times) => times,
            None => tokio::time::timeout(GRACE, direct)
                .await
                .unwrap_or_default(),
        };
        let date = response
            .headers()
            .get(DATE)
            .and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        Ok(Probe {
            status: response.status().as_u16(),
            date: date.map(|date| date.to_utc()),
            name,
            connection,
            answer,
        })
    }

    /// Times the name and the connection. Whether they work is for the request to say.
    async fn connect_directly(&self, url: &str) -> (Option<Duration>, Option<Duration>) {
        let Some(target) = host_and_port(url) else {
            return (None, None);
        };
        let limit = self.timeouts.connect;
        let started = Instant::now();
        let Ok(Ok(mut addresses)) = tokio::time::timeout(limit, lookup_host(&target)).await else {
            return (None, None);
        };
        let name = started.elapsed();
        let Some(address) = addresses.next() else {
            return (Some(name), None);
        };
        let started = Instant::now();
        let connected = tokio::time::timeout(limit, TcpStream::connect(address)).await;
        let connection = matches!(connected, Ok(Ok(_))).then(|| started.elapsed());
        (Some(name), connection)
    }
}

fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?.trim_matches(['[', ']']);
    Some((host.to_owned(), url.port_or_known_default()?))
}
