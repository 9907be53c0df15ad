//! How long a test waits before it fails.

use std::time::Duration;

/// Nothing takes so long, not even on a machine that does a lot besides.
pub const PATIENCE: Duration = Duration::from_secs(30);
