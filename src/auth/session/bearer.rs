//! Bearers: a valid one, a replacement for one that was refused, and where to send it.

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};

use super::refresh::Need;
use super::{ApiEndpoint, Session, lend};
use crate::auth::credentials::Credentials;
use crate::auth::file::account::Mode;
use crate::auth::file::auth_file::Tokens;
use crate::error::{ErrorKind, Result};

impl Session {
    /// Returns a valid bearer: the API key, or the access token, refreshed first when it expires
    /// within 5 minutes or was last refreshed more than 28 days ago. Takes at most
    /// 60 seconds, and no time at all when nothing is due.
    ///
    /// When the issuer cannot be reached, or there is no refresh token, and the access
    /// token is still valid, it is returned as it is.
    ///
    /// # Errors
    /// As [`Session::refresh`]; [`ErrorKind::NotSignedIn`] for a mode that has no bearer.
    pub async fn bearer(&self) -> Result<SecretString> {
        let credentials = self.credentials();
        let now = self.now();
        if let Some(ended) = self.lent_has_ended() {
            return Err(ended);
        }
        let may_be_due = credentials.account.mode == Mode::ChatGpt && !credentials.file.is_lent();
        if !may_be_due || !credentials.is_due(now) {
            return credentials.bearer();
        }
        match self.refresh_for(Need::due(&credentials, now)).await {
            Ok(()) => self.credentials().bearer(),
            Err(error)
                if self.has_time_left(now)
                    && (matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout)
                        || credentials.refresh_token().is_none()) =>
            {
                tracing::warn!(?error, "not refreshed, the access token is still valid");
                credentials.bearer()
            }
            Err(error) => Err(error),
        }
    }

    /// Returns whether the access token ends within `margin` and can be renewed.
    pub fn ends_within(&self, margin: TimeDelta) -> bool {
        let credentials = self.credentials();
        credentials.account.mode == Mode::ChatGpt
            && credentials.refresh_token().is_some()
            && credentials.ends_within(margin, self.now())
    }

    /// Refreshes when the access token ends within `margin`, before a host hands the session on
    /// to several programs, which would race to renew it. At most 60 seconds.
    ///
    /// # Errors
    /// As [`Session::refresh`].
    pub async fn renew_within(&self, margin: TimeDelta) -> Result<()> {
        if !self.ends_within(margin) {
            return Ok(());
        }
        let need = Need {
            margin,
            ..Need::due(&self.credentials(), self.now())
        };
        self.refresh_for(need).await
    }

    /// Refreshes although nothing is due, for a host whose bearer was refused (401).
    /// When another process has refreshed since this session read the file, its tokens
    /// are adopted and no request is made. Does nothing for an API
    /// key and for a personal access token.
    ///
    /// Tasks that share a session should use [`Session::replace`], which notices when another task
    /// has refreshed already. At most 60 seconds.
    ///
    /// # Errors
    /// [`ErrorKind::Expired`] when the issuer ended the session: sign in again.
    /// [`ErrorKind::NotSignedIn`] when another program signed out, or signed in to another
    /// account, in the meantime: load again. [`ErrorKind::Storage`] when a lock stays taken or the
    /// new tokens could not be saved; this session still holds them then.
    /// [`ErrorKind::Network`], [`ErrorKind::Timeout`], [`ErrorKind::Issuer`] when the
    /// request failed.
    pub async fn refresh(&self) -> Result<()> {
        let credentials = self.credentials();
        match &credentials.account.mode {
            Mode::ApiKey | Mode::PersonalAccessToken => Ok(()),
            Mode::ChatGpt if self.is_lent() => Err(lend::not_renewed_here()),
            Mode::ChatGpt => {
                let need = Need {
                    refused: true,
                    ..Need::due(&credentials, self.now())
                };
                self.refresh_for(need).await
            }
            _ => credentials.bearer().map(drop),
        }
    }

    /// Returns a bearer other than `refused`, which the API answered with 401. Refreshes unless
    /// another task or process has done so already. An API key comes back as it is.
    ///
    /// # Errors
    /// As [`Session::refresh`].
    ///
    /// ```
    /// # use codex_onboarding::auth::{
    /// #     DEFAULT_CLIENT_ID, Issuer, Save, Session, SessionOptions, Store,
    /// # };
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// # let store = Store::new(home.path());
    /// # let save = Save::api_key(&store, &"sk-1".into()).await?;
    /// # save.commit().await?;
    /// # let options = SessionOptions::new(store, Issuer::openai());
    /// # let session = Session::load(&options)?.ok_or("nobody is signed in")?;
    /// # let ask = async |_bearer: &codex_onboarding::secrecy::SecretString| 401;
    /// let bearer = session.bearer().await?;
    /// if ask(&bearer).await == 401 {
    ///     let another = session.replace(&bearer).await?;
    ///     ask(&another).await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn replace(&self, refused: &SecretString) -> Result<SecretString> {
        let current = self.credentials().bearer()?;
        if current.expose_secret() == refused.expose_secret() {
            self.refresh().await?;
        }
        self.credentials().bearer()
    }

    /// Returns the base URL and the headers for API requests, with a bearer as from
    /// [`Session::bearer`].
    ///
    /// # Errors
    /// As [`Session::bearer`]; [`ErrorKind::NotSignedIn`] when the ChatGPT account id is
    /// not known; [`ErrorKind::Usage`] for another issuer than OpenAI's when
    /// [`base_url`](super::ApiEndpointOptions::base_url) does not say where its API is.
    pub async fn endpoint(&self) -> Result<ApiEndpoint> {
        let bearer = self.bearer().await?;
        self.identify(&bearer).await?;
        let account = self.account();
        let options = &self.shared.options;
        ApiEndpoint::new(&options.issuer, &options.endpoint, &account, &bearer)
    }

    /// Asks once for the owner of a personal access token, which holds no claims.
    async fn identify(&self, bearer: &SecretString) -> Result<()> {
        let mut credentials = Credentials::clone(&self.credentials());
        let account = &credentials.account;
        if account.mode != Mode::PersonalAccessToken || account.account_id.is_some() {
            return Ok(());
        }
        let issuer = &self.shared.options.issuer;
        if !issuer.has_accounts_api() {
            // The token names no issuer, so it counts as OpenAI's, as other tokens without one do.
            Tokens::default().check_issuer(issuer.url())?;
        }
        credentials.account = issuer.whoami(bearer).await?;
        self.shared.hold(credentials);
        Ok(())
    }
}
