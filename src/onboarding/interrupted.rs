//! A sign-in that was left, and that this run can go on with.

use super::known::Interrupted;
use crate::sign_in::{Destination, PendingFile, PendingSignIn, SignInOptions};

/// Returns the sign-in that was left in this home, if it can be approved still, and was begun as
/// these options would begin one. One that has expired is removed.
pub fn find(options: &SignInOptions) -> Option<PendingSignIn> {
    let file = PendingFile::of(&options.store);
    // One that cannot be read is replaced, or refused with words, by the next that is kept.
    let pending = file.load().ok().flatten()?;
    let (kept, now) = (&pending.kept, options.clock.now());
    let is_ours = file.check_home(&pending).is_ok()
        && kept.check(&options.issuer).is_ok()
        && kept.workspaces == options.workspaces
        // It goes beside the active account, whoever that is: not what a person here expects.
        && !matches!(pending.destination, Destination::Beside(_));
    if kept.has_expired(now) {
        file.remove(&pending);
    }
    let is_open = kept.next_poll_in(now).is_some() && !kept.expires_in(now).is_zero();
    (is_ours && is_open).then_some(pending)
}

/// Returns the sign-in to offer: one for which no other process polls.
pub fn offer(options: &SignInOptions) -> Option<Interrupted> {
    let (issuer, now) = (&options.issuer, options.clock.now());
    let pending = find(options)?;
    let _polling = PendingFile::of(&options.store).poll().ok()?;
    let code = pending.kept.device_code(issuer, now)?;
    Some(Interrupted {
        user_code: code.user_code,
        expires_in: pending.kept.expires_in(now),
    })
}
