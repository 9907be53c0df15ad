//! The two ports that the issuer knows, and the name that it sends the browser to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _};

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::sign_in::{PortObstacle, REGISTERED_PORTS, port_obstacle};

pub fn first(_: &Subject) -> Finding {
    let [first, second] = REGISTERED_PORTS;
    look(first, second)
}

pub fn second(_: &Subject) -> Finding {
    let [first, second] = REGISTERED_PORTS;
    look(second, first)
}

/// Checks a port. If one is taken, a sign-in uses the other; if both are, the browser cannot return
/// to it.
fn look(port: u16, other: u16) -> Finding {
    let Some(obstacle) = port_obstacle(port) else {
        return Finding::ok(sentence!("Port {port} is free"));
    };
    let summary = match &obstacle {
        PortObstacle::Taken(holder) => {
            sentence!("Port {port} is taken by {}", Redacted::fact(holder))
        }
        PortObstacle::Refused(error) => {
            let why = Redacted::fact(&error.to_string());
            sentence!("Port {port} cannot be used: {why}")
        }
    };
    if port_obstacle(other).is_none() {
        return Finding::warning(
            summary,
            sentence!("No action needed: a sign-in uses port {other} instead"),
        );
    }
    let remedy = match obstacle {
        PortObstacle::Refused(_) => {
            "Let programs listen on 127.0.0.1, or use `codex-onboarding login --device-auth`"
        }
        PortObstacle::Taken(_) => {
            "Stop one of the programs that hold the ports, or use \
             `codex-onboarding login --device-auth`"
        }
    };
    Finding::fail(summary, remedy)
}

pub fn localhost(_: &Subject) -> Finding {
    let resolved = ("localhost", 0).to_socket_addrs();
    let addresses: Vec<IpAddr> = resolved
        .map(|all| all.map(|address| address.ip()).collect())
        .unwrap_or_default();
    let ours = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let listed = addresses.iter().map(|address| sentence!("{}", address));
    let finding = match addresses.iter().find(|address| !ours.contains(address)) {
        None if addresses.is_empty() => Finding::fail(
            "localhost does not resolve on this machine",
            "Add `127.0.0.1 localhost` to /etc/hosts",
        ),
        None => Finding::ok("localhost is this machine"),
        Some(stranger) => Finding::fail(
            sentence!("localhost leads to {stranger}"),
            "In /etc/hosts, map localhost to 127.0.0.1 and ::1 only",
        ),
    };
    finding.with_list("addresses", listed)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::finding::Health;
    use super::*;

    #[tokio::test]
    async fn one_taken_port_is_a_warning_and_both_are_a_failure_that_names_the_holder() {
        let hold = || TcpListener::bind("127.0.0.1:0").unwrap();
        let port = |held: &TcpListener| held.local_addr().unwrap().port();
        let (one, other) = (hold(), hold());
        let both = look(port(&one), port(&other));
        assert_eq!(both.health, Health::Fail);
        let me = format!("(process {})", std::process::id());
        assert!(both.summary.contains(&me), "{both:?}");
        let free = port(&other);
        drop(other);
        assert_eq!(look(port(&one), free).health, Health::Warning);
        assert_eq!(look(free, port(&one)).health, Health::Ok);
    }
}
