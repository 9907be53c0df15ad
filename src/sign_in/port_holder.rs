//! The program that holds a port, as far as the system tells. Nothing is ever sent to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use listeners::{Listener, Protocol, SocketState};

use crate::text::clean_short;

/// Longer than any program name that systems keep.
const LONGEST_NAME: usize = 40;

/// Names the program that listens on `port` where the callback server would, for example
/// `node (process 4711)`. `None` when the system does not tell, as for programs of other users.
pub fn holder(port: u16) -> Option<String> {
    // Reads a few files for each process: slow, but only needed for an error message.
    let all = listeners::get_all().ok()?;
    let holder = all
        .into_iter()
        .find(|listener| is_in_the_way(listener, port))?;
    let name = clean_short(&holder.process.name, LONGEST_NAME);
    let process = format!("process {}", holder.process.pid);
    Some(match name.as_str() {
        "" => process,
        name => format!("{name} ({process})"),
    })
}

fn is_in_the_way(listener: &Listener, port: u16) -> bool {
    listener.protocol == Protocol::TCP
        && listener.state == SocketState::Listen
        && listener.socket.port() == port
        && conflicts(listener.socket.ip())
}

/// Returns whether listening there keeps 127.0.0.1 or `[::1]` from us.
fn conflicts(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(address.into(), IpAddr::V4),
        address @ IpAddr::V4(_) => address,
    };
    address.is_unspecified() || address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn me() -> String {
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        format!("{} (process {})", name.trim(), std::process::id())
    }

    #[test]
    fn a_port_is_this_program_s_however_it_listens() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // No IPv6 here is no matter of this test.
            let Ok(socket) = TcpListener::bind(address) else {
                continue;
            };
            let port = socket.local_addr().unwrap().port();
            assert_eq!(holder(port), Some(me()), "{address}");
        }
    }

    #[test]
    fn a_port_that_is_free_or_elsewhere_is_nobody_s() {
        let socket = TcpListener::bind("127.0.0.2:0").unwrap();
        assert_eq!(holder(socket.local_addr().unwrap().port()), None);
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        assert_eq!(holder(port), None);
    }
}
