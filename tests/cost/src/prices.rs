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

/// A request to an SQS standard queue.
pub(crate) const QUEUE: f64 = 0.40e-6;

/// An invocation of a Lambda function.
pub(crate) const INVOCATION: f64 = 0.20e-6;

/// A second of a function with a GB of memory, on arm64. On x86_64 it is a quarter more.
pub(crate) const GB_SECOND: f64 = 0.000_013_333_4;

/// A request to a REST API.
pub(crate) const GATEWAY: f64 = 3.50e-6;

/// A custom event on an EventBridge bus.
pub(crate) const BUS_EVENT: f64 = 1.00e-6;

/// An invocation of an EventBridge API destination.
pub(crate) const API_DESTINATION: f64 = 0.20e-6;

/// What a hosted webhook service asks for a month before it meters events: its name, its plan, its price.
pub(crate) const HOSTED: [(&str, &str, f64); 2] =
    [("Hookdeck", "Team, 10,000 events included", 39.0), ("Svix", "the smallest paid plan", 490.0)];
