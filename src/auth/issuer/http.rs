//! Requests to the issuer, with the limits of threat 8 and errors that name the hop (threat 10).

use std::sync::{Arc, OnceLock};

#[cfg(feature = "cli")]
use reqwest::StatusCode;
use reqwest::header::ACCEPT;
#[cfg(feature = "cli")]
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::SecretString;

use super::answer::{Answer, BETWEEN, from_between};
use super::hop::{Way, explain};
use super::limits::Timeouts;
use super::proxy::{Proxy, ProxySettings};
use super::refusal::Refusal;
use super::tls::{self, CaFile};
use crate::crypto_provider::{crypto_provider, tls_for_plain_http};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::product::Product;

/// A token answer is about 5 KB.
const MAX_ANSWER: usize = 1024 * 1024;

/// An HTTP client that is built when it is first needed.
#[derive(Clone)]
pub struct Http {
    /// Whether the requests stay on this machine and need no TLS.
    pub loopback: bool,
    ca_file: Option<CaFile>,
    pub proxies: ProxySettings,
    pub timeouts: Timeouts,
    /// Its user agent and its words.
    pub product: Arc<Product>,
    /// The host's own client; the settings here do not apply to it.
    pub given: Option<Client>,
    client: Arc<OnceLock<Result<Client>>>,
}

impl Http {
    /// Creates a client for an issuer that is (`loopback`) or is not on this machine.
    pub fn new(loopback: bool, ca_file: Option<CaFile>, product: &Arc<Product>) -> Self {
        Self {
            loopback,
            ca_file,
            proxies: ProxySettings::from_environment(&Environment::of_process()),
            timeouts: Timeouts::default(),
            product: Arc::clone(product),
            given: None,
            client: Arc::default(),
        }
    }

    /// Changes the settings, for a client that is not built yet.
    pub fn change(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        self.client = Arc::default();
    }

    /// Builds the client on a short-lived thread, while the person reads: the system's
    /// certificate authorities take milliseconds to load.
    pub fn warm_up(&self) {
        let http = self.clone();
        if self.is_slow_to_build() {
            // Best effort: without a thread, the first request builds it.
            let _ = small_thread(move || {
                // A failure is kept, and reported by the first request.
                let _ = http.build_once();
            });
        }
    }

