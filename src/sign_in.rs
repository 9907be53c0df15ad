//! The sign-in task: a background task that receives the browser's callback and
//! ends with credentials on disk.

mod status;

pub use status::{DeviceCode, Link, Status};
