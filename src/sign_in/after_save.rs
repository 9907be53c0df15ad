//! The optional work after the save: an API key, and credits. It cannot fail the sign-in, and must
//! not take long.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::options::SignInOptions;
use crate::auth::{
    AuthFile, Claims, Contents, Save, Session, Tokens, credits_of, has_organization, same,
};
use crate::error::{Error, Result};

/// The time limit for each of the two.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The optional work of one sign-in, once its tokens are saved.
pub struct AfterSave<'a> {
    options: &'a SignInOptions,
    tokens: &'a Tokens,
    id_token: SecretString,
}

impl<'a> AfterSave<'a> {
    /// Creates the work. Its results are reported as notices of the store.
    pub fn new(options: &'a SignInOptions, tokens: &'a Tokens) -> Self {
        Self {
            options,
            tokens,
            id_token: tokens.id_token.clone().unwrap_or_default(),
        }
    }

    /// Does the work that the options ask for, and notifies the person of each result. May be
    /// abandoned.
    pub async fn run(self) {
        if self.options.exchange_api_key {
            let work = self.exchange_api_key();
            self.report("Could not create an API key", work).await;
        }
        if self.options.redeem_credits {
            let work = self.redeem_credits();
            self.report("Could not redeem the API credits", work).await;
        }
    }

    async fn report(&self, failed: &str, work: impl Future<Output = Result<String>>) {
        let too_slow = || Error::timeout("it took longer than 10 seconds");
        let outcome = timeout(TIMEOUT, work).await;
        let outcome = outcome.unwrap_or_else(|_| Err(too_slow()));
        self.options.store.tell(outcome.unwrap_or_else(|error| {
            tracing::warn!(?error, "{failed}");
            format!("{failed}: {error}")
        }));
    }

    async fn exchange_api_key(&self) -> Result<String> {
        if !has_organization(&self.id_token) {
            let why = "the account has no API organization and project yet";
            return Ok(format!("Could not create an API key: {why}"));
        }
        let now = self.options.clock.now();
        let issuer = &self.options.issuer;
        let key = issuer.exchange_for_api_key(&self.id_token, now).await?;
        self.save(key).await?;
        Ok("An API key for your organization was created and saved with your tokens".to_owned())
    }

    /// Adds the key to the file if the file still belongs to this sign-in.
    async fn save(&self, key: SecretString) -> Result<()> {
        let store = &self.options.store;
        let with_key = async {
            let is_ours = |file: &AuthFile| file.tokens.as_ref().is_some_and(|t| self.owns(t));
            match store.read_async().await?.contents {
                Contents::File(mut file) if is_ours(&file) => {
                    file.api_key = Some(key);
                    Ok(file)
                }
                _ => Err(Error::storage(
                    "Another program has changed the sign-in in the meantime",
                )),
            }
        };
        let save = Save::prepare(store, with_key).await?;
        if let Some(warning) = save.commit().await?.warning {
            store.tell(warning);
        }
        Ok(())
    }

    /// Returns whether these are the tokens of this sign-in, or renewed ones.
    fn owns(&self, tokens: &Tokens) -> bool {
        let account_id = tokens.account().account_id;
        // Colleagues may share a workspace, so compare the users too.
        let users = tokens.user_id().zip(self.tokens.user_id());
        let is_somebody_else = users.is_some_and(|(user, ours)| user != ours);
        same(
            tokens.refresh_token.as_ref(),
            self.tokens.refresh_token.as_ref(),
        ) || (account_id.is_some() && account_id == self.tokens.account_id && !is_somebody_else)
    }

    async fn redeem_credits(&self) -> Result<String> {
        let account = self.tokens.account();
        let now = self.options.clock.now();
        let worth = match credits_of(&account, &self.id_token, now) {
            Ok(worth) => worth,
            Err(why) => return Ok(format!("No API credits to redeem: {why}")),
        };
        let id_token = self.valid_id_token().await?;
        let granted = self.options.issuer.redeem_credits(&id_token).await?;
        Ok(if granted > 0.0 {
            let plan = account
                .plan
                .map(|plan| plan.to_string())
                .unwrap_or_default();
            format!("API credits worth {worth} were added for your {plan} subscription")
        } else {
            "The API credits of your subscription were already redeemed".to_owned()
        })
    }

    /// Returns the id token, refreshed first when it has expired.
    async fn valid_id_token(&self) -> Result<SecretString> {
        let claims = Claims::decode(self.id_token.expose_secret()).unwrap_or_default();
        let now = self.options.clock.now();
        if claims
            .expires_at()
            .is_none_or(|expires_at| expires_at > now)
        {
            return Ok(self.id_token.clone());
        }
        let options = self.options.session();
        let gone = || Error::not_signed_in("You are no longer signed in");
        let session = Session::load_async(&options).await?.ok_or_else(gone)?;
        session.refresh().await?;
        session.id_token().ok_or_else(gone)
    }
}
