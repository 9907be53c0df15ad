//! A failed sign-in: what failed, why, and what to do next.
//!
//! ```text
//! Sign-in did not complete
//!
//! ✗ Token exchange failed
//!   Connect: no connection to 127.0.0.1
//!   Connection refused (os error 111)
//! → Check the network; behind a proxy, set HTTPS_PROXY
//!
//! Nothing was saved. Press r to try again with a new link, or d to use a device code.
//! ```

use super::keys::{self, row, unseen};
use super::{Described, Kind, Mark, Part, Weight};
use crate::onboarding::model::{FailureScreen, Model};

pub(super) fn describe<'a>(model: &'a Model, screen: &'a FailureScreen) -> Described<'a> {
    let mut described = Described::new("Sign-in did not complete", Mark::Plain);
    described.add([Part::new(Weight::Needed, Kind::Error(&screen.error))]);
    described.add_news(None, model);
    let nothing = "Nothing was saved.";
    let next = "Press r to try again with a new link, or d to use a device code.";
    let next = Kind::Advice(nothing.into(), next);
    described.add([Part::new(Weight::Useful, next).or(nothing)]);
    let retry = row("r", "retry", "Try again, with a new link").digit('1');
    let device = keys::device().digit('2');
    let back = row("Esc", "back", "Go back to the choices");
    described.keys = vec![
        retry.said(&["r", "retry"], "r to try again with a new link"),
        device.said(&["d", "device"], "d for a device code"),
        back.said(&["b", "back"], "b for the choices"),
        unseen("Ctrl-C").said(&["q", "quit"], "q to quit"),
        keys::help(),
    ];
    described
}
