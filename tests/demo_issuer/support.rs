//! A client that sends exactly what a test says, and the person beside it.

use std::sync::Arc;

use codex_onboarding::demo::{BrowserPage, CLIENT_ID, Person, Profile};
use reqwest::Response;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::issuer::TestIssuer;
use crate::tokens::parameter;

/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const REDIRECT_URI: &str = "http://localhost:1455/auth/callback";
pub const AUTH: &str = "https://api.openai.com/auth";

/// An HTTP client without a mind of its own, the issuer it talks to, and the person.
pub struct Client {
    pub issuer: TestIssuer,
    pub person: Person,
    pub http: reqwest::Client,
}

impl Client {
    pub fn new() -> Self {
        Self::with(Profile::default())
    }

    pub fn with(profile: Profile) -> Self {
        let issuer = TestIssuer::start(profile);
        let person = Person::at(issuer.url()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(tls)
            .build()
            .unwrap();
        Self {
            issuer,
            person,
            http,
        }
    }

    /// The authorization URL, with parameters changed, or left out where the value is empty.
    pub fn link(&self, changes: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            (
                "scope",
                "openid profile email offline_access api.connectors.read api.connectors.invoke",
            ),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "the-state"),
        ];
        for &(name, value) in changes {
            pairs.retain(|(n, _)| *n != name);
            pairs.push((name, value));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        format!("{}/oauth/authorize?{query}", self.issuer.url())
    }

    pub async fn approved_code(&self) -> String {
        let callback = self.person.approve(&self.link(&[])).await.unwrap();
        parameter(&callback, "code").unwrap()
    }

    pub async fn form(&self, pairs: &[(&str, &str)]) -> Answer {
        let url = format!("{}/oauth/token", self.issuer.url());
        Answer::of(self.http.post(url).form(pairs).send().await.unwrap()).await
    }

    pub async fn exchange(&self, code: &str, redirect_uri: &str, verifier: &str) -> Answer {
        self.form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("client_id", CLIENT_ID),
            ("code_verifier", verifier),
        ])
        .await
    }

    pub async fn json(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.try_json(path, body).await.unwrap()).await
    }

    pub async fn try_json(&self, path: &str, body: Value) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.issuer.url());
        self.http.post(url).json(&body).send().await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.json("/oauth/token", refresh_body(refresh_token)).await
    }

    pub async fn poll(&self, device: &Value) -> Answer {
        let body =
            json!({"device_auth_id": device["device_auth_id"], "user_code": device["user_code"]});
        self.json("/api/accounts/deviceauth/token", body).await
    }

    pub async fn device(&self) -> Value {
        let path = "/api/accounts/deviceauth/usercode";
        self.json(path, json!({"client_id": CLIENT_ID})).await.body
    }
}

pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        Self {
            status: response.status().as_u16(),
            body: response.json().await.unwrap(),
        }
    }

    pub fn error(&self) -> &str {
        let error = &self.body["error"];
        error.as_str().or(error["code"].as_str()).unwrap_or("none")
    }

    pub fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap()
    }
}

pub fn refresh_body(refresh_token: &str) -> Value {
    json!({
        "client_id": CLIENT_ID,
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "scope": "openid profile email",
    })
}

pub fn assert_is_page(page: &BrowserPage) {
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(!page.body.contains("{{"), "{}", page.body);
    assert!(!page.body.contains("<script"), "{}", page.body);
}
