//! Waits of consumers.

use std::time::Duration;

/// Pause between two looks of a consumer that waits, where nothing tells of changes.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);
