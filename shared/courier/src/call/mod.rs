//! Calls to partners: commands by errand, queries at once.
//!
//! A command that must not be done twice is marked as being sent before it is sent, so that whoever finds it like that
//! after its time knows that nobody knows. What came of it, and the deliveries that tell the ERP, are stored in one write.

mod credentials;
mod exchange;
mod found;
mod gate;
mod query;
mod token;
mod turnstile;

use std::time::Duration;

use hub::breaker::{self, Permit};
use hub::call::{Call, Came, Rules, Standing, Tried};
use hub::delivery::{Attempt, MOMENT, Outcome, State};
use hub::schedule::Schedule;
use hub::{Alias, ConnectionId, EventKey, Record, Utc, Work};
use partners::Json;
use partners::operation::enclosure::Enclosure;
use partners::operation::{self, Fault, needs_token};
use queue::{Errand, Queue};
use runtime::config::{Config, Connection};
use serde::Deserialize;
use store::{Store, StoreError};

use self::exchange::{Ask, Exchange, Unready, exchange, ready};
pub(crate) use self::gate::Gate;
pub use self::query::{Answer, Unanswered, ask};
use self::turnstile::Limits;
use crate::attempt::{DAMAGED, Done, MARGIN, Undone};
use crate::change::{change, leave, tell};
use crate::{Courier, index, lack, release};

/// How long a command may wait in hand for its moment at its connection's rate; for longer it is put off until then.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much earlier the hint of a put-off command comes than its moment, so that it waits in hand for the rest. Less than
/// what a call may be early.
const AHEAD: Duration = Duration::from_millis(900);

/// How long a call waits that this process cannot send for a reason of its own.
const HERE: Duration = Duration::from_mins(1);

/// For how long a call is taken up: for a file, a token and the call itself, each with its own timeout.
pub(crate) fn lease(config: &Config, connection: &ConnectionId) -> Duration {
    let connection = config.connections.get(connection);
    let timeout = connection.map_or(Duration::ZERO, |connection| connection.timeout);
    config.sweep_every.max(timeout * 3 + PATIENCE + 2 * MARGIN)
}

/// How long an attempt may take, with what is read before and stored after it: for the call itself, for the file, and for
/// a token, which another process may be asking for.
pub(crate) fn longest(connection: &Connection, file: bool) -> Duration {
    let token = needs_token(connection.partner, &connection.settings);
    connection.timeout * (1 + u32::from(file) + 3 * u32::from(token)) + PATIENCE + 2 * MARGIN
}

/// The name of the line to a partner's address: connections at the same one share its circuit.
#[must_use]
pub fn line_name(connection: &Connection) -> String {
    connection.base_url.as_ref().map_or_else(String::new, |url| format!("call:{}", url.origin().ascii_serialization()))
}

/// What stands beside the ERP's body in a stored call.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    file: Option<Enclosure>,
}

