//! Metrics in CloudWatch's Embedded Metric Format: a line of JSON in a function's log that CloudWatch counts, so that
//! nothing is called for them.
//!
//! Only a function on Lambda prints them ([`start`]); a hub on one machine keeps them for Prometheus ([`keep`]) where it is
//! told to. They go to standard output, each as one
//! write of one line, and logs go to standard error: neither can break a line of the other.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use hub::Utc;
use hub::delivery::{Delivery, State};
use partners::Partner;
use partners::answer::Verdict;
use serde_json::{Map, Value, json};

use crate::prometheus::Registry;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Tongguan";

/// The dimension that every metric has: it distinguishes the stacks of one account.
pub const STACK: &str = "Stack";

/// A metric. The alarms and the dashboard use exactly these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// From the gateway's receipt of a push to its answer.
    AckTime,
    /// Rest of the partner's deadline at the answer; negative where it had passed.
    AckMargin,
    /// Pushes stored.
    Accepted,
    /// Pushes that were stored before.
    Duplicate,
    /// Pushes kept that are not as the partner documents them.
    Malformed,
    /// Pushes refused: wrong key, unknown connection or path, address not allowed.
    Unauthorized,
    /// Requests of another method than POST.
    NotPost,
    /// Pushes refused for their size.
    TooLarge,
    /// Pushes that could not be kept: the partner was told to repeat.
    Unavailable,
    /// Handlers that panicked, ran out of time or failed.
    Errors,
    /// From the reception of an event, or its replay, to its delivery.
    DeliveryLag,
    /// Number of attempts of a delivery until it was settled.
    Attempts,
    /// Deliveries taken by the ERP.
    Delivered,
    /// Deliveries given up just now.
    GivenUp,
    /// Time by which the oldest attempt is overdue, be it waiting, postponed or throttled.
    OldestDue,
    /// Attempts that are overdue.
    Due,
    /// Events with a failed delivery that was neither confirmed nor replayed.
    Failed,
    /// Ambiguous calls about which the ERP has not decided.
    Ambiguous,
    /// Endpoints and partners whose circuit is open.
    CircuitsOpen,
    /// Difference of the ledger from balance, in deliveries and calls.
    LedgerDifference,
    /// Configurations refused for their mistakes, the one before them in use.
    ConfigurationRefused,
    /// Connections whose credentials their partner refuses, each counted when that is found.
    CredentialsRefused,
    /// Answers to queries whose data was passed on to the ERP and could not be kept as events.
    AnswersNotKept,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::AckTime,
        Self::AckMargin,
        Self::Accepted,
        Self::Duplicate,
        Self::Malformed,
        Self::Unauthorized,
        Self::NotPost,
        Self::TooLarge,
        Self::Unavailable,
        Self::Errors,
        Self::DeliveryLag,
        Self::Attempts,
        Self::Delivered,
        Self::GivenUp,
        Self::OldestDue,
        Self::Due,
        Self::Failed,
        Self::Ambiguous,
        Self::CircuitsOpen,
        Self::LedgerDifference,
        Self::ConfigurationRefused,
        Self::CredentialsRefused,
        Self::AnswersNotKept,
    ];

    /// Its name in CloudWatch.
    #[must_use]
    pub fn name(self) -> String {
        // The variant's own.
        format!("{self:?}")
    }

    /// Its unit; nothing for a count.
    const fn unit(self) -> Option<&'static str> {
        match self {
            Self::AckTime => Some("Milliseconds"),
            Self::AckMargin => Some("Percent"),
            Self::DeliveryLag | Self::OldestDue => Some("Seconds"),
            Self::Accepted
            | Self::Duplicate
            | Self::Malformed
            | Self::Unauthorized
            | Self::NotPost
            | Self::TooLarge
            | Self::Unavailable
            | Self::Errors
            | Self::Attempts
            | Self::Delivered
            | Self::GivenUp
            | Self::Due
            | Self::Failed
            | Self::Ambiguous
            | Self::CircuitsOpen
            | Self::LedgerDifference
            | Self::ConfigurationRefused
            | Self::CredentialsRefused
            | Self::AnswersNotKept => None,
        }
    }

    /// Whether there is a series for each thing that it is of, besides the stack's. Each series is paid for: the margin
    /// alone is worth it, for it is one function's at a time that is short.
    #[must_use]
    pub const fn is_split(self) -> bool {
        matches!(self, Self::AckMargin)
    }

    /// The one that counts this outcome of a push.
    #[must_use]
    pub const fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Self::Accepted,
            Verdict::Duplicate => Self::Duplicate,
            Verdict::Malformed => Self::Malformed,
            Verdict::Unauthorized => Self::Unauthorized,
            Verdict::NotPost => Self::NotPost,
            Verdict::TooLarge => Self::TooLarge,
            Verdict::Unavailable => Self::Unavailable,
        }
    }
}

/// Dimension of a sample, besides the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// A function's name.
    Function,
    /// A partner's id.
    Partner,
    /// A connection's id.
    Connection,
    /// An endpoint's id.
    Endpoint,
}

