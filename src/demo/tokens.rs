//! The issuer's tokens: their claims (JWT, RFC 7519), and the sessions that they belong to.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::messages::ErrorAnswer;
use super::profile::{Profile, TokenKind};

/// The tokens of a successful token request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedTokens {
    /// Tells the client who signed in.
    pub id_token: String,
    /// The bearer token for the API.
    pub access_token: String,
    /// Works once; the answer holds its successor.
    pub refresh_token: String,
}

/// Makes tokens and other unguessable values, with a key made at start.
pub(super) struct Mint {
    pub(super) issuer: String,
    key: [u8; 32],
    drawn: u64,
}

impl Mint {
    /// Creates the mint of the issuer at this URL.
    pub(super) fn new(issuer: String) -> io::Result<Self> {
        let mut key = [0; 32];
        SysRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
        Ok(Self {
            issuer,
            key,
            drawn: 0,
        })
    }

    /// Returns 32 unguessable bytes: the keyed hash of a counter. Unlike the system's generator,
    /// this cannot fail.
    pub(super) fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let digest = Sha256::new().chain_update(self.key);
        digest
            .chain_update(self.drawn.to_be_bytes())
            .finalize()
            .into()
    }

    /// Returns [`Mint::draw`] as 43 characters of base64url, after a prefix.
    pub(super) fn draw_text(&mut self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.draw()))
    }

    /// Issues the tokens of a sign-in or a refresh.
    pub(super) fn issue(&mut self, profile: &Profile) -> IssuedTokens {
        IssuedTokens {
            id_token: self.jwt(profile, TokenKind::Id),
            access_token: self.jwt(profile, TokenKind::Access),
            refresh_token: self.draw_text("rt-demo-"),
        }
    }

    fn jwt(&mut self, profile: &Profile, token: TokenKind) -> String {
        let now = Utc::now() + profile.clock_offset;
        let expires = now + profile.lifetimes[token as usize];
        let mut claims = profile.claims[token as usize].clone();
        for (name, value) in [
            ("iss", json!(self.issuer)),
            ("iat", json!(now.timestamp())),
            ("exp", json!(expires.timestamp())),
        ] {
            // The profile may have set this claim itself.
            if claims.get(name).is_none() {
                claims[name] = value;
            }
        }
        remove_nulls(&mut claims);
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        // Only the issuer has the key to check such a signature, and it knows its tokens anyway.
        let signature = self.draw_text("");
        format!("{header}.{payload}.{signature}")
    }
}

/// Removes the claims that a profile has set to null.
fn remove_nulls(claims: &mut Value) {
    if let Value::Object(claims) = claims {
        claims.retain(|_, claim| !claim.is_null());
        claims.values_mut().for_each(remove_nulls);
    }
}

/// The code and the message with which the tokens of an ended session are refused.
pub(super) type EndReason = (&'static str, &'static str);

pub(super) const EXPIRED: EndReason = ("refresh_token_expired", "Your refresh token has expired.");
pub(super) const INVALIDATED: EndReason = (
    "refresh_token_invalidated",
    "Your refresh token has been revoked.",
);

/// The chain of tokens that one sign-in began.
pub(super) struct TokenFamily {
    pub(super) profile: Profile,
    /// The authorization code that was exchanged for it.
    pub(super) code: Option<String>,
    /// Every generation of its tokens, the current one last.
    pub(super) issued: Vec<IssuedTokens>,
    pub(super) ended: Option<EndReason>,
}

impl TokenFamily {
    /// Exchanges a refresh token of the family for its successor (RFC 6749, section 6).
    ///
    /// A token that is used twice was stolen or raced. The issuer cannot tell which, so it ends the
    /// whole family (RFC 9700, section 4.14.2).
    pub(super) fn refresh(
        &mut self,
        mint: &mut Mint,
        refresh_token: &str,
    ) -> Result<IssuedTokens, ErrorAnswer> {
        if let Some((code, message)) = self.ended {
            return Err(ErrorAnswer::unauthorized(code, message));
        }
        if !self.accepts(refresh_token) {
            self.ended = Some(INVALIDATED);
            return Err(ErrorAnswer::unauthorized(
                "refresh_token_reused",
                "Your refresh token has already been used to generate a new access token.",
            ));
        }
        let tokens = mint.issue(&self.profile);
        self.issued.push(tokens.clone());
        Ok(tokens)
    }

    /// Returns whether this refresh token can still be exchanged.
    pub(super) fn accepts(&self, refresh_token: &str) -> bool {
        let current = self.issued.last();
        self.ended.is_none() && current.is_some_and(|it| it.refresh_token == refresh_token)
    }

    /// Ends the family. The first reason stays.
    pub(super) fn end(&mut self, why: EndReason) {
        self.ended.get_or_insert(why);
    }
}

/// Returns the family that a refresh token belongs to, whether or not the token still works.
pub(super) fn family_of<'a>(
    families: &'a mut [TokenFamily],
    refresh_token: &str,
) -> Option<&'a mut TokenFamily> {
    let owns = |it: &IssuedTokens| it.refresh_token == refresh_token;
    let mut families = families.iter_mut();
    families.find(|family| family.issued.iter().any(owns))
}

/// Returns the family and the claims of an id token or an access token that was issued here;
/// `None` for any other text.
pub(super) fn read<'a>(
    families: &'a [TokenFamily],
    token: &str,
) -> Option<(&'a TokenFamily, Value)> {
    let mut families = families.iter();
    let is_it = |it: &IssuedTokens| it.id_token == token || it.access_token == token;
    let family = families.find(|family| family.issued.iter().any(is_it))?;
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Some((family, serde_json::from_slice(&payload).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::codex::AUTH_CLAIM;

    #[test]
    fn a_claim_can_be_changed_and_taken_out_in_one_token_alone() {
        let profile = Profile::default()
            .claim(TokenKind::Id, "exp", Value::Null)
            .auth_claim(TokenKind::Id, "chatgpt_plan_type", "odd");
        let tokens = Mint::new("i".to_owned()).unwrap().issue(&profile);
        let claims = |token: &str| -> Value {
            let payload = token.split('.').nth(1).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
        };
        let (id, access) = (claims(&tokens.id_token), claims(&tokens.access_token));
        assert!(id.get("exp").is_none());
        assert_eq!(id[AUTH_CLAIM]["chatgpt_plan_type"], "odd");
        assert!(access["exp"].is_i64());
        assert_eq!(access[AUTH_CLAIM]["chatgpt_plan_type"], "plus");
    }
}
