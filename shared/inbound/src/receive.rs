//! A push whose sender is known: it is read, stored and answered.
//!
//! The answer waits for one thing, the store's conditional write, and for that no longer than the partner's budget.

use std::panic::resume_unwind;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hub::action::Action;
use hub::admission::{self, Arrival, Draft, Origin};
use hub::identity::{self, Identity, Repeats, Step};
use hub::{EventKey, Work};
use partners::answer::{self, Answer, Verdict};
use partners::profile::Finding;
use queue::{Errand, Hint, Queue};
use store::{Admitted, Link, Store, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Span;

use crate::entrance::Verified;
use crate::refusal::refuse;
use config::Config;
use config::Connection;
use config::Context;

/// The largest body that is taken, in bytes: what a Lambda function can be invoked with.
pub const MAX_BODY: usize = 6 * 1024 * 1024;

/// From this size on a body is read on a thread of its own, in bytes.
const LARGE: usize = 128 * 1024;

/// Number of large bodies that are read and stored at once: each uses a core and many times its size in memory for a moment,
/// and other writes wait for its own.
static LARGE_READS: Semaphore = Semaphore::const_new(2);

/// Fraction of the remaining budget within which queue messages are sent before the partner is answered: they must not delay
/// the answer beyond its deadline.
const HINT_SHARE: u32 = 3;

/// Number of decisions for one push after concurrent changes of its chain. Each change is another admitted push, so that it
/// is reached only while that many pushes of one subject race.
const CHAIN_ATTEMPTS: usize = 64;

/// Number of events of a push that its log lines name.
const NOTED: usize = 20;

/// A push as it was received: its body and the two relevant headers.
#[derive(Clone, Debug, Default)]
pub struct IncomingPush {
    /// The body, unchanged.
    pub body: Bytes,
    /// `Content-Type`, unchanged.
    pub content_type: String,
    /// `Content-Encoding`, where there is one.
    pub encoding: Option<String>,
}

impl IncomingPush {
    /// A body with what the head says of it.
    #[must_use]
    pub fn new(headers: &HeaderMap, body: Bytes) -> Self {
        let text = |name| {
            let lines = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
        };
        let encoding = Some(text(CONTENT_ENCODING)).filter(|encoding| !encoding.is_empty());
        Self { body, content_type: text(CONTENT_TYPE), encoding }
    }
}

/// Keeps a push and answers it. `arrived` is when its first byte was seen: the partner's clock runs from there.
pub async fn receive<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    verified: Verified<'_>,
    push: IncomingPush,
    arrived: Instant,
) -> Answer {
    let Verified { connection, ref action } = verified;
    let partner = connection.partner;
    Span::current().record("connection", connection.id.as_str());
    if push.body.len() > MAX_BODY {
        tracing::warn!(function = action.name, connection = %connection.id, bytes = push.body.len(), "push refused: its body is too large");
        return refuse(Some(partner), Verdict::TooLarge);
    }
    let deadline = arrived + partner.budget();
    let Ok((arrival, place)) = timeout_at(deadline, read(action, connection, &push)).await else {
        return unavailable(action, connection, &Lost::Unread, 1);
    };
    let left_out: u32 = arrival.drafts.iter().map(Draft::keys_left_out).fold(0, u32::saturating_add);
    if left_out > 0 {
        tracing::warn!(
            function = action.name, connection = %connection.id, keys = left_out,
            "the push has more business keys than an event is found by; these are left out"
        );
    }
    // Of several events one may be late: the others are stored, and their hints have their time too.
    let several = arrival.drafts.len() > 1;
    let reserved = if several { Q::HOLDS_UP.min(partner.budget() / HINT_SHARE) } else { Duration::ZERO };
    let latest = deadline - reserved;
    let admissions = arrival.drafts.into_iter().map(|draft| admit(context, connection, draft, &push));
    // Every event of the push is tried, so that what can be kept is kept; the resend completes the rest.
    let stored = join_all(admissions.map(|admission| timeout_at(latest, admission))).await;
    drop(place);

    let mut verdict = Verdict::Duplicate;
    let (mut hints, mut keys, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for result in stored {
        match result.unwrap_or(Err(Lost::Late)) {
            Ok((key, Some(new))) => {
                keys.push(key);
                hints.extend(new);
                verdict = Verdict::Accepted;
            }
            Ok((key, None)) => keys.push(key),
            Err(why) => lost.push(why),
        }
    }
    note(&keys);
    let left = deadline.saturating_duration_since(Instant::now());
    let patience = Q::HOLDS_UP.min((left / HINT_SHARE).max(reserved.min(left)));
    send(context, Some(action.name), hints, patience).await;
    if let Some(first) = lost.first() {
        return unavailable(action, connection, first, lost.len());
    }
    if let Some(reason) = arrival.malformed {
        tracing::warn!(function = action.name, connection = %connection.id, reason, "malformed push stored");
        return answer::answer(partner, Verdict::Malformed, &reason);
    }
    tracing::debug!(function = action.name, connection = %connection.id, outcome = verdict.name(), "push answered");
    answer::answer(partner, verdict, "")
}

/// The answer to a push of which so many events could not be kept, the first of them for that reason.
fn unavailable(action: &Action, connection: &Connection, first: &Lost, events: usize) -> Answer {
    let error = telemetry::logs::chain(first);
    tracing::error!(function = action.name, connection = %connection.id, events, error, "push not stored");
    refuse(Some(connection.partner), Verdict::Unavailable)
}

/// Reads a body. A large one waits for a permit and is read on a thread of its own: it takes tens of milliseconds, which must
/// not delay other pushes or this push's answer.
async fn read(
    action: &Action,
    connection: &Connection,
    push: &IncomingPush,
) -> (Arrival, Option<SemaphorePermit<'static>>) {
    let IncomingPush { body, encoding, .. } = push;
    if body.len() <= LARGE {
        return (admission::read(action, connection.origin(), body, encoding.as_deref()), None);
    }
    // The semaphore is never closed.
    let place = LARGE_READS.acquire().await.ok();
    let (action, id, partner, settings) =
        (*action, connection.id.clone(), connection.partner, connection.settings.clone());
    let (body, encoding) = (body.clone(), encoding.clone());
    let read = move || {
        let origin = Origin { connection: &id, partner, settings: &settings };
        (admission::read(&action, origin, &body, encoding.as_deref()), place)
    };
    match spawn_blocking(read).await {
        Ok(read) => read,
        Err(error) => match error.try_into_panic() {
            // As it would be on this thread.
            Ok(panic) => resume_unwind(panic),
            // The process is ending, and nothing more is answered.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Stores data that a partner's answer brings as an event, and sends its queue messages.
pub async fn keep<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    connection: &Connection,
    finding: Finding,
) -> Result<(), Lost> {
    match admission::brought(&connection.id, finding) {
        Some(draft) => keep_draft(context, connection, draft).await,
        None => Ok(()),
    }
}

/// Stores an event that a partner was asked for, and sends its queue messages.
pub async fn keep_draft<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    connection: &Connection,
    draft: Draft,
) -> Result<(), Lost> {
    let push = IncomingPush { content_type: "application/json".to_owned(), ..IncomingPush::default() };
    let (_, hints) = admit(context, connection, draft, &push).await?;
    send(context, None, hints.unwrap_or_default(), Q::HOLDS_UP).await;
    Ok(())
}

/// Sends hints for a webhook function, or for none, for as long as `patience` lasts. What the queue does not take is swept.
async fn send<S, Q: Queue>(context: &Context<S, Q>, function: Option<&str>, hints: Vec<Hint>, patience: Duration) {
    if hints.is_empty() {
        return;
    }
    match timeout(patience, context.queue.send(hints, Duration::ZERO)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = telemetry::logs::chain(&error);
            tracing::warn!(function, error, "queue messages of a push not sent; the sweep delivers its events");
        }
        Err(_) => tracing::warn!(function, "queue messages of a push not sent in time; the sweep delivers its events"),
    }
}

/// Reason why a push could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Other large bodies were being read for too long.
    #[error("the body could not be read within the partner's budget")]
    Unread,
    /// The store took too long.
    #[error("the store did not answer within the partner's budget")]
    Late,
    /// The store failed.
    #[error("the event was not admitted")]
    Store(#[from] StoreError),
    /// The chain of its subject moved at every attempt.
    #[error("other pushes of the same subject were stored in between, repeatedly")]
    Contended,
}

/// Notes what a push was about in the caller's span, where that has the fields.
fn note(keys: &[EventKey]) {
    let span = Span::current();
    if span.is_disabled() || keys.is_empty() {
        return;
    }
    let shown = keys.get(..NOTED).unwrap_or(keys);
    let list = |text: fn(&EventKey) -> String| shown.iter().map(text).collect::<Vec<_>>().join(" ");
    span.record("subject", list(|key| key.subject.to_string()));
    span.record("event", list(|key| key.id.to_string()));
    if keys.len() > NOTED {
        span.record("events", keys.len());
    }
}

/// Admits one event: its key, and the hints for its work where it is new.
async fn admit<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &Connection,
    draft: Draft,
    push: &IncomingPush,
) -> Result<(EventKey, Option<Vec<Hint>>), Lost> {
    for _ in 0..CHAIN_ATTEMPTS {
        let now = context.now();
        let repeats = match draft.identity {
            Identity::Content => None,
            Identity::Message => Some(Repeats::Within(connection.repeat_window)),
            Identity::Snapshot => Some(Repeats::Always),
        };
        let (id, received, possible_repeat, link) = match repeats {
            None => (identity::by_content(&connection.id, &draft.subject, draft.content), now, false, None),
            Some(repeats) => {
                let before = context.store.head(&connection.id, &draft.subject, &draft.kind, now).await?;
                match identity::follow(before.as_ref(), &connection.id, &draft.subject, draft.content, now, repeats) {
                    Step::Duplicate(id) => {
                        let subject = draft.subject;
                        return Ok((EventKey { connection: connection.id.clone(), subject, id }, None));
                    }
                    Step::Next { possible_repeat, head } => {
                        let link = Link { expected: before.map(|head| head.event), head };
                        (link.head.event, link.head.received, possible_repeat, Some(link))
                    }
                }
            }
        };
        let event = draft.clone().event(
            &connection.id,
            id,
            received,
            possible_repeat,
            &push.content_type,
            connection.retention,
        );
        let Config { routes, sweep_every, .. } = &*context.config;
        let watching = context.config.watching(&connection.id, &event.meta.kind);
        let begins_watch = watching.is_some_and(|watching| !watching.shipments(&event).is_empty());
        let work = admission::work(&event, routes, *sweep_every, begins_watch);
        match context.store.admit(&event, &work, link.as_ref()).await? {
            Admitted::New => {
                let hints = hints(&event.key, &work);
                return Ok((event.key, Some(hints)));
            }
            Admitted::Duplicate => return Ok((event.key, None)),
            Admitted::Moved => {}
        }
    }
    Err(Lost::Contended)
}

/// The hints for all the pending work of an event.
#[must_use]
pub fn hints(key: &hub::EventKey, work: &Work) -> Vec<Hint> {
    let pending = Errand::pending(work).map(|(errand, _)| errand);
    // An attempt writes the aliases on its way; without one, that is an errand of its own.
    let idle = work.deliveries.is_empty() && work.call.is_none();
    let index = (work.index_by.is_some() && idle).then_some(Errand::Index);
    pending.chain(index).map(|errand| Hint { key: key.clone(), errand }).collect()
}
