//! Reads a file safely, whatever is at its path, and explains what is wrong with it.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use crate::error::Error;
use crate::platform::{Ownership, ownership, user_id, without_waiting, without_waiting_or_links};
use crate::text::{clean, shell_word};
use crate::users;

/// The size limit of a file; a real `auth.json` has about 5 KB.
const MAX_FILE: u64 = 1024 * 1024;

/// The policy for links in the codex home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Links are followed: only this user can have made them.
    Follow,
    /// Links are refused: another user may have made one to have a different file read or replaced.
    Refuse,
}

/// Decides whether links in the folder `home` are followed (threat 23).
pub fn links_in(home: &Path) -> Links {
    match exposed(home) {
        Some(_) => Links::Refuse,
        None => Links::Follow,
    }
}

/// Returns the warning about a home, called `name`, that other users own or may write to.
pub fn exposure_warning(home: &Path, name: &str) -> Option<String> {
    let found = exposed(home)?;
    let path = home.display().to_string();
    if Some(found.user) == user_id() {
        return Some(format!(
            "warning: other users may write to the {name}, so no link in it is followed; \
             to keep them out, use: chmod go-w {}",
            shell_word(&path)
        ));
    }
    let owner = users::shown(found.user);
    Some(format!(
        "warning: the {name} {} belongs to {owner}, who can read and replace your credentials: no \
         link in it is followed",
        clean(&path)
    ))
}

/// Returns who owns a folder, if other users own it or may write to it.
fn exposed(folder: &Path) -> Option<Ownership> {
    let found = ownership(&folder.metadata().ok()?)?;
    is_exposed(user_id()?, &found).then_some(found)
}

fn is_exposed(us: u32, found: &Ownership) -> bool {
    // Many systems give each user a private group with the same id. It may have write permission.
    let group_writes = found.mode & 0o020 != 0 && found.group != us;
    let others_write = found.mode & 0o002 != 0;
    found.user != us || group_writes || others_write
}

/// Returns the bytes of a regular file of sensible size; `None` when there is no file.
pub fn read_regular(path: &Path, links: Links) -> io::Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    match links {
        Links::Follow => without_waiting(&mut options),
        Links::Refuse => without_waiting_or_links(&mut options),
    };
    let file = options.read(true).open(path);
    let file = match file {
        // A dangling link is "not found" too, but does not mean "no credentials".
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(None);
        }
        Err(_) if links == Links::Refuse && path.is_symlink() => return Err(not_followed()),
        other => other?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_regular());
    }
    if metadata.len() > MAX_FILE {
        return Err(io::Error::other(format!(
            "it has {} bytes, more than the limit of {MAX_FILE}",
            metadata.len()
        )));
    }
    // Room for everything: a file that is written in place should be read in one piece.
    let room = usize::try_from(metadata.len()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room + 1);
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

pub fn not_followed() -> io::Error {
    io::Error::other("it is a link, and other users may write to its folder")
}

pub fn not_regular() -> io::Error {
    io::Error::other("it is not a regular file")
}

pub fn unreadable(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::NotADirectory
        && let Some(folder) = path.parent()
    {
        return Error::storage(format!("{} is not a folder", folder.display()))
            .with_hint("Choose the folder that holds the credentials, or a new one");
    }
    if source.kind() == io::ErrorKind::PermissionDenied && path.symlink_metadata().is_err() {
        let folder = path.parent().unwrap_or(path);
        return Error::storage(format!("Could not open the folder {}", folder.display()))
            .with_source(source)
            .with_hint(users::command(
                "Check its owner and permissions: ls -ld",
                &[folder],
            ));
    }
    let message = if path.is_symlink() && !path.exists() {
        format!("{} is a broken link or a loop of links", path.display())
    } else {
        format!("Could not read {}", path.display())
    };
    Error::storage(message)
        .with_source(source)
        .with_hint(users::command(
            "Repair or remove it, then sign in again. To look at it: ls -l",
            &[path],
        ))
}

pub fn damaged(what: &str, bytes: &[u8], error: &serde_json::Error) -> Error {
    // The text of serde_json could quote a value, which may be a secret.
    let problem = foreign_encoding(bytes).unwrap_or(match error.classify() {
        serde_json::error::Category::Data => "a value has the wrong type",
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it is not JSON",
    });
    Error::storage(format!(
        "{what} is damaged at line {}, column {}: {problem}",
        error.line(),
        // serde_json gives 0 for a value at the very beginning.
        error.column().max(1)
    ))
}

/// Names an encoding that editors and shells on Windows use. The Codex CLI cannot read them
/// either: JSON is UTF-8 without a byte order mark (RFC 8259, section 8.1).
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("it begins with a byte order mark"),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("it is UTF-32, not UTF-8"),
        // Without a byte order mark, the position of the opening brace shows the encoding.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => {
            Some("it is UTF-16, not UTF-8")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_exposed_when_others_own_it_or_may_write_to_it() {
        let exposed = |us, user, group, mode| {
            let names = 1;
            is_exposed(
                us,
                &Ownership {
                    user,
                    group,
                    mode,
                    names,
                },
            )
        };
        assert!(!exposed(1000, 1000, 1000, 0o40700));
        assert!(!exposed(1000, 1000, 100, 0o40755));
        assert!(!exposed(1000, 1000, 1000, 0o40775), "a private group");
        assert!(exposed(1000, 1000, 100, 0o40775));
        assert!(exposed(1000, 1000, 1000, 0o40702));
        assert!(exposed(1000, 0, 0, 0o40755));
    }
}
