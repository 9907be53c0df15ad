//! Errors that a person can act on: a kind, a sentence, its causes and a hint.

use std::fmt;
use std::sync::Arc;

/// The kind of a failure. Scripts see it as `error.kind` in the JSON output
/// (spec, section 6); hosts match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The command line, a variable or an option is invalid.
    Usage,
    /// The callback server's port is held by another program.
    PortInUse,
    /// The person, a signal or the host cancelled.
    Cancelled,
    /// The issuer or the account's administrator refused.
    Denied,
    /// The issuer could not be reached: DNS, connect, proxy, TLS.
    Network,
    /// The issuer answered with an error, or with something that makes no sense.
    Issuer,
    /// A time limit was reached.
    Timeout,
    /// Credentials could not be read or written, or a lock stayed taken.
    Storage,
    /// There are no usable credentials.
    NotSignedIn,
    /// The session has ended and cannot be refreshed: sign in again.
    Expired,
    /// The operating system did not provide something essential: random numbers, signals, a
    /// thread, a descriptor.
    Internal,
}

impl ErrorKind {
    /// Returns the stable name used in JSON: `port_in_use`, `not_signed_in`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::PortInUse => "port_in_use",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Network => "network",
            Self::Issuer => "issuer",
            Self::Timeout => "timeout",
            Self::Storage => "storage",
            Self::NotSignedIn => "not_signed_in",
            Self::Expired => "expired",
            Self::Internal => "internal",
        }
    }
}

/// The exit code for [`ErrorKind::PortInUse`], for programs that run this one.
pub const EXIT_PORT_IN_USE: u8 = 13;

/// An error for people and programs: one sentence, its causes, and a hint.
///
/// It is cheap to clone, because the browser's page, the screen and the exit code all show the same
/// failure. It never holds a secret.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    data: Option<Data>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Details of a failure, for code that handles it.
#[derive(Clone)]
enum Data {
    Port(u16),
    IssuerCode(String),
    SessionIssuer(String),
    Proxy,
}

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error; `message` is a sentence without a full stop.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            source: None,
            data: None,
        }
    }

    /// Creates an [`ErrorKind::Usage`] error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Creates an [`ErrorKind::PortInUse`] error.
    pub fn port_in_use(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::PortInUse, message)
    }

    /// Creates an [`ErrorKind::Cancelled`] error.
    pub fn cancelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Cancelled, message)
    }

    /// Creates an [`ErrorKind::Denied`] error.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// Creates an [`ErrorKind::Network`] error.
    pub fn network(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Network, message)
    }

    /// Creates an [`ErrorKind::Issuer`] error.
    pub fn issuer(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Issuer, message)
    }

    /// Creates an [`ErrorKind::Timeout`] error.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    /// Creates an [`ErrorKind::Storage`] error.
    pub fn storage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, message)
    }

    /// Creates an [`ErrorKind::NotSignedIn`] error.
    pub fn not_signed_in(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotSignedIn, message)
    }

    /// Creates an [`ErrorKind::Expired`] error.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Expired, message)
    }

    /// Creates an [`ErrorKind::Internal`] error.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds a hint: a sentence or a command that says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause. Its text must be free of secrets.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds the port that the error is about.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.data = Some(Data::Port(port));
        self
    }

    /// Adds the issuer's error code, such as `access_denied`.
    #[must_use]
    pub fn with_issuer_code(mut self, code: impl Into<String>) -> Self {
        self.data = Some(Data::IssuerCode(code.into()));
        self
    }

    /// Adds the issuer that the stored session belongs to.
    #[must_use]
    pub fn with_session_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.data = Some(Data::SessionIssuer(issuer.into()));
        self
    }

    /// Marks the error as a failure of the proxy: every request through it will fail.
    #[must_use]
    pub(crate) fn with_proxy(mut self) -> Self {
        self.data = Some(Data::Proxy);
        self
    }

    /// Wraps this error in `message` and becomes its cause; kind, hint and data stay.
    #[must_use]
    pub fn under(self, message: impl Into<String>) -> Self {
        Self {
            kind: self.kind,
            message: message.into(),
            hint: self.hint.clone(),
            data: self.data.clone(),
            source: Some(Arc::new(self)),
        }
    }

    /// Returns the kind of the failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the sentence without its causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the hint: what to do next, if anything.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the port that the error is about, such as one that another program holds.
    pub fn port(&self) -> Option<u16> {
        match self.data {
            Some(Data::Port(port)) => Some(port),
            _ => None,
        }
    }

    /// Returns the error code in the issuer's answer, such as `invalid_grant` or `access_denied`.
    pub fn issuer_code(&self) -> Option<&str> {
        match &self.data {
            Some(Data::IssuerCode(code)) => Some(code),
            _ => None,
        }
    }

    /// Returns the issuer that the stored session belongs to, if that is not the issuer in use.
    pub fn session_issuer(&self) -> Option<&str> {
        match &self.data {
            Some(Data::SessionIssuer(issuer)) => Some(issuer),
            _ => None,
        }
    }

    /// Returns whether the proxy failed, rather than the host behind it.
    #[cfg(feature = "cli")]
    pub(crate) fn is_of_proxy(&self) -> bool {
        matches!(self.data, Some(Data::Proxy))
    }

    /// Returns the causes, outermost first, without this error's own message.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Wrappers in the networking stack often repeat what they wrap.
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }

    /// Returns the message and its causes as one sentence, joined by colons.
    pub fn in_full(&self) -> String {
        let mut parts = vec![self.message.clone()];
        parts.extend(self.causes());
        parts.join(": ")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.in_full())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_listed_outermost_first_without_repetition() {
        let inner = Error::network("connection refused");
        let middle = Error::network("connection refused").with_source(inner);
        let outer = Error::issuer("Token exchange failed").with_source(middle);
        assert_eq!(outer.causes(), ["connection refused"]);
        assert_eq!(outer.to_string(), "Token exchange failed");
        assert_eq!(outer.in_full(), "Token exchange failed: connection refused");
    }
}
