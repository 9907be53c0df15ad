//! The pages of a sign-in in Chromium, at a phone's width, in light and dark, with scripts and
//! without. Ignored by default, because it must be installed:
//!
//! ```text
//! apt-get install chromium
//! cargo test --test pages -- --ignored
//! ```
//!
//! `CHROMIUM` names another one, such as `google-chrome`. With `UPDATE_PICTURES=1` the pictures
//! in docs/pages/ are taken again.

#![allow(clippy::unwrap_used)] // A test may panic.

mod browser;
#[path = "../support/patience.rs"]
#[allow(dead_code)] // This file needs little of it.
mod patience;

use std::thread::JoinHandle;

use codex_onboarding::ErrorKind;
use codex_onboarding::auth::{Account, DEFAULT_CLIENT_ID, Issuer, IssuerUrl, Store};
use codex_onboarding::demo::{DemoIssuer, Profile};
use codex_onboarding::sign_in::{Port, SignInOptions, sign_in};
use tempfile::TempDir;

use browser::{Browser, Look};

/// Begins a sign-in on a thread of its own, and returns the link to open.
fn begin(issuer: &DemoIssuer, home: &TempDir) -> (String, JoinHandle<Result<Account, ErrorKind>>) {
    let url = IssuerUrl::parse(issuer.url()).unwrap();
    let issuer = Issuer::new(url, DEFAULT_CLIENT_ID, None);
    let mut options = SignInOptions::new(issuer, Store::new(home.path()));
    options.port = Port::Exactly(0);
    let (sender, receiver) = std::sync::mpsc::channel();
    let signing_in = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let tell = |link: &codex_onboarding::sign_in::Link| {
            sender.send(link.short_url.clone().unwrap()).unwrap();
        };
        let ended = runtime.block_on(sign_in(options, tell));
        ended.map_err(|error| error.kind())
    });
    (receiver.recv().unwrap(), signing_in)
}

/// Opens the link of a sign-in as this account, presses a button of the issuer's page, and lands
/// on a page with this heading, in each look.
fn each_look(
    profile: &Profile,
    button: &str,
    heading: &str,
    mut then: impl FnMut(&mut Browser, Look),
) {
    let mut browser = Browser::start();
    let issuer = DemoIssuer::start(profile.clone()).unwrap();
    for look in Look::ALL {
        let home = tempfile::tempdir().unwrap();
        browser.put_on(look);
        let (link, signing_in) = begin(&issuer, &home);
        browser.open(&link);
        browser.shows("Let your terminal sign in?");
        browser.fits(look);
        if button == DENY {
            browser.take_picture("consent", look);
        }
        browser.click(button);
        browser.arrives();
        browser.shows(heading);
        browser.fits(look);
        then(&mut browser, look);
        let ended = signing_in.join().unwrap();
        let saved = home.path().join("auth.json").exists();
        if button == DENY {
            assert_eq!(ended.unwrap_err(), ErrorKind::Denied);
            assert!(!saved);
        } else {
            ended.unwrap();
            assert!(saved);
        }
    }
    browser.complained_of_nothing();
}

const APPROVE: &str = "button[value=approve]";
const DENY: &str = "button[value=deny]";

#[test]
#[ignore = "needs Chromium"]
fn approving_ends_on_the_page_that_says_signed_in() {
    let heading = "Signed in to Codex CLI";
    each_look(&Profile::default(), APPROVE, heading, |browser, look| {
        browser.take_picture("success", look);
    });
}

#[test]
#[ignore = "needs Chromium"]
fn denying_ends_on_a_page_that_says_so() {
    let heading = "We couldn't complete sign-in";
    each_look(&Profile::default(), DENY, heading, |browser, look| {
        browser.take_picture("error", look);
    });
}

#[test]
#[ignore = "needs Chromium"]
fn the_setup_page_goes_on_by_itself_with_scripts_and_by_its_link_without() {
    let heading = "Finish setting up your API organization";
    let profile = Profile::default().needs_setup();
    each_look(&profile, APPROVE, heading, |browser, look| {
        assert_eq!(browser.is_visible("#redirect"), look.scripts);
        browser.take_picture("setup", look);
        if !look.scripts {
            browser.click("#continue");
        }
        browser.arrives();
        browser.shows("Finish setting up your organization");
    });
}

#[test]
#[ignore = "needs Chromium"]
fn the_countdown_of_the_setup_page_can_be_stopped() {
    let heading = "Finish setting up your API organization";
    let profile = Profile::default().needs_setup();
    each_look(&profile, APPROVE, heading, |browser, look| {
        if look.scripts {
            browser.click("#stay");
            assert!(!browser.is_visible("#redirect"));
            browser.click("#continue");
            browser.arrives();
            browser.shows("Finish setting up your organization");
        }
    });
}