/// Runs the errand of a call: one attempt, where it is still that turn's.
pub(crate) async fn run<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    turn: u32,
) -> Result<Done, Undone> {
    let context = &courier.context;
    let store = &context.store;
    let record = match store.load(key, context.now()).await {
        Ok(Some(record)) => record,
        Ok(None) => return Ok(Done::Stale),
        Err(StoreError::Damaged { work: Some(work), .. }) => return damaged(courier, key, *work, turn).await,
        Err(error) => return Err(Undone::Before(error)),
    };
    let Some(call) = current(&record.work, turn) else { return Ok(Done::Stale) };
    if call.is_early(context.now()) {
        return Ok(Done::Stale);
    }
    let connection = context.config.connections.get(&key.connection);
    let operation = connection.and_then(|connection| operation::find(connection.partner, &call.operation));
    let Some((connection, operation)) = connection.zip(operation) else {
        let lacks = "its connection is not in the configuration, or offers no such operation";
        return unknown(courier, (key, record.work), turn, lacks).await;
    };
    let data = record.event.data();
    let (body, beside) = (Json::parse(&data), serde_json::from_slice::<Beside>(&record.event.body));
    let (Ok(body), Ok(beside)) = (body, beside) else {
        return end(courier, (key, record.work), turn, "the stored request cannot be read".to_owned()).await;
    };

    let line = courier.lines.to(&line_name(connection), connection.concurrency);
    let kind = operation.name;
    // Before its turn is waited for: one that cannot go out takes nobody's.
    if let Some(reopens) = line.closed_until(kind, context.now()).filter(|_| !call.at_once) {
        return held_back(courier, &record, &call, connection, reopens).await;
    }
    let gate = courier.lines.gate(connection);
    let limits = Limits { concurrency: connection.concurrency, rate: connection.rate };
    let order = (record.event.meta.received, key.id, turn);
    let in_line = gate.command(&context.clock, limits, order, PATIENCE);
    let takes = longest(connection, beside.file.is_some());
    let mut place = match courier.in_time(takes, in_line).await {
        None => return Ok(leave(courier, key, Errand::Call { turn }).await),
        Some(Err(moment)) => {
            let why = format!("put off until {moment}: others are before it at the connection's rate");
            let until = moment.min(context.now().after(breaker::LONGEST_PUT_OFF));
            return put_off(courier, (key, record.work), turn, connection, until, &why).await;
        }
        Some(Ok(place)) => place,
    };
    let permit = match line.permit(store, kind, context.now()).await {
        Permit::Wait(_) if call.at_once => Permit::Go,
        Permit::Wait(reopens) => return held_back(courier, &record, &call, connection, reopens).await,
        permit @ (Permit::Go | Permit::Probe) => permit,
    };
    let ask = Ask { connection, operation: &operation, body: &body, file: beside.file.as_ref() };
    let attempt = Sending { courier, record: &record, ask, gate: &gate };
    let made = attempt.made(record.work.clone(), turn).await.map_err(Undone::Before)?;
    let Some(made) = made else { return Ok(Done::Stale) };
    if matches!(made.came, Outgoing::Sent(_)) {
        place.used();
    }
    drop(place);
    let over = context.now();
    let (outcome, status, took) = (made.came.outcome(), made.came.status(), over.since(made.began));
    let tried = breaker::Tried { kind, event: key.id, outcome, status, took };
    let reopened = line.report(store, permit, &tried, over).await;
    let succeeded = outcome == Outcome::Delivered;
    // Calls are put off by their connection's rate as well, which tells of no circuit: what this process knows counts.
    let reopened = reopened.or_else(|| if succeeded { line.owes(kind, false) } else { None });
    let held_back = line.closed_until(kind, over).filter(|_| permit == Permit::Probe);
    let held_back = held_back.map(|reopens| line.after_probe(kind, reopens, over));
    let done = attempt.settle(made, over, held_back).await;
    if let Some(reopened) = reopened {
        release::calls(courier, &line, kind, reopened).await;
    }
    done
}

/// One attempt.
struct Sending<'a, S, Q> {
    courier: &'a Courier<S, Q>,
    record: &'a Record,
    ask: Ask<'a>,
    gate: &'a Gate,
}

/// An attempt that was made.
struct Made {
    /// The work as it was stored before.
    work: Work,
    /// The turn under which it was made.
    turn: u32,
    began: Utc,
    came: Outgoing,
}

/// What an attempt came to.
enum Outgoing {
    /// Something was sent.
    Sent(Exchange),
    /// Nothing was sent.
    Not(Unready),
}

impl Outgoing {
    const fn outcome(&self) -> Outcome {
        match self {
            Self::Sent(exchange) => exchange.outcome(),
            Self::Not(Unready::Later { outcome, .. }) => *outcome,
            // It answers, and knows its own mind.
            Self::Not(Unready::Refused { .. }) => Outcome::Delivered,
            Self::Not(Unready::Never(_) | Unready::Unknown(_) | Unready::Here(_)) => Outcome::Impossible,
            Self::Not(Unready::Exhausted(_)) => Outcome::Unsent,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Sent(exchange) => exchange.sent.status(),
            Self::Not(_) => None,
        }
    }
}

