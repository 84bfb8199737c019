//! An attempt at a call to a partner: commands by queue message, queries at once ([`ask`]).
//!
//! A command that is not safe to repeat is marked as being sent before it is sent. A command that still has the mark after its
//! lease is ambiguous. Its result and the deliveries of its end event are stored in one write.

mod credentials;
mod exchange;
mod found;
pub(crate) mod gate;
mod query;
mod token;
mod turns;
mod turnstile;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use hub::breaker::{self, Permit};
use hub::call::{Call, CallAttempt, CallOutcome, Rules, Standing};
use hub::delivery::{Attempt, Outcome};
use hub::progress::{MOMENT, Outgoing as _};
use hub::statistics::Counted;
use hub::{Event, EventKey, Subject, Utc, Work};
use inbound::sequence;
use partners::Json;
use partners::operation::{self, enclosure::Enclosure};
use queue::Queue;
use serde::Deserialize;
use store::Store;
use url::Url;

use self::exchange::{Ask, Exchange, Unready, exchange, outcome, ready};
pub(crate) use self::found::keep_answer;
use self::gate::{Gate, Turn};
pub use self::query::{Answer, Unanswered, ask};
pub(crate) use self::query::{LONGEST, ask_aside};
pub use self::token::{TokenTimes, token_note};
use self::turnstile::Limits;
use self::wire::list;
use crate::change::change;
use crate::claim::Claim;
use crate::index::CallFacts;
use crate::line::Line;
use crate::lines::line_name;
use crate::outcome::{Ended, JobError, JobOutcome, Step};
use crate::release::Release;
use crate::target::{Target, ToPartner};
use crate::times::{self, MARGIN, PATIENCE};
use crate::traced::{self, Traced};
use crate::{Courier, index, lack};

/// Wait of a call that this process cannot send for a reason of its own.
const HERE: Duration = Duration::from_mins(1);

/// Reason of a postponement where this process's configuration lacks the connection or the operation.
const UNCONFIGURED: &str = "its connection is not in the configuration, or offers no such operation";

/// Members of a stored call next to the ERP's body.
#[derive(Deserialize)]
struct StoredMembers {
    #[serde(default)]
    file: Option<Enclosure>,
}

/// Attempts a call once, where that claim is still the latest. Where it has ended, the commands behind it go on.
pub(crate) async fn attempt<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    claim: u32,
) -> Step<JobOutcome> {
    let mut orders = None;
    let done = attempted(courier, key, claim, &mut orders).await;
    if let Ok(JobOutcome::Called(standing)) | Err(Ended::With(JobOutcome::Called(standing))) = &done
        && *standing != Standing::Queued
    {
        courier.context.count(&Counted::Call { connection: &key.connection, standing: *standing });
        Box::pin(sequence::release(&courier.context, key, orders)).await;
    }
    done
}

/// Attempts a call once; `orders` are what it is about, once it is loaded.
async fn attempted<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    claim: u32,
    orders: &mut Option<Vec<Subject>>,
) -> Step<JobOutcome> {
    let config = &courier.context.config;
    let (claim, event) = Claim::load(courier, key, ToPartner { connection: &key.connection, config }, claim).await?;
    *orders = Some(hub::call::sequence::orders(&event.meta).collect());
    traced::note_call(&courier.context, key, &claim.item);
    let claim = Box::pin(claim.first_of_its_orders(&event)).await?;
    let name = claim.item.operation.clone();
    let connection = config.connections.get(&key.connection);
    let operation = connection.and_then(|connection| operation::find(connection.partner, &name));
    let Some((connection, operation)) = connection.zip(operation) else {
        return Err(claim.unconfigured(UNCONFIGURED).await);
    };
    let data = event.data();
    let (body, beside) = (Json::parse(&data), serde_json::from_slice::<StoredMembers>(&event.body));
    let (Ok(body), Ok(beside)) = (body, beside) else {
        return Err(claim.given_up("the stored request cannot be read").await);
    };
    let ask = Ask { connection, operation: &operation, body: &body, file: beside.file.as_ref() };
    let line = courier.lines.to(&line_name(connection), connection.concurrency);
    let gate = courier.lines.gate(connection);
    let cleared = Loaded { claim, event: &event, ask, line, gate: &gate }.cleared().await?;
    let sent = cleared.sent().await?;
    sent.settled().await
}

