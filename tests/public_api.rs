//! The library's whole surface as a list in `public_api.txt`, so that no change goes unnoticed:
//! what is taken away or changed breaks hosts, and what is added has to be kept.
//!
//! `UPDATE_PUBLIC_API=1 cargo test --test public_api` writes the list anew; read its
//! difference, and tell it in CHANGELOG.md.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test may panic.

#[path = "public_api/listing.rs"]
mod listing;
#[path = "public_api/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use source::Source;

#[test]
fn the_surface_is_as_it_is_written_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = root.join("tests/public_api/public_api.txt");
    let found = listing::listing(&Source::read(&root.join("src")));
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        let lines: Vec<_> = found.iter().map(String::as_str).collect();
        std::fs::write(&list, lines.join("\n") + "\n").unwrap();
    }
    let text = std::fs::read_to_string(&list).unwrap_or_default();
    let written: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    let gone: Vec<_> = written.difference(&found).collect();
    let new: Vec<_> = found.difference(&written).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "the surface has changed: gone {gone:#?}, new {new:#?}"
    );
}
