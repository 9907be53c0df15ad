//! Turns an approval into saved credentials: exchanges the code, checks and saves the tokens, and
//! does the optional work.

use axum::http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::{oneshot, watch};

use super::Standing;
use super::after_save::AfterSave;
use super::options::SignInOptions;
use super::pages::{self, CallbackPage, Success};
use crate::auth::{
    Account, AuthFile, Claims, CodeGrant, EXCHANGE_FAILED, Save, Tokens, check_workspace,
    lasting_refusal,
};
use crate::error::{Error, Result};
use crate::product::Product;
use crate::text::clean_short;

/// A sign-in whose credentials are saved.
pub struct Completed {
    /// The account that the credentials belong to.
    pub account: Account,
    /// The page that the browser shows.
    pub success: Success,
}

/// A sign-in that saved nothing.
#[derive(Default)]
pub struct NotSaved {
    /// The failure; `None` when the work was abandoned.
    pub failure: Option<Failure>,
    /// The refresh token of a session that was made and has to be revoked.
    pub unused: Option<SecretString>,
}

/// A failure and the page that tells the browser.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For the terminal.
    pub error: Error,
    /// For the browser.
    pub page: CallbackPage,
}

/// Exchanges a code for tokens and saves them. Once the sender of `hurried` is dropped, everything
/// is abandoned except a write that has begun, because the file may already be new.
pub async fn complete(
    options: SignInOptions,
    grant: CodeGrant,
    standing: watch::Sender<Standing>,
    mut hurried: oneshot::Receiver<()>,
) -> Result<Completed, NotSaved> {
    let exchanged = tokio::select! {
        biased;
        _ = &mut hurried => return Err(NotSaved::default()),
        exchanged = options.issuer.exchange_code(&grant) => exchanged,
    };
    let tokens = exchanged.map_err(|error| NotSaved {
        failure: Some(Failure::of_exchange(error)),
        unused: None,
    })?;
    let unused = tokens.refresh_token.clone();
    let saved = save(&options, tokens, &standing, hurried).await;
    saved.map_err(|failure| NotSaved { failure, unused })
}

/// Checks the tokens and saves them. The error is `None` when the work was abandoned.
async fn save(
    options: &SignInOptions,
    mut tokens: Tokens,
    standing: &watch::Sender<Standing>,
    mut hurried: oneshot::Receiver<()>,
) -> Result<Completed, Option<Failure>> {
    let id_token = check_id_token(options, &tokens).map_err(Failure::of_exchange)?;
    tokens.account_id = tokens.signed_in_to();
    check_workspace(tokens.account_id.as_deref(), &options.workspaces)
        .map_err(Failure::of_workspace)?;
    let success = Success::new(&tokens, &options.issuer, &id_token);
    let success = success.map_err(Failure::of_exchange)?;
    let file = Box::new(AuthFile::with_tokens(tokens.clone(), options.clock.now()));
    let locked = tokio::select! {
        biased;
        _ = &mut hurried => return Err(None),
        locked = Save::prepare(&options.store, async { Ok(file) }) => locked,
    };
    let save = locked.map_err(Failure::of_save)?;
    standing.send_replace(Standing::Committing);
    let saved = save.commit().await.map_err(Failure::of_save)?;
    standing.send_replace(Standing::Saved);
    if let Some(warning) = saved.warning {
        options.store.tell(warning);
    }
    tokio::select! {
        biased;
        _ = hurried => {}
        () = AfterSave::new(options, &tokens).run() => {}
    }
    Ok(Completed {
        account: saved.account,
        success,
    })
}

/// Checks that the tokens are for this client (OpenID Connect Core, section 3.1.3.7).
fn check_id_token(options: &SignInOptions, tokens: &Tokens) -> Result<SecretString> {
    let token = tokens.id_token.clone().unwrap_or_default();
    let Some(claims) = Claims::decode(token.expose_secret()) else {
        let cause = Error::issuer("The issuer's id token is not a JWT");
        let cause = cause.with_hint("Try again in a few minutes");
        return Err(cause.under(EXCHANGE_FAILED));
    };
    let (issuer, now) = (&options.issuer, options.clock.now());
    match claims.check(issuer.url(), issuer.client_id(), now) {
        Ok(()) => Ok(token),
        Err(cause) => Err(cause.under(EXCHANGE_FAILED)),
    }
}

impl Failure {
    /// The issuer's `error` on a redirect (RFC 6749, section 4.1.2.1): 403 for `access_denied`,
    /// else 400 with the issuer's description.
    pub fn of_callback(product: &Product, code: &str, description: Option<&str>) -> Self {
        let (status, explanation) = if code == "access_denied" {
            (StatusCode::FORBIDDEN, "Access was denied")
        } else {
            let explanation = "The sign-in service answered with an error";
            (StatusCode::BAD_REQUEST, explanation)
        };
        let page = match product.not_enabled_message(description) {
            Some(message) if status == StatusCode::FORBIDDEN => {
                let code = product.not_enabled.as_ref().map(|it| it.code.as_ref());
                pages::error(status, message, code, None)
            }
            _ => pages::error(status, explanation, Some(code), description),
        };
        let error = error_response(product, code, description);
        Self { error, page }
    }

    /// The token endpoint refused the code, was down, or sent an invalid answer: 500.
    fn of_exchange(error: Error) -> Self {
        let cause = error.causes().first().cloned();
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let page = pages::error(status, EXCHANGE_FAILED, None, cause.as_deref());
        Self { error, page }
    }

    /// The account is not one of those that may sign in: 403.
    fn of_workspace(error: Error) -> Self {
        let explanation = "This account is not in the workspace that sign-in is restricted to";
        let page = pages::error(StatusCode::FORBIDDEN, explanation, None, None);
        let error = error.with_hint("Choose an allowed workspace in the browser");
        Self { error, page }
    }

    /// The credentials could not be saved, and the old ones are untouched: 500.
    pub(super) fn of_save(error: Error) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let explanation = "Unable to persist auth file";
        let page = pages::error(status, explanation, None, Some(error.message()));
        Self { error, page }
    }
}

/// Describes the issuer's `error` (RFC 6749, section 4.1.2.1) for the person.
fn error_response(product: &Product, code: &str, description: Option<&str>) -> Error {
    let code = clean_short(code, 100);
    let description = description.map(|text| clean_short(text, 300));
    let requests = "your browser's requests come";
    let lasting = lasting_refusal(product, Some(&code), description.as_deref(), requests);
    let error = if let Some(error) = lasting {
        error
    } else if code == "access_denied" {
        let denied = Error::denied("The sign-in was denied")
            .with_hint("Start again and choose to approve, or use another account");
        match description {
            Some(text) => denied.with_source(text),
            None => denied,
        }
    } else {
        let said = description.map_or(code.clone(), |text| format!("{code}: {text}"));
        let said = clean_short(&said, 300);
        Error::issuer(format!("The issuer refused the sign-in: {said}")).with_hint("Start again")
    };
    error.with_issuer_code(code)
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
