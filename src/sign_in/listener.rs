//! The callback server's port: 127.0.0.1 and `[::1]`, never a wildcard.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::{fmt, io, mem};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::options::{Port, REGISTERED_PORTS};
use crate::error::{Error, Result};
use crate::platform::{self, is_reserved};
use crate::text::clean_short;

/// The length of the accept queue. A flood of idle connections would fill a shorter one; the system
/// would then drop the person's connection, which is retried only a second later.
const BACKLOG: u32 = 4096;

/// The name for the holder of a port that Windows reserves, as for Hyper-V and WSL (openai/codex
/// 40344).
const RESERVED: &str = "the system, which keeps that range for itself";

/// The name for a program that the system does not name.
const ANOTHER: &str = "another program";

/// The bound sockets. Clones share them, so that the handle can close the sockets that the task
/// accepts from. Otherwise the port would stay taken until the task runs next.
#[derive(Clone, Debug)]
pub struct Listener {
    port: u16,
    sockets: Arc<Sockets>,
}

/// One socket for each address family of the machine; empty once closed.
type Sockets = Mutex<Vec<TcpListener>>;

/// The listeners, by port, that still deliver a last page after their handle is gone. A new sign-in
/// may take over their port.
static LEFT_OPEN: Mutex<BTreeMap<u16, Weak<Sockets>>> = Mutex::new(BTreeMap::new());

/// The reason why a port cannot be listened on.
#[derive(Debug)]
pub enum PortObstacle {
    /// The program with this name holds the port; [`ANOTHER`] if the system does not tell.
    Taken(String),
    /// The system refuses it.
    Refused(io::Error),
}

/// Opens a socket. Tests replace it to see each failure.
type Listen<'a> = &'a dyn Fn(SocketAddr) -> io::Result<TcpListener>;

/// Binds the callback server's port. If there is no listener, the sentence says why neither port
/// can be listened on; `None` when no server was wanted. Never sends anything to the holder of a
/// port.
///
/// # Errors
/// [`ErrorKind::PortInUse`] when the requested port cannot be listened on.
///
/// [`ErrorKind::PortInUse`]: crate::ErrorKind::PortInUse
pub fn bind(port: Port) -> Result<(Option<Listener>, Option<String>)> {
    match port {
        Port::Exactly(port) => Ok((Some(exactly(port, &listen)?), None)),
        Port::Registered => Ok(either(REGISTERED_PORTS, &listen)),
        Port::Either(ports) => Ok(either(ports, &listen)),
        Port::None => Ok((None, None)),
    }
}

fn exactly(port: u16, listen: Listen) -> Result<Listener> {
    bind_or_take_over(port, listen).map_err(|error| match PortObstacle::of(port, error) {
        PortObstacle::Taken(holder) => port_taken(port, &holder),
        PortObstacle::Refused(error) => {
            Error::port_in_use(format!("Could not listen on port {port} of localhost"))
                .with_port(port)
                .with_source(error)
                .with_hint("Choose another port: those below 1024 need more rights")
        }
    })
}

/// The error when the one port that was asked for is taken.
pub fn port_taken(port: u16, holder: &str) -> Error {
    Error::port_in_use(format!("Port {port} is in use by {holder}"))
        .with_port(port)
        .with_hint(format!(
            "Stop that program ({} shows it), or choose another port",
            platform::command_for_port(port)
        ))
}

fn either(ports: [u16; 2], listen: Listen) -> (Option<Listener>, Option<String>) {
    let [first, second] = ports;
    let try_port =
        |port| bind_or_take_over(port, listen).map_err(|error| PortObstacle::of(port, error));
    match try_port(first).or_else(|one| try_port(second).map_err(|other| [one, other])) {
        Ok(listener) => (Some(listener), None),
        Err(obstacles) => (None, Some(no_port(ports, obstacles))),
    }
}

fn bind_or_take_over(port: u16, listen: Listen) -> io::Result<Listener> {
    match Listener::bind(port, listen) {
        Err(error) if is_taken(&error) && close_left_open(port) => Listener::bind(port, listen),
        bound => bound,
    }
}