    /// Sends what `request` builds and reads the whole answer as JSON. A refusal is kept
    /// without the secrets that were `sent`.
    ///
    /// # Errors
    /// No answer of the issuer's came: the hop that failed, or something in between answered.
    pub async fn json(
        &self,
        sent: &[&SecretString],
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<Answer> {
        let request = |client: &Client| request(client).header(ACCEPT, "application/json");
        let body = match self.send(sent, request).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Err(refusal)),
        };
        serde_json::from_slice(&body)
            .map(Ok)
            .map_err(|_| Error::issuer("The issuer's answer is not JSON").with_hint(BETWEEN))
    }

    /// Sends what `request` builds; the answer's body does not matter (RFC 7009, section 2.2).
    pub async fn status(
        &self,
        sent: &[&SecretString],
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<std::result::Result<(), Refusal>> {
        Ok(self.send(sent, request).await?.map(drop))
    }

    /// Sends what `request` builds and reads the head of the answer alone.
    #[cfg(feature = "cli")]
    pub async fn head_of(
        &self,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<(StatusCode, HeaderMap)> {
        let response = self.execute(request).await?;
        Ok((response.status(), response.headers().clone()))
    }

    /// Returns the places where certificate authorities are looked for.
    #[cfg(feature = "cli")]
    pub fn authorities(&self) -> String {
        if self.loopback {
            return "none: a loopback issuer needs no TLS".to_owned();
        }
        tls::sources(self.ca_file.as_ref())
    }

    /// Returns the proxy for requests to this URL; `None` for a client of the host's, too, which
    /// keeps its own to itself.
    ///
    /// # Errors
    /// The variable that names it cannot be used.
    pub fn proxy_for(&self, url: &str) -> Result<Option<&Proxy>> {
        if self.loopback || self.given.is_some() {
            // Requests to this machine must not reach a proxy in clear text.
            return Ok(None);
        }
        self.proxies.for_url(url)
    }

    /// Checks that TLS has a cryptography provider where it is needed.
    pub fn check_tls(&self) -> Result<()> {
        if self.loopback || self.given.is_some() {
            return Ok(());
        }
        crypto_provider().map(drop)
    }

    async fn send(
        &self,
        sent: &[&SecretString],
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<std::result::Result<Vec<u8>, Refusal>> {
        let response = self.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read(response).await?;
        if let Some(error) = from_between(status, &headers, &body) {
            return Err(error);
        }
        Ok(if status.is_success() {
            Ok(body)
        } else {
            let head = (status, &headers);
            Err(Refusal::read(&self.product, head, &body, sent))
        })
    }

    async fn execute(&self, request: impl FnOnce(&Client) -> RequestBuilder) -> Result<Response> {
        let client = self.client().await?;
        let request = request(&client)
            // A client of the host's may have another limit, or none.
            .timeout(self.timeouts.request)
            .build()
            .map_err(|error| self.explain(&error))?;
        // Never past a proxy that is set and cannot be used.
        self.proxy_for(request.url().as_str())?;
        let response = client.execute(request).await;
        let response = response.map_err(|error| self.explain(&error))?;
        tracing::debug!(status = response.status().as_u16(), "issuer answered");
        Ok(response)
    }

    async fn client(&self) -> Result<Client> {
        if !self.is_slow_to_build() {
            return self.build_once();
        }
        let http = self.clone();
        let (reply, built) = tokio::sync::oneshot::channel();
        let thread = small_thread(move || {
            // The request may have been dropped meanwhile.
            let _ = reply.send(http.build_once());
        });
        match thread {
            Ok(()) => built.await.unwrap_or_else(|_| self.build_once()),
            Err(_) => self.build_once(),
        }
    }

    /// Returns whether the system's certificate authorities have not been read yet.
    fn is_slow_to_build(&self) -> bool {
        !self.loopback && self.given.is_none() && self.client.get().is_none()
    }

    fn build_once(&self) -> Result<Client> {
        self.client.get_or_init(|| self.build()).clone()
    }

    fn build(&self) -> Result<Client> {
        if let Some(client) = &self.given {
            return Ok(client.clone());
        }
        let tls = if self.loopback {
            tls_for_plain_http()?
        } else {
            tls::trusting_system_and(self.ca_file.as_ref())?
        };
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect could carry the code or a token to another host.
            .redirect(redirect::Policy::none())
            .connect_timeout(self.timeouts.connect)
            .timeout(self.timeouts.request)
            .user_agent(self.product.protocol.user_agent.as_ref())
            .no_proxy();
        if !self.loopback {
            builder = builder.proxy(self.proxies.for_client());
        }
        builder.build().map_err(|source| {
            Error::internal("Could not set up the HTTP client").with_source(source.without_url())
        })
    }

    fn explain(&self, error: &reqwest::Error) -> Error {
        let url = error.url().map(reqwest::Url::as_str);
        let way = Way {
            timeouts: self.timeouts,
            ca_file: self.ca_file.as_ref(),
            proxy: url.and_then(|url| self.proxy_for(url).ok().flatten()),
        };
        explain(error, &way)
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        // An error while reading the body does not carry the URL.
        let url = response.url().clone();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.explain(&error.with_url(url.clone())))?
        {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(
                    Error::issuer("The issuer's answer is larger than 1 MiB").with_hint(BETWEEN)
                );
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn small_thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("tls-roots".to_owned())
        .stack_size(512 * 1024)
        .spawn(work)
        .map(drop)
}
