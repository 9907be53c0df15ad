//! A cancel that races the callback: file, message and page always agree.
//!
//! The normal run takes two seconds, or until both outcomes were seen. `SIGN_IN_RACES=10000 cargo test --test sign_in race`
//! runs that many.

use std::path::Path;
use std::time::{Duration, Instant};

use codex_onboarding::auth::Store;
use codex_onboarding::sign_in::{Cancellation, SignIn, SignInOptions, Status};
use url::Url;

use super::support::*;

const NORMALLY: Duration = Duration::from_secs(2);

/// The way in which the callback arrives.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Browser,
    Paste,
}

#[tokio::test]
async fn a_cancel_that_races_the_callback_never_says_one_thing_and_does_another() {
    let stage = Stage::new();
    stage.accept_any_code();
    let home = tempfile::tempdir().unwrap();
    let wanted = std::env::var("SIGN_IN_RACES").map(|count| count.parse::<usize>().unwrap());
    let started = Instant::now();
    let mut random = Random::new(0x5eed);
    // The latest moment of the cancel; it adapts, so that both outcomes stay likely.
    let mut latest = Duration::from_millis(30);
    let mut counts = [0; 2];
    let mut runs = 0;
    while match wanted {
        Ok(wanted) => runs < wanted,
        // A busy machine may need longer to see both outcomes.
        Err(_) => started.elapsed() < NORMALLY || counts.contains(&0),
    } {
        let way = if runs % 2 == 0 {
            Way::Browser
        } else {
            Way::Paste
        };
        let path = home.path().join(runs.to_string());
        let mut options = stage.options.clone();
        options.store = Store::new(&path);
        let after = latest.mul_f64(random.fraction());
        let outcome = race(options, &path, way, after).await;
        latest = match outcome {
            Cancellation::Cancelled => latest.mul_f64(1.25),
            _ => latest.mul_f64(0.8),
        };
        counts[usize::from(outcome == Cancellation::AlreadySaved)] += 1;
        let _ = std::fs::remove_dir_all(&path);
        runs += 1;
    }
    println!("{runs} races: {counts:?} cancelled and saved");
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}

async fn race(options: SignInOptions, home: &Path, way: Way, after: Duration) -> Cancellation {
    let mut sign_in = SignIn::start(options).unwrap();
    let link = Url::parse(&sign_in.link().authorization_url).unwrap();
    let browser = Browser {
        port: sign_in.link().port.unwrap(),
    };
    let state = parameter(&link, "state").unwrap();
    let callback = format!("/auth/callback?code=any&state={state}");
    let mut page = None;
    match way {
        Way::Browser => {
            page = Some(tokio::spawn(
                async move { browser.try_get(&callback).await },
            ));
        }
        Way::Paste => sign_in
            .submit(&format!("http://localhost{callback}"))
            .unwrap(),
    }
    // Yielding, not sleeping: everything else goes on at full speed meanwhile.
    let strike = Instant::now() + after;
    while Instant::now() < strike {
        tokio::task::yield_now().await;
    }
    let outcome = sign_in.cancel().await;
    let saved = home.join("auth.json").exists();
    let mut completed = false;
    while let Some(status) = within(sign_in.next()).await {
        completed |= matches!(status, Status::Completed(_));
        assert!(!matches!(status, Status::Failed(_)), "{status:?}");
        if completed {
            break;
        }
    }
    drop(sign_in);
    let expected = outcome == Cancellation::AlreadySaved;
    assert_eq!((saved, completed), (expected, expected), "{outcome:?}");
    if let Some(page) = page {
        let redirected = page.await.unwrap().is_some_and(|reply| reply.status == 302);
        // A save that the browser had no part in yet is not announced to it.
        assert!(!redirected || expected);
    }
    assert_eq!(home.join("auth.json").exists(), expected, "after the end");
    outcome
}
