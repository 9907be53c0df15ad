//! Sentences for the person while something takes long: the library prints nothing itself.

use std::fmt;
use std::sync::Arc;

/// Receives sentences for the person, for example which lock is being waited for. Cheap to
/// clone. The default drops them.
///
/// ```
/// use codex_onboarding::auth::Notify;
///
/// let notify = Notify::new(|sentence| eprintln!("{sentence}"));
/// ```
#[derive(Clone)]
pub struct Notify {
    /// Receives what stays true.
    facts: Receive,
    /// Receives what is true for a while.
    waits: Receive,
}

type Receive = Arc<dyn Fn(String) + Send + Sync>;

impl Notify {
    /// Passes each sentence to `receive`, which should return at once.
    pub fn new(receive: impl Fn(String) + Send + Sync + 'static) -> Self {
        let receive: Receive = Arc::new(receive);
        Self {
            facts: Arc::clone(&receive),
            waits: receive,
        }
    }

    /// Passes reasons for a delay to `receive` instead.
    pub(crate) fn with_waits(self, receive: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self {
            waits: Arc::new(receive),
            ..self
        }
    }

    /// Tells a sentence that stays true, for example a warning about the save.
    pub(crate) fn tell(&self, sentence: impl Into<String>) {
        (self.facts)(sentence.into());
    }

    /// Tells the reason for a delay.
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
