//! Between the saved tokens and `Completed`: what was asked for beside the sign-in. None of
//! it can fail the sign-in, and none of it may take long.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout};

use super::completion::Recipe;
use super::status::Status;
use crate::auth::{
    AuthFile, Claims, Identity, LOCK_TIMEOUT, Notify, Session, SessionOptions, Tokens, credits_of,
    has_organization, on_blocking_thread, same,
};
use crate::error::{Error, Result};

/// For each of the extras.
const EXTRA_TIMEOUT: Duration = Duration::from_secs(10);

/// The extras of one sign-in, after its tokens were saved.
pub struct Extras {
    recipe: Recipe,
    id_token: SecretString,
    refresh_token: Option<SecretString>,
    identity: Identity,
    statuses: UnboundedSender<Status>,
}

impl Extras {
    pub fn new(recipe: Recipe, tokens: &Tokens, statuses: UnboundedSender<Status>) -> Self {
        Self {
            recipe,
            id_token: tokens.id_token.clone().unwrap_or_default(),
            refresh_token: tokens.refresh_token.clone(),
            identity: tokens.identity(),
            statuses,
        }
    }

    /// Whether there is anything to do.
    pub fn are_wanted(recipe: &Recipe) -> bool {
        recipe.exchange_api_key || recipe.redeem_credits
    }

    /// Tells how it went as [`Status::Notice`]. May be abandoned at any moment.
    pub async fn run(self) {
        if self.recipe.exchange_api_key {
            let outcome = timeout(EXTRA_TIMEOUT, self.exchange_api_key()).await;
            self.tell(
                "No API key was made",
                outcome.unwrap_or_else(|_| too_slow()),
            );
        }
        if self.recipe.redeem_credits {
            let outcome = timeout(EXTRA_TIMEOUT, self.redeem_credits()).await;
            self.tell(
                "The API credits could not be redeemed",
                outcome.unwrap_or_else(|_| too_slow()),
            );
        }
    }

    async fn exchange_api_key(&self) -> Result<String> {
        if !has_organization(&self.id_token) {
            return Ok(
                "No API key was made: the account has no API organization and project \
                       yet"
                .to_owned(),
            );
        }
        let now = (self.recipe.clock)();
        let issuer = &self.recipe.issuer;
        let key = issuer.exchange_for_api_key(&self.id_token, now).await?;
        self.save(key).await?;
        Ok("An API key of your organization was made and saved beside the sign-in".to_owned())
    }

    /// Adds the key to the file of this sign-in, should it still be that.
    async fn save(&self, key: SecretString) -> Result<()> {
        let store = &self.recipe.store;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let notify = self.notify();
        let access = store.lock(deadline, &notify).await?;
        let is_ours = |file: &AuthFile| file.tokens.as_ref().is_some_and(|t| self.owns(t));
        let file = store.load()?.filter(is_ours);
        let Some(mut file) = file else {
            let message = "Another program has changed the sign-in meanwhile";
            return Err(Error::storage(message));
        };
        file.openai_api_key = Some(key);
        let save = store.prepare(&access, deadline, &notify).await?;
        let commit = on_blocking_thread(move || {
            let saved = save.commit(&file);
            drop(access);
            saved
        });
        let warning = commit.await?;
        if let Some(warning) = warning {
            self.say(warning);
        }
        Ok(())
    }

    /// Whether these are still the tokens of this sign-in, or were renewed since.
    fn owns(&self, tokens: &Tokens) -> bool {
        let account_id = tokens.account().account_id;
        same(tokens.refresh_token.as_ref(), self.refresh_token.as_ref())
            || (account_id.is_some() && account_id == self.identity.account_id)
    }

    async fn redeem_credits(&self) -> Result<String> {
        let now = (self.recipe.clock)();
        let worth = match credits_of(&self.identity, &self.id_token, now) {
            Ok(worth) => worth,
            Err(why) => return Ok(format!("No API credits to redeem: {why}")),
        };
        let id_token = self.valid_id_token().await?;
        let granted = self.recipe.issuer.redeem_credits(&id_token).await?;
        Ok(if granted > 0.0 {
            let plan = self.identity.plan.as_ref();
            let plan = plan.map(ToString::to_string).unwrap_or_default();
            format!("API credits worth {worth} were added for your ChatGPT {plan} subscription")
        } else {
            "The API credits of your subscription were already redeemed".to_owned()
        })
    }

    /// The id token, refreshed first when it has expired.
    async fn valid_id_token(&self) -> Result<SecretString> {
        let claims = Claims::decode(self.id_token.expose_secret()).unwrap_or_default();
        let now = (self.recipe.clock)();
        if claims
            .expires_at()
            .is_none_or(|expires_at| expires_at > now)
        {
            return Ok(self.id_token.clone());
        }
        let mut options =
            SessionOptions::new(self.recipe.store.clone(), self.recipe.issuer.clone());
        options.clock = self.recipe.clock;
        let gone = || Error::not_signed_in("The sign-in is gone already");
        let session = Session::load(&options)?.ok_or_else(gone)?;
        session.refresh().await?;
        session.id_token().ok_or_else(gone)
    }

    fn tell(&self, failed: &str, outcome: Result<String>) {
        self.say(outcome.unwrap_or_else(|error| {
            tracing::warn!(?error, "{failed}");
            format!("{failed}: {error}")
        }));
    }

    fn notify(&self) -> Notify {
        let statuses = self.statuses.clone();
        // A host that has stopped listening is no reason to stop.
        Notify::new(move |text| _ = statuses.send(Status::Notice(text)))
    }

    fn say(&self, text: String) {
        // Nobody listening is no reason to stop.
        let _ = self.statuses.send(Status::Notice(text));
    }
}

fn too_slow() -> Result<String> {
    Err(Error::timeout("it took longer than 10 seconds"))
}
