//! A lent session in a file of its own, written once or kept alive.

mod folder;
mod lender;

pub use folder::LentFolder;
pub use lender::{Lender, LenderEvent};
