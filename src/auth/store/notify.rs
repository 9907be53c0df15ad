//! Notices for the person, such as the reason for a wait. The library itself prints nothing.

use std::fmt;
use std::sync::Arc;

/// Receives notices for the person, for example which lock is being waited for. Cheap to clone.
/// The default drops them.
///
/// ```
/// use codex_onboarding::auth::Notify;
///
/// let notify = Notify::new(|sentence| eprintln!("{sentence}"));
/// ```
#[derive(Clone)]
pub struct Notify {
    /// Receives notices about facts.
    facts: Receive,
    /// Receives the reasons for delays.
    waits: Receive,
}

type Receive = Arc<dyn Fn(String) + Send + Sync>;

impl Notify {
    /// Passes each notice to `receive`, which should return at once.
    pub fn new(receive: impl Fn(String) + Send + Sync + 'static) -> Self {
        let receive: Receive = Arc::new(receive);
        Self {
            facts: Arc::clone(&receive),
            waits: receive,
        }
    }

    /// Passes the reasons for delays to `receive` instead.
    pub(crate) fn with_waits(self, receive: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self {
            waits: Arc::new(receive),
            ..self
        }
    }

    /// Sends a notice about a fact, for example a warning about the save.
    pub(crate) fn tell(&self, sentence: impl Into<String>) {
        (self.facts)(sentence.into());
    }

    /// Sends the reason for a delay.
    pub(crate) fn tell_wait(&self, sentence: impl Into<String>) {
        (self.waits)(sentence.into());
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new(drop)
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notify")
    }
}
