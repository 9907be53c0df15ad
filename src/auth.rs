//! What a credential is, and how it is had, kept, renewed and given up.
//! No terminal, no printing, no web server in here.

mod account;

pub use account::{Account, Mode, Plan};
