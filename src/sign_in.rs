//! The sign-in task: a background task that receives the browser's callback and
//! ends with credentials on disk.

pub mod callback;
pub mod pages;
pub mod paste;
mod status;

pub use status::{DeviceCode, Link, Status};
