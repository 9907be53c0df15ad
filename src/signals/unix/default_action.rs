//! Brings a signal's default action back although its handler stays installed. (Removing the
//! handler would silence everything else that listens through it.)

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;
use signal_hook::flag::register_conditional_default;

/// The actions by the signal's number.
static ACTIONS: Mutex<BTreeMap<i32, DefaultAction>> = Mutex::new(BTreeMap::new());

/// The default action of a signal that has been caught here.
struct DefaultAction {
    /// The disposition from before the signal was caught here.
    before: Disposition,
    suspended: usize,
    /// Read by the handler. Not used where the signal was caught or ignored from the start.
    runs: Arc<AtomicBool>,
}

impl DefaultAction {
    fn of(signal: i32, masks: &SignalMasks) -> io::Result<Self> {
        let runs = Arc::new(AtomicBool::new(false));
        let before = disposition_in(masks.text(), signal);
        if before == Disposition::Default {
            register_conditional_default(signal, Arc::clone(&runs))?;
        }
        Ok(Self {
            before,
            suspended: 0,
            runs,
        })
    }
}

/// Keeps a signal's default action from running while this lives.
#[derive(Debug)]
pub struct Suspended {
    signal: i32,
}

impl Suspended {
    pub fn new(signal: i32, masks: &SignalMasks) -> io::Result<Self> {
        let mut actions = actions();
        let action = match actions.entry(signal) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(DefaultAction::of(signal, masks)?),
        };
        action.suspended += 1;
        action.runs.store(false, Ordering::SeqCst);
        Ok(Self { signal })
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(action) = actions().get_mut(&self.signal) {
            action.suspended -= 1;
            // The system ignores SIGTSTP where no shell could continue the program.
            let runs = self.signal != Signal::TSTP.as_raw() || is_under_job_control();
            action
                .runs
                .store(action.suspended == 0 && runs, Ordering::SeqCst);
        }
    }
}

/// The effect of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignored,
    /// Something else in this process catches it.
    Caught,
}

/// Returns the effect of the signal before it was first caught here.
pub fn disposition(signal: Signal, masks: &SignalMasks) -> Disposition {
    let signal = signal.as_raw();
    match actions().get(&signal) {
        Some(action) => action.before,
        None => disposition_in(masks.text(), signal),
    }
}

fn actions() -> MutexGuard<'static, BTreeMap<i32, DefaultAction>> {
    ACTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether a shell with job control started this program: such a shell gives every
/// job a process group of its own.
pub fn is_under_job_control() -> bool {
    let session = rustix::process::getsid(None);
    !session.is_ok_and(|session| session == rustix::process::getpgrp())
}

/// The process's present signal actions, read on first use: the kernel takes longer to write them
/// than everything else that catching a signal costs.
#[derive(Default)]
pub struct SignalMasks(OnceCell<String>);

impl SignalMasks {
    /// Returns the text, which is empty on other systems than Linux.
    fn text(&self) -> &str {
        let read = || std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        self.0.get_or_init(read)
    }
}

/// Reads the hexadecimal masks `SigIgn` and `SigCgt` (`proc_pid_status(5)`). Only Linux has
/// them; elsewhere no signal counts as ignored or caught, and a host that does either sets
/// [`crate::onboarding::Options::shutdown`].
fn disposition_in(status: &str, signal: i32) -> Disposition {
    let holds = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    };
    if holds("SigIgn:") {
        Disposition::Ignored
    } else if holds("SigCgt:") {
        Disposition::Caught
    } else {
        Disposition::Default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_ignored_caught_or_has_its_default_action() {
        let status = "SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n\
                      SigCgt:\t0000000000004002\n";
        assert_eq!(disposition_in(status, 1), Disposition::Ignored);
        assert_eq!(disposition_in(status, 2), Disposition::Caught);
        assert_eq!(disposition_in(status, 3), Disposition::Default);
        assert_eq!(disposition_in(status, 13), Disposition::Ignored);
        assert_eq!(disposition_in(status, 15), Disposition::Caught);
        assert_eq!(disposition_in("", 15), Disposition::Default);
    }
}