/// A call with all that is known of it.
struct Loaded<'a, S, Q> {
    claim: Claim<'a, S, Q, ToPartner<'a>>,
    event: &'a Event,
    ask: Ask<'a>,
    line: Arc<Line>,
    gate: &'a Gate,
}

/// A call that has its place and moment at its connection, and the permit of its partner's circuit.
struct Cleared<'a, S, Q> {
    loaded: Loaded<'a, S, Q>,
    turn: Turn<'a>,
    permit: Permit,
}

/// A call that was sent, or for which nothing could be sent.
struct Sent<'a, S, Q> {
    loaded: Loaded<'a, S, Q>,
    permit: Permit,
    began: Utc,
    over: Utc,
    result: Result<Exchange, Unready>,
}

impl<'a, S: Store, Q: Queue> Loaded<'a, S, Q> {
    async fn cleared(mut self) -> Step<Cleared<'a, S, Q>> {
        let (courier, event, gate, line) = (self.claim.courier, self.event, self.gate, Arc::clone(&self.line));
        let Ask { connection, operation, file, .. } = self.ask;
        let progress = &self.claim.item.progress;
        // Before its place is waited for: one that cannot go out takes none from others.
        if let Some(reopens) = line.closed_until(operation.name, courier.now()).filter(|_| !progress.at_once) {
            return Err(self.claim.held_back(&line, operation.name, reopens, courier.jitter()).await);
        }
        let limits = Limits { concurrency: connection.concurrency, rate: connection.rate };
        let order = (event.meta.received, event.key.id, progress.claim);
        let in_line = gate.command(&courier.context.clock, limits, order, PATIENCE);
        let takes = times::call(connection, file.is_some()) + times::transfer(file);
        let turn = match courier.in_time(takes, in_line).await {
            None => return Err(self.claim.left().await),
            Some(Err(moment)) => {
                let why = format!("postponed until {moment}: earlier calls use the connection's rate");
                let until = moment.min(courier.now().after(breaker::LONGEST_POSTPONEMENT));
                return Err(self.claim.postponed(until, &why).await);
            }
            Some(Ok(turn)) => turn,
        };
        let permit;
        (self.claim, permit) = self.claim.permitted(&line, operation.name, || courier.jitter()).await?;
        Ok(Cleared { loaded: self, turn, permit })
    }
}

impl<'a, S: Store, Q: Queue> Cleared<'a, S, Q> {
    /// Prepares, claims and sends the call; a token that the partner turns away is replaced once, where there is time. The call
    /// is not begun to be sent where the end of this process might cut it off.
    async fn sent(self) -> Step<Sent<'a, S, Q>> {
        let Self { mut loaded, mut turn, permit } = self;
        let (courier, ask, gate) = (loaded.claim.courier, loaded.ask, loaded.gate);
        let Ask { connection, file, .. } = ask;
        let may_take = |takes| courier.patience(takes).is_some();
        let transfer = times::transfer(file);
        let (mut spent, mut obtained) = (None, None);
        let (began, result) = loop {
            // A file may take longer than the claim of a call lasts.
            if !transfer.is_zero() && !loaded.claim.lasts(times::call(connection, true) + transfer) {
                loaded.claim = loaded.claim.renewed_for(transfer, Call::claimed).await?;
            }
            let ready = match ready(courier, ask, gate, spent.as_ref(), &mut obtained).await {
                Ok(ready) => ready,
                Err(unready) => break (courier.now(), Err(unready)),
            };
            if spent.is_none() && !may_take(connection.timeout + transfer + MARGIN) {
                return Err(JobOutcome::Stale.into());
            }
            loaded.claim = claimed(loaded.claim, ask).await?;
            let began = courier.now();
            let made = match exchange(courier, ask, ready.request, &ready.unread).await {
                Ok(made) => made,
                Err(unready) => break (began, Err(unready)),
            };
            let again = made.is_expired() && spent.is_none() && ready.token.is_some();
            if again && may_take(times::call(connection, file.is_some()) + transfer) {
                spent = ready.token;
                continue;
            }
            break (began, Ok(made.with_credentials(courier, connection, gate, spent.is_some()).await));
        };
        if result.is_ok() {
            turn.used();
        }
        drop(turn);
        Ok(Sent { loaded, permit, began, over: courier.now(), result })
    }
}

