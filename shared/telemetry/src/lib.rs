//! Logs and metrics of a process, the form of its spans, and the time that they print.

pub mod logs;
pub mod metrics;
pub mod otlp;
pub mod prometheus;

use std::sync::Arc;

use hub::{Clock, Utc};

/// The machine's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| Utc(jiff::Timestamp::now().as_microsecond()))
}
