//! The contents of `auth.json`, the Codex CLI's credentials file.

mod tokens;

use std::fmt;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::account::{LENT_MODE, Mode};
use super::loadable::codex_problem;
use crate::error::{Error, Result};
pub use tokens::{Tokens, same};

/// The whole file. An empty text counts as absent; unknown fields survive in `other`.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct AuthFile {
    /// `chatgpt`, `apikey`, or a mode that only the Codex CLI knows. Missing in old files.
    #[serde(
        deserialize_with = "read_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub auth_mode: Option<String>,
    /// Written as `null` when there is none, as the Codex CLI does.
    #[serde(rename = "OPENAI_API_KEY")]
    #[serde(deserialize_with = "read_secret", serialize_with = "write_secret")]
    pub api_key: Option<SecretString>,
    /// A personal access token, as the Codex CLI stores it.
    #[serde(deserialize_with = "read_secret", serialize_with = "write_secret")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_access_token: Option<SecretString>,
    /// The OAuth tokens of a ChatGPT sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
    /// The time of the issuer's last tokens.
    #[serde(
        deserialize_with = "read_time",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_refresh: Option<DateTime<Utc>>,
    /// The reason why the Codex CLI cannot load the bytes that this was read from.
    #[serde(skip)]
    pub codex_problem: Option<&'static str>,
    /// The fields of other programs.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl AuthFile {
    /// Creates the file of a sign-in with an API key.
    pub fn with_api_key(key: SecretString) -> Self {
        Self {
            auth_mode: Some(Mode::ApiKey.as_str().to_owned()),
            api_key: Some(key),
            ..Self::default()
        }
    }

    /// Creates the file of a sign-in with ChatGPT.
    pub fn with_tokens(tokens: Tokens, now: DateTime<Utc>) -> Self {
        Self {
            auth_mode: Some(Mode::ChatGpt.as_str().to_owned()),
            tokens: Some(tokens),
            last_refresh: Some(now),
            ..Self::default()
        }
    }

    /// Creates the file of a personal access token, for which the Codex CLI names no mode.
    pub fn with_personal_access_token(token: SecretString) -> Self {
        Self {
            personal_access_token: Some(token),
            ..Self::default()
        }
    }

    /// Reads the file's text; the error carries line and column.
    ///
    /// # Errors
    /// The text is not JSON, or a value has the wrong type.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut file: Self = serde_json::from_slice(bytes)?;
        file.codex_problem = codex_problem(bytes);
        Ok(file)
    }

    /// Returns the file's bytes: pretty JSON and a final line break.
    ///
    /// # Errors
    /// No known cause: every file that was read can be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            Error::internal("Could not encode the credentials").with_source(error)
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Checks again whether the Codex CLI can load the file as it will be written.
    pub fn judge_again(&mut self) {
        let bytes = self.to_bytes();
        self.codex_problem = bytes.ok().and_then(|bytes| codex_problem(&bytes));
    }

    /// Returns whether this is a file of credentials, and not just any JSON object.
    pub fn holds_anything(&self) -> bool {
        self.named_mode().is_some() || self.api_key.is_some() || self.tokens.is_some()
    }

    /// Returns whether the file is empty: it holds not even another program's fields.
    pub fn is_empty(&self) -> bool {
        !self.holds_anything() && self.other.is_empty()
    }

    /// Returns whether it is a lent session: an access token that cannot be renewed here.
    pub fn is_lent(&self) -> bool {
        let tokens = self.tokens.as_ref();
        self.auth_mode.as_deref() == Some(LENT_MODE)
            && tokens.is_some_and(|it| it.access_token.is_some() && it.refresh_token.is_none())
    }

    /// Returns the mode that the file names, else the one that its contents imply.
    pub fn named_mode(&self) -> Option<Mode> {
        let named = self.auth_mode.as_deref().map(Mode::from);
        named.or_else(|| self.implied_mode())
    }

    /// Returns the mode of credentials that are neither tokens nor an API key.
    pub fn implied_mode(&self) -> Option<Mode> {
        let holds = |name: &str| self.other.get(name).is_some_and(|value| !value.is_null());
        if self.personal_access_token.is_some() {
            Some(Mode::PersonalAccessToken)
        } else if holds("bedrock_api_key") {
            Some("bedrockApiKey".into())
        } else if holds("bedrock_access_keys") {
            Some("bedrockAccessKeys".into())
        } else {
            None
        }
    }

    /// Returns the mode that the Codex CLI reads from the file. If the file names none, a key takes
    /// precedence over tokens, whatever the plan.
    pub fn codex_mode(&self) -> Mode {
        self.named_mode().unwrap_or(match self.api_key {
            Some(_) => Mode::ApiKey,
            None => Mode::ChatGpt,
        })
    }
}

