//! From an authorization code to credentials that only have to be committed.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use url::Url;

use super::pages::{self, CallbackPage};
use super::status::Status;
use crate::auth::{
    Account, AuthFile, Claims, CodeGrant, EXCHANGE_FAILED, Identity, Issuer, LOCK_TIMEOUT, Notify,
    Plan, PreparedSave, Store, Tokens, WriteAccess, random_base64url, revoke_unused,
};
use crate::error::{Error, Result};

/// What the exchange needs to know.
#[derive(Clone)]
pub struct Recipe {
    /// Where codes are redeemed.
    pub issuer: Issuer,
    /// Where the credentials go.
    pub store: Store,
    /// Account ids that may sign in; empty for any.
    pub workspaces: Vec<String>,
    /// Make an API key as well.
    pub exchange_api_key: bool,
    /// Redeem a subscriber's credits as well.
    pub redeem_credits: bool,
    /// The wall clock.
    pub clock: fn() -> DateTime<Utc>,
}

/// Everything is ready: what is left is [`Approved::commit`].
pub struct Approved {
    /// Who.
    pub account: Account,
    /// What the browser shows.
    pub success: Success,
    /// The new tokens, for the extras.
    pub tokens: Tokens,
    file: AuthFile,
    save: PreparedSave,
    _access: WriteAccess,
}

/// What the success page is made from.
#[derive(Clone, Debug)]
pub struct Success {
    /// The relative URL the callback redirects to. Holds no token.
    pub location: String,
    page: CallbackPage,
    personal: Option<Personal>,
}

/// A page that is for whoever was redirected to it, and nobody else on the machine.
#[derive(Clone, Debug)]
struct Personal {
    key: String,
    page: CallbackPage,
}

/// A failure and the page that tells the browser.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For the terminal.
    pub error: Error,
    /// For the browser.
    pub page: CallbackPage,
}

impl Recipe {
    /// Redeems the code, checks who it is for, and prepares the save.
    pub async fn approve(
        &self,
        grant: CodeGrant,
        statuses: &UnboundedSender<Status>,
    ) -> Result<Approved, Failure> {
        let tokens = self
            .issuer
            .exchange_code(&grant)
            .await
            .map_err(exchange_failed)?;
        let refresh_token = tokens.refresh_token.clone();
        let approved = self.check_and_prepare(tokens, statuses).await;
        if let (Err(_), Some(token)) = (&approved, refresh_token) {
            revoke_unused(&self.issuer, &token).await;
        }
        approved
    }

    async fn check_and_prepare(
        &self,
        mut tokens: Tokens,
        statuses: &UnboundedSender<Status>,
    ) -> Result<Approved, Failure> {
        let id_token = self.check_id_token(&tokens).map_err(exchange_failed)?;
        let identity = tokens.identity();
        self.check_workspace(&identity).map_err(|error| Failure {
            page: pages::wrong_workspace(None),
            error,
        })?;
        tokens.account_id.clone_from(&identity.account_id);
        let account = tokens.account();
        let success = Success::new(&identity, &self.issuer, &id_token);
        self.prepare(tokens, account, success, statuses)
            .await
            .map_err(not_saved)
    }

    async fn prepare(
        &self,
        tokens: Tokens,
        account: Account,
        success: Success,
        statuses: &UnboundedSender<Status>,
    ) -> Result<Approved> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let statuses = statuses.clone();
        // A host that has stopped listening is no reason to stop.
        let notify = Notify::new(move |text| _ = statuses.send(Status::Notice(text)));
        let access = self.store.lock(deadline, &notify).await?;
        let save = self.store.prepare(&access, deadline, &notify).await?;
        Ok(Approved {
            account,
            success,
            file: AuthFile::with_tokens(tokens.clone(), (self.clock)()),
            tokens,
            save,
            _access: access,
        })
    }

    fn check_id_token(&self, tokens: &Tokens) -> Result<SecretString> {
        let token = tokens.id_token.clone().unwrap_or_default();
        let claims = Claims::decode(token.expose_secret()).ok_or_else(|| {
            let cause = Error::issuer("The issuer's id token is no JWT");
            cause.with_hint("Try again in a few minutes")
        });
        let now = (self.clock)();
        claims
            .and_then(|claims| claims.check(self.issuer.url(), self.issuer.client_id(), now))
            .map_err(|cause| cause.under(EXCHANGE_FAILED))?;
        Ok(token)
    }

    fn check_workspace(&self, identity: &Identity) -> Result<()> {
        let allowed = self.workspaces.is_empty()
            || identity
                .account_id
                .as_ref()
                .is_some_and(|id| self.workspaces.contains(id));
        if allowed {
            return Ok(());
        }
        let who = identity.account_id.as_deref().unwrap_or("unknown");
        Err(Error::denied(format!(
            "The account belongs to workspace {}, and sign-in is restricted to {}",
            crate::text::clean_short(who, 60),
            self.workspaces.join(", ")
        ))
        .with_hint("Choose the right workspace in the browser, or change --workspace"))
    }
}