/// Claims a call for as long as its attempt may take. One that must not be done twice is marked.
async fn claimed<'a, S: Store, Q: Queue>(
    claim: Claim<'a, S, Q, ToPartner<'a>>,
    ask: Ask<'_>,
) -> Step<Claim<'a, S, Q, ToPartner<'a>>> {
    let transfer = times::transfer(ask.file);
    if !ask.operation.effect.repeatable() {
        return claim.renewed_for(transfer, Call::claimed_to_send).await;
    }
    if claim.lasts(ask.connection.timeout + transfer + MARGIN) {
        Ok(claim)
    } else {
        claim.renewed_for(transfer, Call::claimed).await
    }
}

impl<S: Store, Q: Queue> Sent<'_, S, Q> {
    /// Reports the result to the circuit, stores it, and brings postponed attempts forward after a success.
    async fn settled(self) -> Step<JobOutcome> {
        let Loaded { claim, ask, line, .. } = &self.loaded;
        let (courier, line, kind) = (claim.courier, Arc::clone(line), ask.operation.name);
        let (outcome, took) = (outcome(&self.result), self.over.since(self.began));
        let tried = breaker::AttemptReport { kind, event: claim.key.id, outcome, status: self.status(), took };
        let reopened = line.report(&courier.context.store, self.permit, &tried, self.over).await;
        // A connection's rate postpones calls as well, so a postponement proves no open circuit: this process's state counts.
        let succeeded = outcome == Outcome::Delivered;
        let reopened = reopened.or_else(|| if succeeded { line.owes(kind, false) } else { None });
        let done = self.stored().await;
        if let Some(reopened) = reopened {
            Release { courier, line: &line, kind, reopened }.calls().await;
        }
        done
    }

    /// The HTTP status of the partner's answer.
    fn status(&self) -> Option<u16> {
        self.result.as_ref().ok().and_then(|made| made.sent.status())
    }

    /// Stores the result, and hints at what follows.
    async fn stored(self) -> Step<JobOutcome> {
        let status = self.status();
        let Self { loaded: Loaded { claim, event, ask, line, .. }, permit, began, over, result } = self;
        let courier = claim.courier;
        let ms = u64::try_from(over.since(began).as_millis()).unwrap_or(u64::MAX);
        let attempt = |status, detail| Attempt { at: began, ms, status, detail, ..Attempt::default() };
        let unsent = |attempt, came, said| CallAttempt { attempt, answer: None, said, came, learned: Vec::new() };
        let tried = match result {
            Ok(made) => {
                let (came, answer) = (made.came(), made.answer());
                let learned = if came == CallOutcome::Success {
                    // Found data is stored before the call is settled: a call that ends twice finds it again.
                    if let Some(body) = made.body() {
                        found::keep(courier, ask, body).await.map_err(JobError::Found)?;
                    }
                    found::learned(ask, &made)
                } else {
                    Vec::new()
                };
                CallAttempt { attempt: attempt(status, made.detail()), answer, said: made.said, came, learned }
            }
            Err(Unready::Later { text, retry_after, said, outcome: _ }) => {
                unsent(attempt(None, text), CallOutcome::Nothing { retry_after }, said)
            }
            Err(Unready::Refused { text, refusal, said }) => {
                let status = (refusal.status != 0).then_some(refusal.status);
                unsent(attempt(status, text), CallOutcome::Refusal, said)
            }
            Err(Unready::Never(faults)) => unsent(attempt(None, list(&faults)), CallOutcome::Refusal, None),
            Err(Unready::Unknown(faults)) => return Err(claim.unconfigured(&list(&faults)).await),
            Err(Unready::Here(why)) => {
                let (id, connection) = (claim.key.id, &claim.key.connection);
                tracing::error!(call = %id, %connection, why, "a call cannot be sent by this process");
                return Err(claim.postponed(over.after(HERE), &format!("postponed: {why}")).await);
            }
            Err(Unready::Exhausted(why)) => {
                lack::tell(&why);
                let until = over.after(MOMENT.mul_f64(1.0 + courier.jitter()));
                return Err(claim.postponed(until, &format!("postponed: {why}")).await);
            }
        };
        let is_done = tried.came == CallOutcome::Success;
        // Its aliases may have been written at an earlier attempt, which begins no watch.
        let begins_watch =
            is_done && courier.context.config.watching(&claim.key.connection, &event.meta.kind).is_some();
        let unindexed = claim.work.index_by.is_some() || !tried.learned.is_empty() || begins_watch;
        let facts = CallFacts { learned: &tried.learned, is_done };
        let indexed = !unindexed || index::write(&courier.context, event, facts).await.is_ok();
        let rules = Rules { schedule: &ask.connection.schedule, repeatable: ask.operation.effect.repeatable() };
        let comes_again = match tried.came {
            CallOutcome::Nothing { retry_after } => retry_after.is_none(),
            CallOutcome::Unknown => rules.repeatable,
            CallOutcome::Success | CallOutcome::Refusal => false,
        };
        let probe = permit == Permit::Probe && comes_again;
        let next_probe = if probe { line.next_probe(ask.operation.name, over) } else { None };
        let Claim { key, target, work, item, .. } = claim;
        let traced = Traced::call(&courier.context, key, &item, began);
        let (number, jitter) = (item.progress.claim, courier.jitter());
        let settled = |mut work: Work| {
            work.index_by = if indexed { None } else { Some(over.after(target.config.sweep_every)) };
            target.next(work, number, |call| match next_probe {
                Some(due) => call.probed(tried.clone(), due, rules.schedule, over),
                None => call.attempted(tried.clone(), &rules, over, jitter),
            })
        };
        let changed = change(courier, key, work, settled).await.map_err(JobError::After)?;
        let Some((item, work)) = changed.and_then(|work| Some((work.call.clone()?, work))) else {
            return Ok(JobOutcome::Stale);
        };
        if let Some(traced) = traced {
            let (partner, host) = (ask.connection.partner, ask.connection.base_url.as_ref().and_then(Url::host_str));
            traced.called(&courier.context, (key, partner.id()), (&item, status, host), (began, over));
        }
        log(key, &item, status);
        let standing = item.standing;
        Claim { courier, key, target, work, item }.hint_next().await;
        Ok(JobOutcome::Called(standing))
    }
}

