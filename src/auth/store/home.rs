//! The owner of the codex home, and whether others may write to it (threat 23).

use std::fs::Metadata;
use std::path::Path;

use crate::platform::{ownership, user_id};
use crate::text::{clean, shell_word};
use crate::users;

/// Whether a link in the codex home is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Only this user can have made it.
    Follow,
    /// Another user may have made it, to have something else read or replaced.
    Refuse,
}

/// Returns what is done with links in the folder `home`.
pub fn links_in(home: &Path) -> Links {
    match home.metadata() {
        Ok(metadata) if Exposure::of(&metadata).is_some() => Links::Refuse,
        _ => Links::Follow,
    }
}

/// The sentence for a home, called `name`, that other users own or may write.
pub fn warning(home: &Path, name: &str) -> Option<String> {
    let exposure = Exposure::of(&home.metadata().ok()?)?;
    let path = home.display().to_string();
    Some(match exposure {
        Exposure::Owner(uid) => {
            let owner = users::name_of(uid).unwrap_or_else(|| format!("user {uid}"));
            format!(
                "warning: the {name} {} belongs to {}, who can read and replace your \
                 credentials: no link in it is followed",
                clean(&path),
                clean(&owner)
            )
        }
        Exposure::Writers => format!(
            "warning: other users may write to the {name}, so no link in it is followed; \
             to keep them out, use: chmod go-w {}",
            shell_word(&path)
        ),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Exposure {
    Owner(u32),
    Writers,
}

impl Exposure {
    fn of(folder: &Metadata) -> Option<Self> {
        let found = ownership(folder)?;
        Self::to_others(user_id()?, found.user, found.group, found.mode)
    }

    fn to_others(us: u32, owner: u32, group: u32, mode: u32) -> Option<Self> {
        if owner != us {
            return Some(Self::Owner(owner));
        }
        // A user's private group has the user's number, and a common umask lets it write.
        let group_writes = mode & 0o020 != 0 && group != us;
        let others_write = mode & 0o002 != 0;
        (group_writes || others_write).then_some(Self::Writers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_exposed_when_others_own_it_or_may_write_to_it() {
        let exposure = |owner, group, mode| Exposure::to_others(1000, owner, group, mode);
        assert_eq!(exposure(1000, 1000, 0o40700), None);
        assert_eq!(exposure(1000, 100, 0o40755), None);
        assert_eq!(exposure(1000, 1000, 0o40775), None, "a private group");
        assert_eq!(exposure(1000, 100, 0o40775), Some(Exposure::Writers));
        assert_eq!(exposure(1000, 1000, 0o40702), Some(Exposure::Writers));
        assert_eq!(exposure(0, 0, 0o40755), Some(Exposure::Owner(0)));
    }
}
