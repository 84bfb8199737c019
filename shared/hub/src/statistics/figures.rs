//! The figures of a connection, and the names that they are stored by.

use std::collections::BTreeMap;
use std::time::Duration;

use super::histogram::{DELAY, Histogram, TOOK};
use super::{Counts, PushResult};
use crate::call::Standing;
use crate::delivery::State;
use crate::{ConnectionId, EndpointId, Utc};

/// Something that is counted.
#[derive(Clone, Copy, Debug)]
pub enum Counted<'a> {
    /// A push was answered.
    Push {
        /// Its connection, which is one of the configuration.
        connection: &'a ConnectionId,
        /// Its result.
        result: PushResult,
        /// Time to the answer, and the partner's deadline; nothing where the sender may not be the partner.
        took: Option<(Duration, Duration)>,
    },
    /// A command has ended, or has become ambiguous.
    Call {
        /// Its connection.
        connection: &'a ConnectionId,
        /// Its state.
        standing: Standing,
    },
    /// A delivery has ended.
    Delivery {
        /// Connection of the event.
        connection: &'a ConnectionId,
        /// Its destination.
        endpoint: &'a EndpointId,
        /// Its state.
        state: State,
        /// Time since the reception of the event, or its replay.
        delay: Duration,
    },
}

impl<'a> Counted<'a> {
    /// The connection that it counts for.
    #[must_use]
    pub const fn connection(&self) -> &'a ConnectionId {
        match self {
            Self::Push { connection, .. } | Self::Call { connection, .. } | Self::Delivery { connection, .. } => {
                connection
            }
        }
    }
}

/// Figures of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionFigures {
    /// Those of its pushes.
    pub pushes: PushFigures,
    /// Those of its calls.
    pub calls: CallFigures,
    /// Those of the deliveries of its events.
    pub endpoints: BTreeMap<EndpointId, EndpointFigures>,
}

/// Figures of pushes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushFigures {
    /// Kept when they came.
    pub accepted: u64,
    /// Kept before.
    pub duplicate: u64,
    /// Turned away.
    pub refused: u64,
    /// Answered after the partner's deadline, whatever the answer; they are counted by their result too.
    pub late: u64,
    /// Not kept.
    pub not_kept: u64,
    /// Times to the answer, by [`TOOK`].
    pub took: Histogram,
    /// Time of the latest one that was kept, then or before.
    pub last: Option<Utc>,
}

/// Figures of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFigures {
    /// Taken by the partner.
    pub succeeded: u64,
    /// Refused by the partner, or given up.
    pub failed: u64,
    /// Sent without a usable answer.
    pub ambiguous: u64,
}

/// Figures of deliveries to one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFigures {
    /// Taken by the ERP.
    pub delivered: u64,
    /// Given up.
    pub failed: u64,
    /// Times from reception to delivery, by [`DELAY`].
    pub delay: Histogram,
    /// Time of the latest that was taken.
    pub last: Option<Utc>,
}

/// Name of the time of the latest push.
const PUSHED: &str = "push";

/// The part before the number of a histogram's counter.
const TIMES: &str = "t";

impl ConnectionFigures {
    /// Counts something that happened then.
    pub fn count(&mut self, at: Utc, counted: &Counted<'_>) {
        match counted {
            Counted::Push { result, took, .. } => self.pushes.count(at, *result, *took),
            Counted::Call { standing, .. } => self.calls.count(*standing),
            Counted::Delivery { endpoint, state, delay, .. } => {
                if !self.endpoints.contains_key(*endpoint) {
                    self.endpoints.insert((*endpoint).clone(), EndpointFigures::default());
                }
                if let Some(figures) = self.endpoints.get_mut(*endpoint) {
                    figures.count(at, *state, *delay);
                }
            }
        }
    }

    /// Adds the figures of another step or process.
    pub fn add(&mut self, other: &Self) {
        let (own, more) = (&mut self.pushes, &other.pushes);
        own.accepted += more.accepted;
        own.duplicate += more.duplicate;
        own.refused += more.refused;
        own.late += more.late;
        own.not_kept += more.not_kept;
        own.took.add(&more.took);
        own.last = own.last.max(more.last);
        self.calls.succeeded += other.calls.succeeded;
        self.calls.failed += other.calls.failed;
        self.calls.ambiguous += other.calls.ambiguous;
        for (endpoint, more) in &other.endpoints {
            self.endpoints.entry(endpoint.clone()).or_default().add(more);
        }
    }

