//! The tokens of a ChatGPT sign-in.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::{read_secret, read_text};
use crate::auth::file::account::{Account, Mode};
use crate::auth::file::claims::{Claims, Identity, text};
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

    /// Returns the person in the claims of the tokens.
    pub fn identity(&self) -> Identity {
        let [id_token, access_token] = self.claims();
        Identity::of(&id_token, &access_token)
    }

    /// Returns the account to show; the file's own account id takes precedence.
    pub fn account(&self) -> Account {
        let identity = self.identity();
        Account {
            mode: Mode::ChatGpt,
            email: identity.email,
            plan: identity.plan,
            account_id: self.account_id.clone().or(identity.account_id),
            needs_setup: identity.needs_setup,
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
