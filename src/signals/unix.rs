//! Signals of Linux, macOS and the BSDs.
//!
//! A handler stays installed as long as the process lives, because tokio's streams share it, and
//! removing it would silence every other listener. When nothing catches the signal any more, the
//! handler runs the default action.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use rustix::process::{Signal, getpgrp, getsid, kill_current_process_group};
use signal_hook::flag::{register, register_conditional_default};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::{ExitSignal, TerminalSignal};

/// The signals that are meant to end a program.
const NAMED: [(Signal, ExitSignal); 4] = [
    (Signal::HUP, ExitSignal::Hangup),
    (Signal::INT, ExitSignal::Interrupt),
    (Signal::QUIT, ExitSignal::Quit),
    (Signal::TERM, ExitSignal::Terminate),
];

/// The others that end a program by default, except those of a fault, like SIGSEGV: no program can
/// go on after them.
const OTHERS: [Signal; 6] = [
    Signal::ALARM,
    Signal::PROF,
    Signal::USR1,
    Signal::USR2,
    Signal::VTALARM,
    Signal::XCPU,
];

/// The signals that end the program, as events. Once this is dropped they end the program
/// again, unless they were caught before. A signal that was ignored stays ignored.
#[derive(Debug)]
pub struct ExitSignals {
    caught: Caught<ExitSignal>,
    /// Without the signal, a write that makes a file too large fails with an error, which is more
    /// helpful.
    _file_size: Option<Suspended>,
}

impl ExitSignals {
    /// Catches SIGHUP, SIGINT, SIGQUIT and SIGTERM, and the other signals that end a program, unless
    /// something else has caught those.
    ///
    /// # Errors
    /// The system refuses a handler.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn catch() -> io::Result<Self> {
        let actions = Actions::default();
        let mut caught = Caught(Vec::new());
        for (signal, event) in NAMED {
            if actions.of(signal) != Action::Ignore {
                caught.add(signal, event, &actions)?;
            }
        }
        for signal in OTHERS {
            if actions.of(signal) == Action::Default {
                let number = u8::try_from(signal.as_raw()).unwrap_or_default();
                caught.add(signal, ExitSignal::Other(number), &actions)?;
            }
        }
        let file_size = (actions.of(Signal::XFSZ) == Action::Default)
            .then(|| Suspended::new(Signal::XFSZ, &actions));
        Ok(Self {
            caught,
            _file_size: file_size.transpose()?,
        })
    }

    /// Lets a write that makes a file too large fail, instead of ending the program.
    #[doc(hidden)]
    pub fn survive_large_files() {
        // Caught rather than ignored, because commands that we start would inherit an ignored
        // signal. This cannot fail for SIGXFSZ; if it did, only the message would be lost.
        let _ = register(Signal::XFSZ.as_raw(), Arc::default());
    }

    /// Returns whether SIGHUP is ignored, as under `nohup`. Then the program outlives its terminal.
    #[doc(hidden)]
    pub fn ignore_hangup(&self) -> bool {
        !self.caught.includes(ExitSignal::Hangup)
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> ExitSignal {
        self.caught.next().await
    }
}

/// The signals of the terminal and its shell, as events. Once this is dropped SIGTSTP stops the
/// program again.
#[derive(Debug)]
pub struct TerminalSignals(Caught<TerminalSignal>);

impl TerminalSignals {
    /// Catches the signals. SIGTSTP stays ignored if it was.
    pub fn catch() -> io::Result<Self> {
        let actions = Actions::default();
        let mut caught = Caught(Vec::new());
        if actions.of(Signal::TSTP) != Action::Ignore {
            caught.add(Signal::TSTP, TerminalSignal::Stop, &actions)?;
        }
        caught.add(Signal::CONT, TerminalSignal::Continue, &actions)?;
        caught.add(Signal::WINCH, TerminalSignal::Resize, &actions)?;
        Ok(Self(caught))
    }

    /// Returns whether Ctrl-Z may stop the program: SIGTSTP is not ignored, and a shell can
    /// continue it.
    pub fn may_stop(&self) -> bool {
        self.0.includes(TerminalSignal::Stop) && is_under_job_control()
    }

