//! The contents of `auth.json`: parsed, checked and described.

pub(in crate::auth) mod account;
pub(in crate::auth) mod auth_file;
pub(in crate::auth) mod claims;
pub(in crate::auth) mod loadable;
pub(in crate::auth) mod owner;
pub(in crate::auth) mod secret_kind;
