//! Signals of Linux, macOS and the BSDs.
//!
//! A handler stays installed as long as the process lives: tokio's streams share it. When
//! nothing catches the signal any more, the handler runs the default action.

mod default_action;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::{ExitSignal, JobSignal};
pub use default_action::is_under_job_control;
use default_action::{Disposition, SignalMasks, Suspended, disposition};

/// The signals that end the program by themselves, beside the four with a name. (Not those of a
/// fault, like SIGSEGV: no program goes on after them.)
const OTHERS: [Signal; 6] = [
    Signal::ALARM,
    Signal::PROF,
    Signal::USR1,
    Signal::USR2,
    Signal::VTALARM,
    Signal::XCPU,
];

/// The signals that end the program, as events. Once this is dropped they end the program by
/// themselves again, unless they were caught before. One that was ignored stays ignored.
#[derive(Debug)]
pub struct ExitSignals {
    caught: Vec<(ExitSignal, Caught)>,
    /// A file that grows too large is a failed write, which says more than the signal.
    _file_size: Option<Caught>,
}

impl ExitSignals {
    /// Catches the signals: from now on they do not end the program by themselves. Beside
    /// SIGHUP, SIGINT, SIGQUIT and SIGTERM these are others that nothing else has caught.
    ///
    /// # Errors
    /// The system takes no handler.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn catch() -> io::Result<Self> {
        let masks = SignalMasks::default();
        let mut caught = Vec::new();
        for (event, signal) in [
            (ExitSignal::Hangup, Signal::HUP),
            (ExitSignal::Interrupt, Signal::INT),
            (ExitSignal::Quit, Signal::QUIT),
            (ExitSignal::Terminate, Signal::TERM),
        ] {
            if disposition(signal, &masks) != Disposition::Ignored {
                caught.push((event, Caught::new(signal, &masks)?));
            }
        }
        for signal in OTHERS {
            let number = u8::try_from(signal.as_raw());
            if let (Some(one), Ok(number)) = (Caught::if_free(signal, &masks)?, number) {
                caught.push((ExitSignal::Other(number), one));
            }
        }
        Ok(Self {
            caught,
            _file_size: Caught::if_free(Signal::XFSZ, &masks)?,
        })
    }

    /// Catches them until the process exits, even after this is dropped: for a program that
    /// decides by itself how it ends.
    ///
    /// # Errors
    /// As [`ExitSignals::catch`].
    ///
    /// # Panics
    /// As [`ExitSignals::catch`].
    #[doc(hidden)]
    pub fn catch_for_good() -> io::Result<Self> {
        std::mem::forget(Self::catch()?);
        Self::catch()
    }

    /// Lets a write fail that would make a file too large, where the system would end the program.
    #[doc(hidden)]
    pub fn survive_large_files() {
        // A handler, because the commands that we start would inherit that it is ignored. It
        // cannot fail for this signal, and without it only the message would be lost.
        let _ = signal_hook::flag::register(Signal::XFSZ.as_raw(), Arc::default());
    }

    /// Returns whether SIGHUP is ignored, as under `nohup`: the end of the terminal is then not
    /// the end of the program.
    #[doc(hidden)]
    pub fn ignore_hangup(&self) -> bool {
        !self
            .caught
            .iter()
            .any(|(event, _)| *event == ExitSignal::Hangup)
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> ExitSignal {
        poll_fn(|context| {
            for (event, caught) in &mut self.caught {
                if caught.poll_next(context).is_ready() {
                    return Poll::Ready(*event);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The signals of job control, as events. Once this is dropped SIGTSTP stops the program by
/// itself again.
#[derive(Debug)]
pub struct JobControl {
    /// `None` where SIGTSTP is ignored.
    stop: Option<Caught>,
    go_on: Caught,
}

impl JobControl {
    /// Catches the signals: from now on SIGTSTP does not stop the program by itself.
    pub fn catch() -> io::Result<Self> {
        let masks = SignalMasks::default();
        Ok(Self {
            stop: match disposition(Signal::TSTP, &masks) {
                Disposition::Ignored => None,
                _ => Some(Caught::new(Signal::TSTP, &masks)?),
            },
            go_on: Caught::new(Signal::CONT, &masks)?,
        })
    }

    /// Returns whether Ctrl-Z may stop the program.
    pub fn may_stop(&self) -> bool {
        self.stop.is_some()
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) -> JobSignal {
        let stop = async {
            match &mut self.stop {
                Some(stop) => stop.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop => JobSignal::Stop,
            () = self.go_on.next() => JobSignal::GoOn,
        }
    }
}

/// Changes of the window's size, as events.
#[derive(Debug)]
pub struct Resizes(Caught);

impl Resizes {
    /// Catches SIGWINCH.
    pub fn catch() -> io::Result<Self> {
        Ok(Self(Caught::new(Signal::WINCH, &SignalMasks::default())?))
    }

    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) {
        self.0.next().await;
    }
}

/// One signal, whose default action does not run while this lives.
#[derive(Debug)]
struct Caught {
    stream: Stream,
    _suspended: Suspended,
}

impl Caught {
    fn new(number: Signal, masks: &SignalMasks) -> io::Result<Self> {
        let suspended = Suspended::new(number.as_raw(), masks)?;
        Ok(Self {
            stream: signal(SignalKind::from_raw(number.as_raw()))?,
            _suspended: suspended,
        })
    }

    /// Catches a signal unless it is ignored or something else catches it.
    fn if_free(number: Signal, masks: &SignalMasks) -> io::Result<Option<Self>> {
        match disposition(number, masks) {
            Disposition::Default => Self::new(number, masks).map(Some),
            Disposition::Ignored | Disposition::Caught => Ok(None),
        }
    }

    async fn next(&mut self) {
        poll_fn(|context| self.poll_next(context)).await;
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.stream.poll_recv(context) {
            Poll::Ready(Some(())) => Poll::Ready(()),
            // The runtime shuts down, and the waiting task with it.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
