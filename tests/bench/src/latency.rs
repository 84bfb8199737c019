//! Latencies and their percentiles.

use serde::{Deserialize, Serialize};

/// Every latency of a run in microseconds, kept one by one: a run has some hundred thousand, and sorting them once is
/// exact where buckets would round.
#[derive(Default)]
pub(crate) struct Latencies(Vec<u32>);

/// Percentiles that are reported, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Latencies {
    pub(crate) fn add(&mut self, micros: i64) {
        self.0.push(u32::try_from(micros.max(0)).unwrap_or(u32::MAX));
    }

    /// The nearest-rank percentiles; zeros of no latencies.
    pub(crate) fn percentiles(&mut self) -> Percentiles {
        self.0.sort_unstable();
        let rank = |per_mille: usize| {
            let rank = (self.0.len() * per_mille).div_ceil(1000).max(1);
            self.0.get(rank - 1).copied().map_or(0.0, f64::from)
        };
        Percentiles { p50: rank(500), p99: rank(990), p999: rank(999), max: rank(1000) }
    }
}

/// The middle value; of an even number the mean of the two middle ones.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
}

/// Microseconds since 1970, the one clock that all processes of a run share.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), Percentiles::default());
        (1..=1000).rev().for_each(|micros| latencies.add(micros));
        let expected = Percentiles { p50: 500.0, p99: 990.0, p999: 999.0, max: 1000.0 };
        assert_eq!(latencies.percentiles(), expected);
        let mut latencies = Latencies::default();
        latencies.add(-5);
        latencies.add(7);
        assert_eq!(latencies.percentiles(), Percentiles { p50: 0.0, p99: 7.0, p999: 7.0, max: 7.0 });
    }

    #[test]
    fn medians() {
        let equal = |values, expected: f64| (median(values) - expected).abs() < f64::EPSILON;
        assert!(equal(vec![3.0, 1.0, 2.0], 2.0));
        assert!(equal(vec![4.0, 1.0], 2.5));
        assert!(median(vec![]).is_nan());
    }
}
