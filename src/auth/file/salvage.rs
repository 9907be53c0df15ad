//! Salvages tokens from a damaged `auth.json`.

use secrecy::SecretString;

use super::auth_file::Tokens;

/// Returns the tokens and the account id whose texts are complete, wherever they are.
pub fn salvage(bytes: &[u8]) -> Tokens {
    let secret = |name| text_after(bytes, name).map(SecretString::from);
    Tokens {
        id_token: secret("id_token"),
        access_token: secret("access_token"),
        refresh_token: secret("refresh_token"),
        account_id: text_after(bytes, "account_id"),
        ..Tokens::default()
    }
}

/// Returns the JSON text after `"name":`; `None` when it is cut off, empty or not a text.
fn text_after(bytes: &[u8], name: &str) -> Option<String> {
    let quoted = format!("\"{name}\"");
    let key = bytes
        .windows(quoted.len())
        .position(|window| window == quoted.as_bytes())?;
    let rest = bytes.get(key + quoted.len()..)?.trim_ascii_start();
    let value = rest.strip_prefix(b":")?;
    // Reads one value and does not mind what follows.
    let mut values = serde_json::Deserializer::from_slice(value).into_iter::<String>();
    let text = values.next()?.ok()?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn whole_texts_are_found_and_cut_ones_are_not() {
        let torn = br#"{"tokens": {"id_token" : "i\u0041", "refresh_token":"r", "account_id":"","access_token":"abc"#;
        let tokens = salvage(torn);
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
            assert!(salvage(garbage).id_token.is_none());
        }
    }
}
