//! The steps that attempts at deliveries and calls share: load, postpone, claim, and hint at what is next.

use std::time::Duration;

use hub::breaker::Permit;
use hub::progress::Outgoing as _;
use hub::{Event, EventKey, Record, Utc, Work};
use queue::Queue;
use store::{Store, StoreError};

use crate::Courier;
use crate::change::change;
use crate::line::Line;
use crate::outcome::{Ended, JobError, JobOutcome, Step};
use crate::target::Target;

/// Wait of a job that is left to another process.
const LEFT: Duration = Duration::from_secs(5);

/// Reason for which a damaged event is not sent.
const DAMAGED: &str =
    "not sent: the stored bytes are not those that were written; restore them from a backup and repeat it";

/// A delivery or call that this process may attempt, and the work that it was read from. Each step that changes it consumes
/// the claim, and ends where another process has gone on.
pub(crate) struct Claim<'a, S, Q, T: Target> {
    pub(crate) courier: &'a Courier<S, Q>,
    pub(crate) key: &'a EventKey,
    pub(crate) target: T,
    pub(crate) work: Work,
    pub(crate) item: T::Item,
}

impl<'a, S: Store, Q: Queue, T: Target> Claim<'a, S, Q, T> {
    /// Loads the event of a hint, where its delivery or call is to be attempted under the hint's claim. One that is damaged is
    /// given up.
    pub(crate) async fn load(
        courier: &'a Courier<S, Q>,
        key: &'a EventKey,
        target: T,
        claim: u32,
    ) -> Step<(Self, Event)> {
        let (work, event) = match courier.context.store.load(key, courier.now()).await {
            Ok(Some(Record { event, work })) => (work, Some(event)),
            Ok(None) => return Err(JobOutcome::Stale.into()),
            Err(StoreError::Damaged { work: Some(work), .. }) => (*work, None),
            Err(error) => return Err(JobError::Before(error).into()),
        };
        let item = target.current(&work, claim).ok_or(JobOutcome::Stale)?;
        let claim = Self { courier, key, target, work, item };
        match event {
            None => {
                let (id, subject, connection) = (&key.id, &key.subject, &key.connection);
                tracing::error!(event = %id, %subject, %connection, "a stored event is damaged and is not sent");
                Err(claim.given_up(DAMAGED).await)
            }
            Some(_) if claim.item.progress().is_early(courier.now()) => Err(JobOutcome::Stale.into()),
            Some(event) => Ok((claim, event)),
        }
    }

    /// Asks the circuit of the destination whether something of that kind may be sent now; otherwise it is postponed, by some
    /// `jitter` in `0.0..1.0`.
    pub(crate) async fn permitted(self, line: &Line, kind: &str, jitter: impl FnOnce() -> f64) -> Step<(Self, Permit)> {
        match line.permit(&self.courier.context.store, kind, self.courier.now()).await {
            Permit::Wait(_) if self.item.progress().at_once => Ok((self, Permit::Go)),
            Permit::Wait(reopens) => Err(self.held_back(line, kind, reopens, jitter()).await),
            permit @ (Permit::Go | Permit::Probe) => Ok((self, permit)),
        }
    }

    /// Whether the lease lasts longer than something that takes so long.
    pub(crate) fn lasts(&self, takes: Duration) -> bool {
        let progress = self.item.progress();
        progress.is_claimed && self.courier.now().after(takes) < progress.due
    }

    /// Begins a new claim, for as long as an attempt may take.
    pub(crate) async fn renewed(self, claimed: impl Fn(T::Item, Utc) -> T::Item) -> Step<Self> {
        self.renewed_for(Duration::ZERO, claimed).await
    }

    /// Begins a new claim, for as long as an attempt may take that takes so much longer than others.
    pub(crate) async fn renewed_for(self, longer: Duration, claimed: impl Fn(T::Item, Utc) -> T::Item) -> Step<Self> {
        let until = self.courier.now().after(self.target.waits().lease + longer);
        self.change(|item| claimed(item, until)).await
    }

    /// Postpones it while the circuit of its kind is open, until `reopens` at least.
    pub(crate) async fn held_back(self, line: &Line, kind: &str, reopens: Utc, jitter: f64) -> Ended {
        let (now, progress) = (self.courier.now(), self.item.progress());
        let rank = line.rank(kind, reopens, progress, now);
        let due = rank.due(reopens, progress.overdue_since(), now, jitter);
        let why = format!("postponed until {due}: {}, and its circuit is open", T::FAILING);
        self.postponed(due, &why).await
    }

    /// Postpones it until then, and records why.
    pub(crate) async fn postponed(self, until: Utc, why: &str) -> Ended {
        let (now, target) = (self.courier.now(), self.target);
        self.unsent(|item| item.postponed(until, why, target.waits().schedule, now)).await
    }

    /// Postpones it because the configuration of this process lacks something for it.
    pub(crate) async fn unconfigured(self, lacks: &str) -> Ended {
        let (now, jitter) = (self.courier.now(), self.courier.jitter());
        self.unsent(|item| item.unconfigured(lacks, now, jitter)).await
    }

    /// Gives it up without an attempt, and records why.
    pub(crate) async fn given_up(self, why: &str) -> Ended {
        let now = self.courier.now();
        self.unsent(|item| item.given_up(why, now)).await
    }

    /// Leaves it, as it is stored, to a process that has more time.
    pub(crate) async fn left(self) -> Ended {
        let job = self.target.job(self.item.progress().claim);
        self.courier.hint(self.key, vec![job], self.courier.now().after(LEFT)).await;
        JobOutcome::Left.into()
    }

    /// Stores what becomes of it without an attempt.
    async fn unsent(self, becomes: impl Fn(T::Item) -> T::Item) -> Ended {
        let claim = match self.change(becomes).await {
            Ok(claim) => claim,
            Err(ended) => return ended,
        };
        claim.hint_next().await;
        if claim.item.is_pending() {
            return JobOutcome::Postponed.into();
        }
        claim.target.log_given_up(claim.key, &claim.item, claim.courier.now());
        T::done(&claim.item).into()
    }

    /// Stores a change of it before an attempt.
    pub(crate) async fn change(self, becomes: impl Fn(T::Item) -> T::Item) -> Step<Self> {
        let Self { courier, key, target, work, item } = self;
        let claim = item.progress().claim;
        let next = |work| target.next(work, claim, &becomes);
        let changed = change(courier, key, work, next).await.map_err(JobError::Before)?;
        let work = changed.ok_or(JobOutcome::Stale)?;
        let item = target.find(&work).cloned().ok_or(JobOutcome::Stale)?;
        Ok(Self { courier, key, target, work, item })
    }

    /// Sends the queue message of its next attempt or, once a call is settled, those of the deliveries of its end.
    pub(crate) async fn hint_next(&self) {
        let (jobs, due) = match self.item.pending() {
            Some(progress) => (vec![self.target.job(progress.claim)], self.target.hinted(progress)),
            None => (self.target.followed_by(&self.work), self.courier.now()),
        };
        self.courier.hint(self.key, jobs, due).await;
    }
}