impl Dimension {
    /// Its name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Function => "Function",
            Self::Partner => "Partner",
            Self::Connection => "Connection",
            Self::Endpoint => "Endpoint",
        }
    }
}

/// Values measured at one time. They count for the stack, which the alarms use; a metric that [is split](Metric::is_split) also
/// counts for all of [`Sample::of`] together. The lines of other metrics are found in the log by it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The things that it is of.
    pub of: Vec<(Dimension, String)>,
    /// Metrics and their values.
    pub values: Vec<(Metric, f64)>,
    /// Fields by which it is found in the log; they are no dimensions.
    pub notes: Vec<(&'static str, String)>,
}

impl Sample {
    /// A sample of one dimension.
    #[must_use]
    pub fn of(dimension: Dimension, value: &impl ToString, values: Vec<(Metric, f64)>) -> Self {
        Self { of: vec![(dimension, value.to_string())], values, notes: vec![] }
    }

    /// The value of a metric, where it was measured.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        self.values.iter().find(|(other, _)| *other == metric).map(|(_, value)| *value)
    }
}

/// A sample as a line of the Embedded Metric Format, without the line's end.
#[must_use]
pub fn emf(stack: &str, at: Utc, sample: &Sample) -> String {
    let own: Vec<&str> = sample.of.iter().map(|(dimension, _)| dimension.name()).collect();
    let by_stack = vec![vec![STACK]];
    let by_thing = [by_stack.clone(), vec![[&[STACK], own.as_slice()].concat()]].concat();
    let directive = |split: bool, dimensions: Vec<Vec<&str>>| {
        let metrics: Vec<Value> =
            sample.values.iter().filter(|(metric, _)| metric.is_split() == split).map(named).collect();
        (!metrics.is_empty()).then(|| json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}))
    };
    let split = if own.is_empty() { by_stack.clone() } else { by_thing };
    let directives: Vec<Value> = [directive(false, by_stack), directive(true, split)].into_iter().flatten().collect();
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({"Timestamp": at.0.div_euclid(1_000), "CloudWatchMetrics": directives}));
    line.insert(STACK.to_owned(), stack.into());
    // CloudWatch drops a line with an empty dimension.
    let value = |value: &str| Value::from(if value.is_empty() { "none" } else { value });
    line.extend(sample.of.iter().map(|(dimension, text)| (dimension.name().to_owned(), value(text))));
    line.extend(sample.values.iter().map(|(metric, number)| (metric.name(), json!(number))));
    line.extend(sample.notes.iter().map(|(name, text)| ((*name).to_owned(), text.as_str().into())));
    Value::Object(line).to_string()
}

/// A metric as a directive names it.
fn named((metric, _): &(Metric, f64)) -> Value {
    match metric.unit() {
        Some(unit) => json!({"Name": metric.name(), "Unit": unit}),
        None => json!({"Name": metric.name()}),
    }
}

/// Stack and function of this process.
static ON: OnceLock<(String, String)> = OnceLock::new();

/// Begins to print what is emitted, for the function of that name on Lambda: `<stack>-<function>`.
pub fn start(deployed: &str) {
    let (stack, function) = deployed.rsplit_once('-').unwrap_or((deployed, deployed));
    ON.get_or_init(|| (stack.to_owned(), function.to_owned()));
}

/// Metrics of this process that are kept.
static KEPT: OnceLock<Registry> = OnceLock::new();

/// Begins to keep what is emitted; all that was kept.
pub fn keep() -> &'static Registry {
    KEPT.get_or_init(Registry::default)
}

/// That many errors of this function.
#[must_use]
pub fn errors(count: usize) -> Sample {
    let function = ON.get().map_or("", |(_, function)| function.as_str());
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Sample::of(Dimension::Function, &function, vec![(Metric::Errors, f64::from(count))])
}

/// The values of a push that was answered with a verdict after a time; without a known partner there is no deadline.
#[must_use]
pub fn answered(verdict: Verdict, partner: Option<Partner>, took: Duration) -> Vec<(Metric, f64)> {
    let mut values = vec![(Metric::of(verdict), 1.0)];
    if let Some(partner) = partner.filter(|_| verdict.is_timed()) {
        let (took, deadline) = (took.as_secs_f64(), partner.deadline().as_secs_f64());
        values.extend([(Metric::AckTime, took * 1e3), (Metric::AckMargin, (deadline - took) / deadline * 100.0)]);
    }
    values
}

/// Whether anything is printed or kept: what costs something to measure is not measured otherwise.
#[must_use]
pub fn started() -> bool {
    ON.get().is_some() || KEPT.get().is_some()
}

