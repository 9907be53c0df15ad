//! The user at the other end of a connection, if the system tells (threat 22).
//!
//! The authorization link is in the browser's arguments, where every user of the machine
//! can read it. Another user could approve with an account of their own and deliver the
//! callback, and the person would be signed in to a stranger's account.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::LazyLock;

use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::platform::{check_threads, connection_user, user_id};

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
    /// No process: the end was closed before the answer.
    Gone,
    /// The system does not tell.
    Unknown,
}

impl Peer {
    /// Finds the holder of the other end. Asks the kernel about this one connection, and reads its
    /// tables only if that finds no process.
    pub async fn of(ends: Ends) -> Self {
        /// On a busy machine the tables are long, so they are read by one request at a time.
        static READING: Mutex<()> = Mutex::const_new(());

        if let Some(user) = connection_user(ends.remote, ends.local) {
            return Self::User(user);
        }
        let _reading = READING.lock().await;
        // tokio panics where it cannot start its first thread.
        if check_threads().is_err() {
            return Self::in_tables(ends);
        }
        let found = spawn_blocking(move || Self::in_tables(ends)).await;
        found.unwrap_or(Self::Gone)
    }

    fn in_tables(ends: Ends) -> Self {
        let look = || peer_in(&read_tables(), ends, *SHARED_LOOPBACK);
        match look() {
            user @ Self::User(_) => user,
            // The kernel writes the rows one after the other, so the first read may have missed the
            // other end.
            Self::Gone | Self::Unknown => look(),
        }
    }

    /// Returns whether this peer may deliver a callback. It may if the system does not tell who it
    /// is.
    pub fn may_deliver(self, trusted_users: &[u32]) -> bool {
        match self {
            Self::User(user) => {
                Some(user) == user_id() || user == ROOT || trusted_users.contains(&user)
            }
            // A closed end has no known user, and does not wait for the answer.
            Self::Gone => false,
            Self::Unknown => true,
        }
    }
}

const ROOT: u32 = 0;

/// Returns whether the other end is known to be closed, or to belong to a user who may not deliver
/// a callback. Takes microseconds, because it reads no tables.
pub fn is_useless(ends: Ends, trusted_users: &[u32]) -> bool {
    match connection_user(ends.remote, ends.local) {
        Some(user) => !Peer::User(user).may_deliver(trusted_users),
        // A kernel that reports our end would report an open other end as well.
        None => connection_user(ends.local, ends.remote).is_some() && !*SHARED_LOOPBACK,
    }
}

/// Set if connections to our loopback may come from another kernel: from Windows, in WSL's
/// networking mode `mirrored`. In the other modes, a relay that runs as root connects from inside.
static SHARED_LOOPBACK: LazyLock<bool> = LazyLock::new(|| {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.is_ok_and(|release| is_wsl(&release)) && Path::new("/sys/class/net/loopback0").exists()
});

fn is_wsl(kernel_release: &str) -> bool {
    kernel_release.to_ascii_lowercase().contains("microsoft")
}

/// Returns the kernel's tables of TCP sockets (`proc_net_tcp` in its documentation); nothing on
/// other systems.
fn read_tables() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    // The second table lists an IPv6 socket that connects to an IPv4 address.
    read("/proc/net/tcp") + &read("/proc/net/tcp6")
}

fn peer_in(tables: &str, ends: Ends, shared_loopback: bool) -> Peer {
    let (local, remote) = (canonical(ends.local), canonical(ends.remote));
    let column_end = format!(":{:04X} ", local.port());
    let ours = tables.lines().filter(|line| line.contains(&column_end));
    let rows: Vec<Row> = ours.filter_map(Row::parse).collect();
    let find = |local, remote| {
        let mut rows = rows.iter();
        rows.find(|row| row.local == local && row.remote == remote)
    };
    if let Some(row) = find(remote, local) {
        return match row.inode {
            // No process holds this end any more, and the table shows root as its user.
            0 => Peer::Gone,
            _ => Peer::User(row.user),
        };
    }
    // Only tables that list our own listening socket list its connections.
    let mut rows_of_ours = rows.iter().filter(|row| row.local.port() == local.port());
    if !rows_of_ours.any(|row| row.state == LISTEN) {
        return Peer::Unknown;
    }
    let is_open = find(local, remote).is_some_and(|row| OPEN.contains(&row.state));
    if shared_loopback && is_open {
        return Peer::Unknown;
    }
    // Our end may still look open: a client can make its own vanish without telling us
    // (TCP_LINGER2, or TCP_USER_TIMEOUT before a full window).
    Peer::Gone
}

/// Normalizes an address, so that it is the same from both tables.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// A line of the tables.
struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    user: u32,
    inode: u64,
}

/// Values of the column `st`.
const LISTEN: u8 = 0x0a;
/// Established, or closed for writing by the other side only.
const OPEN: [u8; 2] = [0x01, 0x08];

impl Row {
    /// Parses a line; `None` for a heading.
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace().skip(1);
        Some(Self {
            local: parse_address(columns.next()?)?,
            remote: parse_address(columns.next()?)?,
            state: u8::from_str_radix(columns.next()?, 16).ok()?,
            user: columns.nth(3)?.parse().ok()?,
            inode: columns.nth(1)?.parse().ok()?,
        })
    }
}

