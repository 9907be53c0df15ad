//! The real program beside a bare floor program (`floor.rs`), in one interleaved run, as one
//! table. It asserts nothing about time. Linux only: it reads `/proc`.
//!
//! ```sh
//! cargo bench                                          # everything, under 3 minutes
//! cargo bench --bench floor --bench program -- memory   # only rows whose name holds this
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]
#![cfg_attr(not(target_os = "linux"), allow(unused))]

#[cfg(target_os = "linux")]
mod footprint;
#[cfg(target_os = "linux")]
mod pty;
#[cfg(target_os = "linux")]
mod screen;
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
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let mut table = table::Table::new(filter);
    println!("{}\n", table::machine());
    table::Table::head();
    let stage = subject::Stage::new();
    trip::start(&stage, &mut table);
    trip::callback(&stage, &mut table);
    trip::interrupt(&stage, &mut table);
    trip::status(&stage, &mut table);
    waiting::memory_and_wakeups(&stage, &mut table);
    waiting::idle_connections(&stage, &mut table);
    screen::session(&stage, &mut table);
    subject::sizes(&mut table);
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("This benchmark reads /proc: it runs on Linux only");
}
