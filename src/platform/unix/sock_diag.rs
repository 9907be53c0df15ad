//! Asks the kernel about one connection (`sock_diag(7)`). Its tables in `/proc/net` have the same
//! information, but reading them takes milliseconds, however few connections there are.

use std::net::{IpAddr, SocketAddr};

use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{recv, sendto, socket_with};

/// `SOCK_DIAG_BY_FAMILY` and `NLM_F_REQUEST`.
const ABOUT_SOCKETS: u16 = 20;
const REQUEST: u16 = 1;

const TCP: u8 = 6;
const LISTEN: u8 = 10;

/// Linux's numbers of the two address families.
const INET: u8 = 2;
const INET6: u8 = 10;

/// The length of `struct nlmsghdr`, and of a question: that and `struct inet_diag_req_v2`.
const HEADER: usize = 16;
const QUESTION: u32 = 16 + 56;

/// Returns the user whose process holds the end `from` of the connection to `to`. `None` if no
/// process does, or the kernel does not tell.
pub fn connection_user(from: SocketAddr, to: SocketAddr) -> Option<u32> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(SOCK_DIAG),
    );
    let socket = socket.ok()?;
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&socket, &question(from, to), SendFlags::empty(), &kernel).ok()?;
    let mut answer = [0; 512];
    // The kernel has answered before the question was sent completely.
    let (length, _) = recv(&socket, &mut answer, RecvFlags::DONTWAIT).ok()?;
    user_in(answer.get(..length)?, from.port(), to.port())
}

/// Creates the question: any state, any interface, no cookie.
fn question(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(QUESTION.to_ne_bytes());
    bytes.extend(ABOUT_SOCKETS.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    // Sequence and sender: there is one question.
    bytes.extend([0; 8]);
    let (from_ip, to_ip) = (from.ip().to_canonical(), to.ip().to_canonical());
    let family = match from_ip {
        IpAddr::V4(_) => INET,
        IpAddr::V6(_) => INET6,
    };
    bytes.extend([family, TCP, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(from.port().to_be_bytes());
    bytes.extend(to.port().to_be_bytes());
    for ip in [from_ip, to_ip] {
        let mut field = [0; 16];
        match ip {
            IpAddr::V4(ip) => field[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => field = ip.octets(),
        }
        bytes.extend(field);
    }
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend([u8::MAX; 8]);
    bytes
}

/// Reads `struct inet_diag_msg`. The kernel falls back to a listener on the port, and a
/// connection that was closed has no user, though it reads as root.
fn user_in(answer: &[u8], from: u16, to: u16) -> Option<u32> {
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?))
    };
    let half = |at: usize| -> Option<[u8; 2]> { answer.get(at..at + 2)?.try_into().ok() };
    let is_answer = half(4)? == ABOUT_SOCKETS.to_ne_bytes()
        && *answer.get(HEADER + 1)? != LISTEN
        && half(HEADER + 4)? == from.to_be_bytes()
        && half(HEADER + 6)? == to.to_be_bytes();
    let (user, inode) = (word(HEADER + 64)?, word(HEADER + 68)?);
    (is_answer && inode != 0).then_some(user)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::platform::user_id;

    /// The ends of a connection, and what keeps it open.
    fn connection() -> (TcpListener, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        (listener, client, accepted)
    }

    /// Returns `None` if a sandbox blocks the question to the kernel.
    fn asked(from: &TcpStream) -> Option<u32> {
        connection_user(from.local_addr().unwrap(), from.peer_addr().unwrap())
    }

    #[test]
    fn both_ends_of_our_own_connection_are_ours() {
        let (_listener, client, accepted) = connection();
        if let Some(user) = asked(&client) {
            assert_eq!(Some(user), user_id());
            assert_eq!(asked(&accepted), user_id());
        }
    }

    #[test]
    fn an_end_that_is_closed_and_a_listener_are_nobodys() {
        let (listener, client, accepted) = connection();
        let (from, to) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
        drop(client);
        assert_eq!(connection_user(from, to), None);
        drop(accepted);
        assert_eq!(connection_user(listener.local_addr().unwrap(), from), None);
    }

    #[test]
    fn an_answer_that_is_cut_or_an_error_tells_nothing() {
        let error = [36, 0, 0, 0, 2, 0, 0, 0].repeat(16);
        assert_eq!(user_in(&error, 1, 2), None);
        for length in 0..HEADER + 72 {
            assert_eq!(user_in(&vec![0; length], 0, 0), None);
        }
    }
}
