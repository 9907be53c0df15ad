//! Proof Key for Code Exchange (RFC 7636) and the `state` value (RFC 6749, section 10.12).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::auth::random::random_base64url;
use crate::error::Result;

/// One verifier and its challenge; used for one sign-in attempt only.
#[derive(Debug)]
pub struct Pkce {
    /// 64 random bytes as base64url: 86 characters, within the limit of RFC 7636 section 4.1.
    pub code_verifier: SecretString,
    /// `base64url(sha256(code_verifier))`, method S256.
    pub code_challenge: String,
}

impl Pkce {
    /// Generates a pair from the operating system's randomness.
    pub fn generate() -> Result<Self> {
        Ok(Self::from_verifier(random_base64url::<64>()?.into()))
    }

    /// Makes the pair of a verifier that was kept.
    pub fn from_verifier(code_verifier: SecretString) -> Self {
        let digest = Sha256::digest(code_verifier.expose_secret().as_bytes());
        Self {
            code_verifier,
            code_challenge: URL_SAFE_NO_PAD.encode(digest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_the_one_of_rfc_7636_appendix_b() {
        let pkce = Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(
            pkce.code_challenge,
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn every_attempt_has_its_own_verifier_of_86_characters() {
        let (one, two) = (Pkce::generate().unwrap(), Pkce::generate().unwrap());
        assert_eq!(one.code_verifier.expose_secret().len(), 86);
        assert_ne!(
            one.code_verifier.expose_secret(),
            two.code_verifier.expose_secret()
        );
    }
}
