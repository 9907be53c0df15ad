//! Signs in with a typed secret: an API key or a personal access token (spec, section 9).

use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};

use super::issuer::Issuer;
use super::store::{Save, Store};
use crate::auth::file::account::{Account, Mode, Plan, check_workspace};
use crate::auth::file::auth_file::AuthFile;
use crate::auth::file::secret_kind::SecretKind;
use crate::auth::issuer::answer::text;
use crate::error::{Error, Result};

impl Save {
    /// Checks an API key and takes the locks. The future can be dropped at any moment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a text that is not a key, and
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when a lock stays taken or there is no
    /// room.
    pub async fn api_key(store: &Store, key: &SecretString) -> Result<Self> {
        let file = AuthFile::with_api_key(SecretKind::ApiKey.check(key.expose_secret())?);
        Self::prepare(store, async { Ok(Box::new(file)) }).await
    }

    /// Checks a personal access token, asks the issuer for its owner, and takes the locks. Only
    /// `workspaces` may sign in, or any if that is empty. The future can be dropped at any moment.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) for a text that is not a personal access
    /// token; [`ErrorKind::Denied`](crate::ErrorKind::Denied) when the issuer refuses it, or it
    /// belongs to another workspace.
    pub async fn access_token(
        store: &Store,
        issuer: &Issuer,
        workspaces: &[String],
        token: &SecretString,
    ) -> Result<Self> {
        let token = SecretKind::AccessToken.check(token.expose_secret())?;
        store.setting().check_usable()?;
        let account = issuer.whoami(&token).await?;
        check_workspace(account.account_id.as_deref(), workspaces)
            .map_err(|error| error.with_hint("Use a token of an allowed workspace"))?;
        let file = AuthFile::with_personal_access_token(token);
        let mut save = Self::prepare(store, async { Ok(Box::new(file)) }).await?;
        save.account = account;
        Ok(save)
    }
}

impl Issuer {
    /// Asks the issuer for the owner of a personal access token.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) when it is not valid.
    pub(super) async fn whoami(&self, token: &SecretString) -> Result<Account> {
        let answer = self.ask_for_owner(token).await?;
        let answer = answer.map_err(|refusal| {
            let is_refused = refusal.status == StatusCode::UNAUTHORIZED.as_u16();
            if is_refused && refusal.lasting.is_none() {
                return Error::denied("The access token is not valid")
                    .with_hint("It may have expired or been revoked: create a new one");
            }
            refusal.into_error("Could not check the access token")
        })?;
        Ok(Account {
            email: text(&answer, "email").map(str::to_owned),
            plan: text(&answer, "chatgpt_plan_type").map(Plan::new),
            account_id: text(&answer, "chatgpt_account_id").map(str::to_owned),
            ..Account::unknown(Mode::PersonalAccessToken)
        })
    }
}
