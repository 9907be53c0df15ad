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

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{notices, problem, title};
use super::rows::paragraph;
use crate::onboarding::model::{FailureScreen, Model};
use crate::onboarding::theme::Theme;

pub(super) fn layout(model: &Model, failure: &FailureScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    layout.add(title("Sign-in did not complete", space));
    layout.add_all(problem(&failure.error, theme, space));
    layout.add_all(notices(model, space));
    let next =
        "Nothing was saved. Press r to try again with a new link, or d to use a device code.";
    let say = |text| paragraph(text, Theme::text(), space.text);
    let next = Block::new(Weight::Useful, say(next)).or(say("Nothing was saved."));
    layout.add(next.apart());
    layout
}
