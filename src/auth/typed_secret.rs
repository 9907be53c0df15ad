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
        let token = check(token.expose_secret())?;
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

/// Checks that `token` is a personal access token. No other kind of access token can be stored
/// without its claims.
fn check(token: &str) -> Result<SecretString> {
    let token = SecretKind::AccessToken.check(token)?;
    if SecretKind::of(token.expose_secret()) == Some(SecretKind::AccessToken) {
        return Ok(token);
    }
    let refusal = "This is not a personal access token: it must begin with at-";
    Err(Error::usage(refusal).with_hint(HINT))
}

const HINT: &str = "Only personal access tokens can be used here; for any other kind, use: \
                    codex login --with-access-token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_begins_like_a_personal_access_token_is_one() {
        assert_eq!(check(" \"at-1\"\n").unwrap().expose_secret(), "at-1");
        for (text, why) in [
            ("", "empty"),
            ("sk-1", "an API key: an access token must begin with at-"),
            ("eyJhbGciOi", "begin with at-"),
            ("at-1 2", "a space at position 5"),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
