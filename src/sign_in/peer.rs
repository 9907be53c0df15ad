//! The user at the other end of a connection, as far as the system tells (threat 22).
//!
//! The authorization link is in the browser's arguments, where every user of the machine
//! can read it. Another user could approve with an account of their own and deliver the
//! callback, and the person would be signed in to a stranger's account.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::LazyLock;

use tokio::net::TcpStream;

use crate::platform::{connection_user, user_id};

/// The ends of an accepted connection.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl Ends {
    /// Returns the ends; `None` when the connection was reset.
    pub fn of(stream: &TcpStream) -> Option<Self> {
        Some(Self {
            local: stream.local_addr().ok()?,
            remote: stream.peer_addr().ok()?,
        })
    }
}

/// The holder of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A process of this user.
    User(u32),
    /// Nobody: it was closed before the answer.
    Gone,
    /// The system does not tell.
    Unknown,
}

impl Peer {
    /// Looks up connections to `port`: asks for each, and reads the kernel's tables for those
    /// that are nobody's. `None` is one that was reset. Blocks: on a busy machine the tables
    /// are long.
    pub fn look_up(port: u16, connections: &[Option<Ends>]) -> Vec<Self> {
        let (mut tables, mut again) = (None, None);
        let peer_of = |ends: &Option<Ends>| {
            let Some(ends) = *ends else {
                return Self::Gone;
            };
            if let Some(user) = connection_user(ends.remote, ends.local) {
                return Self::User(user);
            }
            match tables.get_or_insert_with(|| Tables::read(port)).peer(ends) {
                // Rows are read one after the other, so the other end may have been missed. A
                // second look tells.
                Self::Unknown | Self::Gone => {
                    again.get_or_insert_with(|| Tables::read(port)).peer(ends)
                }
                user @ Self::User(_) => user,
            }
        };
        connections.iter().map(peer_of).collect()
    }

    /// Returns whether this end may deliver a callback. Where the system does not tell, it may.
    pub fn may_deliver(self, trusted_users: &[u32]) -> bool {
        match self {
            Self::User(user) => {
                Some(user) == user_id() || user == ROOT || trusted_users.contains(&user)
            }
            // Its user is no longer known, and it does not wait for the answer.
            Self::Gone => false,
            Self::Unknown => true,
        }
    }
}

const ROOT: u32 = 0;

/// Returns whether the other end is known to be of a user who may not deliver a callback, or
/// nobody's. Takes microseconds, and does not ask where [`Peer::look_up`] would read tables.
pub fn is_useless(ends: Ends, trusted_users: &[u32]) -> bool {
    match connection_user(ends.remote, ends.local) {
        Some(user) => !Peer::User(user).may_deliver(trusted_users),
        // A kernel that tells of our end would tell of the other.
        None => connection_user(ends.local, ends.remote).is_some() && !*SHARED_LOOPBACK,
    }
}

/// Whether connections to our loopback may come from another kernel: from Windows, in WSL's
/// networking mode `mirrored`. In the other modes a relay of root's connects from within.
static SHARED_LOOPBACK: LazyLock<bool> = LazyLock::new(|| {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.is_ok_and(|release| is_wsl(&release)) && Path::new("/sys/class/net/loopback0").exists()
});

fn is_wsl(kernel_release: &str) -> bool {
    kernel_release.to_ascii_lowercase().contains("microsoft")
}

/// The rows of `/proc/net/tcp` and `/proc/net/tcp6` that are about our port (`proc_net_tcp` in
/// the kernel's documentation). Empty on other systems.
struct Tables {
    rows: HashMap<(Address, Address), Row>,
    /// They list our own listening socket, so they would list its connections.
    list_us: bool,
    /// [`SHARED_LOOPBACK`]
    shared_loopback: bool,
}

impl Tables {
    fn read(port: u16) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        // An IPv6 socket that connects to an IPv4 address is in the second one.
        let text = read("/proc/net/tcp") + &read("/proc/net/tcp6");
        Self::parse(port, &text, *SHARED_LOOPBACK)
    }

    fn parse(port: u16, text: &str, shared_loopback: bool) -> Self {
        let column_end = format!(":{port:04X} ");
        let ours = text.lines().filter(|line| line.contains(&column_end));
        let rows: HashMap<_, _> = ours.filter_map(Row::parse).collect();
        let list_us = rows
            .iter()
            .any(|((local, _), row)| row.state == LISTEN && local.port == port);
        Self {
            rows,
            list_us,
            shared_loopback,
        }
    }

    fn peer(&self, ends: Ends) -> Peer {
        let (local, remote) = (Address::from(ends.local), Address::from(ends.remote));
        if let Some(row) = self.rows.get(&(remote, local)) {
            return match row.inode {
                // No process holds it any more, and its user reads as root.
                0 => Peer::Gone,
                _ => Peer::User(row.user),
            };
        }
        if !self.list_us {
            return Peer::Unknown;
        }
        let our_end = self.rows.get(&(local, remote));
        let is_open = our_end.is_some_and(|row| OPEN.contains(&row.state));
        if self.shared_loopback && is_open {
            return Peer::Unknown;
        }
        // Ours may still look open: the maker of a connection can let its own end vanish without
        // a word to us (TCP_LINGER2, or TCP_USER_TIMEOUT before a full window).
        Peer::Gone
    }
}

