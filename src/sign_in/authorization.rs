//! The authorization request of one attempt, and the secrets that its response is checked and
//! redeemed with.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::attempt::OAuthState;
use super::kept::Kept;
use super::options::SignInOptions;
use super::status::Link;
use crate::auth::{AuthorizeRequest, CodeGrant, Pkce, random_base64url, redirect_uri};
use crate::error::Result;

/// The authorization request of one attempt. A retry makes a new one.
pub struct Authorization {
    /// The link that the person opens.
    pub url: String,
    /// Ties the callback to this attempt.
    pub state: OAuthState,
    redirect_uri: String,
    code_verifier: SecretString,
    /// The last part of the short link.
    short_path: String,
}

impl Authorization {
    /// Creates a request with new secrets. `port` is `None` without a callback server.
    pub fn new(options: &SignInOptions, port: Option<u16>) -> Result<Self> {
        Self::of(
            options,
            OAuthState::new(random_base64url::<32>()?),
            redirect_uri(port.unwrap_or(options.port.without_server())),
            Pkce::generate()?,
        )
    }

    /// Makes a request that was kept again.
    pub fn kept(options: &SignInOptions, kept: &Kept) -> Result<Self> {
        Self::of(
            options,
            OAuthState::new(kept.state.expose_secret().to_owned()),
            kept.redirect_uri.clone(),
            Pkce::from_verifier(kept.code_verifier.clone()),
        )
    }

    fn of(
        options: &SignInOptions,
        state: OAuthState,
        redirect_uri: String,
        pkce: Pkce,
    ) -> Result<Self> {
        let url = AuthorizeRequest {
            issuer: &options.issuer,
            redirect_uri: &redirect_uri,
            code_challenge: &pkce.code_challenge,
            state: state.as_str(),
            workspaces: &options.workspaces,
        }
        .url()?;
        Ok(Self {
            url: url.to_string(),
            state,
            redirect_uri,
            code_verifier: pkce.code_verifier,
            // 8 bytes keep the whole link within 40 characters.
            short_path: random_base64url::<8>()?,
        })
    }

    /// Returns what another process needs to go on with it.
    pub fn keep(&self, options: &SignInOptions) -> Kept {
        Kept {
            issuer: options.issuer.url().to_string(),
            client_id: options.issuer.client_id().to_owned(),
            workspaces: options.workspaces.clone(),
            exchange_api_key: options.exchange_api_key,
            redeem_credits: options.redeem_credits,
            began_at: options.clock.now(),
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.as_str().into(),
            code_verifier: self.code_verifier.clone(),
            device: None,
        }
    }

    /// Returns the link for the person.
    pub fn link(&self, port: Option<u16>, port_problem: Option<String>) -> Link {
        let short_path = &self.short_path;
        Link {
            authorization_url: self.url.clone(),
            short_url: port.map(|port| format!("http://localhost:{port}/login/{short_path}")),
            port,
            port_problem,
        }
    }

    /// Adds to an authorization code what it is redeemed with.
    pub fn grant(&self, code: SecretString) -> CodeGrant {
        CodeGrant {
            code,
            redirect_uri: self.redirect_uri.clone(),
            code_verifier: self.code_verifier.clone(),
        }
    }

    /// Returns whether the short link ends in `path`. Compares in constant time.
    pub fn has_short_path(&self, path: &str) -> bool {
        path.as_bytes().ct_eq(self.short_path.as_bytes()).into()
    }
}
