//! Retry schedules of deliveries and calls.

use std::time::Duration;

/// The delays between attempts. After the last one, a further failure is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Schedule {
    /// A schedule of these delays.
    #[must_use]
    pub const fn new(delays: Vec<Duration>) -> Self {
        Self(delays)
    }

    /// Number of retries.
    #[must_use]
    pub fn steps(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Longest duration of all waits, without the attempts themselves.
    #[must_use]
    pub fn length(&self) -> Duration {
        (0..self.steps()).filter_map(|tries| self.delay(tries, 1.0)).sum()
    }

    /// The delay after `tries` failures, moved by up to a tenth either way by `jitter` in `0.0..1.0`; nothing where the
    /// schedule is at its end.
    #[must_use]
    pub fn delay(&self, tries: u32, jitter: f64) -> Option<Duration> {
        let delay = self.0.get(usize::try_from(tries).ok()?)?;
        Some(delay.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0)))
    }

    /// The steps used up by a failed attempt out of its turn, `elapsed` after the schedule began: one more than `tries`
    /// where the next step's time has come, else as many. Nothing where the schedule is at its end.
    #[must_use]
    pub fn out_of_turn(&self, tries: u32, elapsed: Duration) -> Option<u32> {
        self.delay(tries, 0.5)?;
        let next: Duration = (0..=tries).filter_map(|step| self.delay(step, 0.5)).sum();
        Some(tries + u32::from(elapsed >= next))
    }
}

impl Default for Schedule {
    /// 5 s, 30 s, 2 m, 10 m, 30 m, 1 h, 2 h, 4 h, 8 h, then every 12 h until three days are nearly over.
    fn default() -> Self {
        const HOUR: u64 = 3600;
        let seconds = [5, 30, 120, 600, 1800, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR];
        let daily = [12 * HOUR; 4];
        Self(seconds.into_iter().chain(daily).map(Duration::from_secs).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_ends_within_three_days() {
        let schedule = Schedule::default();
        let total = schedule.length();
        assert!(total < Duration::from_hours(72) && total > Duration::from_hours(60), "{total:?}");
        assert_eq!(schedule.delay(schedule.steps(), 0.5), None);
    }

    /// Regression: an event that its endpoint never takes, the only one to probe a circuit with, was attempted for days.
    #[test]
    fn attempts_out_of_turn_use_up_steps_as_time_passes() {
        let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(20)]);
        let steps = |tries, seconds| schedule.out_of_turn(tries, Duration::from_secs(seconds));
        assert_eq!((steps(0, 4), steps(0, 5)), (Some(0), Some(1)));
        assert_eq!((steps(1, 24), steps(1, 25)), (Some(1), Some(2)));
        assert_eq!(steps(2, 0), None);
    }

    #[test]
    fn jitter_moves_a_delay_by_a_tenth() {
        let schedule = Schedule::new(vec![Duration::from_secs(100)]);
        assert_eq!(schedule.delay(0, 0.0), Some(Duration::from_secs(90)));
        assert_eq!(schedule.delay(0, 1.0), Some(Duration::from_secs(110)));
    }
}
