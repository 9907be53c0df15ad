//! The product whose screens are drawn: Codex.

use std::path::PathBuf;

use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::product::Product;

/// The folder in a person's own.
pub const HOME: &str = ".codex";

/// The credentials in it.
pub const FILE: &str = "auth.json";

pub const KEY_VARIABLE: &str = "OPENAI_API_KEY";

pub const DEVICE_PAGE: &str = "https://auth.openai.com/codex/device";

/// A program that is likely to hold the ports.
pub const PORT_HOLDER: &str = "codex (process 4711)";

/// A program that goes on with the earlier sign-in, and the command that ends it.
pub const RUNNING: &str = "a running Codex (pid 4711)";
pub const STOP: &str = "CODEX_HOME=/home/ada/.codex codex app-server daemon stop";

pub fn issuer() -> Issuer {
    Issuer::openai()
}

pub fn issuer_at(url: &str) -> Issuer {
    Issuer::new(IssuerUrl::parse(url).unwrap(), DEFAULT_CLIENT_ID, None)
}

pub fn store(home: PathBuf) -> Store {
    Store::new(home)
}

/// The product as the demo shows it.
pub fn demo() -> Product {
    codex_onboarding::demo::product()
}