/// Parses `0100007F:05AF`: 32-bit words in the machine's byte order, then the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let mut bytes = [0; 16];
    for (word, bytes) in ip.as_bytes().chunks(8).zip(bytes.chunks_mut(4)) {
        let word = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    let ip = match ip.len() {
        8 => IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]),
        32 => IpAddr::from(bytes),
        _ => return None,
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(canonical(SocketAddr::new(ip, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded on a 64-bit little-endian machine: the server on 1455, and clients
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

    fn peer(tables: &str, ip: &str, port: u16) -> Peer {
        peer_in(tables, ends(ip, port), false)
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn the_user_at_the_other_end_is_found_whichever_table_has_it() {
        assert_eq!(peer(TABLES, "127.0.0.1", 40_000), Peer::User(1000));
        assert_eq!(peer(TABLES, "::1", 40_000), Peer::User(0));
        assert_eq!(peer(TABLES, "127.0.0.1", 40_001), Peer::User(33));
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_end_that_was_closed_is_nobodys_and_not_roots() {
        assert_eq!(peer(TABLES, "127.0.0.1", 40_002), Peer::Gone);
        // Either the other row is gone, or both are, or ours is about to go.
        assert_eq!(peer(TABLES, "127.0.0.1", 40_003), Peer::Gone);
        assert_eq!(peer(TABLES, "127.0.0.1", 40_004), Peer::Gone);
        assert_eq!(peer(TABLES, "127.0.0.1", 40_005), Peer::Gone);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn only_where_another_kernel_shares_the_loopback_may_an_end_be_missing() {
        let peer = |port| peer_in(TABLES, ends("127.0.0.1", port), true);
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
            assert_eq!(peer(nothing, "127.0.0.1", 40_000), Peer::Unknown);
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

        /// Returns a connection to `to`, through a server that listens on `address`.
        fn connection(address: &str, to: &str) -> Option<(TcpListener, TcpStream, Ends)> {
            let listener = TcpListener::bind((address, 0)).ok()?;
            let port = listener.local_addr().unwrap().port();
            let client = TcpStream::connect((to, port)).unwrap();
            let (accepted, remote) = listener.accept().unwrap();
            let local = accepted.local_addr().unwrap();
            // Keep our end open for as long as the client's.
            std::mem::forget(accepted);
            Some((listener, client, Ends { local, remote }))
        }

        #[tokio::test]
        async fn our_own_connections_are_ours() {
            let us = user_id().unwrap();
            for (address, to) in [
                ("127.0.0.1", "127.0.0.1"),
                ("127.0.0.1", "::ffff:127.0.0.1"),
                ("::1", "::1"),
            ] {
                // This machine may have no IPv6.
                let Some((_listener, _client, ends)) = connection(address, to) else {
                    continue;
                };
                assert_eq!(Peer::of(ends).await, Peer::User(us), "{to}");
                assert_eq!(Peer::in_tables(ends), Peer::User(us), "{to}");
            }
        }

        #[tokio::test]
        async fn a_connection_that_its_maker_has_closed_is_nobodys() {
            let (_listener, client, ends) = connection("127.0.0.1", "127.0.0.1").unwrap();
            drop(client);
            assert_eq!(Peer::of(ends).await, Peer::Gone);
        }

        #[tokio::test]
        async fn a_connection_that_its_maker_has_reset_is_nobodys() {
            let (_listener, client, ends) = connection("127.0.0.1", "127.0.0.1").unwrap();
            client.set_nonblocking(true).unwrap();
            let client = tokio::net::TcpStream::from_std(client).unwrap();
            client.set_zero_linger().unwrap();
            drop(client);
            assert_eq!(Peer::of(ends).await, Peer::Gone);
        }

        /// Waits until the kernel no longer lists the client's end.
        fn wait_until_vanished(ends: Ends) {
            let started = std::time::Instant::now();
            let is_client = |row: &Row| (row.local, row.remote) == (ends.remote, ends.local);
            while (read_tables().lines().filter_map(Row::parse)).any(|row| is_client(&row)) {
                assert!(started.elapsed().as_secs() < 60, "it stays");
                std::thread::yield_now();
            }
        }

        #[tokio::test]
        async fn an_end_that_vanished_while_ours_stays_established_is_nobodys() {
            let (_listener, mut client, ends) = connection("127.0.0.1", "127.0.0.1").unwrap();
            rustix::net::sockopt::set_tcp_user_timeout(&client, 1).unwrap();
            client.set_nonblocking(true).unwrap();
            // Our end reads nothing, so its window closes.
            while std::io::Write::write(&mut client, &[b'x'; 8192]).is_ok() {}
            drop(client);
            wait_until_vanished(ends);
            assert_eq!(Peer::of(ends).await, Peer::Gone);
        }

        #[tokio::test]
        async fn an_end_that_vanished_after_closing_its_half_is_nobodys() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            // Set TCP_LINGER2 with a script, because no crate here can.
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
            assert_eq!(Peer::of(ends).await, Peer::Gone);
        }
    }
}