/// Prints or keeps a sample where metrics are started.
pub fn emit(at: Utc, sample: &Sample) {
    if let Some(registry) = KEPT.get() {
        registry.add(sample);
    }
    let Some((stack, _)) = ON.get() else { return };
    let mut line = emf(stack, at, sample);
    line.push('\n');
    // A failure to print could not be reported either.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Sample of a delivery that an attempt at `now` has settled; none before.
#[must_use]
pub fn settled(delivery: &Delivery, now: Utc) -> Option<Sample> {
    let outcome = match delivery.state {
        State::Delivered => Metric::Delivered,
        State::Failed => Metric::GivenUp,
        State::Pending | State::Confirmed => return None,
    };
    // Each attempt but the last used a step of the schedule up.
    let attempts = f64::from(delivery.progress.tries) + 1.0;
    let mut values = vec![(outcome, 1.0), (Metric::Attempts, attempts)];
    if delivery.state == State::Delivered {
        values.push((Metric::DeliveryLag, now.since(delivery.progress.since).as_secs_f64()));
    }
    Some(Sample::of(Dimension::Endpoint, &delivery.endpoint, values))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hub::delivery::{Attempt, Outcome};
    use hub::schedule::Schedule;

    use super::*;

    const NOW: Utc = Utc(1_790_000_000_123_456);

    #[test]
    fn a_line_is_what_cloudwatch_counts() {
        let sample = Sample {
            of: vec![(Dimension::Function, "syn_status".to_owned()), (Dimension::Partner, String::new())],
            values: vec![(Metric::AckTime, 12.5), (Metric::AckMargin, 97.5), (Metric::Accepted, 1.0)],
            notes: vec![("request_id", "r\n1".to_owned())],
        };
        let line = emf("tongguan", NOW, &sample);
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        let expected = json!({
            "_aws": {"Timestamp": 1_790_000_000_123_i64, "CloudWatchMetrics": [{
                "Namespace": "Tongguan", "Dimensions": [["Stack"]],
                "Metrics": [{"Name": "AckTime", "Unit": "Milliseconds"}, {"Name": "Accepted"}],
            }, {
                "Namespace": "Tongguan", "Dimensions": [["Stack"], ["Stack", "Function", "Partner"]],
                "Metrics": [{"Name": "AckMargin", "Unit": "Percent"}],
            }]},
            "Stack": "tongguan", "Function": "syn_status", "Partner": "none",
            "AckTime": 12.5, "AckMargin": 97.5, "Accepted": 1.0, "request_id": "r\n1",
        });
        assert_eq!(line, expected);
    }

    /// Regression: every metric of every function, partner, connection and endpoint was a series that is paid for.
    #[test]
    fn the_margin_alone_is_a_series_of_each_function_and_partner() {
        let split: Vec<Metric> = Metric::ALL.into_iter().filter(|metric| metric.is_split()).collect();
        assert_eq!(split, [Metric::AckMargin]);
        let due = Sample::of(Dimension::Connection, &"xhq-sh", vec![(Metric::Due, 1.0)]);
        let line: Value = serde_json::from_str(&emf("t", NOW, &due)).unwrap();
        let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
        assert_eq!(directives.len(), 1);
        assert_eq!(directives[0]["Dimensions"], json!([["Stack"]]));
        assert_eq!(line["Connection"], "xhq-sh", "the log tells whose it is");
        let margin = Sample { values: vec![(Metric::AckMargin, 1.0)], ..Sample::default() };
        let line: Value = serde_json::from_str(&emf("t", NOW, &margin)).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"]]));
    }

    #[test]
    fn metrics_are_listed_once_and_share_no_dimension_name() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, place);
        }
        assert_eq!(Metric::ALL.len(), Metric::AnswersNotKept as usize + 1, "the last is the last of the list");
        let dimensions = [Dimension::Function, Dimension::Partner, Dimension::Connection, Dimension::Endpoint];
        assert!(Metric::ALL.iter().all(|metric| dimensions.iter().all(|other| other.name() != metric.name())));
    }

    #[test]
    fn a_delivery_is_counted_when_it_is_settled() {
        let attempted = |delivery: Delivery, outcome| {
            let attempt = Attempt { at: NOW, ms: 1, ..Attempt::default() };
            delivery.attempted(attempt, outcome, &Schedule::new(vec![Duration::from_secs(5)]), NOW, 0.5)
        };
        let fresh = Delivery::new("erp".into(), NOW, NOW.after(Duration::from_mins(1)));
        let waiting = attempted(fresh, Outcome::NoAnswer);
        assert_eq!(settled(&waiting, NOW), None);
        let later = NOW.after(Duration::from_millis(6_500));
        let sample = settled(&attempted(waiting.clone(), Outcome::Delivered), later).unwrap();
        assert_eq!(sample.of, [(Dimension::Endpoint, "erp".to_owned())]);
        assert_eq!(sample.value(Metric::Attempts), Some(2.0));
        assert_eq!((sample.value(Metric::DeliveryLag), sample.value(Metric::Delivered)), (Some(6.5), Some(1.0)));
        let sample = settled(&attempted(waiting, Outcome::NoAnswer), later).unwrap();
        assert_eq!((sample.value(Metric::GivenUp), sample.value(Metric::Attempts)), (Some(1.0), Some(2.0)));
        assert_eq!(sample.value(Metric::DeliveryLag), None);
    }
}