/// Logs an attempt. The partner's answer is kept with it and may hold what no log should: the reason here is the status with
/// the partner's code, or why there was no answer.
fn log(key: &EventKey, call: &Call, status: Option<u16>) {
    let (id, connection) = (key.id, &key.connection);
    let Call { operation, standing: state, progress, said, .. } = call;
    let detail = progress.attempts.last().map(|last| last.detail.as_str()).unwrap_or_default();
    let code = said.as_ref().and_then(|said| said.code.as_deref());
    let why = match (status, code) {
        (None, _) => detail.to_owned(),
        (Some(status), Some(code)) if code != status.to_string() => {
            format!("answered with status {status} and code {code}")
        }
        (Some(status @ 200..=299), None) => format!("answered with status {status}, and a body without a judgement"),
        (Some(status), _) => format!("answered with status {status}"),
    };
    match state {
        Standing::Succeeded => tracing::debug!(call = %id, %connection, operation, status, "a call has succeeded"),
        Standing::Queued => {
            let due = progress.due;
            tracing::info!(call = %id, %connection, operation, status, why, %due, "a call has not succeeded yet");
        }
        Standing::Failed => {
            tracing::warn!(call = %id, %connection, operation, status, why, "a call has failed for good");
        }
        // It is cancelled by the ERP alone.
        Standing::Cancelled => {}
        Standing::Ambiguous => {
            let message = "a call is ambiguous: the partner may have done it; resolve it";
            tracing::warn!(call = %id, %connection, operation, status, why, message);
        }
    }
}
