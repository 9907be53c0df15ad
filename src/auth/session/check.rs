//! Checks with the Codex CLI's own service whether the Codex CLI can use a session.

use std::time::Duration;

use reqwest::RequestBuilder;
use secrecy::SecretString;
use serde_json::Value;

use super::Session;
use crate::auth::file::account::Mode;
use crate::auth::issuer::answer::{Answer, text};
use crate::auth::store::Source;
use crate::error::{Error, ErrorKind, Result};

/// The limit for everything, a renewal included.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The result of [`Session::check`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Check {
    /// The session works, for this workspace where the service named it.
    Alive(Option<Workspace>),
    /// The Codex CLI cannot use the session, for this reason.
    Refused(Error),
    /// The check was inconclusive, for this reason: no connection, something in between answered,
    /// or there is no service to ask.
    Unknown(Error),
}

/// A workspace of an account. Text comes from the service and must be cleaned with
/// [`crate::text::clean`] before it meets a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workspace {
    /// Its id, which is the account id of a session.
    pub id: String,
    /// Its name; `None` for a personal one.
    pub name: Option<String>,
}

/// The result of one step. The error is the result that ends the check, never [`Check::Alive`].
type Checked<T> = Result<T, Check>;

impl Session {
    /// Asks whether the Codex CLI can use this session, as the Codex CLI itself asks before its
    /// first request. Renews the session when that is due, and once after a 401. Takes 10 seconds
    /// at most.
    ///
    /// Only a second 401, and a refusal of the refresh token, count as the session's end.
    pub async fn check(&self) -> Check {
        let checked = tokio::time::timeout(TIMEOUT, self.ask()).await;
        let too_late = || Error::timeout("There was no answer within 10 seconds");
        match checked.unwrap_or_else(|_| Err(Check::Unknown(too_late()))) {
            Ok(workspace) => Check::Alive(workspace),
            Err(check) => check,
        }
    }

    async fn ask(&self) -> Checked<Option<Workspace>> {
        if self.source() == Source::Environment {
            let message = format!("{} does not read the environment's key", self.program());
            return Err(Check::Refused(Error::not_signed_in(message)));
        }
        self.make_loadable().await?;
        if let mode @ Mode::Other(_) = self.mode() {
            let message = format!("{} cannot be checked from here", mode.words());
            return Err(Check::Unknown(Error::denied(message)));
        }
        let answer = self.ask_twice().await?;
        match self.mode() {
            Mode::ChatGpt => self.selected(&answer).map(Some),
            // The owner of a personal access token.
            _ => Ok(text(&answer, "chatgpt_account_id").map(|id| Workspace {
                id: id.to_owned(),
                name: None,
            })),
        }
    }

    fn program(&self) -> &str {
        &self.shared.options.issuer.product().name
    }

    /// Renews credentials that the Codex CLI cannot load, if a renewal may fix them.
    async fn make_loadable(&self) -> Checked<()> {
        if self.codex_problem().is_some() && self.can_refresh() {
            self.refresh().await.map_err(of_renewal)?;
        }
        self.codex_problem().map_or(Ok(()), |problem| {
            let message = format!(
                "{} cannot load these credentials: {problem}",
                self.program()
            );
            let error = Error::not_signed_in(message).with_hint("Sign in again");
            Err(Check::Refused(error))
        })
    }

    /// Asks with a bearer, and once more with another one after a 401.
    async fn ask_twice(&self) -> Checked<Value> {
        let bearer = self.bearer().await.map_err(of_renewal)?;
        let mut answer = self.ask_with(&bearer).await?;
        let is_unauthorized = answer.as_ref().is_err_and(|refusal| refusal.status == 401);
        if is_unauthorized && self.can_refresh() {
            let bearer = self.replace(&bearer).await.map_err(of_renewal)?;
            answer = self.ask_with(&bearer).await?;
        }
        answer.map_err(|refusal| match refusal.status {
            401 if refusal.lasting.is_none() => {
                let error = match self.mode() {
                    Mode::ApiKey => Error::denied("The API key is not valid"),
                    Mode::PersonalAccessToken => Error::denied("The access token is not valid"),
                    _ => Error::expired("The session was ended elsewhere, sign in again"),
                };
                Check::Refused(error.with_source(refusal.summary()))
            }
            401 | 403 | 404 => {
                Check::Refused(refusal.into_error("The service refused the session"))
            }
            _ => Check::Unknown(refusal.into_error("The service could not tell")),
        })
    }