/// An address that compares equal across both tables.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Address {
    ip: IpAddr,
    port: u16,
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self {
            ip: address.ip().to_canonical(),
            port: address.port(),
        }
    }
}

impl Address {
    /// Reads `0100007F:05AF`: 32-bit words in the machine's byte order, then the port.
    fn parse(text: &str) -> Option<Self> {
        let (ip, port) = text.split_once(':')?;
        let mut bytes = [0; 16];
        let words = ip.as_bytes().chunks(8).zip(bytes.chunks_mut(4));
        for (word, bytes) in words {
            let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
            bytes.copy_from_slice(&word.to_ne_bytes());
        }
        let ip = match ip.len() {
            8 => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
            32 => IpAddr::from(Ipv6Addr::from(bytes)),
            _ => return None,
        };
        Some(Self {
            ip: ip.to_canonical(),
            port: u16::from_str_radix(port, 16).ok()?,
        })
    }
}

/// The columns that are needed beside the addresses.
struct Row {
    state: u8,
    user: u32,
    inode: u64,
}

/// Values of the column `st`.
const LISTEN: u8 = 0x0a;
/// Established, or closed by the other side for writing alone.
const OPEN: [u8; 2] = [0x01, 0x08];

impl Row {
    /// Parses a line; `None` for a heading.
    fn parse(line: &str) -> Option<((Address, Address), Self)> {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let local = Address::parse(columns.next()?)?;
        let remote = Address::parse(columns.next()?)?;
        let row = Self {
            state: u8::from_str_radix(columns.next()?, 16).ok()?,
            user: columns.nth(3)?.parse().ok()?,
            inode: columns.nth(1)?.parse().ok()?,
        };
        Some(((local, remote), row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a machine with 64-bit little-endian words showed it: the server on 1455, and clients
    /// of users 1000 (IPv4), 0 (IPv6), 33 (IPv4 through a socket for IPv6).
    const TABLES: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:05AF 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 70001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:05AF 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 70002 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:9C40 0100007F:05AF 01 00000000:00000000 00:00000000 00000000  1000        0 70003 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:05AF 0100007F:9C41 01 00000000:00000000 00:00000000 00000000  1000        0 70004 1 0000000000000000 20 4 30 10 -1
   4: 0100007F:05AF 0100007F:9C42 08 00000000:00000000 00:00000000 00000000  1000        0 70005 1 0000000000000000 20 4 30 10 -1
   5: 0100007F:9C42 0100007F:05AF 05 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
   6: 0100007F:05AF 0100007F:9C43 01 00000000:00000000 00:00000000 00000000  1000        0 70006 1 0000000000000000 20 4 30 10 -1
   7: 0100007F:05AF 0100007F:9C45 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:05AF 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 70007 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:9C40 00000000000000000000000001000000:05AF 01 00000000:00000000 00:00000000 00000000     0        0 70008 1 0000000000000000 20 4 30 10 -1
   2: 0000000000000000FFFF00000100007F:9C41 0000000000000000FFFF00000100007F:05AF 01 00000000:00000000 00:00000000 00000000    33        0 70009 1 0000000000000000 20 4 30 10 -1
";

    fn ends(ip: &str, port: u16) -> Ends {
        let address = |port| SocketAddr::new(ip.parse().unwrap(), port);
        Ends {
            local: address(1455),
            remote: address(port),
        }
    }

    fn peer_in(tables: &str, ip: &str, port: u16) -> Peer {
        Tables::parse(1455, tables, false).peer(ends(ip, port))
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_user_at_the_other_end_is_found_whichever_table_has_it() {
        assert_eq!(peer_in(TABLES, "127.0.0.1", 40_000), Peer::User(1000));
        assert_eq!(peer_in(TABLES, "::1", 40_000), Peer::User(0));
        assert_eq!(peer_in(TABLES, "127.0.0.1", 40_001), Peer::User(33));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_end_that_was_closed_is_nobodys_and_not_roots() {
        assert_eq!(peer_in(TABLES, "127.0.0.1", 40_002), Peer::Gone);
        // The other row is gone, both are, or ours is about to be.
        assert_eq!(peer_in(TABLES, "127.0.0.1", 40_003), Peer::Gone);
        assert_eq!(peer_in(TABLES, "127.0.0.1", 40_004), Peer::Gone);
        assert_eq!(peer_in(TABLES, "127.0.0.1", 40_005), Peer::Gone);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn only_where_another_kernel_shares_the_loopback_may_an_end_be_missing() {
        let peer = |port| Tables::parse(1455, TABLES, true).peer(ends("127.0.0.1", port));
        assert_eq!(peer(40_003), Peer::Unknown);
        assert_eq!(peer(40_000), Peer::User(1000));
        for closed in [40_002, 40_004, 40_005] {
            assert_eq!(peer(closed), Peer::Gone);
        }
        assert!(is_wsl("5.15.167.4-microsoft-standard-WSL2\n"));
        assert!(!is_wsl("6.8.0-45-generic\n"));
    }

    #[test]
    fn what_the_tables_do_not_tell_is_unknown() {
        for nothing in [
            "",
            "sl\n",
            "0: 0100007F:05AF\n",
            "0: zz:zz 1:1 01 0 0 0 0 0 0\n",
        ] {
            assert_eq!(peer_in(nothing, "127.0.0.1", 40_000), Peer::Unknown);
        }
    }

    #[test]
    fn ours_root_and_the_trusted_may_deliver_and_others_may_not() {
        let ours = user_id().unwrap();
        let other = ours + 4711;
        for (peer, may) in [
            (Peer::User(ours), true),
            (Peer::User(0), true),
            (Peer::User(other), false),
            (Peer::User(other + 1), true),
            (Peer::Gone, false),
            (Peer::Unknown, true),
        ] {
            assert_eq!(peer.may_deliver(&[other + 1]), may, "{peer:?}");
        }
    }

    #[cfg(target_os = "linux")]
    mod on_this_machine {
        use std::net::{TcpListener, TcpStream};
        use std::process::Command;

        use super::*;

        /// A connection to `to`, through a server that listens on `address`.
        fn connection(address: &str, to: &str) -> Option<(TcpListener, TcpStream, Ends)> {
            let listener = TcpListener::bind((address, 0)).ok()?;
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect((to, port)).unwrap();
            let (accepted, remote) = listener.accept().unwrap();
            let local = accepted.local_addr().unwrap();
            // Open for as long as the client is.
            std::mem::forget(accepted);
            Some((listener, client, Ends { local, remote }))
        }

        #[test]
        fn our_own_connections_are_ours() {
            let us = user_id().unwrap();
            for (address, to) in [
                ("127.0.0.1", "127.0.0.1"),
                ("127.0.0.1", "::ffff:127.0.0.1"),
                ("::1", "::1"),
            ] {
                // No IPv6 here is no matter of this test.
                let Some((_listener, _client, ends)) = connection(address, to) else {
                    continue;
                };
                assert_eq!(
                    Peer::look_up(ends.local.port(), &[Some(ends)]),
                    [Peer::User(us)],
                    "{to}"
                );
            }
        }

        #[test]
        fn a_connection_that_its_maker_has_closed_is_nobodys() {
            let (_listener, client, ends) = connection("127.0.0.1", "127.0.0.1").unwrap();
            drop(client);
            assert_eq!(
                Peer::look_up(ends.local.port(), &[Some(ends), None]),
                [Peer::Gone; 2]
            );
        }

        #[tokio::test]
        async fn a_connection_that_its_maker_has_reset_is_nobodys() {
            let (_listener, client, ends) = connection("127.0.0.1", "127.0.0.1").unwrap();
            client.set_nonblocking(true).unwrap();
            let client = tokio::net::TcpStream::from_std(client).unwrap();
            client.set_zero_linger().unwrap();
            drop(client);
            assert_eq!(
                Peer::look_up(ends.local.port(), &[Some(ends), None]),
                [Peer::Gone; 2]
            );
        }

        /// Waits until the kernel knows nothing of the client's end any more.
        fn wait_until_vanished(ends: Ends) {
            let started = std::time::Instant::now();
            let remote = Address::from(ends.remote);
            let local = Address::from(ends.local);
            while Tables::read(ends.local.port())
                .rows
                .contains_key(&(remote, local))
            {
                assert!(started.elapsed().as_secs() < 60, "it stays");
                std::thread::yield_now();
            }
        }

        #[test]
        fn an_end_that_vanished_while_ours_stays_established_is_nobodys() {
            let (_listener, mut client, ends) = connection("127.0.0.1", "127.0.0.1").unwrap();
            rustix::net::sockopt::set_tcp_user_timeout(&client, 1).unwrap();
            client.set_nonblocking(true).unwrap();
            // Our end reads nothing, so its window closes.
            while std::io::Write::write(&mut client, &[b'x'; 8192]).is_ok() {}
            drop(client);
            wait_until_vanished(ends);
            assert_eq!(
                Peer::look_up(ends.local.port(), &[Some(ends)]),
                [Peer::Gone]
            );
        }

        #[test]
        fn an_end_that_vanished_after_closing_its_half_is_nobodys() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            // TCP_LINGER2, which no crate here sets.
            let script = format!(
                "use Socket; socket(S, AF_INET, SOCK_STREAM, 0);\
                 connect(S, pack_sockaddr_in({port}, INADDR_LOOPBACK)) or die;\
                 setsockopt(S, 6, 8, pack('i', 1)) or die; close(S)"
            );
            let Ok(status) = Command::new("perl").args(["-e", &script]).status() else {
                return; // A machine without perl.
            };
            assert!(status.success());
            let (_ours, remote) = listener.accept().unwrap();
            let local = SocketAddr::from(([127, 0, 0, 1], port));
            let ends = Ends { local, remote };
            wait_until_vanished(ends);
            assert_eq!(Peer::look_up(port, &[Some(ends)]), [Peer::Gone]);
        }
    }
}
