//! Callbacks that a browser could not deliver: its page says so, and the terminal would be silent.

use std::fmt;
use std::sync::Arc;

/// The reason why a callback did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The browser began TLS, as in an HTTPS-only mode. The address is not known.
    Tls,
    /// Its state is missing, or another attempt's.
    WrongState,
    /// It was not a browser's own, or it was incomplete.
    Refused,
}

/// Tells the host of it, once for each reason, as long as the attempt is open.
pub type TellHost = Arc<dyn Fn(Undelivered) + Send + Sync>;

/// The first byte of a TLS connection: a handshake record (RFC 8446, section 5.1).
pub const TLS_HANDSHAKE: u8 = 22;

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => {
                "Your browser uses https, which this sign-in does not: paste the address that the \
                 browser shows, as it is"
            }
            Self::WrongState => {
                "A callback came without the state of this sign-in: open the link shown here, or \
                 paste the address that your browser shows"
            }
            Self::Refused => {
                "A callback was refused (your browser says why): paste the address that your \
                 browser shows"
            }
        })
    }
}
