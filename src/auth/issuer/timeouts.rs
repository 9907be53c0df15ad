//! Time limits of a request.

use std::time::Duration;

/// Time limits of a request to the issuer (threat 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The limit for the connection.
    pub connect: Duration,
    /// The limit for the whole request, up to the last byte of the answer.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_ten_seconds_to_connect_and_thirty_in_all() {
        let timeouts = Timeouts::default();
        assert_eq!(timeouts.connect, Duration::from_secs(10));
        assert_eq!(timeouts.request, Duration::from_secs(30));
    }
}
