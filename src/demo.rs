//! A small OAuth server on loopback, for the `demo` command and for tests.
//!
//! It supports what the real issuer does: the authorization code grant with PKCE (RFC 6749, 7636),
//! refresh with rotation and reuse detection (RFC 9700, section 4.14), revocation (RFC 7009), token
//! exchange (RFC 8693) and device codes (in the spirit of RFC 8628). It shows a consent page with
//! "Approve" and "Deny", so that a newcomer sees the whole sign-in in a browser. It is strict: a
//! client that works here makes no mistake that a lenient server would forgive.
//!
//! Its one account, the [`Profile`], is made up, and its tokens are worthless elsewhere. [`Person`]
//! plays the human in the browser.
//!
//! ```
//! use codex_onboarding::auth::{Issuer, IssuerUrl, Store};
//! use codex_onboarding::demo::{CLIENT_ID, DemoIssuer, Person, Profile};
//! use codex_onboarding::sign_in::{Port, SignInOptions, sign_in};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let demo = DemoIssuer::start(Profile::default().plan("pro"))?;
//!     let home = tempfile::tempdir()?;
//!     let issuer = Issuer::new(IssuerUrl::parse(demo.url())?, CLIENT_ID, None);
//!     let mut options = SignInOptions::new(issuer, Store::new(home.path()));
//!     options.port = Port::Exactly(0);
//!     let person = Person::at(demo.url())?;
//!     let account = sign_in(options, |link| {
//!         let link = link.authorization_url.clone();
//!         tokio::spawn(async move { person.sign_in(&link).await });
//!     });
//!     assert_eq!(account.await?.plan.unwrap().as_str(), "pro");
//!     Ok(())
//! }
//! ```

mod accounts;
mod authorize;
mod devices;
mod messages;
mod pages;
mod person;
mod profile;
mod server;
mod state;
mod token_endpoint;
mod tokens;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_core::future::BoxFuture;
use tokio::sync::oneshot;

#[doc(hidden)]
pub use accounts::PERSONAL_ACCESS_TOKEN;
#[doc(hidden)]
pub use messages::Params;
pub use person::{BrowserPage, Person};
pub use profile::Profile;
#[doc(hidden)]
pub use profile::TokenKind;
#[doc(hidden)]
pub use server::Disconnect;
pub use tokens::IssuedTokens;

use crate::product::Product;
use state::IssuerContext;
use tokens::{EXPIRED, EndReason, INVALIDATED, family_of};

/// The client id that the issuer knows unless [`Profile::client_id`] names another.
pub const CLIENT_ID: &str = crate::product::codex::DEFAULT_CLIENT_ID;

/// Returns Codex with another next step after the sign-in, because a demo keeps nothing.
#[doc(hidden)]
pub fn product() -> Product {
    let mut product = Product::codex();
    product.next_step = "That was the demo, and none of it is kept. Run codex-onboarding to \
                         sign in for real."
        .into();
    product
}

/// A running issuer. Dropping it stops it and closes every open connection.
///
/// It runs on a thread of its own. It can be started without a runtime, and it answers while a test
/// blocks on a child process.
pub struct DemoIssuer {
    context: Arc<IssuerContext>,
    /// Dropped to stop the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for DemoIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("DemoIssuer");
        fields.field("url", &self.url()).finish_non_exhaustive()
    }
}

impl DemoIssuer {
    /// Starts an issuer for the account `profile` on a free port of 127.0.0.1. It is listening when
    /// this returns.
    ///
    /// # Errors
    /// No port can be bound, or no thread started.
    pub fn start(profile: Profile) -> io::Result<Self> {
        Self::start_with(profile, |request, next| Box::pin(next.run(request)))
    }

    /// Starts an issuer whose requests go to `interceptor` first. For the tests of this crate: a
    /// host must not rely on it.
    #[doc(hidden)]
    pub fn start_with(
        profile: Profile,
        interceptor: impl Fn(Request, Next) -> BoxFuture<'static, Response> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let context = Arc::new(IssuerContext::new(port, profile, Box::new(interceptor))?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let server = server::serve(listener, Arc::clone(&context), stopped);
        let thread = std::thread::Builder::new()
            .name("demo-issuer".to_owned())
            // The thread's end drops the runtime, and that drops every connection.
            .spawn(move || runtime.block_on(server))?;
        Ok(Self {
            context,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns `http://127.0.0.1:PORT`, without a trailing slash, for `--issuer`.
    pub fn url(&self) -> &str {
        &self.context.url
    }

    /// Returns the URL that lists a session's workspaces, for
    /// [`ApiBaseUrls::check`](crate::product::ApiBaseUrls::check).
    pub fn check_url(&self) -> String {
        format!("{}{}", self.context.url, accounts::ACCOUNTS_CHECK)
    }

    /// Changes the account for later sign-ins. Existing sessions keep theirs.
    pub fn set_profile(&self, profile: Profile) {
        self.context.state().profile = profile;
    }

    /// Begins a session without a browser and returns its tokens, for a test that starts signed in.
    pub fn issue_tokens(&self) -> IssuedTokens {
        let mut state = self.context.state();
        let profile = state.profile.clone();
        state.begin_family(profile, None)
    }

    /// Returns the user codes of the devices that wait for a person (RFC 8628, section 3.3).
    pub fn user_codes(&self) -> Vec<String> {
        let state = self.context.state();
        let waiting = state.devices.values().filter(|device| device.waits());
        waiting.map(|device| device.user_code.clone()).collect()
    }
}

/// Handles a request before its route does. The request's extensions hold its [`Params`] and its
/// [`Disconnect`].
type Interceptor = Box<dyn Fn(Request, Next) -> BoxFuture<'static, Response> + Send + Sync>;

/// For the tests of this crate: a host must not rely on these.
#[doc(hidden)]
impl DemoIssuer {
    /// Changes the account in place, in existing sessions too: their next refresh
    /// brings tokens with the new claims.
    pub fn edit_profile(&self, edit: impl Fn(Profile) -> Profile) {
        let mut state = self.context.state();
        state.profile = edit(state.profile.clone());
        for family in &mut state.families {
            family.profile = edit(family.profile.clone());
        }
    }

    /// Returns whether this refresh token would be accepted now, without using it up.
    pub fn accepts_refresh_token(&self, refresh_token: &str) -> bool {
        let families = &mut self.context.state().families;
        family_of(families, refresh_token).is_some_and(|family| family.accepts(refresh_token))
    }

    /// Lets every refresh token expire: `refresh_token_expired` from now on.
    pub fn expire_sessions(&self) {
        self.end_sessions(EXPIRED);
    }

    /// Ends every session as an administrator does: `refresh_token_invalidated` from now on.
    pub fn invalidate_sessions(&self) {
        self.end_sessions(INVALIDATED);
    }

    fn end_sessions(&self, why: EndReason) {
        for family in &mut self.context.state().families {
            family.end(why);
        }
    }
}

impl Drop for DemoIssuer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Nothing on that thread blocks, so this takes microseconds. When it returns,
            // the port is free and no connection answers any more. A panic there has been
            // printed already.
            let _ = thread.join();
        }
    }
}
