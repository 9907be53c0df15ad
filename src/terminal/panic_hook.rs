//! Ends the program with a readable screen when any task or thread panics. Unwinding alone
//! would end just the task, and the loop would go on in a half restored terminal.

use std::fmt;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::sync::Arc;

use super::{is_entered, restore};

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// A hook that restores the terminal on a panic. Dropping it brings back the hook before it.
pub struct PanicHook {
    before: Option<Arc<Box<Hook>>>,
    /// Distinguishes our hook from one that was set later.
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
    /// Leaves a hook that was set in the meantime. It may call ours, which only calls the hook
    /// before it when there is no terminal to restore.
    fn drop(&mut self) {
        // A panicking thread must not change the hook.
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
