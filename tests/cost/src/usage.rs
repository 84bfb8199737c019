//! Usage that is paid for.

use std::ops::{Add, Sub};

/// Party, besides AWS, whose answer an invocation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// No other party.
    Nobody,
    /// The ERP's.
    Erp,
    /// A partner's.
    Partner,
}

/// One invocation of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Its requests to DynamoDB and SQS.
    pub requests: u32,
    /// Party that it waits for besides.
    pub outside: Outside,
}

/// Usage of one case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// DynamoDB's write units, those of the index included.
    pub writes: f64,
    /// DynamoDB's read units.
    pub reads: f64,
    /// SQS's requests, those of Lambda's poller included.
    pub queue: f64,
    /// The gateway's requests.
    pub gateway: f64,
    /// Bytes of the log, metrics included.
    pub logged: f64,
    /// The functions' invocations.
    pub invocations: Vec<Invocation>,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            reads: self.reads + other.reads,
            queue: self.queue + other.queue,
            gateway: self.gateway + other.gateway,
            logged: self.logged + other.logged,
            invocations: [self.invocations, other.invocations].concat(),
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    /// Difference between two usages, the second of which begins with the same invocations.
    fn sub(self, other: Self) -> Self {
        Self {
            writes: self.writes - other.writes,
            reads: self.reads - other.reads,
            queue: self.queue - other.queue,
            gateway: self.gateway - other.gateway,
            logged: self.logged - other.logged,
            invocations: self.invocations.into_iter().skip(other.invocations.len()).collect(),
        }
    }
}
