//! The tokens of a ChatGPT sign-in.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::{read_secret, read_text};
use crate::auth::file::account::{Account, Mode, Plan};
use crate::auth::file::claims::{Claims, text};
use crate::auth::issuer_url::IssuerUrl;
use crate::error::{Error, Result};
use crate::product::codex::DEFAULT_ISSUER;

/// The `tokens` object. An empty text counts as absent.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Tokens {
    /// The claims about the person (OpenID Connect Core, section 2).
    #[serde(deserialize_with = "read_secret", serialize_with = "write_token")]
    pub id_token: Option<SecretString>,
    /// The bearer.
    #[serde(deserialize_with = "read_secret", serialize_with = "write_token")]
    pub access_token: Option<SecretString>,
    /// The token for the next refresh, valid once (RFC 9700, section 4.14.2).
    #[serde(deserialize_with = "read_secret", serialize_with = "write_token")]
    pub refresh_token: Option<SecretString>,
    /// The workspace; left out when unknown.
    #[serde(
        deserialize_with = "read_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub account_id: Option<String>,
    /// The fields of other programs.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Tokens {
    /// Recovers from a damaged file each token, and the account id, whose text is complete.
    pub fn salvage(bytes: &[u8]) -> Self {
        let secret = |name| text_after(bytes, name).map(SecretString::from);
        Self {
            id_token: secret("id_token"),
            access_token: secret("access_token"),
            refresh_token: secret("refresh_token"),
            account_id: text_after(bytes, "account_id"),
            ..Self::default()
        }
    }

    /// Decodes the id token and the access token.
    pub fn claims(&self) -> [Claims; 2] {
        [&self.id_token, &self.access_token].map(|token| Claims::of(token.as_ref()))
    }

    /// Returns a text among the issuer's own claims: the id token's, else the access token's.
    pub fn claim(&self, name: &str) -> Option<String> {
        let claims = self.claims();
        let text = claims.iter().find_map(|claims| claims.auth_text(name));
        text.map(str::to_owned)
    }

    /// Returns the user, apart from the workspace.
    pub fn user_id(&self) -> Option<String> {
        let id = self.claim("chatgpt_user_id");
        id.or_else(|| self.claim("user_id"))
    }

    /// Returns the workspace of the sign-in, which the id token names.
    pub fn signed_in_to(&self) -> Option<String> {
        let [id_token, _] = self.claims();
        id_token.auth_text("chatgpt_account_id").map(str::to_owned)
    }

    /// Returns the account to show. Each claim has its own order of precedence (spec, section 2),
    /// and the file's own account id comes before the claim.
    pub fn account(&self) -> Account {
        let [id_token, access_token] = self.claims();
        let plan = access_token.auth_text("chatgpt_plan_type");
        let plan = plan.or_else(|| id_token.auth_text("chatgpt_plan_type"));
        let flag = |name| {
            let flag = id_token.auth_bool(name);
            flag.or_else(|| access_token.auth_bool(name)) == Some(true)
        };
        Account {
            mode: Mode::ChatGpt,
            email: id_token.email().map(str::to_owned),
            plan: plan.map(Plan::new),
            account_id: self.account_id.clone().or_else(|| self.signed_in_to()),
            needs_setup: flag("is_org_owner") && !flag("completed_platform_onboarding"),
        }
    }

    /// Checks that `issuer` may see the refresh token: it is the one that the id token
    /// names, else the access token, else the Codex CLI's note beside them, else OpenAI's
    /// (threat 21). Tokens and note must not name different ones.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind) that says whose session it is.
    pub fn check_issuer(&self, issuer: &IssuerUrl) -> Result<()> {
        let claims = self.claims();
        let named = claims.iter().find_map(Claims::issuer);
        let noted = self.provenance("issuer");
        let noted = noted.map(|noted| noted.trim_end_matches('/'));
        if let (Some(named), Some(noted)) = (named, noted)
            && named != noted
        {
            return Err(two_issuers(named, noted));
        }
        let owner = named.or(noted).unwrap_or(DEFAULT_ISSUER);
        // Compares the raw text: cleaned or cut, it could look like another issuer.
        if owner == issuer.to_string() {
            return Ok(());
        }
        let message = "The stored session belongs to another issuer";
        Err(match IssuerUrl::parse(owner) {
            Ok(owner) => Error::usage(format!("{message}: {owner}"))
                .with_hint("Use that issuer, or sign in again")
                .with_session_issuer(owner.to_string()),
            Err(_) => Error::usage(message).with_hint("Sign in again"),
        })
    }

    /// Returns the client that the tokens were issued to, if the Codex CLI noted it.
    pub fn client_id(&self) -> Option<&str> {
        self.provenance("client_id")
    }

    /// Reads a field of the Codex CLI's note on where the tokens are from.
    fn provenance(&self, name: &str) -> Option<&str> {
        text(self.other.get("oauth_provenance")?, name)
    }

    /// Returns whether there is an access token or a refresh token.
    pub fn hold_a_secret(&self) -> bool {
        self.access_token.is_some() || self.refresh_token.is_some()
    }

    /// Replaces the tokens that `new` has, and keeps the others.
    pub fn replace_with(&mut self, new: Self) {
        self.id_token = new.id_token.or(self.id_token.take());
        self.access_token = new.access_token.or(self.access_token.take());
        self.refresh_token = new.refresh_token.or(self.refresh_token.take());
        self.account_id = new.account_id.or(self.account_id.take());
    }
}

