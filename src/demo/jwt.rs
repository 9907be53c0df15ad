//! The issuer's tokens: their claims (JWT, RFC 7519) and their signature (HS256, RFC 7515),
//! and the source of unguessable values.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::profile::{Profile, TokenKind};
use crate::product::codex::AUTH_CLAIM;

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

type HmacSha256 = Hmac<Sha256>;

/// Signs tokens, and draws unguessable values, with a key made at start.
pub(super) struct Signer {
    mac: HmacSha256,
    drawn: AtomicU64,
}

impl Signer {
    pub(super) fn new() -> io::Result<Self> {
        let mut key = Key::<HmacSha256>::default();
        SysRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
        Ok(Self {
            mac: HmacSha256::new(&key),
            drawn: AtomicU64::new(0),
        })
    }

    /// Returns 32 unguessable bytes, never the same twice: the keyed hash of a counter,
    /// because the system's generator could fail at every call.
    pub(super) fn draw(&self) -> [u8; 32] {
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        // A JWT's signing input never begins with a zero byte, so the two uses of
        // the key cannot meet.
        let mac = self.mac.clone().chain_update([0]);
        let mac = mac.chain_update(count.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// Returns [`Signer::draw`] as 43 characters of base64url.
    pub(super) fn draw_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.draw())
    }

    /// Makes an id token, which tells the client who signed in.
    pub(super) fn id_token(&self, issuer: &str, profile: &Profile) -> String {
        let now = Utc::now() + profile.clock_offset;
        let mut claims = base_claims(issuer, profile, now, now + profile.id_token_lifetime);
        claims.insert("aud".to_owned(), json!([profile.client_id]));
        claims.insert("email".to_owned(), json!(profile.email));
        claims.insert("email_verified".to_owned(), json!(true));
        let mut auth = account_claims(profile);
        if let Some((organization, project)) = &profile.organization {
            auth.insert("organization_id".to_owned(), json!(organization));
            auth.insert("project_id".to_owned(), json!(project));
        }
        auth.insert(
            "completed_platform_onboarding".to_owned(),
            json!(profile.completed_platform_onboarding),
        );
        auth.insert("is_org_owner".to_owned(), json!(profile.is_org_owner));
        if let Some(time) = profile.subscribed_for {
            let start = (now - time).to_rfc3339();
            auth.insert("chatgpt_subscription_active_start".to_owned(), json!(start));
        }
        self.sign(profile, TokenKind::Id, claims, auth)
    }

    /// Makes an access token for the account (after RFC 9068).
    pub(super) fn access_token(&self, issuer: &str, profile: &Profile) -> String {
        let now = Utc::now() + profile.clock_offset;
        let mut claims = base_claims(issuer, profile, now, now + profile.access_token_lifetime);
        claims.insert("aud".to_owned(), json!(["https://api.openai.com/v1"]));
        claims.insert("client_id".to_owned(), json!(profile.client_id));
        // Two tokens made in the same second must differ, or a rotation would not show.
        claims.insert("jti".to_owned(), json!(self.draw_text()));
        self.sign(profile, TokenKind::Access, claims, account_claims(profile))
    }

    fn sign(
        &self,
        profile: &Profile,
        token: TokenKind,
        mut claims: Map<String, Value>,
        mut auth: Map<String, Value>,
    ) -> String {
        for edit in profile.claims.iter().filter(|edit| edit.token == token) {
            let target = if edit.in_auth { &mut auth } else { &mut claims };
            if edit.value.is_null() {
                target.remove(&edit.name);
            } else {
                target.insert(edit.name.clone(), edit.value.clone());
            }
        }
        // An edit may have replaced the whole object; that stays.
        claims
            .entry(AUTH_CLAIM)
            .or_insert_with(|| Value::Object(auth));
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        let signed = format!("{header}.{payload}");
        let signature = self.mac.clone().chain_update(&signed).finalize();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_bytes()))
    }

    /// Returns the claims of a token that this issuer signed; `None` for any other text.
    pub(super) fn verify(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mac = self.mac.clone().chain_update(signed);
        mac.verify_slice(&signature).ok()?;
        let (_, payload) = signed.split_once('.')?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

fn base_claims(
    issuer: &str,
    profile: &Profile,
    now: DateTime<Utc>,
    expires: DateTime<Utc>,
) -> Map<String, Value> {
    let claims = [
        ("iss", json!(issuer)),
        ("sub", json!(profile.user_id)),
        ("iat", json!(now.timestamp())),
        ("exp", json!(expires.timestamp())),
    ];
    claims
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

fn account_claims(profile: &Profile) -> Map<String, Value> {
    let claims = [
        ("chatgpt_account_id", &profile.account_id),
        ("chatgpt_plan_type", &profile.plan),
        ("chatgpt_user_id", &profile.user_id),
        ("user_id", &profile.user_id),
    ];
    claims
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_verifies_and_a_changed_one_does_not() {
        let signer = Signer::new().unwrap();
        let token = signer.id_token("http://127.0.0.1:1", &Profile::default());
        assert_eq!(signer.verify(&token).unwrap()["email"], "demo@example.com");
        assert!(signer.verify(&format!("x{token}")).is_none());
        assert!(signer.verify("no token").is_none());
    }

    #[test]
    fn a_claim_can_be_changed_and_taken_out_in_one_token_alone() {
        let signer = Signer::new().unwrap();
        let profile = Profile::default()
            .claim(TokenKind::Id, "exp", Value::Null)
            .auth_claim(TokenKind::Id, "chatgpt_plan_type", "odd");
        let id = signer.verify(&signer.id_token("i", &profile)).unwrap();
        let access = signer.verify(&signer.access_token("i", &profile)).unwrap();
        assert!(id.get("exp").is_none());
        assert_eq!(id[AUTH_CLAIM]["chatgpt_plan_type"], "odd");
        assert!(access["exp"].is_i64());
        assert_eq!(access[AUTH_CLAIM]["chatgpt_plan_type"], "plus");
    }
}
