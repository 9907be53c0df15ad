//! A lent session in a file of its own, written once or kept alive for as long as its source is.

mod folder;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::session::{Lent, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::platform::inode;
pub use folder::LentFolder;

/// The pause between two looks at the files. A look is two `stat` calls.
const LOOK: Duration = Duration::from_secs(1);

/// The pause after a renewal or a write that failed.
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(1);

/// The number of rounds in which the account is missing before it counts as signed out: a file that
/// another program is moving is missing for a moment.
const ROUNDS_WITHOUT_ACCOUNT: usize = 3;

/// An action of a [`Lender`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LenderEvent {
    /// The file was written.
    Lent {
        /// Its absolute path.
        path: PathBuf,
        /// The end of the access token in it; `None` when the token does not state it.
        expires_at: Option<DateTime<Utc>>,
    },
    /// A renewal or a write failed; it is tried again in a minute.
    Delayed(Error),
}

/// Keeps the session in a [`LentFolder`] alive.
#[derive(Debug)]
pub struct Lender<L> {
    load: L,
    folder: LentFolder,
    /// The session in the file, and the file as it was written.
    written: Option<(Lent, Option<Trace>)>,
    /// The earliest time of the next renewal, after one that failed or did not help.
    renew_after: Option<DateTime<Utc>>,
    /// The time of the last [`LenderEvent::Delayed`].
    told_at: Option<DateTime<Utc>>,
}

impl<L: AsyncFn() -> Result<Option<Session>>> Lender<L> {
    /// Lends the session that `load` returns. It is called again whenever credentials have changed,
    /// and may return another account then.
    pub fn new(load: L, folder: LentFolder) -> Self {
        Self {
            load,
            folder,
            written: None,
            renew_after: None,
            told_at: None,
        }
    }

    /// Writes the file, and writes it again: when the token has 10 minutes left (or half of its
    /// lifetime, if that is under 20 minutes), within two seconds after another program has renewed
    /// or changed the session, and when the file was deleted. Tells `event` each time.
    ///
    /// Returns only when nothing is left to lend: after a sign-out, when the issuer has ended the
    /// session, or when the account is no longer a ChatGPT session. The file is deleted then. It
    /// also returns, without deleting anything, when a session that was not lent has been saved in
    /// the folder. Dropping the future ends it too, and leaves the file.
    pub async fn run(mut self, event: impl Fn(LenderEvent)) -> Error {
        let mut rounds_without_account = 0;
        loop {
            let watched = match self.round(&event).await {
                Ok(watched) => {
                    rounds_without_account = 0;
                    watched
                }
                Err(error) if is_final(&error) => return self.ended(error).await,
                Err(error) if is_missing(&error) => {
                    rounds_without_account += 1;
                    if rounds_without_account == ROUNDS_WITHOUT_ACCOUNT {
                        return self.ended(error).await;
                    }
                    Watched::default()
                }
                // These errors may pass: another program is writing the file, or the disk is full.
                Err(error) => {
                    self.delayed(error, &event);
                    Watched::default()
                }
            };
            self.wait_for_change(&watched).await;
        }
    }

    /// Loads, renews when that is due, and writes a token that is not in the file yet.
    async fn round(&mut self, event: &impl Fn(LenderEvent)) -> Result<Watched> {
        let session = (self.load)().await?;
        let session = session.ok_or_else(|| Error::not_signed_in("Not logged in"))?;
        let source = session.path().map(|path| (trace(&path), path));
        self.renew(&session, event).await?;
        let lent = session.lent()?;
        let written = self.written.as_ref();
        if !written.is_some_and(|(written, _)| written.is_same(&lent)) {
            self.folder.write(&lent).await?;
            let (path, expires_at) = (self.folder.path(), lent.expires_at);
            // Before the event: its receiver may replace the file.
            self.written = Some((lent, trace(&path)));
            event(LenderEvent::Lent { path, expires_at });
        }
        Ok(Watched {
            source,
            until: session.renewal_due_at().max(self.renew_after),
        })
    }

    async fn renew(&mut self, session: &Session, event: &impl Fn(LenderEvent)) -> Result<()> {
        let now = session.now();
        // A session that the issuer has ended is not kept alive by what is left of its token.
        let has_ended = |error: &Error| error.kind() == ErrorKind::Expired && session.can_refresh();
        let is_due = |session: &Session| session.renewal_due_at().is_some_and(|at| at <= now);
        if !is_due(session) || self.renew_after.is_some_and(|at| now < at) {
            return Ok(());
        }
        self.renew_after = None;
        match session.refresh().await {
            Ok(()) if !is_due(session) => return Ok(()),
            // A wrong clock must not cause a request every second.
            Ok(()) => {}
            Err(error) if is_missing(&error) => return Err(error),
            Err(error)
                if is_final(&error) && (has_ended(&error) || !session.has_time_left(now)) =>
            {
                return Err(error);
            }
            Err(error) => self.delayed(error, event),
        }
        self.renew_after = Some(now + RETRY_AFTER);
        Ok(())
    }

    /// Reports a problem, once a minute.
    fn delayed(&mut self, error: Error, event: &impl Fn(LenderEvent)) {
        let now = Utc::now();
        if self.told_at.is_none_or(|at| now - at >= RETRY_AFTER) {
            self.told_at = Some(now);
            event(LenderEvent::Delayed(error));
        }
    }

    /// Waits until a renewal is due, the credentials have changed, or the file has.
    async fn wait_for_change(&mut self, watched: &Watched) {
        let file = self.folder.path();
        loop {
            tokio::time::sleep(LOOK).await;
            // A file that was deleted or replaced is written again, if that is allowed.
            self.written
                .take_if(|(_, written)| written.is_none() || trace(&file) != *written);
            let is_due = watched.until.is_some_and(|at| Utc::now() >= at);
            if self.written.is_none() || is_due || watched.has_changed() {
                return;
            }
        }
    }

    /// Deletes the file, unless a real session has replaced it.
    async fn ended(self, error: Error) -> Error {
        if let Err(stays) = self.folder.remove().await {
            tracing::warn!(?stays, "the lent file stays");
        }
        error
    }
}

/// The changes that end a wait.
#[derive(Default)]
struct Watched {
    /// The source's file as it was read; without one (a keyring), every look is a round.
    source: Option<(Option<Trace>, PathBuf)>,
    /// The time of the next round, whatever happens.
    until: Option<DateTime<Utc>>,
}

impl Watched {
    fn has_changed(&self) -> bool {
        let source = self.source.as_ref();
        source.is_none_or(|(before, path)| trace(path) != *before)
    }
}

/// The values that change with each save of a file.
type Trace = (Option<u64>, u64, Option<SystemTime>);

fn trace(path: &Path) -> Option<Trace> {
    let found = path.metadata().ok()?;
    Some((inode(&found), found.len(), found.modified().ok()))
}

/// Returns whether the account is missing, which may be for a moment only.
fn is_missing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotSignedIn | ErrorKind::Usage)
}

/// Returns whether the error cannot pass by itself.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Denied | ErrorKind::Expired)
}
