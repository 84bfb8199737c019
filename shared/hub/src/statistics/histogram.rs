//! Histograms of times: a few counters whose bounds grow by a constant factor, from which percentiles are read.

use std::time::Duration;

/// Number of counters of a histogram.
pub(super) const COUNTERS: usize = 25;

/// Upper bounds of all counters but the last, in microseconds.
#[derive(Debug)]
pub struct Scale([u64; COUNTERS - 1]);

/// Scale of the time to the answer to a push: from 1 ms to 40 s, each bound 1.6 times the one before.
pub const TOOK: Scale = Scale([
    1_000, 1_600, 2_500, 4_000, 6_300, 10_000, 16_000, 25_000, 40_000, 63_000, 100_000, 160_000, 250_000, 400_000,
    630_000, 1_000_000, 1_600_000, 2_500_000, 4_000_000, 6_300_000, 10_000_000, 16_000_000, 25_000_000, 40_000_000,
]);

/// Scale of the time from the reception of an event to its delivery: from 1 ms to 14 hours, by steps of 1, 2 and 5.
pub const DELAY: Scale = Scale([
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    20_000_000_000,
    50_000_000_000,
]);

impl Scale {
    /// The counter of a time.
    fn place(&self, span: Duration) -> usize {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.0.partition_point(|bound| *bound < micros)
    }

    /// The bounds of a counter. The last one has no upper bound, and counts as being at its lower one.
    fn bounds(&self, place: usize) -> (u64, u64) {
        let below = place.checked_sub(1).and_then(|below| self.0.get(below)).copied().unwrap_or_default();
        (below, self.0.get(place).copied().unwrap_or(below))
    }
}

/// Numbers of times within each of a scale's bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram(pub(super) [u64; COUNTERS]);

impl Histogram {
    /// Counts a time.
    pub fn count(&mut self, scale: &Scale, span: Duration) {
        if let Some(counter) = self.0.get_mut(scale.place(span)) {
            *counter = counter.saturating_add(1);
        }
    }

    /// Adds the times of another one of the same scale.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(other);
        }
    }

    /// The time that so many of a thousand do not exceed, as far as the counters tell: it is within the bounds of the counter
    /// that has the exact one. Nothing where nothing was counted.
    #[must_use]
    pub fn permille(&self, scale: &Scale, permille: u64) -> Option<Duration> {
        let all = self.0.iter().fold(0, |sum: u128, counter| sum + u128::from(*counter));
        if all == 0 {
            return None;
        }
        let rank = (all * u128::from(permille.min(1_000))).div_ceil(1_000).max(1);
        let mut before = 0;
        for (place, counter) in self.0.iter().enumerate() {
            let counter = u128::from(*counter);
            if before + counter >= rank {
                let (low, high) = scale.bounds(place);
                // As if the times of a counter were spread evenly.
                let part = u128::from(high - low) * (rank - before) / counter;
                return Some(Duration::from_micros(low.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))));
            }
            before += counter;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Random;
    use super::*;

    /// Times over all magnitudes.
    fn times(random: &mut Random, most: u64) -> Vec<Duration> {
        let count = 1 + random.below(most);
        (0..count).map(|_| random.span(40)).collect()
    }

    fn counted(scale: &Scale, times: &[Duration]) -> Histogram {
        let mut histogram = Histogram::default();
        for time in times {
            histogram.count(scale, *time);
        }
        histogram
    }

    #[test]
    fn percentile_is_within_the_bounds_of_the_exact_one() {
        let mut random = Random(1);
        for scale in [TOOK, DELAY] {
            for _ in 0..2_000 {
                let mut times = times(&mut random, 60);
                let histogram = counted(&scale, &times);
                times.sort_unstable();
                let mut last = Duration::ZERO;
                for permille in [0, 1, 10, 500, 950, 990, 1_000] {
                    let rank = (times.len() * permille).div_ceil(1_000).max(1);
                    let (low, high) = scale.bounds(scale.place(times[rank - 1]));
                    let told = histogram.permille(&scale, u64::try_from(permille).unwrap()).unwrap();
                    let within = Duration::from_micros(low)..=Duration::from_micros(high);
                    assert!(within.contains(&told), "{permille}: {told:?} is not in {within:?}");
                    assert!(told >= last, "percentiles grow");
                    last = told;
                }
            }
        }
    }

    #[test]
    fn sum_of_two_histograms_is_that_of_all_times() {
        let mut random = Random(2);
        for _ in 0..500 {
            let (one, other) = (times(&mut random, 40), times(&mut random, 40));
            let mut sum = counted(&DELAY, &one);
            sum.add(&counted(&DELAY, &other));
            assert_eq!(sum, counted(&DELAY, &[one, other].concat()));
        }
    }

    #[test]
    fn bounds_grow_and_nothing_is_left_uncounted() {
        for scale in [TOOK, DELAY] {
            assert!(scale.0.is_sorted_by(|a, b| a < b));
            let mut histogram = Histogram::default();
            for time in [Duration::ZERO, Duration::from_micros(1), Duration::from_hours(72), Duration::MAX] {
                histogram.count(&scale, time);
            }
            assert_eq!(histogram.0.iter().sum::<u64>(), 4);
            let last = Duration::from_micros(*scale.0.last().unwrap());
            assert_eq!(histogram.permille(&scale, 1_000), Some(last), "the last counter says at least how long");
        }
        assert_eq!(Histogram::default().permille(&TOOK, 500), None);
    }
}