impl fmt::Debug for AuthFile {
    // Neither secrets nor unknown fields reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFile")
            .field("auth_mode", &self.auth_mode)
            .finish_non_exhaustive()
    }
}

/// Reads an empty text as none.
fn read_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()))
}

fn read_secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(read_text(from)?.map(Into::into))
}

/// Writes a secret that may be missing.
pub fn write_secret<'a, S: Serializer>(
    secret: impl Into<Option<&'a SecretString>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match secret.into() {
        Some(secret) => to.serialize_str(secret.expose_secret()),
        None => to.serialize_none(),
    }
}

/// Reads an unreadable date as none, so that the tokens are due.
fn read_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.as_str().and_then(|text| text.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_fields_survive_at_the_top_and_inside_the_tokens() {
        let file = json!({
            "auth_mode": "chatgpt", "OPENAI_API_KEY": null, "future": {"a": [1]},
            "tokens": {"id_token": "i", "access_token": "a", "refresh_token": "r",
                       "account_id": "acc", "oauth_provenance": {"x": 1}},
            "last_refresh": "2026-01-02T03:04:05.678901Z"
        });
        let parsed = AuthFile::parse(file.to_string().as_bytes()).unwrap();
        let written: Value = serde_json::from_slice(&parsed.to_bytes().unwrap()).unwrap();
        assert_eq!(written, file);
    }

    #[test]
    fn an_api_key_sign_in_writes_no_tokens() {
        let bytes = AuthFile::with_api_key("sk-1".into()).to_bytes().unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "{\n  \"auth_mode\": \"apikey\",\n  \"OPENAI_API_KEY\": \"sk-1\"\n}\n"
        );
    }

    #[test]
    fn empty_texts_and_unreadable_dates_count_as_absent() {
        let file = AuthFile::parse(
            br#"{"OPENAI_API_KEY":"","tokens":{"refresh_token":"","account_id":""},"last_refresh":"yesterday"}"#,
        )
        .unwrap();
        let tokens = file.tokens.as_ref().unwrap();
        assert!(file.api_key.is_none() && file.last_refresh.is_none());
        assert!(tokens.refresh_token.is_none() && tokens.account_id.is_none());
    }

    #[test]
    fn a_wrong_type_is_located_by_line_and_column() {
        let error = AuthFile::parse(b"{\n  \"tokens\": 5\n}").unwrap_err();
        assert_eq!(error.line(), 2);
        assert!(error.column() > 0);
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut file = AuthFile::with_api_key("canary-key".into());
        file.other.insert("x".into(), json!("canary-other"));
        file.tokens = Some(Tokens {
            refresh_token: Some("canary-refresh".into()),
            ..Tokens::default()
        });
        assert!(!format!("{file:?}").contains("canary"));
    }

    proptest::proptest! {
        #[test]
        fn no_file_whatever_it_holds_is_a_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let _ = AuthFile::parse(&bytes);
        }

        #[test]
        fn what_is_read_and_written_again_reads_the_same(
            key in proptest::option::of("[a-z]{1,9}"), refresh in ".{0,9}", name in "[a-z_]{1,9}x",
        ) {
            let file = json!({
                "OPENAI_API_KEY": key, "tokens": {"refresh_token": refresh}, name: [1, {"a": null}],
            });
            let once = AuthFile::parse(file.to_string().as_bytes()).unwrap().to_bytes().unwrap();
            let twice = AuthFile::parse(&once).unwrap().to_bytes().unwrap();
            proptest::prop_assert_eq!(once, twice);
        }
    }
}
