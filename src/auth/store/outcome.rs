//! How a save ends.

use std::io;
use std::path::Path;

use crate::error::Error;

/// A save that has succeeded.
pub struct Kept {
    pub warning: Option<String>,
    /// Nobody can tell whether the credentials are where they belong: another copy must stay.
    pub is_uncertain: bool,
}

impl Kept {
    pub fn with(warning: Option<String>) -> Self {
        Self {
            warning,
            is_uncertain: false,
        }
    }

    pub fn uncertain(warning: String) -> Self {
        Self {
            warning: Some(warning),
            is_uncertain: true,
        }
    }
}

/// A save that has failed: the old credentials are untouched.
pub fn not_saved(target: &Path, step: &str, source: &io::Error) -> Error {
    Error::storage(format!("Could not save {}", target.display()))
        .with_source(format!("{step} failed: {source}"))
        .with_hint("Nothing was changed. Check free space and permissions, then try again")
}
