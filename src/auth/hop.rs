//! Explains at which hop a request to the issuer failed (threat 10).

use std::error::Error as StdError;
use std::io;

use super::timeouts::Timeouts;
use super::tls::{self, CaFile};
use crate::error::{Error, ErrorKind};
use crate::text::clean_short;

const CHECK_NETWORK: &str = "Check the network; behind a proxy, set HTTPS_PROXY";

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
pub fn explain(error: &reqwest::Error, timeouts: Timeouts, ca_file: Option<&CaFile>) -> Error {
    let host = error.url().and_then(|url| url.host_str());
    let host = clean_short(host.unwrap_or("the issuer"), 100);
    let hop = Hop::of(error);
    let kind = match hop {
        Hop::Connect { late: true } | Hop::Http { late: true } => ErrorKind::Timeout,
        _ => ErrorKind::Network,
    };
    let message = match hop {
        Hop::Dns => format!("DNS: could not find {host}"),
        Hop::Proxy => format!("Proxy: could not connect to {host} through the proxy"),
        Hop::Connect { late: false } => format!("Connect: could not connect to {host}"),
        Hop::Connect { late: true } => {
            let connect = timeouts.connect;
            format!("Connect: could not connect to {host} within {connect:?}")
        }
        Hop::Tls { untrusted: false } => format!("TLS: could not connect to {host}"),
        Hop::Tls { untrusted: true } => {
            let tried = tls::sources(ca_file);
            format!("TLS: the certificate of {host} is not trusted (authorities tried: {tried})")
        }
        Hop::Http { late: false } => format!("HTTP: lost the connection to {host}"),
        Hop::Http { late: true } => {
            let request = timeouts.request;
            format!("HTTP: {host} did not answer in full within {request:?}")
        }
    };
    // The outermost text would repeat the URL.
    let cause = causes(error).last().map(ToString::to_string);
    let cause = clean_short(&cause.unwrap_or_default(), 300);
    let error = Error::new(kind, message).with_hint(hop.hint());
    if cause.is_empty() {
        error
    } else {
        error.with_source(cause)
    }
}

impl Hop {
    fn of(error: &reqwest::Error) -> Self {
        let mentions = |word| causes(error).any(|cause| cause.to_string().contains(word));
        if let Some(tls) = causes(error).find_map(as_tls) {
            let untrusted = matches!(tls, rustls::Error::InvalidCertificate(_));
            Self::Tls { untrusted }
        } else if error.is_timeout() {
            let late = true;
            if error.is_connect() {
                Self::Connect { late }
            } else {
                Self::Http { late }
            }
        } else if mentions("dns error") {
            Self::Dns
        } else if mentions("tunnel") || mentions("proxy") {
            Self::Proxy
        } else if error.is_connect() {
            Self::Connect { late: false }
        } else {
            Self::Http { late: false }
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Dns | Self::Connect { .. } | Self::Tls { untrusted: false } => CHECK_NETWORK,
            Self::Proxy => "Check HTTPS_PROXY, and NO_PROXY for hosts that need none",
            Self::Tls { untrusted: true } => {
                "Behind a company proxy, set CODEX_CA_CERTIFICATE to its PEM file; also check \
                 the clock"
            }
            Self::Http { .. } => "Try again in a moment",
        }
    }
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