/// Closes a listener that was left open on this port. Returns whether there was one.
fn close_left_open(port: u16) -> bool {
    let left = lock(&LEFT_OPEN).remove(&port);
    let left = left.and_then(|sockets| sockets.upgrade());
    left.is_some_and(|sockets| !mem::take(&mut *lock(&sockets)).is_empty())
}

/// Binds the port as a sign-in would, and frees it again. Returns the reason why a sign-in could
/// not use it.
#[cfg(feature = "cli")]
pub fn port_obstacle(port: u16) -> Option<PortObstacle> {
    let bound = Listener::bind(port, &listen);
    Some(PortObstacle::of(port, bound.err()?))
}

impl PortObstacle {
    fn of(port: u16, error: io::Error) -> Self {
        if is_reserved(&error) {
            Self::Taken(RESERVED.to_owned())
        } else if is_taken(&error) {
            Self::Taken(holder(port).unwrap_or_else(|| ANOTHER.to_owned()))
        } else {
            Self::Refused(error)
        }
    }
}

/// Describes in one sentence why neither port can be listened on.
fn no_port([first, second]: [u16; 2], obstacles: [PortObstacle; 2]) -> String {
    match obstacles {
        [PortObstacle::Taken(one), PortObstacle::Taken(other)] => {
            both_taken([first, second], [&one, &other])
        }
        [PortObstacle::Refused(one), PortObstacle::Refused(other)]
            if one.to_string() == other.to_string() =>
        {
            format!("Ports {first} and {second} cannot be used: {one}")
        }
        [one, other] => format!("Port {first} {one}, and port {second} {other}"),
    }
}

impl fmt::Display for PortObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(holder) => write!(f, "is in use by {holder}"),
            Self::Refused(error) => write!(f, "cannot be used ({error})"),
        }
    }
}

/// Describes the holders of both ports in one sentence.
pub fn both_taken([first, second]: [u16; 2], [one, other]: [&str; 2]) -> String {
    let holders = match (one, other) {
        (ANOTHER, ANOTHER) => "other programs".to_owned(),
        _ if one == other => one.to_owned(),
        _ => format!("{one} and {other}"),
    };
    format!("Ports {first} and {second} are both in use by {holders}")
}

