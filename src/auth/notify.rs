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
pub struct Notify(Arc<dyn Fn(String) + Send + Sync>);

impl Notify {
    /// Passes each sentence to `receive`, which should return at once.
    pub fn new(receive: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receive))
    }

    pub(crate) fn tell(&self, sentence: impl Into<String>) {
        (self.0)(sentence.into());
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
