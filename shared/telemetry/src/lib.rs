//! Logs and metrics of a process, and the time that both print.

pub mod logs;
pub mod metrics;
pub mod prometheus;

use std::sync::Arc;

use hub::{Clock, Utc};

/// The machine's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| Utc(jiff::Timestamp::now().as_microsecond()))
}
