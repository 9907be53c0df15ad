//! `doctor`: finds why a sign-in fails. It changes nothing and sends no credentials.
//!
//! A check looks at one thing and returns a [`Finding`]. Each group of checks has a file of its
//! own; a new check is a function there and a line in `check::CHECKS`. The checks use the
//! parts that a sign-in uses, so they meet what it would meet.

mod check;
mod credentials;
mod finding;
mod home;
mod locks;
mod network;
mod ports;
mod program;
mod redact;
mod rehearsal;
mod report;
mod settings;
mod subject;
mod terminal;
mod text;

pub use check::{examine, number_of_checks};
pub use finding::{Finding, Health};
pub use report::{Examined, Report};
pub use subject::Subject;
pub use text::{Style, render};
