//! The callback server's port: 127.0.0.1 and `[::1]`, never a wildcard.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::port_holder::holder;
use crate::error::{Error, Result};
use crate::platform::{self, is_reserved};

/// The two ports that the Codex CLI's client id is registered with, in order.
pub const REGISTERED_PORTS: [u16; 2] = [1455, 1457];

/// Long: a flood of idle connections fills a shorter queue, and the system then drops the
/// person's connection, which is retried only a second later.
const BACKLOG: u32 = 4096;

/// The holder of a port in a range that is kept from every program, as Hyper-V and WSL make
/// Windows do (openai/codex 40344).
const RESERVED: &str = "the system, which keeps that range for itself";

/// The port to listen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Port {
    /// The first of [`REGISTERED_PORTS`] that is free. Without one there is no server.
    #[default]
    Registered,
    /// The same with two other ports, for a host whose client id is registered with them.
    Either([u16; 2]),
    /// This port; starting fails when it is taken. 0 is any free port.
    Exactly(u16),
}

/// The bound sockets. Clones share them, so that the handle can close the sockets that the task
/// accepts from: the port would otherwise stay taken until the task runs next.
#[derive(Clone, Debug)]
pub struct Listener {
    port: u16,
    sockets: Arc<Sockets>,
}

/// One socket for each address family of the machine; empty once closed.
type Sockets = Mutex<Vec<TcpListener>>;

/// Listeners that deliver a last page after their handle is gone. A new sign-in may take their
/// port.
static LEFT_OPEN: Mutex<Vec<(u16, Weak<Sockets>)>> = Mutex::new(Vec::new());

/// The result of binding.
#[derive(Debug)]
pub enum Bound {
    /// The server listens.
    Listening(Listener),
    /// Other programs hold both registered ports. The sentence names them.
    Taken(String),
}

impl Port {
    /// Returns the port that the redirect names when there is no server.
    pub(super) fn without_server(self) -> u16 {
        match self {
            Self::Exactly(port) | Self::Either([port, _]) => port,
            Self::Registered => REGISTERED_PORTS[0],
        }
    }
}

/// Binds. Nothing is ever sent to the holder of a port.
///
/// # Errors
/// [`ErrorKind::PortInUse`] when the one port that was asked for is taken.
pub fn bind(port: Port) -> Result<Bound> {
    match port {
        Port::Exactly(port) => exactly(port).map(Bound::Listening),
        Port::Registered => either(REGISTERED_PORTS),
        Port::Either(ports) => either(ports),
    }
}

fn exactly(port: u16) -> Result<Listener> {
    bind_or_take_over(port).map_err(|error| {
        if !is_taken(&error) {
            return cannot_listen(port, error);
        }
        port_taken(port, holder_of(port, is_reserved(&error))).with_source(error)
    })
}

/// The error when the one port that was asked for is taken.
pub fn port_taken(port: u16, holder: Option<String>) -> Error {
    let holder = holder.unwrap_or_else(|| "another program".to_owned());
    Error::port_in_use(format!("Port {port} is in use by {holder}"))
        .with_port(port)
        .with_hint(format!(
            "Stop that program ({} shows it), or choose another port",
            platform::command_for_port(port)
        ))
}

fn either(ports: [u16; 2]) -> Result<Bound> {
    let mut reserved = [false; 2];
    for (port, reserved) in ports.into_iter().zip(&mut reserved) {
        match bind_or_take_over(port) {
            Ok(listener) => return Ok(Bound::Listening(listener)),
            Err(error) if is_taken(&error) => *reserved = is_reserved(&error),
            Err(error) => return Err(cannot_listen(port, error)),
        }
    }
    let holders = [0, 1].map(|at| holder_of(ports[at], reserved[at]));
    Ok(Bound::Taken(both_taken(ports, holders)))
}

fn bind_or_take_over(port: u16) -> io::Result<Listener> {
    match Listener::bind(port) {
        Err(error) if is_taken(&error) && close_left_open(port) => Listener::bind(port),
        bound => bound,
    }
}