impl Approved {
    /// Writes the credentials; blocking, so it belongs on a blocking thread. The text is a warning.
    pub fn commit(self) -> Result<Option<String>> {
        self.save.commit(&self.file)
    }
}

impl Success {
    fn new(identity: &Identity, issuer: &Issuer, id_token: &SecretString) -> Self {
        let plan = identity.plan.as_ref().map(Plan::as_str);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair(
            "needs_setup",
            if identity.needs_setup {
                "true"
            } else {
                "false"
            },
        );
        for (name, value) in [
            ("org_id", identity.organization_id.as_deref()),
            ("project_id", identity.project_id.as_deref()),
            ("plan_type", plan),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let personal = personal_page(identity, issuer, id_token);
        if let Some(personal) = &personal {
            query.append_pair(KEY, &personal.key);
        }
        Self {
            location: format!("/success?{}", query.finish()),
            page: success_page(identity, issuer, None),
            personal,
        }
    }

    /// The page for a request with this query; `None` for somebody else's, who gets
    /// [`Success::page_for_others`].
    pub fn page(&self, query: &str) -> Option<&CallbackPage> {
        let Some(personal) = &self.personal else {
            return Some(&self.page);
        };
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let (_, key) = pairs.find(|(name, _)| name == KEY)?;
        let same = bool::from(key.as_bytes().ct_eq(personal.key.as_bytes()));
        same.then_some(&personal.page)
    }

    /// What every program on this machine may see: it could ask for it.
    pub fn page_for_others(&self) -> &CallbackPage {
        &self.page
    }
}

/// The part of the query that opens the personal page.
const KEY: &str = "page";

/// Its link holds the id token.
fn personal_page(
    identity: &Identity,
    issuer: &Issuer,
    id_token: &SecretString,
) -> Option<Personal> {
    if !identity.needs_setup {
        return None;
    }
    Some(Personal {
        // Without a key nobody gets the link with the token in it.
        key: random_base64url::<16>().ok()?,
        page: success_page(identity, issuer, Some(id_token)),
    })
}

fn success_page(
    identity: &Identity,
    issuer: &Issuer,
    id_token: Option<&SecretString>,
) -> CallbackPage {
    if !identity.needs_setup {
        return pages::success();
    }
    let base = format!("{}/org-setup", issuer.url().platform());
    let Ok(mut setup) = Url::parse(&base) else {
        return pages::success();
    };
    let plan = identity.plan.as_ref().map_or("", Plan::as_str);
    setup.query_pairs_mut().append_pair("p", plan);
    if let Some(id_token) = id_token {
        // The issuer's platform expects it here; it goes nowhere but into this link.
        let token = id_token.expose_secret();
        setup.query_pairs_mut().append_pair("t", token);
    }
    let organization = identity.organization_id.as_deref().unwrap_or_default();
    let project = identity.project_id.as_deref().unwrap_or_default();
    setup
        .query_pairs_mut()
        .append_pair("with_org", organization)
        .append_pair("project_id", project);
    pages::success_setup(setup.as_str())
}

fn exchange_failed(error: Error) -> Failure {
    let cause = error.causes().first().cloned();
    Failure {
        page: pages::token_exchange_failed(cause.as_deref()),
        error,
    }
}

/// The credentials could not be saved; old ones are untouched.
pub fn not_saved(error: Error) -> Failure {
    Failure {
        page: pages::not_saved(Some(error.message())),
        error,
    }
}