impl Listener {
    /// Binds both loopback addresses, or the only one that the machine has. An address held by
    /// another program is a conflict, because the browser could end up there.
    fn bind(port: u16, listen: Listen) -> io::Result<Self> {
        // With port 0, the system's choice for 127.0.0.1 may be taken on ::1.
        let attempts = if port == 0 { 16 } else { 1 };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..attempts {
            let v4 = match listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
                Err(error) if is_taken(&error) => return Err(error),
                v4 => v4,
            };
            let port = match &v4 {
                Ok(v4) => v4.local_addr()?.port(),
                Err(_) => port,
            };
            let v6 = listen(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
            let sockets = match (v4, v6) {
                (Ok(v4), Ok(v6)) => vec![v4, v6],
                (_, Err(error)) if is_taken(&error) => {
                    last = error;
                    continue;
                }
                (Ok(only), Err(_)) | (Err(_), Ok(only)) => vec![only],
                (Err(error), Err(_)) => return Err(error),
            };
            return Ok(Self {
                port: sockets[0].local_addr()?.port(),
                sockets: Arc::new(Mutex::new(sockets)),
            });
        }
        Err(last)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the next connection; for ever once closed. Cancel safe.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        let stream = poll_fn(|cx| self.poll_accept(cx)).await?;
        // The answers are small and complete, so delaying them gains nothing.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let mut sockets = lock(&self.sockets);
        for at in 0..sockets.len() {
            if let Poll::Ready(accepted) = sockets[at].poll_accept(cx) {
                // Sockets take turns: a flood on one address family must not shut out the other.
                sockets.rotate_left(at + 1);
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    }

    /// Frees the port at once.
    pub fn close(&self) {
        lock(&self.sockets).clear();
    }

    /// Leaves the port open for the task until a new sign-in needs it.
    pub fn leave_open(&self) {
        lock(&LEFT_OPEN).insert(self.port, Arc::downgrade(&self.sockets));
    }
}

/// Locks, even after a panic: nothing under these locks can be left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    platform::share_with_ended_connections(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse || is_reserved(error)
}

/// The longest program name shown, longer than any name that systems keep.
const LONGEST_NAME: usize = 40;

/// Returns the name of the program that listens on `port` where the callback server would, for
/// example `node (process 4711)`. `None` when the system does not tell, as for programs of other
/// users.
fn holder(port: u16) -> Option<String> {
    // Reads a few files for each process: slow, but only needed for an error message.
    let mut sockets = listeners::get_all().ok()?.into_iter();
    let holder = sockets.find(|socket| is_in_the_way(socket, port))?;
    let name = clean_short(&holder.process.name, LONGEST_NAME);
    let process = format!("process {}", holder.process.pid);
    Some(match name.as_str() {
        "" => process,
        name => format!("{name} ({process})"),
    })
}

/// Returns whether a socket prevents us from binding 127.0.0.1 or `[::1]` on this port.
fn is_in_the_way(socket: &listeners::Listener, port: u16) -> bool {
    let address = socket.socket.ip().to_canonical();
    socket.protocol == listeners::Protocol::TCP
        && socket.state == listeners::SocketState::Listen
        && socket.socket.port() == port
        && (address.is_unspecified()
            || address == Ipv4Addr::LOCALHOST
            || address == Ipv6Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn both_ports_name_their_holders_as_far_as_they_are_known() {
        let sentence = |one, other| {
            both_taken(REGISTERED_PORTS, [one, other])
                .replace("Ports 1455 and 1457 are both in use by ", "")
        };
        assert_eq!(sentence(ANOTHER, ANOTHER), "other programs");
        assert_eq!(sentence("a", "a"), "a");
        assert_eq!(sentence("a", "b"), "a and b");
        assert_eq!(sentence(ANOTHER, "b"), "another program and b");
        assert_eq!(sentence(RESERVED, RESERVED), RESERVED);
    }

    /// Fails for the sockets that `error_of` names, and opens all others on any free port.
    fn failing(
        error_of: impl Fn(SocketAddr) -> Option<io::ErrorKind>,
    ) -> impl Fn(SocketAddr) -> io::Result<TcpListener> {
        move |address| match error_of(address) {
            Some(kind) => Err(kind.into()),
            None => listen(SocketAddr::new(address.ip(), 0)),
        }
    }

    /// The errors other than "in use" with which a system, a sandbox or a container may refuse a
    /// bind.
    const REFUSALS: [io::ErrorKind; 4] = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::AddrNotAvailable,
        io::ErrorKind::Unsupported,
        io::ErrorKind::OutOfMemory,
    ];

    const TAKEN: io::ErrorKind = io::ErrorKind::AddrInUse;

    #[tokio::test]
    async fn one_loopback_family_is_enough_whatever_the_other_fails_with() {
        for kind in REFUSALS {
            for refused in [
                IpAddr::from(Ipv4Addr::LOCALHOST),
                Ipv6Addr::LOCALHOST.into(),
            ] {
                let listen = failing(|address| (address.ip() == refused).then_some(kind));
                let listener = Listener::bind(1455, &listen).unwrap();
                assert_eq!(lock(&listener.sockets).len(), 1, "{refused}: {kind}");
                let bound = lock(&listener.sockets)[0].local_addr().unwrap();
                assert_ne!(bound.ip(), refused, "{kind}");
            }
        }
    }

    #[tokio::test]
    async fn a_family_that_somebody_else_has_is_a_conflict_whatever_the_other_does() {
        for taken in [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
        ] {
            for other in [None, Some(io::ErrorKind::AddrNotAvailable)] {
                let listen = failing(|address| {
                    if address.ip() == taken {
                        Some(TAKEN)
                    } else {
                        other
                    }
                });
                let error = Listener::bind(1455, &listen).unwrap_err();
                assert_eq!(error.kind(), TAKEN, "{taken}: {other:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_port_that_is_refused_for_any_reason_leaves_the_second() {
        for kind in REFUSALS.into_iter().chain([TAKEN]) {
            let listen = failing(|address| (address.port() == 1455).then_some(kind));
            let (listener, problem) = either([1455, 1457], &listen);
            let listener = listener.unwrap_or_else(|| panic!("{kind}: {problem:?}"));
            assert_eq!(lock(&listener.sockets).len(), 2);
        }
    }

    #[tokio::test]
    async fn without_any_port_there_is_no_server_and_the_reasons_are_said() {
        let sentence = |first, second| {
            let of =
                move |address: SocketAddr| Some(if address.port() == 1 { first } else { second });
            either([1, 2], &failing(of)).1.unwrap()
        };
        for kind in REFUSALS {
            let expected = format!("Ports 1 and 2 cannot be used: {kind}");
            assert_eq!(sentence(kind, kind), expected);
        }
        assert_eq!(
            sentence(TAKEN, io::ErrorKind::PermissionDenied),
            "Port 1 is in use by another program, and port 2 cannot be used (permission denied)"
        );
        assert_eq!(
            sentence(io::ErrorKind::AddrNotAvailable, TAKEN),
            "Port 1 cannot be used (address not available), and port 2 is in use by another program"
        );
        assert!(sentence(TAKEN, TAKEN).starts_with("Ports 1 and 2 are both in use by"));
    }

    #[tokio::test]
    async fn the_one_port_that_was_asked_for_is_named_with_the_reason() {
        let listen = failing(|_| Some(io::ErrorKind::PermissionDenied));
        let error = exactly(80, &listen).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::PortInUse);
        assert_eq!(error.message(), "Could not listen on port 80 of localhost");
        assert_eq!(error.causes(), ["permission denied"]);
        assert_eq!(error.port(), Some(80));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_port_that_is_taken_says_by_whom_and_how_to_go_on() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let error = bind(Port::Exactly(port)).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::PortInUse);
        let process = format!("(process {})", std::process::id());
        assert!(error.message().ends_with(&process), "{error}");
        assert_eq!(error.port(), Some(port));
        assert!(error.hint().unwrap().ends_with("choose another port"));
        // No connection was made to the holder.
        held.set_nonblocking(true).unwrap();
        assert_eq!(held.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_flood_on_one_family_keeps_nobody_out_of_the_other() {
        let listener = Listener::bind(0, &listen).unwrap();
        let connect = |ip: IpAddr| std::net::TcpStream::connect((ip, listener.port()));
        let _flood: Vec<_> = (0..8)
            .map(|_| connect(Ipv4Addr::LOCALHOST.into()).unwrap())
            .collect();
        let Ok(_other) = connect(Ipv6Addr::LOCALHOST.into()) else {
            return; // A machine without IPv6.
        };
        let first = listener.accept().await.unwrap().local_addr().unwrap();
        let second = listener.accept().await.unwrap().local_addr().unwrap();
        assert!(first.is_ipv6() || second.is_ipv6(), "{first} and {second}");
    }

    #[cfg(target_os = "linux")]
    fn me() -> String {
        let name = std::fs::read_to_string("/proc/self/comm").unwrap();
        format!("{} (process {})", name.trim(), std::process::id())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_is_this_program_s_however_it_listens() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // This machine may have no IPv6.
            let Ok(socket) = std::net::TcpListener::bind(address) else {
                continue;
            };
            let port = socket.local_addr().unwrap().port();
            assert_eq!(holder(port), Some(me()), "{address}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_is_free_or_elsewhere_is_nobody_s() {
        let socket = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
        assert_eq!(holder(socket.local_addr().unwrap().port()), None);
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        assert_eq!(holder(port), None);
    }
}
