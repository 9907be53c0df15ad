//! The authorization request (RFC 6749, section 4.1.1) and its Proof Key for Code Exchange
//! (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::Issuer;
use crate::auth::system::random_base64url;
use crate::error::{Error, Result};

/// Returns the callback address. It says `localhost` and not 127.0.0.1, because the issuer compares
/// it, as text, with the address registered for this client id.
pub fn redirect_uri(port: u16) -> String {
    format!("http://localhost:{port}/auth/callback")
}

/// The values of one authorization request.
#[derive(Debug)]
pub struct AuthorizeRequest<'a> {
    /// The issuer, and the client id.
    pub issuer: &'a Issuer,
    /// The address that receives the answer.
    pub redirect_uri: &'a str,
    /// `Pkce::code_challenge`.
    pub code_challenge: &'a str,
    /// The value that ties the answer to this attempt.
    pub state: &'a str,
    /// Account ids that may sign in; empty for any.
    pub workspaces: &'a [String],
}

impl AuthorizeRequest<'_> {
    /// Returns the URL to open, with its parameters in the order of the spec.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when the issuer cannot be part of a URL.
    pub fn url(&self) -> Result<Url> {
        let protocol = &self.issuer.product().protocol;
        let endpoint = self.issuer.url().endpoint(&protocol.authorize_path);
        let mut url = Url::parse(&endpoint)
            .map_err(|source| Error::usage("The issuer URL is invalid").with_source(source))?;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", self.issuer.client_id())
            .append_pair("redirect_uri", self.redirect_uri)
            .append_pair("scope", &protocol.scope)
            .append_pair("code_challenge", self.code_challenge)
            .append_pair("code_challenge_method", "S256");
        for (name, value) in &protocol.authorize_parameters {
            query.append_pair(name, value);
        }
        query.append_pair("state", self.state);
        if !protocol.originator.is_empty() {
            query.append_pair("originator", &protocol.originator);
        }
        if !self.workspaces.is_empty() {
            query.append_pair("allowed_workspace_id", &self.workspaces.join(","));
        }
        drop(query);
        Ok(url)
    }
}

/// A verifier and its challenge, for one sign-in attempt only.
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

    /// Computes the challenge of a stored verifier.
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

    fn url(workspaces: &[String]) -> String {
        AuthorizeRequest {
            issuer: &Issuer::openai(),
            redirect_uri: &redirect_uri(1455),
            code_challenge: "challenge",
            state: "state",
            workspaces,
        }
        .url()
        .unwrap()
        .to_string()
    }

    #[test]
    fn parameters_come_in_the_specified_order() {
        assert_eq!(
            url(&[]),
            "https://auth.openai.com/oauth/authorize?response_type=code\
             &client_id=app_EMoamEEZ73f0CkXaXp7hrann\
             &redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback\
             &scope=openid+profile+email+offline_access+api.connectors.read+api.connectors.invoke\
             &code_challenge=challenge&code_challenge_method=S256\
             &id_token_add_organizations=true&codex_cli_simplified_flow=true\
             &state=state&originator=codex_cli_rs"
        );
    }

    #[test]
    fn allowed_workspaces_are_joined_by_a_comma_at_the_end() {
        let url = url(&["one".into(), "two".into()]);
        assert!(url.ends_with("&originator=codex_cli_rs&allowed_workspace_id=one%2Ctwo"));
    }

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