impl<S: Store, Q: Queue> Sending<'_, S, Q> {
    /// Makes the attempt; a token that the partner turns away is replaced once, where there is time. Nothing where somebody
    /// else has taken the call up, or is to: it is not begun to be sent where the end of this process might cut it off.
    async fn made(&self, mut work: Work, mut turn: u32) -> Result<Option<Made>, StoreError> {
        let (courier, connection) = (self.courier, self.ask.connection);
        let may_take = |takes| courier.patience(takes).is_some();
        let mut spent = None;
        loop {
            let ready = match ready(courier, self.ask, self.gate, spent.as_ref()).await {
                Ok(ready) => ready,
                Err(unready) => {
                    let (began, came) = (courier.context.now(), Outgoing::Not(unready));
                    return Ok(Some(Made { work, turn, began, came }));
                }
            };
            if spent.is_none() && !may_take(connection.timeout + MARGIN) {
                return Ok(None);
            }
            let Some(claimed) = self.claim(work, turn).await? else { return Ok(None) };
            (work, turn) = claimed;
            let began = courier.context.now();
            let made = match exchange(courier, self.ask, ready.request).await {
                Ok(made) => made,
                Err(unready) => return Ok(Some(Made { work, turn, began, came: Outgoing::Not(unready) })),
            };
            let again = made.is_expired() && spent.is_none() && ready.token.is_some();
            if again && may_take(longest(connection, self.ask.file.is_some())) {
                spent = ready.token;
                continue;
            }
            let made = made.with_credentials(courier, connection, self.gate, spent.is_some()).await;
            return Ok(Some(Made { work, turn, began, came: Outgoing::Sent(made) }));
        }
    }

    /// Takes the call in hand for as long as the attempt may take. What must not be done twice is marked.
    async fn claim(&self, work: Work, turn: u32) -> Result<Option<(Work, u32)>, StoreError> {
        let Ask { connection, operation, .. } = self.ask;
        let courier = self.courier;
        let repeatable = operation.effect.repeatable();
        let now = courier.context.now();
        let enough = |call: Call| now.after(connection.timeout + MARGIN) < call.due;
        if repeatable && current(&work, turn).is_some_and(enough) {
            return Ok(Some((work, turn)));
        }
        let config = &courier.context.config;
        let until = now.after(lease(config, &connection.id));
        let claim = |work: Work| {
            let call = current(&work, turn)?.claimed(until, !repeatable);
            Some(Work { call: Some(call), ..work })
        };
        let claimed = change(courier, &self.record.event.key, work, claim).await?;
        Ok(claimed.and_then(|work| work.call.as_ref().map(|call| call.turn).map(|turn| (work, turn))))
    }

    /// Stores what came of the attempt. A probe that failed and may be repeated comes again then.
    async fn settle(&self, made: Made, over: Utc, held_back: Option<Utc>) -> Result<Done, Undone> {
        let Self { courier, record, ask, .. } = self;
        let (context, key) = (&courier.context, &record.event.key);
        let Made { work, turn, began, came: outgoing } = made;
        let (came, detail, said, status) = match &outgoing {
            Outgoing::Sent(exchange) => {
                (exchange.came(), exchange.detail(), exchange.said.clone(), exchange.sent.status())
            }
            Outgoing::Not(Unready::Later { text, retry_after, said, .. }) => {
                (Came::Nothing { retry_after: *retry_after }, text.clone(), said.clone(), None)
            }
            Outgoing::Not(Unready::Refused { text, refusal, said }) => {
                let status = (refusal.status != 0).then_some(refusal.status);
                (Came::Refusal, text.clone(), said.clone(), status)
            }
            Outgoing::Not(Unready::Never(faults)) => (Came::Refusal, list(faults), None, None),
            Outgoing::Not(Unready::Unknown(faults)) => {
                return unknown(courier, (key, work), turn, &list(faults)).await;
            }
            Outgoing::Not(Unready::Here(why)) => {
                tracing::error!(call = %key.id, connection = %key.connection, why, "a call cannot be sent by this process");
                let (until, why) = (over.after(HERE), format!("put off: {why}"));
                return put_off(courier, (key, work), turn, ask.connection, until, &why).await;
            }
            Outgoing::Not(Unready::Exhausted(why)) => {
                lack::tell(why);
                let until = over.after(MOMENT.mul_f64(1.0 + (courier.random)()));
                return put_off(courier, (key, work), turn, ask.connection, until, &format!("put off: {why}")).await;
            }
        };
        let learned = if let (Outgoing::Sent(exchange), Came::Success) = (&outgoing, came) {
            // What was found is kept before the call is settled: a call that ends twice finds it again.
            found::keep(courier, *ask, exchange).await.map_err(Undone::Found)?;
            found::learned(*ask, exchange)
        } else {
            Vec::new()
        };
        let ms = u64::try_from(over.since(began).as_millis()).unwrap_or(u64::MAX);
        let answer = match &outgoing {
            Outgoing::Sent(exchange) => exchange.answer(),
            Outgoing::Not(_) => None,
        };
        let attempt = Attempt { at: began, ms, status, detail, put_off: 0 };
        let tried = Tried { attempt, answer, said, came, learned };
        let indexed = self.index(&tried.learned).await;
        let rules = Rules { schedule: &ask.connection.schedule, repeatable: ask.operation.effect.repeatable() };
        let (config, jitter) = (&context.config, (courier.random)());
        let held_back = held_back.filter(|_| match came {
            Came::Nothing { retry_after } => retry_after.is_none(),
            Came::Unknown => rules.repeatable,
            Came::Success | Came::Refusal => false,
        });
        let settled = |mut work: Work| {
            work.index_by = if indexed { None } else { Some(over.after(config.sweep_every)) };
            let call = current(&work, turn)?;
            let call = match held_back {
                Some(due) => call.probed(tried.clone(), due, rules.schedule, over),
                None => call.attempted(tried.clone(), &rules, over, jitter),
            };
            Some(work.with_call(call, &key.connection, &config.routes, config.sweep_every))
        };
        let changed = change(courier, key, work, settled).await.map_err(Undone::After)?;
        let Some(work) = changed else { return Ok(Done::Stale) };
        log(key, &work, outgoing.status());
        Ok(told(courier, key, &work).await.map_or(Done::Stale, Done::Called))
    }

    /// Writes the aliases, those of the request unless they are written, and what the answer taught.
    async fn index(&self, learned: &[Alias]) -> bool {
        let Record { event, work } = self.record;
        if work.index_by.is_none() && learned.is_empty() {
            return true;
        }
        let call = work.call.clone().map(|call| Call { learned: learned.to_vec(), ..call });
        let record = Record { event: event.clone(), work: Work { call, ..work.clone() } };
        index::write(&self.courier.context.store, &record).await.is_ok()
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The call, where it is that turn's.
fn current(work: &Work, turn: u32) -> Option<Call> {
    work.call.as_ref().filter(|call| call.is_turn(turn)).cloned()
}

/// Ends a call whose stored request is not the one that was accepted.
async fn damaged<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: &EventKey,
    work: Work,
    turn: u32,
) -> Result<Done, Undone> {
    tracing::error!(call = %key.id, connection = %key.connection, "a stored call is damaged and is not sent");
    end(courier, (key, work), turn, DAMAGED.to_owned()).await
}

