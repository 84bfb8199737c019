//! Targets: which delivery or call of an event's work an attempt is made for, and its destination.

use std::time::Duration;

use config::Config;
use hub::call::Call;
use hub::delivery::Delivery;
use hub::progress::{Outgoing, Progress};
use hub::set_back::Waits;
use hub::{ConnectionId, EndpointId, EventKey, Utc, Work};
use queue::{Destination, Job};
use store::{Listed, Pending};
use telemetry::metrics;

use crate::outcome::JobOutcome;
use crate::times;

/// Time by which the hint at a postponed command comes before its due time, so that it waits for the rest while claimed. Less
/// than a hint may be early.
const AHEAD: Duration = Duration::from_millis(900);

/// The delivery or call that an attempt is made for.
pub(crate) trait Target: Copy + Sync {
    /// [`Delivery`] or [`Call`].
    type Item: Outgoing + Send;

    /// The destination as the subject of a sentence that says it is failing.
    const FAILING: &'static str;

    /// The delivery or call in an event's work.
    fn find<'w>(&self, work: &'w Work) -> Option<&'w Self::Item>;

    /// The work with that delivery or call in place of the present one.
    fn put(&self, work: Work, item: Self::Item) -> Work;

    /// The job of an attempt under that claim.
    fn job(&self, claim: u32) -> Job;

    /// Its lease and schedule.
    fn waits(&self) -> Waits<'_>;

    /// Longest time of an attempt.
    fn longest(&self) -> Duration;

    /// The lane that its hints wait in.
    fn lane(&self) -> Destination;

    /// The list of what waits for the same destination.
    fn waiting(&self) -> Pending;

    /// Its kind, for which its destination has a circuit: an event type, an operation.
    fn kind(&self, listed: &Listed) -> Option<String>;

    /// Time of the hint at its next attempt.
    fn hinted(&self, progress: &Progress) -> Utc {
        progress.due
    }

    /// The jobs that follow once it is settled.
    fn followed_by(&self, _: &Work) -> Vec<Job> {
        Vec::new()
    }

    /// Logs and counts that it was given up without an attempt.
    fn log_given_up(&self, key: &EventKey, item: &Self::Item, now: Utc);

    /// Result of a job that leaves it like this.
    fn done(item: &Self::Item) -> JobOutcome;

    /// The delivery or call, where it is to be attempted under that claim; nothing where another process has gone on with it.
    fn current(&self, work: &Work, claim: u32) -> Option<Self::Item> {
        self.find(work).filter(|item| item.is_current(claim)).cloned()
    }

    /// The work with its delivery or call changed, where that still is to be attempted under that claim.
    fn next(&self, work: Work, claim: u32, becomes: impl FnOnce(Self::Item) -> Self::Item) -> Option<Work> {
        let item = becomes(self.current(&work, claim)?);
        Some(self.put(work, item))
    }
}

/// A delivery to an endpoint.
#[derive(Clone, Copy)]
pub(crate) struct ToEndpoint<'a> {
    pub(crate) endpoint: &'a EndpointId,
    pub(crate) config: &'a Config,
}

impl Target for ToEndpoint<'_> {
    type Item = Delivery;

    const FAILING: &'static str = "the endpoint has been failing";

    fn find<'w>(&self, work: &'w Work) -> Option<&'w Delivery> {
        // What consumers lease is sent by nobody.
        work.delivery(self.endpoint).filter(|delivery| !delivery.pull)
    }

    fn put(&self, work: Work, delivery: Delivery) -> Work {
        work.with(delivery)
    }

    fn job(&self, claim: u32) -> Job {
        Job::Deliver { endpoint: self.endpoint.clone(), claim }
    }

    fn waits(&self) -> Waits<'_> {
        times::of_endpoint(self.config, self.endpoint)
    }

    fn longest(&self) -> Duration {
        self.config.endpoints.get(self.endpoint).map_or(Duration::ZERO, times::delivery)
    }

    fn lane(&self) -> Destination {
        Destination::Endpoint(self.endpoint.clone())
    }

    fn waiting(&self) -> Pending {
        Pending::At(self.endpoint.clone())
    }

    fn kind(&self, listed: &Listed) -> Option<String> {
        match &listed.work.call {
            Some(call) => call.standing.event_type().map(ToOwned::to_owned),
            None => Some(listed.meta.kind.to_string()),
        }
    }

    fn log_given_up(&self, key: &EventKey, delivery: &Delivery, now: Utc) {
        let why = delivery.progress.attempts.last().map(|last| last.detail.as_str());
        let (event, subject, endpoint) = (&key.id, &key.subject, self.endpoint);
        tracing::warn!(%event, %subject, %endpoint, why, "a delivery has failed: replay or confirm it");
        measure(delivery, now);
    }

    fn done(delivery: &Delivery) -> JobOutcome {
        JobOutcome::Attempted(delivery.state)
    }
}

/// Counts a delivery that is settled at `now`.
pub(crate) fn measure(delivery: &Delivery, now: Utc) {
    if let Some(sample) = metrics::settled(delivery, now) {
        metrics::emit(now, &sample);
    }
}

/// A call through a connection.
#[derive(Clone, Copy)]
pub(crate) struct ToPartner<'a> {
    pub(crate) connection: &'a ConnectionId,
    pub(crate) config: &'a Config,
}

impl Target for ToPartner<'_> {
    type Item = Call;

    const FAILING: &'static str = "the partner has been failing at it";

    fn find<'w>(&self, work: &'w Work) -> Option<&'w Call> {
        work.call.as_ref()
    }

    fn put(&self, work: Work, call: Call) -> Work {
        work.with_call(call, self.connection, &self.config.routes, self.config.sweep_every)
    }

    fn job(&self, claim: u32) -> Job {
        Job::Call { claim }
    }

    fn waits(&self) -> Waits<'_> {
        times::of_connection(self.config, self.connection)
    }

    fn longest(&self) -> Duration {
        self.config.connections.get(self.connection).map_or(Duration::ZERO, |own| times::call(own, true))
    }

    fn lane(&self) -> Destination {
        Destination::Connection(self.connection.clone())
    }

    fn waiting(&self) -> Pending {
        Pending::Calls(self.connection.clone())
    }

    fn kind(&self, listed: &Listed) -> Option<String> {
        listed.work.call.as_ref().map(|call| call.operation.clone())
    }

    fn hinted(&self, progress: &Progress) -> Utc {
        let ahead = if progress.first_due.is_some() { AHEAD } else { Duration::ZERO };
        Utc(progress.due.0.saturating_sub(i64::try_from(ahead.as_micros()).unwrap_or_default()))
    }

    /// The deliveries of its end event.
    fn followed_by(&self, work: &Work) -> Vec<Job> {
        Job::pending(work).map(|(job, _)| job).collect()
    }

    fn log_given_up(&self, key: &EventKey, call: &Call, _: Utc) {
        let why = call.progress.attempts.last().map(|last| last.detail.as_str());
        let (id, connection, state) = (&key.id, &key.connection, call.standing.name());
        tracing::warn!(call = %id, %connection, state, why, "a call has ended without an attempt");
    }

    fn done(call: &Call) -> JobOutcome {
        JobOutcome::Called(call.standing)
    }
}
