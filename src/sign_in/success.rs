//! The last page in the browser, and the redirect to it.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::pages::{self, CallbackPage};
use crate::auth::{Identity, Issuer, Plan, random_base64url};
use crate::error::Result;

/// The last page of a completed sign-in.
#[derive(Clone, Debug)]
pub struct Success {
    /// The relative URL that the callback redirects to. Holds no token.
    pub location: String,
    /// Opens the page for the browser that was redirected to it, and for no one else on the
    /// machine.
    key: String,
    page: CallbackPage,
    page_for_others: CallbackPage,
}

impl Success {
    /// Makes the pages and a random key.
    pub fn new(identity: &Identity, issuer: &Issuer, id_token: &SecretString) -> Result<Self> {
        let key = random_base64url::<16>()?;
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let needs_setup = identity.needs_setup.to_string();
        for (name, value) in [
            ("needs_setup", Some(needs_setup.as_str())),
            ("org_id", identity.organization_id.as_deref()),
            ("project_id", identity.project_id.as_deref()),
            ("plan_type", identity.plan.as_ref().map(Plan::as_str)),
            (KEY, Some(&key)),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        Ok(Self {
            location: format!("/success?{}", query.finish()),
            key,
            page: success_page(identity, issuer, Some(id_token)),
            page_for_others: success_page(identity, issuer, None),
        })
    }

    /// Returns the page when the query has the key. Other requests get
    /// [`Success::page_for_others`].
    pub fn page(&self, query: &str) -> Option<&CallbackPage> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let (_, key) = pairs.find(|(name, _)| name == KEY)?;
        let same = bool::from(key.as_bytes().ct_eq(self.key.as_bytes()));
        same.then_some(&self.page)
    }

    /// Returns the page for a request without the key: every program and user of this machine
    /// can make one, so it tells nothing about the account.
    pub fn page_for_others(&self) -> &CallbackPage {
        &self.page_for_others
    }
}

/// The parameter that holds the key.
const KEY: &str = "page";

/// Makes the last page. Only with an id token does its link tell anything about the account.
fn success_page(
    identity: &Identity,
    issuer: &Issuer,
    id_token: Option<&SecretString>,
) -> CallbackPage {
    if !identity.needs_setup {
        return pages::success(issuer.product());
    }
    let base = format!("{}/org-setup", issuer.url().platform());
    let Ok(mut setup) = Url::parse(&base) else {
        return pages::success(issuer.product());
    };
    if let Some(id_token) = id_token {
        let plan = identity.plan.as_ref().map_or("", Plan::as_str);
        let organization = identity.organization_id.as_deref().unwrap_or_default();
        let project = identity.project_id.as_deref().unwrap_or_default();
        setup
            .query_pairs_mut()
            .append_pair("p", plan)
            // The issuer's platform expects it here; it goes nowhere but into this link.
            .append_pair("t", id_token.expose_secret())
            .append_pair("with_org", organization)
            .append_pair("project_id", project);
    }
    pages::success_setup(issuer.product(), setup.as_str())
}
