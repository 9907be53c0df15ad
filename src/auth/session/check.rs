//! Asks the service that the Codex CLI would ask whether it can use a session.

use std::time::Duration;

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
    /// The Codex CLI will fail with it, and why.
    Refused(Error),
    /// The answer is unknown, and why: no connection, something in between, no service to ask.
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

impl Session {
    /// Asks whether the Codex CLI can use this session, as the Codex CLI itself asks before its
    /// first request. Renews the session when that is due, and once after a 401. Takes 10 seconds
    /// at most.
    ///
    /// Only a second 401, and a refusal of the refresh token, count as the session's end.
    pub async fn check(&self) -> Check {
        let checked = tokio::time::timeout(TIMEOUT, self.ask()).await;
        let too_late = || Err(Error::timeout("There was no answer within 10 seconds").into());
        match checked.unwrap_or_else(|_| too_late()) {
            Ok(workspace) => Check::Alive(workspace),
            Err(NotAlive::Refused(error)) => Check::Refused(error),
            Err(NotAlive::Unknown(error)) => Check::Unknown(error),
        }
    }

    async fn ask(&self) -> Result<Option<Workspace>, NotAlive> {
        if self.source() == Source::Environment {
            let error = Error::not_signed_in("The Codex CLI does not read the environment's key");
            return Err(NotAlive::Refused(error));
        }
        self.make_loadable().await?;
        match self.mode() {
            Mode::ChatGpt => {
                let answer =
                    self.ask_twice(|bearer| async move { self.ask_for_accounts(&bearer).await });
                Ok(Some(self.selected(&answer.await?)?))
            }
            Mode::ApiKey => {
                self.ask_twice(|_| self.ask_for_models()).await?;
                Ok(None)
            }
            Mode::PersonalAccessToken => {
                let issuer = self.asked_issuer()?;
                let answer = self
                    .ask_twice(|bearer| async move { Ok(issuer.ask_for_owner(&bearer).await?) });
                let answer = answer.await?;
                Ok(text(&answer, "chatgpt_account_id").map(|id| Workspace {
                    id: id.to_owned(),
                    name: None,
                }))
            }
            mode => {
                let message = format!("{} cannot be checked from here", mode.words());
                Err(Error::denied(message).into())
            }
        }
    }

    /// Renews credentials that the Codex CLI cannot load, where that may mend them.
    async fn make_loadable(&self) -> Result<(), NotAlive> {
        if let Some(ended) = self.lent_has_ended() {
            return Err(NotAlive::Refused(ended));
        }
        if self.codex_problem().is_some() && self.can_refresh() {
            self.refresh().await.map_err(NotAlive::of_renewal)?;
        }
        match self.codex_problem() {
            None => Ok(()),
            Some(problem) => {
                let message = format!("The Codex CLI cannot load these credentials: {problem}");
                let error = Error::not_signed_in(message);
                Err(NotAlive::Refused(error.with_hint("Sign in again")))
            }
        }
    }

    /// Asks with a bearer, and once more with another one after a 401.
    async fn ask_twice<F>(&self, ask: impl Fn(SecretString) -> F) -> Result<Value, NotAlive>
    where
        F: Future<Output = Result<Answer, NotAlive>>,
    {
        let bearer = self.bearer().await.map_err(NotAlive::of_renewal)?;
        let mut answer = ask(bearer.clone()).await?;
        if is_unauthorized(&answer) && self.can_refresh() {
            let bearer = self.replace(&bearer).await.map_err(NotAlive::of_renewal)?;
            answer = ask(bearer).await?;
        }
        answer.map_err(|refusal| {
            let status = refusal.status;
            match status {
                401 if refusal.lasting.is_none() => {
                    let error = match self.mode() {
                        Mode::ApiKey => Error::denied("The API key is not valid"),
                        Mode::PersonalAccessToken => Error::denied("The access token is not valid"),
                        _ => Error::expired("The session was ended elsewhere, sign in again"),
                    };
                    NotAlive::Refused(error.with_source(refusal.summary()))
                }
                401 | 403 | 404 => {
                    NotAlive::Refused(refusal.into_error("The service refused the session"))
                }
                _ => NotAlive::Unknown(refusal.into_error("The service could not tell")),
            }
        })
    }