    /// Makes the request that the Codex CLI makes first.
    async fn ask_with(&self, bearer: &SecretString) -> Checked<Answer> {
        let issuer = &self.shared.options.issuer;
        let answer = match self.mode() {
            Mode::ChatGpt => {
                self.check_asked_issuer()?;
                let product = issuer.product();
                let address = product.api.check.as_deref().ok_or_else(|| {
                    Error::denied("This product has no service that can be asked")
                })?;
                let endpoint = self.endpoint().await.map_err(of_renewal)?;
                let header = product.api.headers.account;
                let account = header.and_then(|name| Some((name, endpoint.headers.get(name)?)));
                let answer = issuer.get(address, bearer, |request| match account {
                    Some((name, id)) => request.header(name, id),
                    None => request,
                });
                answer.await
            }
            Mode::ApiKey => {
                let endpoint = self.endpoint().await.map_err(of_renewal)?;
                let address = format!("{}/models", endpoint.base_url);
                let with = |request: RequestBuilder| request.headers(endpoint.headers);
                issuer.get(&address, bearer, with).await
            }
            _ => {
                self.check_asked_issuer()?;
                issuer.ask_for_owner(bearer).await
            }
        };
        Ok(answer?)
    }

    /// Checks that the issuer's product has a service to ask, which must not see the tokens of
    /// another issuer.
    fn check_asked_issuer(&self) -> Result<()> {
        let issuer = &self.shared.options.issuer;
        if !issuer.is_products_own() {
            let message = format!("A session of {} cannot be checked", issuer.url());
            return Err(Error::denied(message));
        }
        match &self.credentials().file.tokens {
            Some(tokens) => tokens.check_issuer(issuer.url()),
            None => Ok(()),
        }
    }

    /// Finds the workspace that the Codex CLI would use among those of the account.
    fn selected(&self, answer: &Value) -> Checked<Workspace> {
        let accounts = answer.get("accounts").and_then(Value::as_array);
        let accounts =
            accounts.ok_or_else(|| Error::issuer("The service's answer lacks accounts"))?;
        let id = self.account().account_id.unwrap_or_default();
        let found: Vec<_> = accounts
            .iter()
            .filter(|it| text(it, "id") == Some(&id))
            .collect();
        let why = match found[..] {
            [] => "is not among the account's",
            [one] if one.get("is_deactivated") != Some(&Value::Bool(true)) => {
                let name = text(one, "name").map(str::to_owned);
                return Ok(Workspace { id, name });
            }
            [_] => "is deactivated",
            _ => "is there twice",
        };
        let id = crate::text::clean_short(&id, 60);
        let error = Error::denied(format!("The selected workspace {id} {why}"));
        let program = self.program();
        let hint = format!("Choose another workspace in {program}, or sign in again");
        Err(Check::Refused(error.with_hint(hint)))
    }
}

/// Makes an error inconclusive: [`Check::Unknown`].
impl From<Error> for Check {
    fn from(error: Error) -> Self {
        Self::Unknown(error)
    }
}

/// Judges a failed renewal: the session has ended only if the issuer or the store says so.
fn of_renewal(error: Error) -> Check {
    match error.kind() {
        ErrorKind::Expired | ErrorKind::NotSignedIn | ErrorKind::Denied => Check::Refused(error),
        _ => Check::Unknown(error),
    }
}
