//! A panic in any task or thread ends the program with a readable screen: with unwinding
//! alone, a panic in a task would leave the loop running in a terminal half restored.

use std::fmt;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Arc;

use super::{is_entered, restore};

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// Restores the terminal on a panic, and gives the hook before it back when dropped.
pub struct PanicHook {
    before: Option<Arc<Box<Hook>>>,
    /// Tells our hook from one that was set later.
    address: usize,
}

impl PanicHook {
    pub fn install() -> Self {
        let before = Arc::new(take_hook());
        let print = Arc::clone(&before);
        let hook: Box<Hook> = Box::new(move |panic| {
            let is_ours = is_entered();
            restore();
            print(panic);
            if is_ours {
                std::process::exit(101);
            }
        });
        let address = address(&*hook);
        set_hook(hook);
        Self {
            before: Some(before),
            address,
        }
    }
}

impl Drop for PanicHook {
    /// A hook that somebody has set meanwhile stays. Ours may be part of it: without a
    /// terminal to restore it only passes on.
    fn drop(&mut self) {
        // The hook must not be changed by a thread that panics.
        if std::thread::panicking() {
            return;
        }
        let current = take_hook();
        if address(&*current) != self.address {
            set_hook(current);
            return;
        }
        drop(current);
        if let Some(before) = self.before.take().and_then(Arc::into_inner) {
            set_hook(before);
        }
    }
}

impl fmt::Debug for PanicHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PanicHook")
    }
}

fn address(hook: &Hook) -> usize {
    std::ptr::from_ref(hook).cast::<()>().addr()
}
