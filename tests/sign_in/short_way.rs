//! A sign-in in one call, and the session that follows.

use std::net::TcpListener;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Clock, Session};
use codex_onboarding::chrono::{TimeDelta, Utc};
use codex_onboarding::sign_in::{Port, sign_in};

use super::support::*;
use crate::patience::PATIENCE;

/// Signs in as a person who approves or denies.
async fn signed_in(
    stage: &Stage,
    approves: bool,
) -> codex_onboarding::Result<codex_onboarding::auth::Account> {
    let person = stage.person.clone();
    let mut browsing = None;
    let browse = |link: &codex_onboarding::sign_in::Link| {
        let link = link.short_url.clone().unwrap();
        browsing = Some(tokio::spawn(async move {
            let callback = if approves {
                person.approve(&link).await.unwrap()
            } else {
                person.deny(&link).await.unwrap()
            };
            person.browse(callback.as_str()).await.unwrap().status
        }));
    };
    let ended = within(sign_in(stage.options.clone(), browse)).await;
    // The last page is out before the call returns.
    let page = within(browsing.unwrap()).await.unwrap();
    assert_eq!(page, if approves { 200 } else { 403 });
    ended
}

#[tokio::test]
async fn one_call_signs_in_and_its_options_lead_to_the_session() {
    let mut stage = Stage::new();
    let account = signed_in(&stage, true).await.unwrap();
    let later = Utc::now() + TimeDelta::days(400);
    stage.options.clock = Clock::new(move || later);
    let options = stage.options.session();
    assert_eq!(options.store.path(), stage.file());
    assert_eq!(options.issuer.url(), stage.options.issuer.url());
    let session = Session::load(&options).unwrap().unwrap();
    assert_eq!(session.account(), account);
    // By the host's clock.
    assert!(session.ends_within(TimeDelta::zero()));
}

#[tokio::test]
async fn one_call_that_is_denied_ends_with_the_reason_and_saves_nothing() {
    let stage = Stage::new();
    let error = signed_in(&stage, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    stage.assert_untouched();
}

#[tokio::test]
async fn one_call_without_a_callback_server_shows_no_link() {
    let stage = Stage::new();
    let held = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = held.each_ref().map(|it| it.local_addr().unwrap().port());
    for (port, kind) in [
        (Port::Either(ports), ErrorKind::PortInUse),
        (Port::None, ErrorKind::Usage),
    ] {
        let mut options = stage.options.clone();
        options.port = port;
        let attempt = sign_in(options, |link| panic!("{link:?}"));
        let ended = tokio::time::timeout(PATIENCE, attempt).await.unwrap();
        assert_eq!(ended.unwrap_err().kind(), kind);
    }
    stage.assert_untouched();
}

#[tokio::test]
async fn dropping_the_one_call_frees_the_port() {
    let stage = Stage::new();
    let mut port = None;
    {
        let mut attempt = Box::pin(sign_in(stage.options.clone(), |link| port = link.port));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(attempt.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
    }
    TcpListener::bind(("127.0.0.1", port.unwrap())).unwrap();
}
