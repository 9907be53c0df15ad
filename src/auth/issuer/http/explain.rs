//! Explains why a request failed: the hop, the cause and the next step (threat 10). The URL is
//! never part of it, because it may hold a secret.

use std::error::Error as StdError;
use std::io;

use crate::auth::issuer::Issuer;
use crate::auth::issuer::proxy::Proxy;
use crate::auth::issuer::tls;
use crate::error::{Error, ErrorKind};
use crate::product::codex::CA_VARIABLE;
use crate::text::clean_short;

const CHECK_NETWORK: &str = "Check the network; behind a proxy, set HTTPS_PROXY";
const CHECK_PROXY: &str = "Check HTTPS_PROXY, and NO_PROXY for hosts that need none";
const TRY_AGAIN: &str = "Try again in a moment";

/// The texts by which an error of a proxied connection is recognized.
const OF_PROXY: [&str; 3] = ["tunnel error", "SOCKS", "socks proxy"];

impl Issuer {
    /// Explains why a request failed.
    pub(super) fn explain(&self, error: &reqwest::Error) -> Error {
        let host = error.url().and_then(|url| url.host_str());
        let host = clean_short(host.unwrap_or("the issuer"), 100);
        let url = error.url().map(reqwest::Url::as_str);
        let proxy = url.and_then(|url| self.proxy_for(url).ok().flatten());
        let tls = causes(error).find_map(as_tls);
        let mentions = |word| mentions(error, word);
        let of_proxy = OF_PROXY.into_iter().any(mentions);
        // Until TLS begins, only the proxy is involved.
        if let Some(proxy) = proxy.filter(|_| error.is_connect() && (of_proxy || tls.is_none())) {
            return self.explain_proxy(error, proxy, &host);
        }
        let behind_company = format!(
            "Behind a company proxy, set {CA_VARIABLE} to its PEM file; also check the clock"
        );
        let (message, hint) = if let Some(rustls::Error::InvalidCertificate(_)) = tls {
            let tried = tls::sources(self.ca_file.as_ref());
            let message = format!(
                "TLS: the certificate of {host} is not trusted (authorities tried: {tried})"
            );
            (message, behind_company.as_str())
        } else if tls.is_some() {
            let hint = match proxy {
                Some(_) => "Check the network and the proxy",
                None => CHECK_NETWORK,
            };
            (format!("TLS: could not connect to {host}"), hint)
        } else if error.is_timeout() && error.is_connect() {
            let limit = self.timeouts.connect;
            let message = format!("Connect: could not connect to {host} within {limit:?}");
            (message, CHECK_NETWORK)
        } else if error.is_timeout() {
            let limit = self.timeouts.request;
            let message = format!("HTTP: {host} did not answer in full within {limit:?}");
            (message, TRY_AGAIN)
        } else if mentions("dns error") {
            (format!("DNS: could not find {host}"), CHECK_NETWORK)
        } else if of_proxy || mentions("proxy") {
            let message = format!("Proxy: could not connect to {host} through the proxy");
            (message, CHECK_PROXY)
        } else if error.is_connect() {
            (
                format!("Connect: could not connect to {host}"),
                CHECK_NETWORK,
            )
        } else {
            (format!("HTTP: lost the connection to {host}"), TRY_AGAIN)
        };
        let kind = if tls.is_none() && error.is_timeout() {
            ErrorKind::Timeout
        } else {
            ErrorKind::Network
        };
        let explained = Error::new(kind, message).with_hint(hint);
        match innermost(error) {
            Some(cause) => explained.with_source(cause),
            None => explained,
        }
    }

    /// Names the proxy, its variable, and the reason why it failed.
    fn explain_proxy(&self, error: &reqwest::Error, proxy: &Proxy, host: &str) -> Error {
        let Proxy {
            variable, shown, ..
        } = proxy;
        let mentions = |word| mentions(error, word);
        let mut kind = ErrorKind::Network;
        let mut hint = format!("Check {variable}, and NO_PROXY for hosts that need no proxy");
        let cause = if let Some(tls) = causes(error).find_map(as_tls) {
            hint = if matches!(tls, rustls::Error::InvalidCertificate(_)) {
                format!("Set {CA_VARIABLE} to the PEM file of the proxy's authority")
            } else {
                format!("A proxy that speaks no TLS itself begins with http:// in {variable}")
            };
            format!("TLS to the proxy failed: {tls}")
        } else if mentions("proxy authorization required") || mentions("user/pass authentication") {
            let example = proxy.with_user_example();
            if proxy.has_user {
                hint = format!(
                    "Correct them in {variable} ({example}); a proxy that wants Kerberos or NTLM \
                     needs a helper on this machine that logs in to it"
                );
                "it does not accept the user name and password that are set".to_owned()
            } else {
                hint =
                    format!("Set {variable} to {example}, with special characters percent-encoded");
                "it asks for a user name and a password".to_owned()
            }
        } else if mentions("credentials not accepted") {
            hint = format!("Correct the user name and password in {variable}");
            "it does not accept the user name and password that are set".to_owned()
        } else if mentions("resolving for socks proxy") {
            hint = format!("To let the proxy look up names, begin {variable} with socks5h://");
            format!("{host} could not be found from here")
        } else if mentions("SOCKS error: failed to create underlying connection") {
            "could not reach the proxy".to_owned()
        } else if mentions("dns error") {
            "the proxy's name could not be found".to_owned()
        } else if error.is_timeout() {
            kind = ErrorKind::Timeout;
            format!("no connection within {:?}", self.timeouts.connect)
        } else if mentions("tunnel error: unsuccessful") {
            hint = format!("Ask whoever runs the proxy to allow {host}, or check {variable}");
            "it refused".to_owned()
        } else {
            innermost(error).unwrap_or_else(|| "it failed".to_owned())
        };
        let message = format!("Proxy: could not connect to {host} through {shown} ({variable})");
        Error::new(kind, message)
            .with_hint(hint)
            .with_source(cause)
            .with_proxy()
    }
}

/// Returns the text of the innermost cause. Outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> Option<String> {
    let cause = clean_short(&causes(error).last()?.to_string(), 300);
    (!cause.is_empty()).then_some(cause)
}

fn mentions(error: &reqwest::Error, word: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(word))
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// Unwraps an error of the TLS library, which sits in one or more I/O errors.
fn as_tls<'error>(cause: &'error (dyn StdError + 'static)) -> Option<&'error rustls::Error> {
    cause
        .downcast_ref::<rustls::Error>()
        .or_else(|| as_tls(cause.downcast_ref::<io::Error>()?.get_ref()?))
}
