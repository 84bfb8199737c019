//! Work that is repeated until the hub stops.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Ticks of a period, the first of them at once, until the hub stops. One that is late delays those behind it.
pub(crate) struct Ticks {
    clock: Interval,
    stop: watch::Receiver<bool>,
}

impl Ticks {
    pub(crate) fn new(period: Duration, stop: watch::Receiver<bool>) -> Self {
        let mut clock = interval(period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { clock, stop }
    }

    /// Waits for the next tick. Whether there is one: there is none once the hub stops.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.clock.tick() => true,
            _ = self.stop.wait_for(|stop| *stop) => false,
        }
    }
}