/// Closes a listener that was left open on this port. Returns whether there was one.
fn close_left_open(port: u16) -> bool {
    let mut closed = false;
    lock(&LEFT_OPEN).retain(|(left, sockets)| {
        let Some(sockets) = sockets.upgrade().filter(|_| *left == port) else {
            return *left != port;
        };
        closed |= !lock(&sockets).is_empty();
        lock(&sockets).clear();
        false
    });
    closed
}

/// The state of a port, as a sign-in would find it.
#[cfg(feature = "cli")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortState {
    /// On both address families.
    Free,
    /// By somebody else, who is named where the system tells.
    Taken(Option<String>),
    /// The system refuses it.
    Refused(String),
}

/// Binds the port as a sign-in would, and lets it go.
#[cfg(feature = "cli")]
pub fn port_state(port: u16) -> PortState {
    match Listener::bind(port) {
        Ok(_) => PortState::Free,
        Err(error) if is_taken(&error) => PortState::Taken(holder_of(port, is_reserved(&error))),
        Err(error) => PortState::Refused(error.to_string()),
    }
}

/// Names the holder of a port, as far as the system tells.
fn holder_of(port: u16, reserved: bool) -> Option<String> {
    if reserved {
        Some(RESERVED.to_owned())
    } else {
        holder(port)
    }
}

/// Names the holders of both ports in one sentence.
pub fn both_taken([first, second]: [u16; 2], holders: [Option<String>; 2]) -> String {
    let both = format!("Ports {first} and {second} are both in use by");
    match holders {
        [None, None] => format!("{both} other programs"),
        [Some(one), Some(other)] if one == other => format!("{both} {one}"),
        [one, other] => {
            let name = |holder: Option<String>| holder.unwrap_or("another program".to_owned());
            format!("{both} {} and {}", name(one), name(other))
        }
    }
}

impl Listener {
    fn bind(port: u16) -> io::Result<Self> {
        // With port 0, ::1 may happen to be taken where 127.0.0.1 was free: look again.
        let attempts = if port == 0 { 16 } else { 1 };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..attempts {
            let v4 = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
            let port = v4.local_addr()?.port();
            match listen(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
                Ok(v6) => return Ok(Self::new(port, vec![v4, v6])),
                Err(error) if platform::has_no_ipv6(&error) => {
                    return Ok(Self::new(port, vec![v4]));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn new(port: u16, sockets: Vec<TcpListener>) -> Self {
        Self {
            port,
            sockets: Arc::new(Mutex::new(sockets)),
        }
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the next connection; for ever once closed. Cancel safe.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        let stream = poll_fn(|cx| self.poll_accept(cx)).await?;
        // The answers are small and complete: holding them back gains nothing.
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

    /// Leaves the port to the task until a new sign-in needs it.
    pub fn leave_open(&self) {
        let mut left_open = lock(&LEFT_OPEN);
        left_open.retain(|(_, sockets)| sockets.strong_count() > 0);
        left_open.push((self.port, Arc::downgrade(&self.sockets)));
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

fn cannot_listen(port: u16, source: io::Error) -> Error {
    Error::network(format!("Could not listen on port {port} of localhost"))
        .with_port(port)
        .with_source(source)
        .with_hint("Choose another port: those below 1024 need more rights")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ports_name_their_holders_as_far_as_they_are_known() {
        let sentence = |one: Option<&str>, other: Option<&str>| {
            let holders = [one.map(str::to_owned), other.map(str::to_owned)];
            both_taken(REGISTERED_PORTS, holders)
                .replace("Ports 1455 and 1457 are both in use by ", "")
        };
        assert_eq!(sentence(None, None), "other programs");
        assert_eq!(sentence(Some("a"), Some("a")), "a");
        assert_eq!(sentence(Some("a"), Some("b")), "a and b");
        assert_eq!(sentence(None, Some("b")), "another program and b");
        assert_eq!(sentence(Some(RESERVED), Some(RESERVED)), RESERVED);
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
        // Nobody knocked.
        held.set_nonblocking(true).unwrap();
        assert_eq!(held.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_flood_on_one_family_keeps_nobody_out_of_the_other() {
        let listener = Listener::bind(0).unwrap();
        let connect = |ip: std::net::IpAddr| std::net::TcpStream::connect((ip, listener.port()));
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
}
