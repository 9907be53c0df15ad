//! The sign-in that every terminal tool wishes it had.

pub mod auth;
pub mod browser;
pub mod demo;
pub mod environment;
pub mod error;
pub mod hidden_input;
pub mod onboarding;
pub mod remote;
pub mod sign_in;
pub mod signals;
mod terminal;
pub mod text;

pub use error::{Error, ErrorKind, Result};
