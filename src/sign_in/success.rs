//! The page that a sign-in ends with in the browser, and the redirect that leads to it.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use url::Url;

use super::pages::{self, CallbackPage};
use crate::auth::{Identity, Issuer, Plan, random_base64url};

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

impl Success {
    /// Makes the page once, and a key for whoever is redirected to it.
    pub fn new(identity: &Identity, issuer: &Issuer, id_token: &SecretString) -> Self {
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
