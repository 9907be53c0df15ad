//! Explains at which hop a request to the issuer failed (threat 10).

use std::error::Error as StdError;
use std::io;

use super::limits::Timeouts;
use super::proxy::Proxy;
use super::tls::{self, CaFile};
use crate::error::{Error, ErrorKind};
use crate::product::codex::CA_VARIABLE;
use crate::text::clean_short;

const CHECK_NETWORK: &str = "Check the network; behind a proxy, set HTTPS_PROXY";

/// The way that a request took.
#[derive(Debug)]
pub struct Way<'a> {
    /// The limits.
    pub timeouts: Timeouts,
    /// The authorities that the person added.
    pub ca_file: Option<&'a CaFile>,
    /// The proxy that it went through.
    pub proxy: Option<&'a Proxy>,
}

/// The part of the connection that failed.
#[derive(Clone, Copy)]
enum Hop {
    Dns,
    Proxy,
    Connect { late: bool },
    Tls { untrusted: bool },
    Http { late: bool },
}

/// Names the hop that failed, the cause and the next step; never the URL, which may hold a
/// secret.
pub fn explain(error: &reqwest::Error, way: &Way<'_>) -> Error {
    let host = error.url().and_then(|url| url.host_str());
    let host = clean_short(host.unwrap_or("the issuer"), 100);
    let hop = Hop::of(error, way.proxy);
    if let (Hop::Proxy, Some(proxy)) = (hop, way.proxy) {
        return explain_proxy(error, way, proxy, &host);
    }
    let kind = match hop {
        Hop::Connect { late: true } | Hop::Http { late: true } => ErrorKind::Timeout,
        _ => ErrorKind::Network,
    };
    let message = match hop {
        Hop::Dns => format!("DNS: could not find {host}"),
        Hop::Proxy => format!("Proxy: could not connect to {host} through the proxy"),
        Hop::Connect { late: false } => format!("Connect: could not connect to {host}"),
        Hop::Connect { late: true } => {
            let connect = way.timeouts.connect;
            format!("Connect: could not connect to {host} within {connect:?}")
        }
        Hop::Tls { untrusted: false } => format!("TLS: could not connect to {host}"),
        Hop::Tls { untrusted: true } => {
            let tried = tls::sources(way.ca_file);
            format!("TLS: the certificate of {host} is not trusted (authorities tried: {tried})")
        }
        Hop::Http { late: false } => format!("HTTP: lost the connection to {host}"),
        Hop::Http { late: true } => {
            let request = way.timeouts.request;
            format!("HTTP: {host} did not answer in full within {request:?}")
        }
    };
    let error_and_hint = Error::new(kind, message).with_hint(hop.hint(way.proxy.is_some()));
    match cause_of(error) {
        Some(cause) => error_and_hint.with_source(cause),
        None => error_and_hint,
    }
}

/// Names the proxy, its variable, and the reason why it failed.
fn explain_proxy(error: &reqwest::Error, way: &Way<'_>, proxy: &Proxy, host: &str) -> Error {
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
            hint = format!("Set {variable} to {example}, with special characters percent-encoded");
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
        format!("no connection within {:?}", way.timeouts.connect)
    } else if mentions("tunnel error: unsuccessful") {
        hint = format!("Ask whoever runs the proxy to allow {host}, or check {variable}");
        "it refused".to_owned()
    } else {
        cause_of(error).unwrap_or_else(|| "it failed".to_owned())
    };
    let message = format!("Proxy: could not connect to {host} through {shown} ({variable})");
    Error::new(kind, message)
        .with_hint(hint)
        .with_source(cause)
        .with_proxy()
}

/// Returns the innermost cause: the outermost text would repeat the URL.
fn cause_of(error: &reqwest::Error) -> Option<String> {
    let cause = causes(error).last()?.to_string();
    let cause = clean_short(&cause, 300);
    (!cause.is_empty()).then_some(cause)
}

impl Hop {
    fn of(error: &reqwest::Error, proxy: Option<&Proxy>) -> Self {
        let of_proxy = ["tunnel error", "SOCKS", "socks proxy"];
        let of_proxy = of_proxy.iter().any(|word| mentions(error, word));
        let tls = causes(error).find_map(as_tls);
        if proxy.is_some() && error.is_connect() && (of_proxy || tls.is_none()) {
            // Before TLS has begun, only the proxy was involved.
            Self::Proxy
        } else if let Some(tls) = tls {
            let untrusted = matches!(tls, rustls::Error::InvalidCertificate(_));
            Self::Tls { untrusted }
        } else if error.is_timeout() {
            let late = true;
            if error.is_connect() {
                Self::Connect { late }
            } else {
                Self::Http { late }
            }
        } else if mentions(error, "dns error") {
            Self::Dns
        } else if of_proxy || mentions(error, "proxy") {
            Self::Proxy
        } else if error.is_connect() {
            Self::Connect { late: false }
        } else {
            Self::Http { late: false }
        }
    }

    fn hint(self, behind_proxy: bool) -> String {
        let hint = match self {
            Self::Tls { untrusted: false } if behind_proxy => "Check the network and the proxy",
            Self::Dns | Self::Connect { .. } | Self::Tls { untrusted: false } => CHECK_NETWORK,
            Self::Proxy => "Check HTTPS_PROXY, and NO_PROXY for hosts that need none",
            Self::Tls { untrusted: true } => {
                return format!(
                    "Behind a company proxy, set {CA_VARIABLE} to its PEM file; also check the \
                     clock"
                );
            }
            Self::Http { .. } => "Try again in a moment",
        };
        hint.to_owned()
    }
}

fn mentions(error: &reqwest::Error, word: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(word))
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// Finds an error of the TLS library, which is wrapped in one or more I/O errors.
fn as_tls<'error>(cause: &'error (dyn StdError + 'static)) -> Option<&'error rustls::Error> {
    cause
        .downcast_ref::<rustls::Error>()
        .or_else(|| as_tls(cause.downcast_ref::<io::Error>()?.get_ref()?))
}
