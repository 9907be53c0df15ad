//! A sign-in in one call, for a host that only has a link to show.

use super::{Link, SignIn, SignInOptions, Status};
use crate::auth::Account;
use crate::error::{Error, Result};

/// Signs a person in: starts, hands over the link, waits for the browser's callback, and returns
/// once the credentials are saved and the browser has its last page. Dropping the future cancels.
///
/// It waits as long as the person takes; `tokio::time::timeout` sets a limit. A host that offers
/// pasting or a device code, or that shows what goes on meanwhile, uses [`SignIn`].
///
/// ```no_run
/// use codex_onboarding::auth::{Issuer, Session, Store};
/// use codex_onboarding::sign_in::{SignInOptions, sign_in};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let options = SignInOptions::new(Issuer::openai(), Store::new("/home/zoe/.codex"));
///     let session = options.session();
///     let account = sign_in(options, |link| println!("Open {}", link.authorization_url)).await?;
///     println!("Signed in as {:?}", account.email);
///     let session = Session::load(&session)?.ok_or("nobody is signed in")?;
///     let bearer = session.bearer().await?;
///     // …
///     Ok(())
/// }
/// ```
///
/// # Errors
/// The error of [`Status::Failed`], and those of [`SignIn::start`]. Without a callback server
/// nobody could finish: [`ErrorKind::PortInUse`] when no port can be listened on, and
/// [`ErrorKind::Usage`] when the options want none.
///
/// [`ErrorKind::PortInUse`]: crate::ErrorKind::PortInUse
/// [`ErrorKind::Usage`]: crate::ErrorKind::Usage
pub async fn sign_in(options: SignInOptions, show: impl FnOnce(&Link)) -> Result<Account> {
    let mut sign_in = SignIn::start(options)?;
    let link = sign_in.link();
    if link.port.is_none() {
        return Err(no_callback_server(link));
    }
    show(link);
    let ended = loop {
        match sign_in.next().await {
            Some(Status::Completed(account)) => break Ok(account),
            Some(Status::Failed(error)) => break Err(error),
            Some(_) => {}
            None => break Err(Error::cancelled("The sign-in was ended")),
        }
    };
    sign_in.finish().await;
    ended
}

fn no_callback_server(link: &Link) -> Error {
    let error = match &link.port_problem {
        Some(problem) => Error::port_in_use(problem),
        None => Error::usage("This sign-in has no port for the browser's callback"),
    };
    error.with_hint("Sign in by pasting the address or with a device code")
}
