//! Messages to a service manager such as systemd, where it asks for them (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).

use std::net::SocketAddr;

/// Tells that the hub has begun to receive.
pub(crate) fn ready(address: SocketAddr) {
    notify::ready(&format!("receiving at {address}"));
}

/// Tells that the hub is ending.
pub(crate) fn stopping() {
    notify::stopping();
}

/// Tells again and again that the hub is alive, where it would be restarted otherwise.
pub(crate) async fn watchdog() {
    notify::watchdog().await;
}

#[cfg(unix)]
mod notify {
    use sd_notify::NotifyState;
    use tokio::time::{MissedTickBehavior, interval};

    pub(super) fn ready(status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    pub(super) fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    pub(super) async fn watchdog() {
        let Some(period) = sd_notify::watchdog_enabled() else { return };
        // Twice in each period, so that one that comes late is no end.
        let mut clock = interval(period / 2);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    }

    fn tell(state: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(state) {
            tracing::warn!(%error, "the service manager could not be told the state of the hub");
        }
    }
}

#[cfg(not(unix))]
mod notify {
    pub(super) const fn ready(_: &str) {}

    pub(super) const fn stopping() {}

    pub(super) async fn watchdog() {}
}
