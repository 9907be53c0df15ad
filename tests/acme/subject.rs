//! Acme: a product that has nothing to do with Codex.

use std::path::PathBuf;

use codex_onboarding::auth::{Issuer, IssuerUrl, Store};
use codex_onboarding::product::Product;

/// The folder in a person's own.
pub const HOME: &str = ".acme";

/// The credentials in it.
pub const FILE: &str = "acme.json";

pub const KEY_VARIABLE: &str = "ACME_API_KEY";

pub const DEVICE_PAGE: &str = "https://auth.acme.example/device";

/// A program that is likely to hold the ports.
pub const PORT_HOLDER: &str = "acme (process 4711)";

/// A program that goes on with the earlier sign-in, and the command that ends it.
pub const RUNNING: &str = "a running Acme (pid 4711)";
pub const STOP: &str = "ACME_HOME=/home/ada/.acme acme stop";

pub const CLIENT_ID: &str = "acme-cli";

pub fn product() -> Product {
    let mut product = Product::new("Acme");
    product.wordmark = Some("▄▀▄ █▀ █▄ ▄█ █▀".into());
    product.account_reason = "Included with your Acme plan".into();
    product.next_step = "Run acme to start.".into();
    product.api_key.page = Some("https://acme.example/keys".into());
    product.api_key.variable = Some(KEY_VARIABLE.into());
    product.protocol.originator = "acme_cli".into();
    product.protocol.user_agent = "acme/1.0".into();
    product.api.account = Some("https://api.acme.example/v1".into());
    product.api.headers.account = Some("acme-account");
    product.home = "Acme folder".into();
    product.home_variable = Some("ACME_HOME".into());
    product.credentials_file = FILE.into();
    product
}

pub fn issuer() -> Issuer {
    issuer_at("https://auth.acme.example")
}

pub fn issuer_at(url: &str) -> Issuer {
    Issuer::new(IssuerUrl::parse(url).unwrap(), CLIENT_ID, None).with_product(product())
}

pub fn store(home: PathBuf) -> Store {
    Store::of(&product(), home)
}

/// Acme has no demo of its own.
pub fn demo() -> Product {
    product()
}
