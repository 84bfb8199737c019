//! Behaviour of a simulated partner: its faults and their frequency.

use std::time::Duration;

use super::{Received, TOKEN};
use crate::erp::Reply;

/// Fault of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused for good in the partner's own envelope, without being processed.
    Refuses,
    /// Refused for now by HTTP 503, without being processed.
    Busy,
    /// Answered with that business code and message in the partner's own envelope, without being processed.
    Code(i64, &'static str),
    /// Answered so by whatever stands before the partner's application: HTTP 500, 429 with `Retry-After`, ...
    Http(Reply),
    /// The connection is closed before the request is processed.
    Drops,
    /// Processed, and then the connection is closed without an answer.
    DropsAnswer,
    /// Answered with HTTP 200 and a page of HTML, without being processed.
    Rubbish,
    /// Processed, and then answered with HTTP 200 and a page of HTML.
    GarblesAnswer,
    /// Processed, and then answered so: HTTP 502, 504, ...
    ThenHttp(Reply),
    /// Processed, and then answered with that business code and message in the partner's own envelope.
    ThenCode(i64, &'static str),
    /// Processed at once and answered after that long.
    Slow(Duration),
    /// Processed at once and answered when [`Api::release`](super::Api::release) is called.
    Holds,
}

impl Fault {
    /// Every request.
    #[must_use]
    pub const fn always(self) -> Behaviour {
        Behaviour { fault: self, when: When::Always, operation: None }
    }

    /// The first so many requests, the others are taken.
    #[must_use]
    pub const fn first(self, times: u32) -> Behaviour {
        Behaviour { fault: self, when: When::First(times), operation: None }
    }

    /// Every request whose body or query holds that text, the others are taken.
    #[must_use]
    pub const fn wherever(self, text: &'static str) -> Behaviour {
        Behaviour { fault: self, when: When::Where(text), operation: None }
    }

    /// Every so-manyth request, the others are taken.
    #[must_use]
    pub const fn every(self, nth: u32) -> Behaviour {
        Behaviour { fault: self, when: When::Every(nth), operation: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum When {
    Always,
    First(u32),
    Where(&'static str),
    Every(u32),
}

/// A fault and the requests it befalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    fault: Fault,
    when: When,
    operation: Option<&'static str>,
}

impl Behaviour {
    /// Only requests of that operation. Requests for a token are left alone unless [`TOKEN`] is named here.
    #[must_use]
    pub const fn on(mut self, operation: &'static str) -> Self {
        self.operation = Some(operation);
        self
    }

    fn concerns(&self, request: &Received) -> bool {
        match self.operation {
            Some(operation) => request.operation == operation,
            None => request.operation != TOKEN,
        }
    }
}

impl From<Fault> for Behaviour {
    fn from(fault: Fault) -> Self {
        fault.always()
    }
}

/// A behaviour and how often it was asked.
pub(super) struct Ruling {
    behaviour: Behaviour,
    asked: u32,
}

impl Ruling {
    pub(super) fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, asked: 0 }
    }

    /// Fault of this request, if it gets one.
    pub(super) fn fault(&mut self, request: &Received) -> Option<Fault> {
        if !self.behaviour.concerns(request) {
            return None;
        }
        self.asked = self.asked.saturating_add(1);
        let befalls = match self.behaviour.when {
            When::Always => true,
            When::First(times) => self.asked <= times,
            When::Where(text) => request.holds(text),
            When::Every(nth) => self.asked.is_multiple_of(nth.max(1)),
        };
        befalls.then(|| self.behaviour.fault.clone())
    }
}