    async fn ask_for_accounts(&self, bearer: &SecretString) -> Result<Answer, NotAlive> {
        let issuer = self.asked_issuer()?;
        let address = issuer.product().api.check.clone().ok_or_else(no_service)?;
        let endpoint = self.endpoint().await.map_err(NotAlive::of_renewal)?;
        let account = issuer.product().api.headers.account;
        let account = account.and_then(|name| Some((name, endpoint.headers.get(name)?.clone())));
        let answer = issuer.get(&address, bearer, |request| match account {
            Some((name, id)) => request.header(name, id),
            None => request,
        });
        Ok(answer.await?)
    }

    async fn ask_for_models(&self) -> Result<Answer, NotAlive> {
        let endpoint = self.endpoint().await.map_err(NotAlive::of_renewal)?;
        let address = format!("{}/models", endpoint.base_url);
        let bearer = self.bearer().await?;
        let issuer = &self.shared.options.issuer;
        let answer = issuer.get(&address, &bearer, |request| {
            request.headers(endpoint.headers)
        });
        Ok(answer.await?)
    }

    /// Returns the issuer, if its product has a service to ask: tokens of another one
    /// are not that service's to see.
    fn asked_issuer(&self) -> Result<&crate::auth::Issuer, NotAlive> {
        let issuer = &self.shared.options.issuer;
        if issuer.is_products_own() {
            if let Some(tokens) = &self.credentials().file.tokens {
                tokens.check_issuer(issuer.url())?;
            }
            return Ok(issuer);
        }
        let message = format!("A session of {} cannot be checked", issuer.url());
        Err(Error::denied(message).into())
    }

    /// Finds the workspace that the Codex CLI would use among those of the account.
    fn selected(&self, answer: &Value) -> Result<Workspace, NotAlive> {
        let accounts = answer.get("accounts").and_then(Value::as_array);
        let accounts =
            accounts.ok_or_else(|| Error::issuer("The service's answer lacks accounts"))?;
        let id = self.account().account_id.unwrap_or_default();
        let mut found = accounts.iter().filter(|it| text(it, "id") == Some(&id));
        let refused = |why: &str| {
            let id = crate::text::clean_short(&id, 60);
            let error = Error::denied(format!("The selected workspace {id} {why}"));
            NotAlive::Refused(
                error.with_hint("Choose another workspace in Codex, or sign in again"),
            )
        };
        let account = found
            .next()
            .ok_or_else(|| refused("is not among the account's"))?;
        if found.next().is_some() {
            return Err(refused("is there twice"));
        }
        if account.get("is_deactivated") == Some(&Value::Bool(true)) {
            return Err(refused("is deactivated"));
        }
        Ok(Workspace {
            id,
            name: text(account, "name").map(str::to_owned),
        })
    }
}

/// The reason for no [`Check::Alive`].
enum NotAlive {
    Refused(Error),
    Unknown(Error),
}

impl NotAlive {
    /// Judges a failed renewal: the session has ended only if the issuer or the store says so.
    fn of_renewal(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Expired | ErrorKind::NotSignedIn | ErrorKind::Denied => Self::Refused(error),
            _ => Self::Unknown(error),
        }
    }
}

impl From<Error> for NotAlive {
    fn from(error: Error) -> Self {
        Self::Unknown(error)
    }
}

fn is_unauthorized(answer: &Answer) -> bool {
    answer.as_ref().is_err_and(|refusal| refusal.status == 401)
}

fn no_service() -> Error {
    Error::denied("This product has no service that can be asked")
}