/// Creates the error for tokens whose issuer is uncertain, which are sent to no issuer.
fn two_issuers(named: &str, noted: &str) -> Error {
    let shown = |issuer: &str| {
        IssuerUrl::parse(issuer).map_or_else(|_| "an invalid one".to_owned(), |it| it.to_string())
    };
    Error::usage(format!(
        "The stored session names two issuers: {} in its tokens, {} in oauth_provenance",
        shown(named),
        shown(noted)
    ))
    .with_hint("Sign in again")
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("account_id", &self.account_id)
            .finish_non_exhaustive()
    }
}

/// Writes a missing token as an empty text: the Codex CLI does not accept `null` there.
#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn write_token<S: Serializer>(token: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(token.as_ref().map_or("", |token| token.expose_secret()))
}

/// Returns the JSON text after `"name":`; `None` when it is cut off, empty or not a text.
fn text_after(bytes: &[u8], name: &str) -> Option<String> {
    let quoted = format!("\"{name}\"");
    let key = bytes
        .windows(quoted.len())
        .position(|window| window == quoted.as_bytes())?;
    let rest = bytes.get(key + quoted.len()..)?.trim_ascii_start();
    let value = rest.strip_prefix(b":")?;
    // Reads one value, and ignores what follows it.
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
    let text = values.next()?.ok()?;
    (!text.is_empty()).then_some(text)
}

/// Compares two secrets in constant time. Two missing ones are equal.
pub fn same(one: Option<&SecretString>, other: Option<&SecretString>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let (one, other) = (one.expose_secret(), other.expose_secret());
            one.as_bytes().ct_eq(other.as_bytes()).into()
        }
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use crate::product::codex::AUTH_CLAIM;

    fn tokens(id_token: &Value, access_token: &Value) -> Tokens {
        let [id_token, access_token] = [id_token, access_token].map(|claims| {
            let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
            Some(format!("e30.{payload}.sig").into())
        });
        Tokens {
            id_token,
            access_token,
            ..Tokens::default()
        }
    }

    #[test]
    fn plan_prefers_the_access_token_and_the_rest_the_id_token() {
        let tokens = tokens(
            &json!({"email": "a@b.c", AUTH_CLAIM: {
                "chatgpt_account_id": "acc", "chatgpt_plan_type": "plus",
                "organization_id": "org-id", "is_org_owner": true}}),
            &json!({AUTH_CLAIM: {
                "chatgpt_account_id": "other", "chatgpt_plan_type": "pro",
                "organization_id": "org-access", "project_id": "proj",
                "completed_platform_onboarding": false}}),
        );
        let account = tokens.account();
        assert_eq!(account.email.as_deref(), Some("a@b.c"));
        assert_eq!(account.account_id.as_deref(), Some("acc"));
        assert_eq!(account.plan, Some(Plan::new("pro")));
        assert!(account.needs_setup);
        assert_eq!(tokens.claim("organization_id").as_deref(), Some("org-id"));
        assert_eq!(tokens.claim("project_id").as_deref(), Some("proj"));
    }

    #[test]
    fn the_files_own_account_id_comes_before_the_claim() {
        let claims = json!({AUTH_CLAIM: {"chatgpt_account_id": "acc"}});
        let tokens = Tokens {
            account_id: Some("chosen".to_owned()),
            ..tokens(&claims, &claims)
        };
        assert_eq!(tokens.account().account_id.as_deref(), Some("chosen"));
        assert_eq!(tokens.signed_in_to().as_deref(), Some("acc"));
    }

    #[test]
    fn an_organization_that_only_the_access_token_knows_needs_setup_unless_it_is_complete() {
        let needs_setup = |id: Value, access: Value| {
            let [id, access] = [id, access].map(|auth| json!({AUTH_CLAIM: auth}));
            tokens(&id, &access).account().needs_setup
        };
        let owner = || json!({"is_org_owner": true});
        let complete = |is| json!({"completed_platform_onboarding": is, "is_org_owner": true});
        assert!(needs_setup(json!({}), owner()));
        assert!(!needs_setup(json!({}), complete(true)));
        assert!(!needs_setup(complete(true), complete(false)));
        assert!(!needs_setup(json!({"is_org_owner": false}), owner()));
    }

    #[test]
    fn malformed_claims_name_no_account() {
        let malformed = json!({"email": 5, AUTH_CLAIM: "nonsense"});
        let account = tokens(&malformed, &malformed).account();
        assert_eq!(account, Account::unknown(Mode::ChatGpt));
    }

    #[test]
    fn whole_texts_are_found_and_cut_ones_are_not() {
        let torn = br#"{"tokens": {"id_token" : "i\u0041", "refresh_token":"r", "account_id":"","access_token":"abc"#;
        let tokens = Tokens::salvage(torn);
        assert_eq!(tokens.id_token.unwrap().expose_secret(), "iA");
        assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "r");
        assert!(tokens.access_token.is_none() && tokens.account_id.is_none());
    }

    #[test]
    fn garbage_holds_nothing() {
        for garbage in [
            &b""[..],
            b"\xff\xfe",
            b"\"id_token\"",
            b"\"id_token\":5",
            b"\"id_token\" 5",
        ] {
            assert!(Tokens::salvage(garbage).id_token.is_none());
        }
    }
}
