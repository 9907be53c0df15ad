//! The person in front of the browser, played by a program.

use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use url::Url;

use crate::crypto_provider::loopback_client;
use crate::error::{Error, Result};

/// A redirect to this path leaves the issuer.
const CALLBACK_PATH: &str = "/auth/callback";
/// As many redirects as browsers follow.
const MAX_HOPS: usize = 20;

/// Opens links, follows redirects and presses buttons on the issuer's pages, as a person does in a
/// browser.
#[derive(Clone, Debug)]
pub struct Person {
    client: Client,
    issuer: String,
}

/// A page as the browser shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrowserPage {
    /// The address, after all redirects.
    pub url: Url,
    /// The HTTP status.
    pub status: u16,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The HTML.
    pub body: String,
}

impl BrowserPage {
    /// Returns one header's value, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the address that it redirects to.
    pub fn location(&self) -> Option<Url> {
        let redirects = (300..400).contains(&self.status);
        let location = self.header(LOCATION.as_str()).filter(|_| redirects)?;
        self.url.join(location).ok()
    }
}

impl Person {
    /// Makes a person who knows the issuer at this URL, its [`super::DemoIssuer::url`].
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::ErrorKind::Usage) when that is not a URL.
    pub fn at(issuer_url: &str) -> Result<Self> {
        let client = loopback_client()?
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build();
        let failed =
            |error| Error::internal("Could not set up the demo browser").with_source(error);
        Ok(Self {
            client: client.map_err(failed)?,
            issuer: parse(issuer_url)?.as_str().trim_end_matches('/').to_owned(),
        })
    }

    /// Opens the sign-in link (the full one or the short one) and presses "Approve".
    /// Returns the callback URL that the browser is sent to, without going there.
    ///
    /// When the issuer refuses by itself, without a page, the callback URL holds its `error`.
    ///
    /// # Errors
    /// [`ErrorKind::Network`](crate::ErrorKind::Network) when the issuer does not answer, and
    /// [`ErrorKind::Issuer`](crate::ErrorKind::Issuer) when its page is not the expected one.
    pub async fn approve(&self, link: &str) -> Result<Url> {
        self.decide(link, "approve").await
    }

    /// Opens the sign-in link and presses "Deny"; like [`Person::approve`].
    ///
    /// # Errors
    /// As [`Person::approve`].
    pub async fn deny(&self, link: &str) -> Result<Url> {
        self.decide(link, "deny").await
    }

    /// As [`Person::approve`], then follows the browser's redirects and returns its last page.
    ///
    /// # Errors
    /// As [`Person::approve`] and [`Person::browse`].
    pub async fn sign_in(&self, link: &str) -> Result<BrowserPage> {
        self.browse(self.approve(link).await?.as_str()).await
    }

    /// Opens a URL, for example the callback's, and follows the redirects to the final page.
    ///
    /// # Errors
    /// [`ErrorKind::Network`](crate::ErrorKind::Network) when a server does not answer, or redirects too often.
    pub async fn browse(&self, url: &str) -> Result<BrowserPage> {
        self.follow(url, |_| true).await
    }

    /// Opens a URL without following redirects.
    ///
    /// # Errors
    /// [`ErrorKind::Network`](crate::ErrorKind::Network) when the server does not answer.
    pub async fn open(&self, url: &str) -> Result<BrowserPage> {
        send(self.client.get(parse(url)?)).await
    }

    /// Types a device's user code into the issuer's page and presses "Approve".
    ///
    /// # Errors
    /// As [`Person::approve`].
    pub async fn approve_device(&self, user_code: &str) -> Result<BrowserPage> {
        self.decide_device(user_code, "approve").await
    }

    /// Types a device's user code into the issuer's page and presses "Deny".
    ///
    /// # Errors
    /// As [`Person::approve`].
    pub async fn deny_device(&self, user_code: &str) -> Result<BrowserPage> {
        self.decide_device(user_code, "deny").await
    }

    async fn decide(&self, link: &str, decision: &str) -> Result<Url> {
        let mut page = self
            .follow(link, |next| next.path() != CALLBACK_PATH)
            .await?;
        if page.location().is_none() {
            let fields = [("decision", decision)];
            page = self
                .submit(&page, "/oauth/authorize/decision", &fields)
                .await?;
        }
        page.location().ok_or_else(|| unexpected(&page))
    }

    /// Opens a URL and follows redirects for as long as `goes_there` agrees.
    async fn follow(&self, url: &str, goes_there: impl Fn(&Url) -> bool) -> Result<BrowserPage> {
        let mut page = self.open(url).await?;
        for _ in 0..MAX_HOPS {
            match page.location().filter(&goes_there) {
                Some(next) => page = self.open(next.as_str()).await?,
                None => return Ok(page),
            }
        }
        Err(Error::network("Too many redirects"))
    }

    async fn decide_device(&self, user_code: &str, decision: &str) -> Result<BrowserPage> {
        let page = self.open(&format!("{}/codex/device", self.issuer)).await?;
        let fields = [("user_code", user_code), ("decision", decision)];
        let answer = self.submit(&page, "/codex/device", &fields).await?;
        if answer.status == 200 {
            Ok(answer)
        } else {
            Err(unexpected(&answer))
        }
    }

    /// Posts a page's form, with the hidden field that names it.
    async fn submit(
        &self,
        page: &BrowserPage,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<BrowserPage> {
        let form = page
            .body
            .split_once(r#"name="form" value=""#)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(form, _)| form)
            .ok_or_else(|| unexpected(page))?;
        let mut fields = fields.to_vec();
        fields.push(("form", form));
        let url = parse(&format!("{}{path}", self.issuer))?;
        send(self.client.post(url).form(&fields)).await
    }
}

fn parse(url: &str) -> Result<Url> {
    Url::parse(url).map_err(|error| Error::usage("The link is not a valid URL").with_source(error))
}

async fn send(request: RequestBuilder) -> Result<BrowserPage> {
    // The URL may hold a code, so it must not be in the error's text.
    let failed = |error: reqwest::Error| {
        let text = "Could not open the page";
        Error::network(text).with_source(error.without_url())
    };
    let response = request.send().await.map_err(failed)?;
    Ok(BrowserPage {
        url: response.url().clone(),
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await.map_err(failed)?,
    })
}

fn unexpected(page: &BrowserPage) -> Error {
    let status = StatusCode::from_u16(page.status).map_or(String::new(), |s| s.to_string());
    let heading = page
        .body
        .split_once("<h1>")
        .and_then(|(_, rest)| rest.split_once("</h1>"))
        .map_or("no heading", |(heading, _)| heading);
    let message = format!("The page was not the expected one: {status}, {heading}");
    Error::issuer(message)
}
