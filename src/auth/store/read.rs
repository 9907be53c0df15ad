//! Reads a file that may be anything.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use super::home::Links;
use crate::error::Error;
use crate::platform::{without_waiting, without_waiting_or_links};
use crate::text::shell_word;

/// The limit for a file; a real `auth.json` has about 5 KB.
const MAX_FILE: u64 = 1024 * 1024;

/// Returns the bytes of a regular file of sensible size; `None` when there is no file.
pub fn read_regular(path: &Path, links: Links) -> io::Result<Option<Vec<u8>>> {
    let mut options = OpenOptions::new();
    match links {
        Links::Follow => without_waiting(&mut options),
        Links::Refuse => without_waiting_or_links(&mut options),
    };
    let file = options.read(true).open(path);
    let file = match file {
        // A dangling link is "not found" too, but it does not mean "no credentials".
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
    // Room for all at once: a file that is written in place should be read in one piece.
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
            .with_hint(format!(
                "Check its owner and permissions: ls -ld {}",
                shell_word(&folder.display().to_string())
            ));
    }
    let message = if path.is_symlink() && !path.exists() {
        format!("{} is a broken link or a loop of links", path.display())
    } else {
        format!("Could not read {}", path.display())
    };
    Error::storage(message)
        .with_source(source)
        .with_hint(format!(
            "Repair or remove it, then sign in again. To look at it: ls -l {}",
            shell_word(&path.display().to_string())
        ))
}

pub fn damaged(what: &str, bytes: &[u8], error: &serde_json::Error) -> Error {
    // serde_json's own text could quote a value, and a value may be a secret.
    let problem = foreign_encoding(bytes).unwrap_or(match error.classify() {
        serde_json::error::Category::Data => "a value has the wrong type",
        serde_json::error::Category::Eof => "it ends too early",
        _ => "it is not JSON",
    });
    Error::storage(format!(
        "{what} is damaged at line {}, column {}: {problem}",
        error.line(),
        // Of a value at the very beginning, serde_json says 0.
        error.column().max(1)
    ))
}

/// Names the encodings of Windows's editors and shells, which the Codex CLI cannot read either:
/// JSON is UTF-8 without a byte order mark (RFC 8259, section 8.1).
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some("it begins with a byte order mark"),
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("it is UTF-32, not UTF-8"),
        // The opening brace alone tells where there is no mark.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..] => {
            Some("it is UTF-16, not UTF-8")
        }
        _ => None,
    }
}
