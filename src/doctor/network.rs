//! The hosts that a sign-in needs, and the clock.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use super::redact::{Redacted, sentence};
use super::subject::Subject;
use crate::auth::Probe;
use crate::error::{Error, Result};

/// The clock's error beyond which an id token may be refused (spec, section 2).
const WRONG: TimeDelta = TimeDelta::minutes(5);

/// The clock's error beyond which it may soon become too large.
const SUSPICIOUS: TimeDelta = TimeDelta::minutes(1);

/// The variables that name a proxy for `http` URLs alone.
const FOR_HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

/// Reports which proxy requests go through, and whether it works.
pub async fn proxy(subject: Arc<Subject>) -> Finding {
    let issuer = &subject.sign_in.issuer;
    let finding = match issuer.proxy() {
        Err(unusable) => failed(&subject, &unusable),
        Ok(Some(proxy)) => {
            let (shown, variable) = (&proxy.shown, proxy.variable);
            let failure = match unasked(&subject) {
                Some(_) => None,
                None => subject.probe_issuer().await.as_ref().err(),
            };
            let finding = match failure {
                Some(error) if error.is_of_proxy() => failed(&subject, error),
                _ => Finding::ok(sentence!(
                    "Requests go through the proxy {shown} ({variable})"
                )),
            };
            finding
                .with("variable", variable)
                .with("proxy", sentence!("{shown}"))
        }
        Ok(None) => unused(&subject),
    };
    let exceptions = issuer.proxies().exceptions();
    let exceptions = exceptions.map(|count| sentence!("{count} entries"));
    finding.with_some("noProxy", exceptions)
}

/// Explains why no proxy is used.
fn unused(subject: &Subject) -> Finding {
    let issuer = &subject.sign_in.issuer;
    if let Some(proxy) = issuer.proxies().set() {
        let (shown, variable) = (&proxy.shown, proxy.variable);
        let why = if issuer.url().is_loopback_http() {
            "an issuer on this machine is reached directly"
        } else {
            "NO_PROXY names the issuer"
        };
        return Finding::ok(sentence!("{shown} is set ({variable}), but {why}"))
            .with("variable", variable)
            .with("proxy", sentence!("{shown}"));
    }
    let mut for_http = FOR_HTTP.into_iter();
    match for_http.find(|variable| subject.environment.has(variable)) {
        Some(variable) if !issuer.url().is_loopback_http() => Finding::warning(
            sentence!("{variable} is set, but a sign-in uses https"),
            "If a proxy is needed here, set HTTPS_PROXY",
        )
        .with("variable", variable),
        _ => Finding::ok("No proxy is set"),
    }
}

fn failed(subject: &Subject, error: &Error) -> Finding {
    Finding::fail(subject.error(error), remediation(error))
}

/// Skips a host behind a proxy that fails: the proxy's own finding tells why.
fn behind_failed_proxy() -> Finding {
    Finding::skipped("Not asked: the proxy fails (network.proxy)")
}

/// Skips a host that may not be asked.
fn unasked(subject: &Subject) -> Option<Finding> {
    let leaves_the_machine = !subject.sign_in.issuer.url().is_loopback();
    (subject.offline && leaves_the_machine)
        .then(|| Finding::skipped("Not asked: with --offline, nothing leaves this machine"))
}

pub async fn issuer(subject: Arc<Subject>) -> Finding {
    if let Some(skipped) = unasked(&subject) {
        return skipped;
    }
    if subject.proxy_fails().await {
        return behind_failed_proxy();
    }
    let host = subject.sign_in.issuer.url().host().to_owned();
    reached(&subject, &host, subject.probe_issuer().await)
}

pub async fn api(subject: Arc<Subject>) -> Finding {
    let issuer = &subject.sign_in.issuer;
    if let Some(skipped) = unasked(&subject) {
        return skipped;
    }
    let url = issuer.url().api();
    let probe = issuer.probe(url.clone());
    // Side by side, because each may take as long as all checks together.
    let (probe, proxy_fails) = tokio::join!(probe, subject.proxy_fails());
    if proxy_fails && probe.is_err() {
        return behind_failed_proxy();
    }
    let host = Redacted::url(&url).into_string();
    let host = host
        .split_once("://")
        .map_or(host.as_str(), |(_, rest)| rest);
    reached(&subject, host.trim_end_matches('/'), &probe)
}

/// Judges whether the host can be reached: any answer counts.
fn reached(subject: &Subject, host: &str, probe: &Result<Probe>) -> Finding {
    let host = Redacted::fact(host);
    let authorities = subject.sign_in.issuer.authorities();
    match probe {
        Ok(probe) => Finding::ok(sentence!("{host} answers"))
            .with("status", sentence!("{}", probe.status))
            .with_some("nameMs", probe.name.map(milliseconds))
            .with_some("connectionMs", probe.connection.map(milliseconds))
            .with("answerMs", milliseconds(probe.answer))
            .with("authorities", subject.fact(&authorities)),
        Err(error) => failed(subject, error)
            .with("host", host)
            .with("authorities", subject.fact(&authorities)),
    }
}

fn remediation(error: &Error) -> Redacted {
    Redacted::fact(error.hint().unwrap_or("Check the network"))
}

fn milliseconds(time: std::time::Duration) -> Redacted {
    sentence!("{}", time.as_millis())
}

pub async fn clock(subject: Arc<Subject>) -> Finding {
    if let Some(skipped) = unasked(&subject) {
        return skipped;
    }
    let Ok(probe) = subject.probe_issuer().await else {
        return Finding::skipped("The issuer was not reached, so there is no clock to compare");
    };
    let Some(theirs) = probe.date else {
        return Finding::skipped("The issuer's answer has no date");
    };
    judge(theirs, subject.sign_in.clock.now())
}

fn judge(theirs: DateTime<Utc>, ours: DateTime<Utc>) -> Finding {
    let off = (ours - theirs).abs();
    let finding = if off > SUSPICIOUS {
        let direction = if ours > theirs { "ahead" } else { "behind" };
        let minutes = off.num_minutes();
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        let summary = sentence!("This machine's clock is {minutes} {unit} {direction}");
        let mend = "Set this machine's clock, for example with `sudo timedatectl set-ntp true`";
        if off > WRONG {
            Finding::fail(summary, mend)
        } else {
            Finding::warning(summary, mend)
        }
    } else {
        Finding::ok("The clock agrees with the issuer's")
    };
    finding.with("offSeconds", sentence!("{}", off.num_seconds()))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Health;
    use super::*;

    #[test]
    fn a_clock_is_suspicious_beyond_a_minute_and_wrong_beyond_five() {
        let now = Utc::now();
        let health = |seconds| judge(now, now + TimeDelta::seconds(seconds)).health;
        assert_eq!(health(60), Health::Ok);
        assert_eq!(health(-61), Health::Warning);
        assert_eq!(health(300), Health::Warning);
        assert_eq!(health(-301), Health::Fail);
    }
}
