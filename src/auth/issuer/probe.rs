//! Checks whether a host can be reached. Nothing is sent but a bare request.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::DATE;
use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::Issuer;
use crate::error::Result;

/// An answer, whatever it says.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The HTTP status.
    pub status: u16,
    /// The time by the server's clock (RFC 9110, section 6.6.1).
    pub date: Option<DateTime<Utc>>,
    /// The time to resolve the name; unknown if a proxy resolves it.
    pub name: Option<Duration>,
    /// The time to connect; unknown if a proxy connects.
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
        let asked = Instant::now();
        let request = async {
            let request = self.request(Method::GET, &url).await?;
            let response = self.execute(request).await;
            response.map(|response| (response, asked.elapsed()))
        };
        let direct = async { Ok(self.connect_directly(&url).await) };
        let ((response, answer), (name, connection)) = tokio::try_join!(request, direct)?;
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

    /// Measures how long the name and the connection take. The request reports whether they work.
    async fn connect_directly(&self, url: &str) -> (Option<Duration>, Option<Duration>) {
        // Open no connection that would bypass a proxy.
        let is_direct = matches!(self.proxy_for(url), Ok(None));
        let Some(target) = host_and_port(url).filter(|_| is_direct) else {
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
