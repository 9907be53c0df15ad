//! The time limits of a request, and the pace of polling.

use std::time::Duration;

use serde_json::Value;

/// Time limits of a request to the issuer (threat 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The limit for the connection.
    pub connect: Duration,
    /// The limit for the whole request, up to the last byte of the answer.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(30),
        }
    }
}

/// The pace of polling for a device code's approval. The default follows RFC 8628.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// The time for everything.
    pub lifetime: Duration,
    /// The time between two polls when the issuer names none (RFC 8628, section 3.5).
    pub interval: Duration,
    /// The shortest interval, whatever the issuer says.
    pub at_least: Duration,
    /// The longest interval, whatever the issuer says.
    pub at_most: Duration,
    /// The time added whenever the issuer asks to slow down (section 3.5).
    pub slow_down: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_mins(15),
            interval: Duration::from_secs(5),
            at_least: Duration::from_secs(1),
            at_most: Duration::from_mins(1),
            slow_down: Duration::from_secs(5),
        }
    }
}

impl Pace {
    /// Reads the issuer's interval: seconds, as a number or as a text.
    pub(in crate::auth) fn read(self, value: Option<&Value>) -> Duration {
        let seconds = value.and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        });
        seconds
            .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds.min(1e6)).ok())
            .unwrap_or(self.interval)
            .clamp(self.at_least, self.at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn intervals_are_read_from_texts_and_numbers_and_kept_sane() {
        let pace = Pace::default();
        let seconds = |value: Value| pace.read(Some(&value)).as_secs();
        assert_eq!(pace.read(None), Duration::from_secs(5));
        assert_eq!(seconds(json!("7")), 7);
        assert_eq!(seconds(json!(3)), 3);
        assert_eq!(seconds(json!(0)), 1);
        assert_eq!(seconds(json!(-4)), 5);
        assert_eq!(seconds(json!(1e9)), 60);
        assert_eq!(seconds(json!("soon")), 5);
        assert_eq!(seconds(json!(null)), 5);
    }
}
