//! The sign-in that every terminal tool wishes it had: ChatGPT or an API key, on a laptop,
//! over SSH, in a container, with credentials in the format of OpenAI's Codex CLI.
//!
//! # The whole onboarding
//! ```no_run
//! use codex_onboarding::auth::{Issuer, Store};
//! use codex_onboarding::environment::Environment;
//! use codex_onboarding::onboarding::{self, Ended, Options};
//! use codex_onboarding::sign_in::SignInOptions;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> codex_onboarding::Result<()> {
//!     let sign_in = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
//!     let options = Options::new(sign_in, Environment::of_process());
//!     if onboarding::is_needed(&options.session()) {
//!         let ended = onboarding::run(options).await?;
//!         assert_ne!(ended, Ended::Cancelled, "nobody is signed in");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Only the sign-in
//! [`sign_in::SignIn`] is the background task alone, for a host with a screen of its own:
//! it binds the callback server, reports over a channel, and is cancelled by dropping it.
//!
//! # Only the credentials
//! [`auth::Session`] loads what is stored, keeps it alive, and says where requests go and
//! with which headers; any number of tasks and processes make one refresh.
//!
//! # Trying it
//! [`demo::DemoIssuer`] is a small honest authorization server on loopback, for tests.
//!
//! Whatever comes from a server or a file is cleaned with [`text::clean`] before it is
//! shown; secrets are [`secrecy::SecretString`]s, which `Debug` does not show.

pub mod auth;
#[cfg(feature = "screen")]
pub mod browser;
mod crypto_provider;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "cli")]
pub mod doctor;
pub mod environment;
mod error;
#[cfg(feature = "screen")]
pub mod hidden_input;
mod html;
#[cfg(feature = "screen")]
pub mod onboarding;
#[doc(hidden)]
pub mod platform;
pub mod product;
#[cfg(feature = "screen")]
pub mod remote;
pub mod sign_in;
#[cfg(feature = "screen")]
pub mod signals;
#[cfg(feature = "screen")]
mod terminal;
pub mod text;
mod users;

pub use {chrono, futures_core, reqwest, secrecy, serde_json, tokio, url};

pub use error::{EXIT_PORT_IN_USE, Error, ErrorKind, Result};
