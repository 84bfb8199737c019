//! Log of a resource that this machine lacks for sending: one line a second at most, however many attempts lack it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock;

/// Shortest interval between two lines.
const OFTEN: Duration = Duration::from_secs(1);

/// Lines that this process has logged.
#[derive(Debug)]
struct LogState {
    at: Option<Instant>,
    since: u64,
}

static TOLD: Mutex<LogState> = Mutex::new(LogState { at: None, since: 0 });

/// Logs that something could not be sent, and for lack of what.
pub(crate) fn tell(why: &str) {
    lock(&TOLD).tell(why);
}

impl LogState {
    fn tell(&mut self, why: &str) {
        self.since = self.since.saturating_add(1);
        if self.at.is_some_and(|at| at.elapsed() < OFTEN) {
            return;
        }
        tracing::error!(
            why,
            times = self.since,
            "deliveries and calls are postponed for some seconds: this machine lacks a resource"
        );
        (self.at, self.since) = (Some(Instant::now()), 0);
    }
}
