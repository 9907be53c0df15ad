//! Sign in to ChatGPT or with an API key from a terminal program, and keep the session alive.
//!
//! A person on a laptop, over SSH or in a container signs in with a browser, a device code, a
//! pasted address or a key. The credentials are those of OpenAI's Codex CLI, in its format and
//! its folder; [`product::Product`] makes it the sign-in of another product.
//!
//! ```toml
//! [dependencies]
//! codex-onboarding = { version = "0.2", default-features = false, features = ["screen", "ring"] }
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
//!
//! # The whole onboarding
//! [`onboarding::run`] takes the terminal, shows every way to sign in, and gives the terminal
//! back. [`auth::Session`] keeps what is stored alive, whether it comes from here or from the
//! Codex CLI; any number of tasks and processes make one refresh.
//! ```no_run
//! use codex_onboarding::auth::{Issuer, Session, Store};
//! use codex_onboarding::environment::Environment;
//! use codex_onboarding::onboarding::{self, Ended, Options};
//! use codex_onboarding::sign_in::SignInOptions;
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let sign_in = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
//!     let options = Options::new(sign_in, Environment::of_process());
//!     let session = options.session();
//!     if onboarding::is_needed(&session) && onboarding::run(options).await? != Ended::SignedIn {
//!         return Err("nobody is signed in".into());
//!     }
//!     let session = Session::load(&session)?.ok_or("nobody is signed in")?;
//!     // Refreshed when it is due; `session.replace(&bearer)` after a 401.
//!     let bearer = session.bearer().await?;
//!     // Where requests go, and with which headers.
//!     let endpoint = session.endpoint().await?;
//!     // … send requests with `bearer` to `endpoint.base_url` …
//!     // A refresh that is under way must not be lost.
//!     session.settle().await;
//!     Ok(())
//! }
//! ```
//!
//! # Only the sign-in
//! [`sign_in::sign_in`] is one call, for a host that only shows the link. [`sign_in::SignIn`] is
//! the background task itself, for a host with a screen of its own: it reports as a stream, takes
//! a pasted address and a device code, and is cancelled by dropping it.
//! ```no_run
//! use codex_onboarding::auth::{Issuer, Store};
//! use codex_onboarding::sign_in::{SignIn, SignInOptions, Status};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let options = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
//!     let mut sign_in = SignIn::start(options)?;
//!     println!("Open {}", sign_in.link().authorization_url);
//!     sign_in.request_device_code();
//!     while let Some(status) = sign_in.next().await {
//!         match status {
//!             Status::DeviceCode(code) => {
//!                 println!("Or enter {} at {}", code.user_code, code.verification_url);
//!             }
//!             Status::Completed(account) => println!("Signed in as {:?}", account.email),
//!             Status::Failed(error) => return Err(error.into()),
//!             _ => {}
//!         }
//!     }
//!     // The browser has its last page.
//!     sign_in.finish().await;
//!     Ok(())
//! }
//! ```
//! A sign-in need not end in the process that began it: [`SignIn::kept`](sign_in::SignIn::kept)
//! is what another one goes on with, by [`SignIn::resume`](sign_in::SignIn::resume).
//!
//! # More of a session
//! - [`Session::check`](auth::Session::check) asks whether it can still be used, and for which
//!   workspace, without changing anything.
//! - [`Session::lend`](auth::Session::lend) makes one for a container or a CI job, which can use
//!   it and cannot renew or end it. [`auth::LentFolder`] writes it, [`auth::Lender`] keeps it fresh.
//! - [`auth::accounts::Accounts`] parks several accounts beside the active one.
//! - [`auth::sign_out`] revokes and removes it.
//!
//! # Another product
//! A [`product::Product`] holds every word, address and name that makes the sign-in one
//! product's; [`Issuer::with_product`](auth::Issuer::with_product) and
//! [`Store::of`](auth::Store::of) take it.
//! ```
//! use codex_onboarding::auth::{Issuer, IssuerUrl, Store};
//! use codex_onboarding::product::Product;
//!
//! let mut acme = Product::new("Acme");
//! acme.next_step = "Run acme to start.".into();
//! acme.api.account = Some("https://api.acme.example/v1".into());
//! let store = Store::of(&acme, "/home/zoe/.acme");
//! let url = IssuerUrl::parse("https://auth.acme.example")?;
//! let issuer = Issuer::new(url, "acme-cli", None).with_product(acme);
//! assert!(store.path().ends_with("credentials.json"));
//! # Ok::<(), codex_onboarding::Error>(())
//! ```
//!
//! # Examples
//! Each runs against the embedded issuer, in a temporary folder:
//! `cargo run --example plain` (no screen), `own_screen` (a ratatui loop of the host's own) and
//! `bearer` (the whole onboarding, and another bearer after a 401).
//!
//! # Features
//! - `cli` (default): the program. It needs all of the others.
//! - `screen`: [`onboarding`], full screen and line by line, and what belongs to a terminal.
//! - `demo`: [`demo::DemoIssuer`], a small honest authorization server on loopback, for tests.
//! - `keyring`: credentials in the system's keyring, for those who have told the Codex CLI so.
//! - `ring`: rustls's ring provider. Without it, the provider that the process has installed
//!   counts, else the one that rustls's own features give. Without any, a sign-in at an `https`
//!   issuer does not start.
//!
//! Without any there are [`auth`], [`sign_in`] and [`product`].
//!
//! # Good to know
//! - Text that comes from a server or a file is not cleaned unless its field says so:
//!   [`text::clean`] takes out what could move a cursor or hide.
//! - Secrets are [`secrecy::SecretString`]s. No `Debug`, error or log shows one.
//! - The library prints nothing. Its settings are values that the host passes in; of the
//!   environment it reads by itself only the certificate files, `BROWSER`, and the proxies until
//!   the host passes [`auth::ProxySettings`].
//! - Crates whose types are in signatures are re-exported: [`chrono`], [`futures_core`],
//!   [`reqwest`], [`secrecy`], [`serde_json`], [`tokio`], [`url`].
//! - Hidden items and modules called `internals` are for this crate's own tests, and may change
//!   in any release.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod auth;
#[cfg(feature = "screen")]
pub mod browser;
mod crypto_provider;
#[cfg(feature = "demo")]
pub mod demo;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod doctor;
pub mod environment;
mod error;
#[cfg(feature = "screen")]
pub mod hidden_input;
mod html;
#[cfg(feature = "screen")]
pub mod onboarding;
#[cfg(feature = "screen")]
#[doc(hidden)]
pub mod outlet;
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
