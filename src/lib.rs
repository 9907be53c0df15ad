//! The sign-in that every terminal tool wishes it had: with an account or an API key, on a
//! laptop, over SSH, in a container. It writes credentials in the format of OpenAI's Codex CLI,
//! and by default it is Codex's sign-in; [`product::Product`] makes it another one's.
//!
//! There are three ways to embed it, and a runnable example for each.
//!
//! # The whole onboarding
//! [`onboarding::run`] takes the terminal, shows every way to sign in, and gives the terminal
//! back (`examples/bearer.rs`). It needs the feature `screen`.
//! ```no_run
//! use codex_onboarding::auth::{Issuer, Store};
//! use codex_onboarding::environment::Environment;
//! use codex_onboarding::onboarding::{self, Options};
//! use codex_onboarding::sign_in::SignInOptions;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> codex_onboarding::Result<()> {
//! let sign_in = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
//! let options = Options::new(sign_in, Environment::of_process());
//! if onboarding::is_needed(&options.session()) {
//!     let ended = onboarding::run(options).await?;
//!     println!("{ended:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Only the sign-in
//! [`sign_in::SignIn`] is the background task alone, for a host with a screen of its own or with
//! none (`examples/own_screen.rs`, `examples/plain.rs`): it listens for the browser's callback,
//! reports as a stream, and is cancelled by dropping it.
//! ```
//! use codex_onboarding::sign_in::{SignIn, Status};
//!
//! # use codex_onboarding::auth::{DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
//! # use codex_onboarding::demo::{DemoIssuer, Person, Profile};
//! # use codex_onboarding::sign_in::{Port, SignInOptions};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let demo = DemoIssuer::start(Profile::default())?;
//! # let home = tempfile::tempdir()?;
//! # let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, DEFAULT_CLIENT_ID, None);
//! # let mut options = SignInOptions::new(issuer, Store::new(home.path()));
//! # options.port = Port::Exactly(0);
//! let mut sign_in = SignIn::start(options)?;
//! println!("Open {}", sign_in.link().authorization_url);
//! # let person = Person::at(demo.url())?;
//! # let callback = person.approve(&sign_in.link().authorization_url).await?;
//! # sign_in.submit(callback.as_str())?;
//! while let Some(status) = sign_in.next().await {
//!     match status {
//!         Status::Completed(account) => println!("Signed in as {:?}", account.email),
//!         Status::Failed(error) => return Err(error.into()),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Only the credentials
//! [`auth::Session`] reads what is stored, by this sign-in or by the Codex CLI, and keeps it
//! alive; any number of tasks and processes make one refresh (`examples/bearer.rs`).
//! ```
//! use codex_onboarding::auth::{Session, SessionOptions};
//!
//! # use codex_onboarding::auth::{ApiKeySave, Issuer, Notify, Store};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let home = tempfile::tempdir()?;
//! # let (store, issuer) = (Store::new(home.path()), Issuer::openai());
//! # let key = "sk-example".into();
//! # ApiKeySave::prepare(&store, key, &Notify::default()).await?.commit().await?;
//! let session = Session::load(&SessionOptions::new(store, issuer))?;
//! let session = session.ok_or("nobody is signed in")?;
//! // Refreshed when it is due; `session.replace(&bearer)` after a 401.
//! let bearer = session.bearer().await?;
//! // Where requests go, and with which headers.
//! let endpoint = session.endpoint().await?;
//! assert_eq!(endpoint.base_url, "https://api.openai.com/v1");
//! # drop(bearer);
//! # Ok(())
//! # }
//! ```
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
//! # assert!(store.path().ends_with("credentials.json"));
//! # Ok::<(), codex_onboarding::Error>(())
//! ```
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
