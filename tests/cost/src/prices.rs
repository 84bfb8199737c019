//! List prices of us-east-1 in USD, without free tiers and taxes, as of 2026-11. They change: look them up before you
//! decide by them.

/// DynamoDB on demand, standard class: a write unit.
pub(crate) const WRITE: f64 = 0.625e-6;

/// A read unit.
pub(crate) const READ: f64 = 0.125e-6;

/// A GB stored for a month.
pub(crate) const STORED: f64 = 0.25;

/// The same GB for recovery to a point in time.
pub(crate) const RECOVERABLE: f64 = 0.20;

/// A request to an SQS standard queue, and what its fairness between message groups is more. An empty answer is the first
/// alone; it is counted as both.
pub(crate) const QUEUE: f64 = 0.40e-6 + 0.10e-6;

/// An invocation of a Lambda function.
pub(crate) const INVOCATION: f64 = 0.20e-6;

/// A second of a function with a GB of memory, on arm64. On x86_64 it is a quarter more.
pub(crate) const GB_SECOND: f64 = 0.000_013_333_4;

/// A second of an instance with a GB of memory that is kept started, on arm64, whether it works or not. On x86_64 it is a quarter more.
pub(crate) const KEPT_STARTED: f64 = 0.000_003_333_4;

/// A request to a REST API.
pub(crate) const GATEWAY: f64 = 3.50e-6;

/// A byte of logs, taken in by CloudWatch.
pub(crate) const LOGGED: f64 = 0.50e-9;

/// A metric of one's own in CloudWatch, for a month, of the first ten thousand.
pub(crate) const METRIC: f64 = 0.30;

/// An alarm for a month.
pub(crate) const ALARM: f64 = 0.10;

/// A dashboard for a month, of more than three.
pub(crate) const DASHBOARD: f64 = 3.0;

/// A key of one's own in KMS for a month, until it is rotated for the first time.
pub(crate) const KEY: f64 = 1.0;

/// A custom event on an EventBridge bus.
pub(crate) const BUS_EVENT: f64 = 1.00e-6;

/// An invocation of an EventBridge API destination.
pub(crate) const API_DESTINATION: f64 = 0.20e-6;

/// A hosted webhook service, by the smallest plan that is paid.
pub(crate) struct Hosted {
    pub(crate) name: &'static str,
    /// Price of a month.
    pub(crate) month: f64,
    /// Number of events that the month includes.
    pub(crate) included: f64,
    /// Price of each further event; nothing where its page has a calculator and no number.
    pub(crate) further: Option<f64>,
}

/// As <https://hookdeck.com/pricing> and <https://www.svix.com/pricing/> said in 2026-09.
pub(crate) const HOSTED: [Hosted; 2] = [
    Hosted { name: "Hookdeck, Team", month: 39.0, included: 10_000.0, further: None },
    Hosted { name: "Svix, Professional", month: 490.0, included: 50_000.0, further: Some(0.0001) },
];
