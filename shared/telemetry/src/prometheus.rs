//! The same metrics in Prometheus' text format: kept in this process, and printed when somebody asks.
//!
//! Names and meanings are those of [`Metric`]. Labels are what a sample is of: partners, connections and endpoints, of which a
//! configuration has few. Nothing here is told by whoever sends a request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::metrics::{Dimension, Metric, Sample};

/// How values of a metric add up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// They are counted.
    Counter,
    /// The latest one is.
    Gauge,
    /// They are counted by these upper bounds, in the metric's own unit.
    Histogram(&'static [f64]),
}

/// Bounds of times of answers, in milliseconds: around 1datatech's deadline, and those of the others.
const ANSWERS: &[f64] = &[1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];

/// Bounds of the rest of a deadline, in percent.
const MARGINS: &[f64] = &[0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0];

/// Bounds of the lag of deliveries, in seconds.
const LAGS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0, 21_600.0, 86_400.0];

/// Bounds of the attempts of a delivery.
const ATTEMPTS: &[f64] = &[1.0, 2.0, 3.0, 5.0, 10.0, 20.0];

/// Name of a metric here, how its values add up, the number of its units in one of Prometheus', and its meaning.
const fn form(metric: Metric) -> (&'static str, Kind, f64, &'static str) {
    use Kind::{Counter, Gauge, Histogram};
    match metric {
        Metric::AckTime => {
            ("tongguan_ack_time_seconds", Histogram(ANSWERS), 1e3, "From the receipt of a push to its answer")
        }
        Metric::AckMargin => {
            ("tongguan_ack_margin_percent", Histogram(MARGINS), 1.0, "Rest of the partner's deadline at the answer")
        }
        Metric::Accepted => ("tongguan_accepted_total", Counter, 1.0, "Pushes stored"),
        Metric::Duplicate => ("tongguan_duplicate_total", Counter, 1.0, "Pushes that were stored before"),
        Metric::Malformed => {
            ("tongguan_malformed_total", Counter, 1.0, "Pushes kept that are not as the partner documents them")
        }
        Metric::Unauthorized => {
            ("tongguan_unauthorized_total", Counter, 1.0, "Pushes refused for key, connection, path or address")
        }
        Metric::NotPost => ("tongguan_not_post_total", Counter, 1.0, "Requests of another method than POST"),
        Metric::TooLarge => ("tongguan_too_large_total", Counter, 1.0, "Pushes refused for their size"),
        Metric::Unavailable => (
            "tongguan_unavailable_total",
            Counter,
            1.0,
            "Pushes that could not be kept: the partner was told to repeat",
        ),
        Metric::Errors => ("tongguan_errors_total", Counter, 1.0, "Handlers that panicked, ran out of time or failed"),
        Metric::DeliveryLag => {
            ("tongguan_delivery_lag_seconds", Histogram(LAGS), 1.0, "From the reception of an event to its delivery")
        }
        Metric::Attempts => {
            ("tongguan_attempts", Histogram(ATTEMPTS), 1.0, "Attempts of a delivery until it was settled")
        }
        Metric::Delivered => ("tongguan_delivered_total", Counter, 1.0, "Deliveries taken by the ERP"),
        Metric::GivenUp => ("tongguan_given_up_total", Counter, 1.0, "Deliveries given up"),
        Metric::OldestDue => ("tongguan_oldest_due_seconds", Gauge, 1.0, "Time by which the oldest attempt is overdue"),
        Metric::Due => ("tongguan_due", Gauge, 1.0, "Attempts that are overdue"),
        Metric::Failed => {
            ("tongguan_failed", Gauge, 1.0, "Events with a failed delivery that was neither confirmed nor replayed")
        }
        Metric::Ambiguous => ("tongguan_ambiguous", Gauge, 1.0, "Ambiguous calls about which the ERP has not decided"),
        Metric::CircuitsOpen => ("tongguan_circuits_open", Gauge, 1.0, "1 where the circuit is open"),
        Metric::LedgerDifference => {
            ("tongguan_ledger_difference", Gauge, 1.0, "Difference of the ledger from balance, read each hour")
        }
        Metric::ConfigurationRefused => {
            ("tongguan_configuration_refused_total", Counter, 1.0, "Configurations refused for their mistakes")
        }
        Metric::CredentialsRefused => (
            "tongguan_credentials_refused_total",
            Counter,
            1.0,
            "Times that a partner's refusal of credentials was found",
        ),
        Metric::AnswersNotKept => (
            "tongguan_answers_not_kept_total",
            Counter,
            1.0,
            "Answers to queries whose data could not be kept as events",
        ),
    }
}

/// Name of a metric as Prometheus has it.
#[must_use]
pub const fn name(metric: Metric) -> &'static str {
    form(metric).0
}

/// The values of one metric for the same things.
#[derive(Clone, Debug, Default)]
struct Series {
    /// Sum of all values, or the latest one.
    value: f64,
    count: u64,
    /// Number of values up to each bound.
    buckets: Vec<u64>,
}

/// Series by their labels, then by their metric.
type All = BTreeMap<String, BTreeMap<usize, Series>>;

/// Metrics of this process.
#[derive(Debug, Default)]
pub struct Registry(Mutex<All>);

