//! Trust in the wall clock, which is compared with a monotonic one.
//!
//! A clock that jumps ahead makes everything look expired; one that is set back makes due times lie far in the future. From the
//! readings of both clocks this module derives each jump, and the time by which expiry may be decided.

use std::time::Duration;

use crate::Utc;

/// A difference between the two clocks that is a jump. Smaller ones are the adjustments of a clock that is kept in time.
pub const JUMP: Duration = Duration::from_secs(2);

/// Time for which a clock must run without a jump before it decides expiry. Work and duplicates are stored for weeks, so
/// that an hour more costs nothing.
pub const HOLD: Duration = Duration::from_hours(1);

/// Largest difference between the clocks of two processes.
pub const CLOCKS: Duration = Duration::from_mins(1);

/// A jump of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// Direction of the jump.
    pub direction: Direction,
    /// By how much.
    pub by: Duration,
}

/// Direction of a clock's jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It shows a later time than it would by itself.
    Ahead,
    /// It shows an earlier one.
    Back,
}

/// A wall clock under watch. Times of the other clock are those since the watch began.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Offset of the wall clock from the monotonic one, in microseconds: as read last, and as trusted.
    shown: i64,
    believed: i64,
    /// Time at which the watch began, or at which the clock jumped last.
    unsettled: Duration,
    /// Time of the latest jump, and the latest jump ahead that was not reverted.
    jumped: Option<Duration>,
    ahead: Option<Duration>,
}

impl Watched {
    /// A new watch. `newest` is the time at which the latest stored event was received: a clock that shows an earlier time
    /// was set back without a watch, or is wrong, and counts as a jump.
    #[must_use]
    pub fn new(now: Utc, newest: Option<Utc>) -> (Self, Option<Jump>) {
        let believed = newest.map_or(now, |newest| newest.min(now)).0;
        let watched = Self { shown: now.0, believed, unsettled: Duration::ZERO, jumped: None, ahead: None };
        let by = newest.map(|newest| newest.since(now)).filter(|by| *by >= CLOCKS);
        (watched, by.map(|by| Jump { direction: Direction::Back, by }))
    }

    /// Takes a reading of both clocks; the jump that it shows.
    pub fn read(&mut self, now: Utc, steady: Duration) -> Option<Jump> {
        let shown = now.0.saturating_sub(micros(steady));
        let difference = shown.saturating_sub(self.shown);
        self.shown = shown;
        let by = Duration::from_micros(difference.unsigned_abs());
        let direction = if difference > 0 { Direction::Ahead } else { Direction::Back };
        let jump = (by >= JUMP).then_some(Jump { direction, by });
        if jump.is_some() {
            self.unsettled = steady;
            self.jumped = Some(steady);
            self.ahead = (direction == Direction::Ahead).then_some(steady);
        }
        // To decide by too early a time keeps something for too long, which does no harm.
        if shown < self.believed || self.is_settled(steady) {
            self.believed = shown;
        }
        jump
    }

    /// The time by which expiry may be decided.
    #[must_use]
    pub fn believed(&self, steady: Duration) -> Utc {
        Utc(self.believed.saturating_add(micros(steady)))
    }

    /// Whether the clock has jumped within [`HOLD`]: nothing is removed meanwhile.
    #[must_use]
    pub fn has_jumped(&self, steady: Duration) -> bool {
        self.jumped.is_some_and(|jumped| steady.saturating_sub(jumped) < HOLD)
    }

    /// Whether the clock has jumped ahead within `lease`: what looks like a lease that is over may be one that lasts.
    #[must_use]
    pub fn ends_leases(&self, steady: Duration, lease: Duration) -> bool {
        self.ahead.is_some_and(|ahead| steady.saturating_sub(ahead) < lease)
    }

    fn is_settled(&self, steady: Duration) -> bool {
        steady.saturating_sub(self.unsettled) >= HOLD
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const BEGAN: Utc = Utc(1_790_000_000_000_000);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A watch, and a reading of it at so many seconds, by a clock that is wrong by that.
    fn read(watched: &mut Watched, at: u64, wrong: Duration) -> Option<Jump> {
        watched.read(BEGAN.after(seconds(at) + wrong), seconds(at))
    }

    #[test]
    fn a_clock_that_runs_is_believed() {
        let (mut watched, jump) = Watched::new(BEGAN, None);
        assert_eq!(jump, None);
        for at in 1..10_000 {
            // It is slewed by a tenth of a millisecond in each second.
            assert_eq!(read(&mut watched, at, Duration::from_micros(100 * at)), None);
        }
        assert!(!watched.has_jumped(seconds(9_999)) && !watched.ends_leases(seconds(9_999), DAY));
        assert_eq!(watched.believed(seconds(9_999)), BEGAN.after(seconds(9_999) + Duration::from_micros(999_900)));
    }

    #[test]
    fn jumps_have_size_and_direction() {
        let (mut watched, _) = Watched::new(BEGAN, None);
        assert_eq!(read(&mut watched, 1, Duration::ZERO), None);
        let jump = |direction| Some(Jump { direction, by: 91 * DAY });
        assert_eq!(read(&mut watched, 2, 91 * DAY), jump(Direction::Ahead));
        assert_eq!(read(&mut watched, 3, 91 * DAY), None, "it is told once");
        assert!(watched.ends_leases(seconds(3), seconds(30)) && !watched.ends_leases(seconds(32), seconds(30)));
        assert_eq!(read(&mut watched, 7, Duration::ZERO), jump(Direction::Back));
        assert!(!watched.ends_leases(seconds(8), seconds(30)) && watched.has_jumped(seconds(8)));
        assert!(!watched.has_jumped(seconds(7) + HOLD));
    }

    #[test]
    fn a_jump_ahead_is_believed_after_an_hour() {
        let (mut watched, _) = Watched::new(BEGAN, None);
        read(&mut watched, 2, 91 * DAY);
        for at in [2, 5, 3_601] {
            read(&mut watched, at, 91 * DAY);
            assert_eq!(watched.believed(seconds(at)), BEGAN.after(seconds(at)));
        }
        read(&mut watched, 3_602, 91 * DAY);
        assert_eq!(watched.believed(seconds(3_602)), BEGAN.after(seconds(3_602) + 91 * DAY));
        // And one back at once: nothing is lost by it.
        read(&mut watched, 3_700, Duration::ZERO);
        assert_eq!(watched.believed(seconds(3_700)), BEGAN.after(seconds(3_700)));
    }

    #[test]
    fn a_clock_that_begins_wrong_is_held_to_what_is_stored() {
        let stored = BEGAN;
        let (mut watched, jump) = Watched::new(BEGAN.after(91 * DAY), Some(stored));
        assert_eq!((jump, watched.believed(seconds(5))), (None, stored.after(seconds(5))));
        watched.read(BEGAN.after(91 * DAY + HOLD), HOLD);
        assert_eq!(watched.believed(HOLD), BEGAN.after(91 * DAY + HOLD));
        let (watched, jump) = Watched::new(BEGAN, Some(BEGAN.after(2 * DAY)));
        assert_eq!(jump, Some(Jump { direction: Direction::Back, by: 2 * DAY }));
        assert_eq!(watched.believed(seconds(5)), BEGAN.after(seconds(5)));
    }
}