/// Ends a call that can never be sent.
async fn end<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    stored: (&EventKey, Work),
    turn: u32,
    reason: String,
) -> Result<Done, Undone> {
    let now = courier.context.now();
    let attempt = Attempt { at: now, detail: reason, ..Attempt::default() };
    let tried = Tried { attempt, answer: None, said: None, came: Came::Refusal, learned: Vec::new() };
    let rules = Rules { schedule: &Schedule::new(vec![]), repeatable: false };
    unsent(courier, stored, turn, |call| call.attempted(tried.clone(), &rules, now, 0.0)).await
}

/// Puts a call off whose operation's circuit is open until `reopens`.
async fn held_back<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    record: &Record,
    call: &Call,
    connection: &Connection,
    reopens: Utc,
) -> Result<Done, Undone> {
    let line = courier.lines.to(&line_name(connection), connection.concurrency);
    let now = courier.context.now();
    let rank = line.rank(&call.operation, reopens, &call.attempts, now);
    let due = rank.due(reopens, call.owed_since().unwrap_or(now), now, (courier.random)());
    let why = format!("put off until {due}: the partner has been failing at it, and its circuit is open");
    put_off(courier, (&record.event.key, record.work.clone()), call.turn, connection, due, &why).await
}

/// Puts a call off that may not be sent before `until`.
async fn put_off<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    found: (&EventKey, Work),
    turn: u32,
    connection: &Connection,
    until: Utc,
    why: &str,
) -> Result<Done, Undone> {
    let now = courier.context.now();
    unsent(courier, found, turn, |call| call.put_off(until, why, &connection.schedule, now)).await
}

/// Puts a call off that this process does not know how to send, for lack of that.
async fn unknown<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    found: (&EventKey, Work),
    turn: u32,
    lacks: &str,
) -> Result<Done, Undone> {
    let (now, jitter) = (courier.context.now(), (courier.random)());
    unsent(courier, found, turn, |call| call.unknown(lacks, now, jitter)).await
}

