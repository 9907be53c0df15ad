//! From an authorization code to checked tokens. Either step may be abandoned; the save follows
//! in the task.

use secrecy::{ExposeSecret as _, SecretString};

use super::options::SignInOptions;
use super::pages::{self, CallbackPage};
use super::success::Success;
use crate::auth::{Account, Claims, CodeGrant, EXCHANGE_FAILED, Tokens, check_workspace};
use crate::error::{Error, Result};

/// A new session that has passed every check.
pub struct NewSession {
    /// The account that it belongs to.
    pub account: Account,
    /// The page that the browser shows once it is saved.
    pub success: Success,
    /// Its tokens.
    pub tokens: Tokens,
}

/// A failure and the page that tells the browser.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For the terminal.
    pub error: Error,
    /// For the browser.
    pub page: CallbackPage,
}

impl SignInOptions {
    /// Redeems a code.
    pub(super) async fn exchange(&self, grant: &CodeGrant) -> Result<Tokens, Box<Failure>> {
        self.issuer
            .exchange_code(grant)
            .await
            .map_err(exchange_failed)
    }

    /// Checks that the tokens are for this client, and for an account that may sign in.
    pub(super) fn check(&self, mut tokens: Tokens) -> Result<NewSession, Box<Failure>> {
        let id_token = self.check_id_token(&tokens).map_err(exchange_failed)?;
        let identity = tokens.identity();
        check_workspace(identity.account_id.as_deref(), &self.workspaces).map_err(|error| {
            let page = pages::wrong_workspace(None);
            let error = error.with_hint("Choose an allowed workspace in the browser");
            Box::new(Failure { error, page })
        })?;
        tokens.account_id.clone_from(&identity.account_id);
        Ok(NewSession {
            account: tokens.account(),
            success: Success::new(&identity, &self.issuer, &id_token).map_err(exchange_failed)?,
            tokens,
        })
    }

    fn check_id_token(&self, tokens: &Tokens) -> Result<SecretString> {
        let token = tokens.id_token.clone().unwrap_or_default();
        let claims = Claims::decode(token.expose_secret()).ok_or_else(|| {
            let cause = Error::issuer("The issuer's id token is not a JWT");
            cause.with_hint("Try again in a few minutes")
        });
        let now = self.clock.now();
        claims
            .and_then(|claims| claims.check(self.issuer.url(), self.issuer.client_id(), now))
            .map_err(|cause| cause.under(EXCHANGE_FAILED))?;
        Ok(token)
    }
}

fn exchange_failed(error: Error) -> Box<Failure> {
    let cause = error.causes().first().cloned();
    let page = pages::token_exchange_failed(cause.as_deref());
    Box::new(Failure { error, page })
}

/// Makes the failure of a save. The old credentials are untouched.
pub fn not_saved(error: Error) -> Failure {
    let page = pages::not_saved(Some(error.message()));
    Failure { error, page }
}