impl Registry {
    /// Adds what was measured.
    pub fn add(&self, sample: &Sample) {
        let labels = labels(&sample.of);
        let mut all = self.lock();
        let of_labels = all.entry(labels).or_default();
        for (metric, value) in &sample.values {
            let series = of_labels.entry(*metric as usize).or_default();
            match form(*metric).1 {
                Kind::Gauge => series.value = *value,
                Kind::Counter => series.value += value,
                Kind::Histogram(bounds) => {
                    series.value += value;
                    series.count += 1;
                    series.buckets.resize(bounds.len(), 0);
                    for (bucket, bound) in series.buckets.iter_mut().zip(bounds) {
                        *bucket += u64::from(value <= bound);
                    }
                }
            }
        }
    }

    /// All metrics, those without a value too, so that their names and meanings are known.
    #[must_use]
    pub fn print(&self) -> String {
        let all = self.lock().clone();
        let mut text = String::new();
        for metric in Metric::ALL {
            let (name, kind, units, meaning) = form(metric);
            head(&mut text, name, kind, meaning);
            for (labels, of_labels) in &all {
                if let Some(series) = of_labels.get(&(metric as usize)) {
                    print_series(&mut text, (name, kind, units), labels, series);
                }
            }
        }
        text
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn head(text: &mut String, name: &str, kind: Kind, meaning: &str) {
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
}

fn print_series(text: &mut String, (name, kind, units): (&str, Kind, f64), labels: &str, series: &Series) {
    let value = series.value / units;
    let Kind::Histogram(bounds) = kind else {
        let _ = writeln!(text, "{name}{} {value}", braced(labels, ""));
        return;
    };
    for (bound, bucket) in bounds.iter().zip(&series.buckets) {
        let le = format!("le=\"{}\"", bound / units);
        let _ = writeln!(text, "{name}_bucket{} {bucket}", braced(labels, &le));
    }
    let (count, labelled) = (series.count, braced(labels, ""));
    let _ = writeln!(text, "{name}_bucket{} {count}", braced(labels, "le=\"+Inf\""));
    let _ = writeln!(text, "{name}_sum{labelled} {value}\n{name}_count{labelled} {count}");
}

fn braced(labels: &str, more: &str) -> String {
    match (labels.is_empty(), more.is_empty()) {
        (true, true) => String::new(),
        (false, false) => format!("{{{labels},{more}}}"),
        _ => format!("{{{labels}{more}}}"),
    }
}

/// One figure of a process or machine, with its head.
pub fn gauge(text: &mut String, name: &str, meaning: &str, value: f64) {
    head(text, name, Kind::Gauge, meaning);
    let _ = writeln!(text, "{name} {value}");
}

/// The same, of something that only grows.
pub fn counter(text: &mut String, name: &str, meaning: &str, value: f64) {
    head(text, name, Kind::Counter, meaning);
    let _ = writeln!(text, "{name} {value}");
}

fn labels(of: &[(Dimension, String)]) -> String {
    let label = |(dimension, value): &(Dimension, String)| {
        let value = if value.is_empty() { "none" } else { value };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{}=\"{value}\"", dimension.name().to_lowercase())
    };
    of.iter().map(label).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(endpoint: &str, values: Vec<(Metric, f64)>) -> Sample {
        Sample::of(Dimension::Endpoint, &endpoint, values)
    }

    #[test]
    fn counters_add_up_and_gauges_are_the_latest() {
        let registry = Registry::default();
        for due in [5.0, 2.0] {
            registry.add(&of("erp", vec![(Metric::Delivered, 1.0), (Metric::Due, due)]));
        }
        registry.add(&of("a\"b\\c\nd", vec![(Metric::Delivered, 1.0)]));
        let text = registry.print();
        let has = |line: &str| text.lines().any(|own| own == line);
        assert!(has("tongguan_delivered_total{endpoint=\"erp\"} 2"), "{text}");
        assert!(has("tongguan_due{endpoint=\"erp\"} 2"), "{text}");
        assert!(has("tongguan_delivered_total{endpoint=\"a\\\"b\\\\c\\nd\"} 1"), "{text}");
    }

    #[test]
    fn histogram_counts_by_bounds_in_seconds() {
        let registry = Registry::default();
        for ms in [2.0, 30.0, 60_000.0] {
            registry.add(&Sample { values: vec![(Metric::AckTime, ms)], ..Sample::default() });
        }
        let text = registry.print();
        for line in [
            "tongguan_ack_time_seconds_bucket{le=\"0.001\"} 0",
            "tongguan_ack_time_seconds_bucket{le=\"0.0025\"} 1",
            "tongguan_ack_time_seconds_bucket{le=\"0.05\"} 2",
            "tongguan_ack_time_seconds_bucket{le=\"+Inf\"} 3",
            "tongguan_ack_time_seconds_sum 60.032",
            "tongguan_ack_time_seconds_count 3",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
    }

    #[test]
    fn each_metric_has_a_name_of_its_own_that_its_kind_ends() {
        let text = Registry::default().print();
        let names: std::collections::BTreeSet<_> = Metric::ALL.into_iter().map(name).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let (name, kind, ..) = form(metric);
            assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
            // The variant's own name, in the case of Prometheus.
            let plain = name.replace('_', "");
            assert!(plain.starts_with(&format!("tongguan{}", metric.name().to_lowercase())), "{name}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{name}");
        }
    }
}
