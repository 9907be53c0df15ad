//! The whole sign-in against the embedded issuer: real sockets, a real save, in a temporary
//! home. Nothing leaves the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use crate::demo::{DemoIssuer, Person, Profile};
use crate::error::{Error, ErrorKind, Result};
use crate::platform::temporary_folder;
use crate::sign_in::{Port, SignIn, SignInOptions, Status};

/// A sign-in on one machine takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(8);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub async fn sign_in(subject: Arc<Subject>) -> Finding {
    let started = Instant::now();
    let rehearsed = timeout(TIMEOUT, rehearse()).await;
    let rehearsed = rehearsed.unwrap_or_else(|_| {
        Err(Error::timeout(
            "The rehearsed sign-in did not end within 8 seconds",
        ))
    });
    match rehearsed {
        Ok(families) => {
            Finding::ok("A sign-in on this machine works, from the link to the saved file")
                .with_list("families", families.into_iter().map(Redacted::from))
                .with("tookMs", sentence!("{}", started.elapsed().as_millis()))
        }
        Err(error) => Finding::fail(subject.error(&error), remediation(&error)),
    }
}

/// Returns the advice that fits the failure: most, but not all, are caused by blocked connections.
fn remediation(error: &Error) -> Redacted {
    match error.kind() {
        ErrorKind::Storage => "Set TMPDIR to a folder that you may write to, on a disk with space",
        ErrorKind::Internal => "Close programs that hold many files, or raise `ulimit -n`",
        _ => {
            "Look for a firewall or a security program that blocks connections to this machine \
             itself; `codex-onboarding login --device-auth` needs none"
        }
    }
    .into()
}

/// Returns the address families that the callback server was reached by.
async fn rehearse() -> Result<Vec<&'static str>> {
    let cannot = |source: std::io::Error| {
        Error::storage("Could not set up a temporary home").with_source(source)
    };
    let home = temporary_folder("codex-onboarding-rehearsal-").map_err(cannot)?;
    let demo = DemoIssuer::start(Profile::default()).map_err(|source| {
        Error::internal("Could not start the rehearsal's issuer").with_source(source)
    })?;
    let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, DEFAULT_CLIENT_ID, None);
    let store = Store::new(home.path().join("codex-home"));
    let mut options = SignInOptions::new(issuer, store.clone());
    options.port = Port::Exactly(0);
    let mut sign_in = SignIn::start(options)?;
    let link = sign_in.link().clone();
    let families = reach(link.port.unwrap_or_default()).await?;
    let person = Person::at(demo.url())?;
    let callback = person.approve(&link.authorization_url).await?;
    let browsing = tokio::spawn(async move { person.browse(callback.as_str()).await.map(drop) });
    while let Some(status) = sign_in.next().await {
        match status {
            Status::Failed(error) => return Err(error),
            Status::Completed(account) => {
                let saved = store.load()?.and_then(|file| file.tokens);
                let saved = saved.map(|tokens| tokens.account());
                if saved.as_ref().map(|saved| &saved.account_id) != Some(&account.account_id) {
                    return Err(Error::storage(
                        "The saved credentials read back differently",
                    ));
                }
                break;
            }
            _ => {}
        }
    }
    sign_in.finish().await;
    // The browser's last page was delivered, or the sign-in would not have finished.
    browsing.abort();
    Ok(families)
}

/// Connects over each family: IPv4 must work; a machine without IPv6 has one family.
async fn reach(port: u16) -> Result<Vec<&'static str>> {
    let mut families = Vec::new();
    for (name, address) in [
        ("IPv4", IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ("IPv6", IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ] {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect((address, port))).await {
            Ok(Ok(_)) => families.push(name),
            Ok(Err(error)) if address.is_ipv4() => {
                return Err(
                    Error::network("Could not reach the callback server").with_source(error)
                );
            }
            Err(_) => {
                return Err(Error::network(format!(
                    "The callback server did not answer over {name}"
                )));
            }
            Ok(Err(_)) => {}
        }
    }
    Ok(families)
}
