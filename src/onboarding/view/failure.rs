//! What failed, why, and what to do next.
//!
//! ```text
//! Sign-in did not complete
//!
//! ✗ Token exchange failed
//!   connection refused
//! → Check that the proxy is running.
//!
//! Nothing was saved. Press r to try again, or d for a device code.
//! ```

use super::fit::{Block, Weight};
use super::layout::{Layout, Space};
use super::parts::{problem, title};
use super::rows::paragraph;
use crate::onboarding::model::FailureScreen;
use crate::onboarding::theme::Theme;

pub(super) fn layout(failure: &FailureScreen, theme: Theme, space: Space) -> Layout {
    let mut layout = Layout::default();
    layout.add(title("Sign-in did not complete", space));
    layout.add_all(problem(&failure.error, theme, space));
    let next =
        "Nothing was saved. Press r to try again with a new link, or d to use a device code.";
    layout.add(Block::new(Weight::Useful, paragraph(next, Theme::text(), space.text)).apart());
    layout
}
