//! The real program beside a bare floor program (`floor.rs`), in one interleaved run, as one
//! table; and a second table, of growth. It asserts nothing about time. Linux only: it reads
//! `/proc`.
//!
//! ```sh
//! cargo bench                                           # everything, a few minutes
//! cargo bench --bench floor --bench program -- memory   # only rows whose name holds this
//! cargo bench --bench floor --bench program -- --short  # few rounds: does it all work?
//! BENCH_PROGRAM=/path/to/codex-onboarding cargo bench   # another build, a static one
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]
#![cfg_attr(not(target_os = "linux"), allow(unused))]

#[cfg(target_os = "linux")]
mod footprint;
#[cfg(target_os = "linux")]
mod growth;
#[cfg(target_os = "linux")]
#[path = "../../tests/support/issuer.rs"]
#[allow(dead_code)]
mod issuer;
#[cfg(target_os = "linux")]
#[path = "../../tests/support/patience.rs"]
#[allow(dead_code)] // The tests need more of it.
mod patience;
#[cfg(target_os = "linux")]
mod picture;
#[cfg(target_os = "linux")]
mod pty;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(target_os = "linux")]
#[path = "../../tests/support/stage.rs"]
#[allow(dead_code)]
mod stage;
#[cfg(target_os = "linux")]
mod subject;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod trip;
#[cfg(target_os = "linux")]
mod waiting;

#[cfg(target_os = "linux")]
fn main() {
    let mut words = std::env::args().skip(1);
    let is_short = words.any(|word| word == "--short");
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut table = table::Table::new(filter, is_short);
    println!("{}", table::machine());
    println!("{}\n", subject::Subject::Ours.path().display());
    table::Table::head();
    let bench = subject::Bench::new();
    trip::start(&bench, &mut table);
    trip::callback(&bench, &mut table);
    trip::interrupt(&bench, &mut table);
    trip::status(&bench, &mut table);
    waiting::memory_and_wakeups(&bench, &mut table);
    waiting::watcher(&bench, &mut table);
    waiting::idle_connections(&bench, &mut table);
    screen::session(&bench, &mut table);
    subject::sizes(&mut table);
    let growth = growth::table(&bench, &table);
    if !growth.is_empty() {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("growth.svg");
        std::fs::write(&file, picture::svg(&growth)).unwrap();
        println!("\nAs a picture: {}", file.display());
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("This benchmark reads /proc: it runs on Linux only");
}
