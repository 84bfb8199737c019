//! What this machine lacks to send anything: told once a second at the most, whatever waits for it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock;

/// How often it is told at the most.
const OFTEN: Duration = Duration::from_secs(1);

/// What the log has been told by this process.
#[derive(Debug)]
struct Told {
    at: Option<Instant>,
    since: u64,
}

static TOLD: Mutex<Told> = Mutex::new(Told { at: None, since: 0 });

/// Logs that something could not be sent, and for lack of what.
pub(crate) fn tell(why: &str) {
    lock(&TOLD).tell(why);
}

impl Told {
    fn tell(&mut self, why: &str) {
        self.since = self.since.saturating_add(1);
        if self.at.is_some_and(|at| at.elapsed() < OFTEN) {
            return;
        }
        tracing::error!(why, times = self.since, "deliveries and calls are postponed for a moment");
        (self.at, self.since) = (Some(Instant::now()), 0);
    }
}
