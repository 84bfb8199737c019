//! The order in which the events of one subject go to an endpoint with `order = "subject"`: each waits until those before it have
//! ended there.

use std::time::Duration;

use crate::event::Meta;
use crate::progress::Progress;
use crate::{EventId, EventKey, Utc};

/// Order of the deliveries to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Each event by itself.
    #[default]
    None,
    /// Those of one subject one after another.
    Subject,
}

/// Longest wait behind an earlier event before the delivery looks for itself. The end of the earlier one brings it forward; this
/// bounds the wait where that is not seen, as after a change of the configuration.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Part of [`LONGEST_WAIT`] over which the waits of many are spread.
const SPREAD: f64 = 0.2;

/// Place of an event in the order of its subject: by reception, then by id, as on a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Time of its reception.
    pub received: Utc,
    /// Its id.
    pub id: EventId,
}

impl Place {
    /// The place of an event.
    #[must_use]
    pub const fn of(key: &EventKey, meta: &Meta) -> Self {
        Self { received: meta.received, id: key.id }
    }
}

/// Time at which a delivery looks again that waits behind one with the progress `ahead`. `lease` is that of an attempt, `jitter` in
/// `0.0..1.0`.
///
/// The attempt of an earlier one that is claimed ends by the end of its claim, so the next one looks soon after it. One that
/// waits for its time may wait for days. Whoever attempts it then sees what waits behind it, and claims the next one before
/// the end is stored, so that a process which dies in between leaves a claim that ends.
#[must_use]
pub fn looks_again(ahead: &Progress, lease: Duration, now: Utc, jitter: f64) -> Utc {
    let latest = now.after(LONGEST_WAIT.mul_f64(1.0 - SPREAD * jitter.clamp(0.0, 1.0)));
    if ahead.is_claimed { latest.min(ahead.due.max(now).after(lease)) } else { latest }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Utc = Utc(1_790_000_000_000_000);
    const LEASE: Duration = Duration::from_secs(30);

    #[test]
    fn order_is_by_reception_then_by_id() {
        let place = |received, id| Place { received: Utc(received), id: EventId([id; 24]) };
        assert!(place(1, 9) < place(2, 1) && place(2, 1) < place(2, 2));
    }

    #[test]
    fn wait_behind_an_attempt_ends_soon_after_its_claim() {
        let claimed = Progress::new(NOW, NOW.after(LEASE));
        assert_eq!(looks_again(&claimed, LEASE, NOW, 0.5), NOW.after(2 * LEASE));
        assert_eq!(looks_again(&claimed, LEASE, NOW.after(3 * LEASE), 0.5), NOW.after(4 * LEASE));
    }

    #[test]
    fn wait_behind_what_waits_is_spread_and_bounded() {
        let hours = Progress { due: NOW.after(Duration::from_hours(12)), ..Progress::default() };
        assert_eq!(looks_again(&hours, LEASE, NOW, 0.0), NOW.after(LONGEST_WAIT));
        assert_eq!(looks_again(&hours, LEASE, NOW, 1.0), NOW.after(Duration::from_mins(48)));
        let claimed = Progress { is_claimed: true, ..hours };
        assert_eq!(looks_again(&claimed, LEASE, NOW, 0.0), NOW.after(LONGEST_WAIT));
    }
}
