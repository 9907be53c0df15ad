//! Requests to the issuer and to its product's API, with the limits of threat 8.

mod explain;

use std::thread;
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, redirect};
use secrecy::SecretString;
use tokio::sync::oneshot;
use url::Url;

use super::Issuer;
use super::answer::{Answer, BETWEEN, check_sender};
use super::proxy::Proxy;
use super::refusal::Refusal;
use super::tls;
use crate::auth::issuer_url::is_loopback;
use crate::crypto_provider::{crypto_provider, loopback_client};
use crate::error::{Error, Result};

/// A token answer is about 5 KB.
const MAX_ANSWER: usize = 1024 * 1024;

/// Time limits of a request to the issuer (threat 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The limit for the connection.
    pub connect: Duration,
    /// The limit for the whole request, up to the last byte of the answer.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

impl Issuer {
    /// Begins a request, with the client that its URL needs and the time limit.
    pub(super) async fn request(&self, method: Method, url: &str) -> Result<RequestBuilder> {
        let client = self.client_for(url).await?;
        let request = client.request(method, url);
        // The host's client may have another limit, or none.
        let request = request.timeout(self.timeouts.request);
        Ok(request.header(ACCEPT, "application/json"))
    }

    /// Sends a request and reads the whole answer as JSON. A refusal never repeats the secrets
    /// that were `sent`.
    ///
    /// # Errors
    /// There is no answer of the issuer's: a hop failed, or something in between answered.
    pub(super) async fn json(
        &self,
        request: RequestBuilder,
        sent: &[&SecretString],
    ) -> Result<Answer> {
        let body = match self.send(request, sent).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Err(refusal)),
        };
        serde_json::from_slice(&body)
            .map(Ok)
            .map_err(|_| Error::issuer("The issuer's answer is not JSON").with_hint(BETWEEN))
    }

    /// Sends a request as [`Issuer::json`] does, and returns the body as it is.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        sent: &[&SecretString],
    ) -> Result<Result<Vec<u8>, Refusal>> {
        let response = self.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read(response).await?;
        check_sender(status, &headers, &body)?;
        if status.is_success() {
            return Ok(Ok(body));
        }
        let head = (status, &headers);
        Ok(Err(Refusal::read(&self.product, head, &body, sent)))
    }

    /// Sends a request and reads only the head of the answer.
    pub(super) async fn execute(&self, request: RequestBuilder) -> Result<Response> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| self.explain(&error))?;
        // A proxy that is set but unusable must not be bypassed.
        self.proxy_for(request.url().as_str())?;
        let response = client.execute(request).await;
        let response = response.map_err(|error| self.explain(&error))?;
        tracing::debug!(status = response.status().as_u16(), "issuer answered");
        Ok(response)
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        // An error while reading the body does not carry the URL.
        let url = response.url().clone();
        let lost = |error: reqwest::Error| self.explain(&error.with_url(url.clone()));
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(
                    Error::issuer("The issuer's answer is larger than 1 MiB").with_hint(BETWEEN)
                );
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Returns the proxy for requests to this URL. The host's own client decides for itself, so
    /// there is none to return.
    ///
    /// # Errors
    /// The variable that names it cannot be used.
    pub(super) fn proxy_for(&self, url: &str) -> Result<Option<&Proxy>> {
        if self.given_client.is_some() || is_plain(url) {
            // Requests to this machine must not reach a proxy in clear text.
            return Ok(None);
        }
        self.proxies.for_url(url)
    }

    /// Checks that TLS has a cryptography provider, unless none is needed.
    pub(crate) fn check_tls(&self) -> Result<()> {
        if self.needs_tls() {
            crypto_provider()?;
        }
        Ok(())
    }

    /// Builds the HTTP client in the background, before it is needed.
    pub(crate) fn warm_up(&self) {
        if self.needs_tls() {
            drop(self.build_in_background());
        }
    }

    fn needs_tls(&self) -> bool {
        self.given_client.is_none() && !self.url.is_loopback_http()
    }

    async fn client_for(&self, url: &str) -> Result<Client> {
        if let Some(client) = &self.given_client {
            return Ok(client.clone());
        }
        if is_plain(url) {
            let build = || self.build(loopback_client()?);
            return self.clients.plain.get_or_init(build).clone();
        }
        if let Some(built) = self.clients.tls.get() {
            return built.clone();
        }
        let built = self.build_in_background().await;
        // If no thread could be started, build the client here.
        built.unwrap_or_else(|_| self.tls_client())
    }

    /// Builds the client for TLS on a short-lived thread: the system's certificate authorities
    /// take milliseconds to load.
    fn build_in_background(&self) -> oneshot::Receiver<Result<Client>> {
        let (reply, built) = oneshot::channel();
        let issuer = self.clone();
        let thread = thread::Builder::new().name("tls-roots".to_owned());
        // The receiver may be gone, because a caller need not wait for the client.
        let _ = thread
            .stack_size(512 * 1024)
            .spawn(move || drop(reply.send(issuer.tls_client())));
        built
    }

    fn tls_client(&self) -> Result<Client> {
        let build = || {
            let tls = tls::trusting_system_and(self.ca_file.as_ref())?;
            let client = Client::builder().tls_backend_preconfigured(tls);
            self.build(client.proxy(self.proxies.for_client()))
        };
        self.clients.tls.get_or_init(build).clone()
    }

    fn build(&self, builder: ClientBuilder) -> Result<Client> {
        builder
            // A redirect could carry the code or a token to another host.
            .redirect(redirect::Policy::none())
            .connect_timeout(self.timeouts.connect)
            .user_agent(self.product.protocol.user_agent.as_ref())
            .build()
            .map_err(|source| {
                Error::internal("Could not set up the HTTP client")
                    .with_source(source.without_url())
            })
    }
}

/// Returns whether requests to this URL stay on this machine and need no TLS.
fn is_plain(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.scheme() == "http" && is_loopback(&url))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::auth::issuer_url::IssuerUrl;

    #[tokio::test]
    async fn requests_to_this_machine_share_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Issuer::new(IssuerUrl::parse(&url).unwrap(), "me", None);
        // A second connection would not be accepted.
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                assert!(connection.read(&mut [0; 4096]).await.unwrap() > 0);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                connection.write_all(answer).await.unwrap();
            }
        });
        for _ in 0..2 {
            let request = issuer.request(Method::GET, &url).await.unwrap();
            let answer = issuer.json(request, &[]).await.unwrap();
            assert_eq!(answer.ok(), Some(serde_json::json!({})));
        }
        server.await.unwrap();
    }
}