/// Stores what becomes of a call without an attempt. Its work is that of the turn: what was claimed, where it was.
async fn unsent<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    (key, work): (&EventKey, Work),
    turn: u32,
    next: impl Fn(Call) -> Call,
) -> Result<Done, Undone> {
    let config = &courier.context.config;
    let next = |work: Work| {
        let call = next(current(&work, turn)?);
        Some(work.with_call(call, &key.connection, &config.routes, config.sweep_every))
    };
    let changed = change(courier, key, work, next).await.map_err(Undone::Before)?;
    let Some(work) = changed else { return Ok(Done::Stale) };
    Ok(match told(courier, key, &work).await {
        None => Done::Stale,
        Some(Standing::Queued) => Done::PutOff,
        Some(ended) => {
            let why = work.call.as_ref().and_then(|call| call.attempts.last()).map(|last| last.detail.as_str());
            tracing::warn!(call = %key.id, connection = %key.connection, state = ended.name(), why, "a call has ended without an attempt");
            Done::Called(ended)
        }
    })
}

/// Tells the queue of where a call stands now.
async fn told<S: Store, Q: Queue>(courier: &Courier<S, Q>, key: &EventKey, work: &Work) -> Option<Standing> {
    let call = work.call.as_ref()?;
    match call.standing {
        Standing::Queued => {
            let due = if call.owed.is_some() { earlier(call.due) } else { call.due };
            tell(courier, key, vec![Errand::Call { turn: call.turn }], due).await;
        }
        Standing::Succeeded | Standing::Failed | Standing::Ambiguous => {
            tell(courier, key, ends(work), courier.context.now()).await;
        }
    }
    Some(call.standing)
}

/// When the hint of what was put off comes.
fn earlier(due: Utc) -> Utc {
    Utc(due.0.saturating_sub(i64::try_from(AHEAD.as_micros()).unwrap_or_default()))
}

/// What the partner answered is kept with the attempt; it may hold what no log should. The reason is the status with the
/// partner's code, or why there was no answer.
fn log(key: &EventKey, work: &Work, status: Option<u16>) {
    let (id, connection) = (key.id, &key.connection);
    let Some(Call { operation, standing: state, attempts, due, said, .. }) = &work.call else { return };
    let detail = attempts.last().map(|last| last.detail.as_str()).unwrap_or_default();
    let code = said.as_ref().and_then(|said| said.code.as_deref());
    let why = match (status, code) {
        (None, _) => detail.to_owned(),
        (Some(status), Some(code)) if code != status.to_string() => {
            format!("answered with status {status} and code {code}")
        }
        (Some(status @ 200..=299), None) => format!("answered with status {status}, and that says neither yes nor no"),
        (Some(status), _) => format!("answered with status {status}"),
    };
    match state {
        Standing::Succeeded => tracing::debug!(call = %id, %connection, operation, status, "a call has succeeded"),
        Standing::Queued => {
            tracing::info!(call = %id, %connection, operation, status, why, %due, "a call has not succeeded yet");
        }
        Standing::Failed => {
            tracing::warn!(call = %id, %connection, operation, status, why, "a call has failed for good");
        }
        Standing::Ambiguous => {
            let message = "a call is ambiguous: the partner may have done it; resolve it";
            tracing::warn!(call = %id, %connection, operation, status, why, message);
        }
    }
}

/// The errands that tell the ERP how a call ended.
fn ends(work: &Work) -> Vec<Errand> {
    let pending = work.deliveries.iter().filter(|delivery| delivery.state == State::Pending);
    pending.map(|delivery| Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn }).collect()
}

/// Takes up a call that is due at `now`, and says whether it was. One that was being sent when its time ran out is never
/// sent again by itself.
pub(crate) fn take_up(
    config: &Config,
    key: &EventKey,
    work: Work,
    now: Utc,
    errands: &mut Vec<Errand>,
) -> (Work, bool) {
    let due = |call: &&Call| call.next().is_some_and(|due| due <= now);
    let Some(call) = work.call.as_ref().filter(due).cloned() else { return (work, false) };
    let call = if call.sending {
        tracing::warn!(
            call = %key.id, connection = %key.connection, operation = call.operation, why = "cut off while it was sent",
            "a call is ambiguous: the partner may have done it; resolve it"
        );
        call.interrupted(now)
    } else {
        call.claimed(now.after(lease(config, &key.connection)), false)
    };
    let work = work.with_call(call, &key.connection, &config.routes, config.sweep_every);
    match work.call.as_ref() {
        Some(call) if call.standing == Standing::Queued => errands.push(Errand::Call { turn: call.turn }),
        _ => errands.extend(ends(&work)),
    }
    (work, true)
}
