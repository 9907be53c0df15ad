//! From an authorization code to checked tokens. Either step may be abandoned; the save follows
//! in the task.

use axum::http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};

use super::options::SignInOptions;
use super::pages::{self, CallbackPage};
use super::success::Success;
use crate::auth::{Account, Claims, CodeGrant, EXCHANGE_FAILED, Lasting, Tokens, check_workspace};
use crate::error::{Error, Result};
use crate::product::Product;
use crate::text::clean_short;

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
            .map_err(Failure::of_exchange)
    }

    /// Checks that the tokens are for this client, and for an account that may sign in.
    pub(super) fn check(&self, mut tokens: Tokens) -> Result<NewSession, Box<Failure>> {
        let id_token = self.check_id_token(&tokens).map_err(Failure::of_exchange)?;
        let identity = tokens.identity();
        check_workspace(identity.account_id.as_deref(), &self.workspaces).map_err(|error| {
            let page = pages::error(
                StatusCode::FORBIDDEN,
                "This account is not in the workspace that sign-in is restricted to",
                None,
                None,
            );
            let error = error.with_hint("Choose an allowed workspace in the browser");
            Box::new(Failure { error, page })
        })?;
        tokens.account_id.clone_from(&identity.account_id);
        Ok(NewSession {
            account: tokens.account(),
            success: Success::new(&identity, &self.issuer, &id_token)
                .map_err(Failure::of_exchange)?,
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

impl Failure {
    /// The issuer's `error` on a redirect (RFC 6749, section 4.1.2.1): 403 for `access_denied`,
    /// else 400 with what the issuer said.
    pub fn of_callback(product: &Product, code: &str, description: Option<&str>) -> Self {
        let denied = code == "access_denied";
        let page = match product.not_enabled_message(description) {
            Some(message) if denied => {
                let code = product.not_enabled.as_ref().map(|it| it.code.as_ref());
                pages::error(StatusCode::FORBIDDEN, message, code, None)
            }
            _ if denied => {
                let explanation = "Access was denied";
                pages::error(StatusCode::FORBIDDEN, explanation, Some(code), description)
            }
            _ => {
                let explanation = "The sign-in service answered with an error";
                pages::error(
                    StatusCode::BAD_REQUEST,
                    explanation,
                    Some(code),
                    description,
                )
            }
        };
        let error = error_response(product, code, description);
        Self { error, page }
    }

    /// The token endpoint refuses, is down, or answers nonsense: 500.
    fn of_exchange(error: Error) -> Box<Self> {
        let cause = error.causes().first().cloned();
        let page = pages::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            EXCHANGE_FAILED,
            None,
            cause.as_deref(),
        );
        Box::new(Self { error, page })
    }

    /// The credentials could not be saved, and the old ones are untouched: 500.
    pub fn of_save(error: Error) -> Self {
        let page = pages::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Unable to persist auth file",
            None,
            Some(error.message()),
        );
        Self { error, page }
    }
}

/// Describes the issuer's `error` (RFC 6749, section 4.1.2.1) for the person.
fn error_response(product: &Product, code: &str, description: Option<&str>) -> Error {
    let code = clean_short(code, 100);
    let description = description.map(|text| clean_short(text, 300));
    if let Some(lasting) = Lasting::of(product, Some(&code), description.as_deref()) {
        let error = lasting.error("your browser's requests come");
        return error.with_issuer_code(code);
    }
    if code != "access_denied" {
        let said = match description {
            Some(text) => format!("{code}: {text}"),
            None => code.clone(),
        };
        let message = format!(
            "The issuer refused the sign-in: {}",
            clean_short(&said, 300)
        );
        return Error::issuer(message)
            .with_issuer_code(code)
            .with_hint("Start again");
    }
    let error = Error::denied("The sign-in was denied")
        .with_issuer_code(code)
        .with_hint("Start again and choose to approve, or use another account");
    match description {
        Some(text) => error.with_source(text),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn refused(code: &str, description: Option<&str>) -> Error {
        Failure::of_callback(&Product::codex(), code, description).error
    }

    #[test]
    fn a_missing_entitlement_says_whom_to_ask() {
        let error = refused("access_denied", Some("missing_codex_entitlement x"));
        assert_eq!(
            error.message(),
            "Codex is not enabled for your workspace. \
             Contact your workspace administrator to request access to Codex."
        );
    }

    #[test]
    fn a_refusal_says_what_the_issuer_said() {
        let error = refused("server_error", Some("try later"));
        assert_eq!(error.kind(), ErrorKind::Issuer);
        assert_eq!(
            error.message(),
            "The issuer refused the sign-in: server_error: try later"
        );
        assert_eq!(error.issuer_code(), Some("server_error"));
        let error = refused("server_error", None);
        assert_eq!(
            error.message(),
            "The issuer refused the sign-in: server_error"
        );
        let error = refused("access_denied", Some("not you"));
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.issuer_code(), Some("access_denied"));
        assert_eq!(error.message(), "The sign-in was denied");
        assert_eq!(error.causes(), ["not you"]);
    }
}