    /// Stops the program until SIGCONT.
    #[expect(
        clippy::unused_self,
        reason = "without the handler of SIGCONT nothing would follow"
    )]
    pub fn stop_program(&self) {
        // Send SIGSTOP, because SIGTSTP has a handler, and to the whole group, because a parent in
        // it would otherwise keep waiting, and the shell with it.
        let _ = kill_current_process_group(Signal::STOP);
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> TerminalSignal {
        self.0.next().await
    }
}

/// Signals whose default action does not run while this lives.
#[derive(Debug)]
struct Caught<T>(Vec<(T, Stream, Suspended)>);

impl<T: Copy + PartialEq> Caught<T> {
    fn add(&mut self, number: Signal, event: T, actions: &Actions) -> io::Result<()> {
        let suspended = Suspended::new(number, actions)?;
        let stream = signal(SignalKind::from_raw(number.as_raw()))?;
        self.0.push((event, stream, suspended));
        Ok(())
    }

    fn includes(&self, event: T) -> bool {
        self.0.iter().any(|(caught, ..)| *caught == event)
    }

    async fn next(&mut self) -> T {
        poll_fn(|context| {
            for (event, stream, _) in &mut self.0 {
                // A stream ends when the runtime shuts down, and the waiting task with it.
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(*event);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The signals that have been caught here, by their numbers.
static KNOWN: Mutex<BTreeMap<i32, Known>> = Mutex::new(BTreeMap::new());

struct Known {
    /// The action before the signal was first caught here.
    before: Action,
    suspended: usize,
    /// Read by the handler, which is installed only if the action was the default.
    default_runs: Arc<AtomicBool>,
}

fn known() -> MutexGuard<'static, BTreeMap<i32, Known>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a signal's default action from running while this lives.
#[derive(Debug)]
struct Suspended(Signal);

impl Suspended {
    fn new(signal: Signal, actions: &Actions) -> io::Result<Self> {
        let before = actions.of(signal);
        let mut known = known();
        let known = match known.entry(signal.as_raw()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let default_runs = Arc::default();
                if before == Action::Default {
                    register_conditional_default(signal.as_raw(), Arc::clone(&default_runs))?;
                }
                entry.insert(Known {
                    before,
                    suspended: 0,
                    default_runs,
                })
            }
        };
        known.suspended += 1;
        known.default_runs.store(false, Ordering::SeqCst);
        Ok(Self(signal))
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(signal) = known().get_mut(&self.0.as_raw()) {
            signal.suspended -= 1;
            // The system ignores SIGTSTP if no shell could continue the program.
            let runs = self.0 != Signal::TSTP || is_under_job_control();
            let runs = runs && signal.suspended == 0;
            signal.default_runs.store(runs, Ordering::SeqCst);
        }
    }
}

/// Returns whether a shell with job control started this program. Such a shell gives every job a
/// process group of its own.
fn is_under_job_control() -> bool {
    !getsid(None).is_ok_and(|session| session == getpgrp())
}

/// The action of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Default,
    Ignore,
    /// A handler from elsewhere in this process.
    Handler,
}

/// The actions of all signals. They are read on first use, because reading them takes longer than
/// everything else that catching a signal needs.
#[derive(Default)]
struct Actions(OnceCell<String>);

impl Actions {
    /// Returns the signal's action before it was first caught here.
    fn of(&self, signal: Signal) -> Action {
        let number = signal.as_raw();
        if let Some(signal) = known().get(&number) {
            return signal.before;
        }
        let read = || std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        action_in(self.0.get_or_init(read), number)
    }
}

/// Reads the hexadecimal masks `SigIgn` and `SigCgt` (`proc_pid_status(5)`). Only Linux has them.
/// Elsewhere no signal counts as ignored or caught, so a host that ignores or catches one sets
/// [`crate::onboarding::Options::shutdown`].
fn action_in(status: &str, signal: i32) -> Action {
    let holds = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    };
    if holds("SigIgn:") {
        Action::Ignore
    } else if holds("SigCgt:") {
        Action::Handler
    } else {
        Action::Default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_ignored_caught_or_has_its_default_action() {
        let status = "SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\n\
                      SigCgt:\t0000000000004002\n";
        assert_eq!(action_in(status, 1), Action::Ignore);
        assert_eq!(action_in(status, 2), Action::Handler);
        assert_eq!(action_in(status, 3), Action::Default);
        assert_eq!(action_in(status, 13), Action::Ignore);
        assert_eq!(action_in(status, 15), Action::Handler);
        assert_eq!(action_in("", 15), Action::Default);
    }
}