    /// The figures by the names that they are stored by, without those that are zero.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (name, number) in self.pushes.numbers().into_iter().chain(self.calls.numbers()) {
            counts.put(name.to_owned(), *number);
        }
        counts.put_times("", &self.pushes.took);
        counts.latest.extend(self.pushes.last.map(|at| (PUSHED.to_owned(), at)));
        for (endpoint, figures) in &self.endpoints {
            let before = format!("{endpoint}/");
            counts.put(format!("{before}delivered"), figures.delivered);
            counts.put(format!("{before}failed"), figures.failed);
            counts.put_times(&before, &figures.delay);
            counts.latest.extend(figures.last.map(|at| (before, at)));
        }
        counts
    }

    /// The figures that were stored by these names. Names of another version are left out.
    #[must_use]
    pub fn of(counts: &Counts) -> Self {
        let mut figures = Self::default();
        for (name, number) in &counts.added {
            let (endpoint, name) = name.split_once('/').map_or((None, name.as_str()), |(id, name)| (Some(id), name));
            let counter = match endpoint {
                Some(id) => figures.endpoints.entry(id.into()).or_default().named(name),
                None => figures.named(name),
            };
            if let Some(counter) = counter {
                *counter = *number;
            }
        }
        for (name, at) in &counts.latest {
            match name.strip_suffix('/') {
                Some(endpoint) => figures.endpoints.entry(endpoint.into()).or_default().last = Some(*at),
                None if name == PUSHED => figures.pushes.last = Some(*at),
                None => {}
            }
        }
        figures
    }

    fn named(&mut self, name: &str) -> Option<&mut u64> {
        if let Some(place) = name.strip_prefix(TIMES).and_then(|place| place.parse::<usize>().ok()) {
            return self.pushes.took.0.get_mut(place);
        }
        match name {
            "accepted" => Some(&mut self.pushes.accepted),
            "duplicate" => Some(&mut self.pushes.duplicate),
            "refused" => Some(&mut self.pushes.refused),
            "late" => Some(&mut self.pushes.late),
            "not_kept" => Some(&mut self.pushes.not_kept),
            "call_succeeded" => Some(&mut self.calls.succeeded),
            "call_failed" => Some(&mut self.calls.failed),
            "call_ambiguous" => Some(&mut self.calls.ambiguous),
            _ => None,
        }
    }
}

impl PushFigures {
    fn count(&mut self, at: Utc, result: PushResult, took: Option<(Duration, Duration)>) {
        match result {
            PushResult::Accepted => self.accepted += 1,
            PushResult::Duplicate => self.duplicate += 1,
            PushResult::Refused => self.refused += 1,
            PushResult::NotKept => self.not_kept += 1,
        }
        if matches!(result, PushResult::Accepted | PushResult::Duplicate) {
            self.last = self.last.max(Some(at));
        }
        if let Some((took, deadline)) = took {
            self.late += u64::from(took > deadline);
            self.took.count(&TOOK, took);
        }
    }

    const fn numbers(&self) -> [(&'static str, &u64); 5] {
        [
            ("accepted", &self.accepted),
            ("duplicate", &self.duplicate),
            ("refused", &self.refused),
            ("late", &self.late),
            ("not_kept", &self.not_kept),
        ]
    }

    /// Rest of the deadline at the answer in all but so many of a thousand pushes, in milliseconds; negative where it
    /// had passed.
    #[must_use]
    pub fn margin(&self, deadline: Duration, permille: u64) -> Option<f64> {
        let took = self.took.permille(&TOOK, 1_000_u64.saturating_sub(permille))?;
        Some((deadline.as_secs_f64() - took.as_secs_f64()) * 1e3)
    }
}

impl CallFigures {
    fn count(&mut self, standing: Standing) {
        match standing {
            Standing::Succeeded => self.succeeded += 1,
            Standing::Failed => self.failed += 1,
            Standing::Ambiguous => self.ambiguous += 1,
            Standing::Queued | Standing::Cancelled => {}
        }
    }

    const fn numbers(&self) -> [(&'static str, &u64); 3] {
        [("call_succeeded", &self.succeeded), ("call_failed", &self.failed), ("call_ambiguous", &self.ambiguous)]
    }
}

impl EndpointFigures {
    fn count(&mut self, at: Utc, state: State, delay: Duration) {
        match state {
            State::Delivered => {
                self.delivered += 1;
                self.delay.count(&DELAY, delay);
                self.last = self.last.max(Some(at));
            }
            State::Failed => self.failed += 1,
            State::Pending | State::Confirmed => {}
        }
    }

    /// Adds the figures of another connection, step or process.
    pub fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.delay.add(&other.delay);
        self.last = self.last.max(other.last);
    }

    /// The time within which so many of a thousand were delivered, in milliseconds.
    #[must_use]
    pub fn delay(&self, permille: u64) -> Option<f64> {
        self.delay.permille(&DELAY, permille).map(|delay| delay.as_secs_f64() * 1e3)
    }

    fn named(&mut self, name: &str) -> Option<&mut u64> {
        if let Some(place) = name.strip_prefix(TIMES).and_then(|place| place.parse::<usize>().ok()) {
            return self.delay.0.get_mut(place);
        }
        match name {
            "delivered" => Some(&mut self.delivered),
            "failed" => Some(&mut self.failed),
            _ => None,
        }
    }
}

impl Counts {
    fn put(&mut self, name: String, number: u64) {
        if number > 0 {
            self.added.insert(name, number);
        }
    }

    fn put_times(&mut self, before: &str, times: &Histogram) {
        for (place, number) in times.0.into_iter().enumerate() {
            if number > 0 {
                self.added.insert(format!("{before}{TIMES}{place}"), number);
            }
        }
    }
}
