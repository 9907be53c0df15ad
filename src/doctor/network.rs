//! The hosts that a sign-in needs, and the clock.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::finding::Finding;
use super::redact::Redacted;
use super::subject::Subject;
use crate::auth::Probe;
use crate::error::{Error, Result};

/// Beyond this an id token may be refused (spec, section 2).
const WRONG: TimeDelta = TimeDelta::minutes(5);

/// Beyond this the clock is on its way there.
const SUSPICIOUS: TimeDelta = TimeDelta::minutes(1);

/// The variables that name a proxy for `https` URLs.
const FOR_HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables that name one for `http` URLs alone.
const FOR_HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

pub fn proxy(subject: &Subject) -> Finding {
    let environment = &subject.environment;
    let exceptions = ["NO_PROXY", "no_proxy"]
        .iter()
        .find_map(|name| environment.get(name))
        .map(|value| Redacted::sentence(format!("{} entries", value.split(',').count())));
    let set = |names: &[&'static str]| {
        let mut names = names.iter();
        names.find_map(|name| Some((*name, environment.get(name)?)))
    };
    let in_force = set(&FOR_HTTPS);
    let Some((variable, proxy)) = in_force.or_else(|| set(&FOR_HTTP)) else {
        return Finding::ok("No proxy is set").with_some("noProxy", exceptions);
    };
    let proxy = Redacted::url(proxy);
    let shown = proxy.as_str();
    let finding = if shown.starts_with('(') {
        Finding::fail(
            Redacted::sentence(format!("{variable} is not the URL of a proxy")),
            Redacted::sentence(format!("Set {variable} to a URL, or unset it")),
        )
    } else if subject.sign_in.issuer.url().is_loopback_http() {
        Finding::ok(Redacted::sentence(format!(
            "{shown} is set ({variable}), but an issuer on this machine is reached directly"
        )))
    } else if in_force.is_none() {
        Finding::warning(
            Redacted::sentence(format!("{variable} is set, but a sign-in uses https")),
            "If a proxy is needed here, set HTTPS_PROXY",
        )
    } else {
        Finding::ok(Redacted::sentence(format!(
            "Requests go through the proxy {shown} ({variable})"
        )))
    };
    finding
        .with("variable", variable)
        .with("proxy", proxy)
        .with_some("noProxy", exceptions)
}

/// The finding where asking the issuer's house is not allowed.
fn unasked(subject: &Subject) -> Option<Finding> {
    let leaves_the_machine = !subject.sign_in.issuer.url().is_loopback();
    (subject.offline && leaves_the_machine)
        .then(|| Finding::skipped("Not asked: with --offline, nothing leaves this machine"))
}

pub async fn issuer(subject: Arc<Subject>) -> Finding {
    if let Some(skipped) = unasked(&subject) {
        return skipped;
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
    let probe = issuer.probe(url.clone()).await;
    let host = Redacted::url(&url).into_string();
    let host = host
        .split_once("://")
        .map_or(host.as_str(), |(_, rest)| rest);
    reached(&subject, host.trim_end_matches('/'), &probe)
}

/// Any answer counts: nothing is asked for, only whether somebody is there.
fn reached(subject: &Subject, host: &str, probe: &Result<Probe>) -> Finding {
    let host = Redacted::fact(host, None);
    let authorities = subject.sign_in.issuer.authorities();
    let home = subject.user_home();
    match probe {
        Ok(probe) => {
            let summary = format!("{} answers", host.as_str());
            Finding::ok(Redacted::sentence(summary))
                .with("status", Redacted::sentence(probe.status.to_string()))
                .with_some("nameMs", probe.name.map(milliseconds))
                .with_some("connectionMs", probe.connection.map(milliseconds))
                .with("answerMs", milliseconds(probe.answer))
                .with("authorities", Redacted::fact(&authorities, home.as_deref()))
        }
        Err(error) => Finding::fail(Redacted::error(error, home.as_deref()), remediation(error))
            .with("host", host)
            .with("authorities", Redacted::fact(&authorities, home.as_deref())),
    }
}

fn remediation(error: &Error) -> Redacted {
    Redacted::fact(error.hint().unwrap_or("Check the network"), None)
}

fn milliseconds(time: std::time::Duration) -> Redacted {
    Redacted::sentence(time.as_millis().to_string())
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
        let summary = Redacted::sentence(format!(
            "This machine's clock is {minutes} {unit} {direction}"
        ));
        let mend = "Set this machine's clock, for example with `sudo timedatectl set-ntp true`";
        if off > WRONG {
            Finding::fail(summary, mend)
        } else {
            Finding::warning(summary, mend)
        }
    } else {
        Finding::ok("The clock agrees with the issuer's")
    };
    finding.with(
        "offSeconds",
        Redacted::sentence(off.num_seconds().to_string()),
    )
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
