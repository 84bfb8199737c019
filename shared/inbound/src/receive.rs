//! A push whose sender is known: it is read, stored and answered.
//!
//! The answer waits for one thing, the store's conditional write, and for that no longer than the partner's budget.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hub::action::Action;
use hub::admission::{self, Draft};
use hub::event::Exchange;
use hub::identity::{self, Head, Identity, Repeats, Step};
use hub::{EventId, EventKey, Utc, Work, pulled};
use partners::answer::{Answer, Verdict};
use queue::{Hint, Job, Queue};
use store::{Admitted, Link, Store, StoreError};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument as _, Span};

use crate::entrance::Verified;
use crate::exchange;
use crate::reading::read;
use crate::refusal::{answered, refused};
use crate::signing::signed;
use crate::traced::{self, Reception};
use config::{Config, Connection, Context};

/// The largest body that is taken, in bytes: what a Lambda function can be invoked with.
pub const MAX_BODY: usize = 6 * 1024 * 1024;

/// Fraction of the remaining budget within which queue messages are sent before the partner is answered: they must not delay
/// the answer beyond its deadline.
const HINT_SHARE: u32 = 3;

/// Number of decisions for one push after concurrent changes of its chain. Each change is another admitted push, so that it
/// is reached only while that many pushes of one subject race.
pub(crate) const CHAIN_ATTEMPTS: usize = 64;

/// A push as it was received: its body and its headers.
#[derive(Clone, Debug, Default)]
pub struct IncomingPush {
    /// The body, unchanged.
    pub body: Bytes,
    /// `Content-Type`, unchanged.
    pub content_type: String,
    /// `Content-Encoding`, where there is one.
    pub encoding: Option<String>,
    /// All headers, for connections that keep them and partners that sign.
    pub headers: HeaderMap,
    /// The query of its address, for partners that sign.
    pub query: String,
}

/// Facts of an event's push that are stored with it, besides its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    /// `Content-Type`, unchanged.
    pub(crate) content_type: &'a str,
    /// Headers and answer, where they are kept.
    pub(crate) exchange: Option<&'a Exchange>,
}

impl IncomingPush {
    /// A body with what the head says of it.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Bytes) -> Self {
        let text = |name| {
            let lines = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
        };
        let encoding = Some(text(CONTENT_ENCODING)).filter(|encoding| !encoding.is_empty());
        Self { body, content_type: text(CONTENT_TYPE), encoding, headers, query: String::new() }
    }

    /// The push with the query of its address.
    #[must_use]
    pub fn at(self, query: Option<&str>) -> Self {
        Self { query: query.unwrap_or_default().to_owned(), ..self }
    }
}

/// Keeps a push and answers it. `arrived` is when its first byte was seen: the partner's clock runs from there.
pub async fn receive<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    verified: Verified<'_>,
    push: IncomingPush,
    arrived: Instant,
) -> Answer {
    received(context, verified, push, arrived).await.0
}

/// Keeps a push and answers it like [`receive`], with the keys of its events that are stored, new or not.
pub async fn received<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    verified: Verified<'_>,
    push: IncomingPush,
    arrived: Instant,
) -> (Answer, Vec<EventKey>) {
    let mut reception = Reception::begin(context, arrived);
    let span = if reception.is_some() { traced::span() } else { Span::none() };
    let kept = kept(context, verified, push, arrived, &mut reception).instrument(span).await;
    if let Some(reception) = reception {
        reception.end(context, &verified, &kept.0);
    }
    kept
}

/// Keeps a push and answers it; its reception notes what becomes of it.
async fn kept<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    verified: Verified<'_>,
    push: IncomingPush,
    arrived: Instant,
    reception: &mut Option<Reception>,
) -> (Answer, Vec<EventKey>) {
    let Verified { connection, ref action } = verified;
    let partner = connection.partner;
    Span::current().record("connection", connection.id.as_str());
    if push.body.len() > MAX_BODY {
        traced::note(reception.as_ref(), &[]);
        tracing::warn!(function = action.name, connection = %connection.id, bytes = push.body.len(), "push refused: its body is too large");
        return (refused(connection, &[action.suffix], Verdict::TooLarge), Vec::new());
    }
    if let Err(answer) = signed(context, &verified, &push) {
        return (answer, Vec::new());
    }
    let deadline = arrived + partner.budget();
    let Ok((arrival, place)) = timeout_at(deadline, read(action, connection, &push)).await else {
        traced::note(reception.as_ref(), &[]);
        return (unavailable(action, connection, &[action.suffix], &Lost::Unread, 1), Vec::new());
    };
    let kind = arrival.drafts.first().map_or_else(String::new, |draft| draft.kind.to_string());
    let names = [kind.split_once('.').map_or("", |(_, end)| end), action.suffix];
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
    let malformed = arrival.malformed.as_deref();
    let exchange = connection.evidence.then(|| exchange::of(connection, &names, &push.headers, malformed));
    let envelope = Envelope { content_type: &push.content_type, exchange: exchange.as_ref() };
    if let Some(reception) = reception {
        reception.admits(context.now(), &arrival.drafts);
    }
    let is_traced = reception.is_some();
    let admissions = arrival.drafts.into_iter().map(|draft| admit(context, connection, draft, envelope));
    // Every event of the push is tried, so that what can be kept is kept; the resend completes the rest.
    let stored = join_all(admissions.map(|admission| async move {
        let stored = timeout_at(latest, admission).await.unwrap_or(Err(Lost::Late));
        (stored, is_traced.then(|| context.now()))
    }))
    .await;
    drop(place);

    let mut verdict = Verdict::Duplicate;
    let (mut hints, mut keys, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (stored, over)) in stored.into_iter().enumerate() {
        if let (Some(reception), Some(over)) = (reception.as_mut(), over) {
            reception.admitted(index, stored.as_ref().ok(), over);
        }
        match stored {
            Ok((key, Some(new))) => {
                keys.push(key);
                hints.extend(new);
                verdict = Verdict::Accepted;
            }
            Ok((key, None)) => keys.push(key),
            Err(why) => lost.push(why),
        }
    }
    traced::note(reception.as_ref(), &keys);
    let left = deadline.saturating_duration_since(Instant::now());
    let patience = Q::HOLDS_UP.min((left / HINT_SHARE).max(reserved.min(left)));
    send(context, Some(action.name), hints, patience).await;
    if let Some(first) = lost.first() {
        return (unavailable(action, connection, &names, first, lost.len()), keys);
    }
    if let Some(reason) = arrival.malformed {
        tracing::warn!(function = action.name, connection = %connection.id, reason, "malformed push stored");
        return (answered(connection, &names, Verdict::Malformed, &reason), keys);
    }
    tracing::debug!(function = action.name, connection = %connection.id, outcome = verdict.name(), "push answered");
    (answered(connection, &names, verdict, ""), keys)
}

/// The answer to a push of which so many events could not be kept, the first of them for that reason.
fn unavailable(action: &Action, connection: &Connection, names: &[&str], first: &Lost, events: usize) -> Answer {
    let error = telemetry::logs::chain(first);
    tracing::error!(function = action.name, connection = %connection.id, events, error, "push not stored");
    refused(connection, names, Verdict::Unavailable)
}

/// Sends hints for a webhook function, or for none, for as long as `patience` lasts. What the queue does not take is swept.
pub(crate) async fn send<S, Q: Queue>(
    context: &Context<S, Q>,
    function: Option<&str>,
    hints: Vec<Hint>,
    patience: Duration,
) {
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

/// An event that is stored, and the hints for its work where it is new.
pub(crate) type Stored = (EventKey, Option<Vec<Hint>>);

/// Admits one event of a push. Where an answer has brought it before, that is the event.
async fn admit<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &Connection,
    draft: Draft,
    envelope: Envelope<'_>,
) -> Result<Stored, Lost> {
    if let Some(id) = pulled::told_by_an_answer(&connection.id, connection.partner, &draft) {
        let key = EventKey { connection: connection.id.clone(), subject: draft.subject.clone(), id };
        let told = match context.store.inspect(&key, context.now()).await {
            Ok(told) => told,
            // What cannot be read keeps no push away.
            Err(StoreError::Corrupt { .. } | StoreError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if told.is_some_and(|told| told.meta.pulled.is_some()) {
            return Ok((key, None));
        }
    }
    stored(context, connection, draft, envelope).await
}

/// Stores a draft under its id, unless it is a repetition.
pub(crate) async fn stored<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &Connection,
    draft: Draft,
    envelope: Envelope<'_>,
) -> Result<Stored, Lost> {
    for _ in 0..CHAIN_ATTEMPTS {
        let now = context.now();
        let repeats = match draft.identity {
            Identity::Content => None,
            Identity::Message => Some(Repeats::Within(connection.repeat_window)),
            Identity::Snapshot => Some(Repeats::Always),
        };
        let next = match repeats {
            None => Next {
                id: identity::by_content(&connection.id, &draft.subject, draft.content),
                received: now,
                possible_repeat: false,
                follows: None,
            },
            Some(repeats) => {
                let head = context.store.head(&connection.id, &draft.subject, &draft.kind, now).await?;
                match place(connection, &draft, head, now, repeats) {
                    Place::Known(key) => return Ok((key, None)),
                    Place::Next(next) => next,
                }
            }
        };
        if let Some(stored) = write(context, connection, &draft, next, envelope).await? {
            return Ok(stored);
        }
    }
    Err(Lost::Contended)
}

/// Place of a draft in its chain.
pub(crate) enum Place {
    /// It is a repetition of that event.
    Known(EventKey),
    /// It is the next.
    Next(Next),
}

/// An event that is the next of its chain, or has none.
pub(crate) struct Next {
    id: EventId,
    received: Utc,
    possible_repeat: bool,
    follows: Option<Follows>,
}

/// A move of a chain to its next event.
struct Follows {
    /// The latest event when the decision was made.
    expected: Option<EventId>,
    /// The chain with the next event as its latest.
    head: Head,
}

/// Decides about a draft after the head of its chain.
pub(crate) fn place(connection: &Connection, draft: &Draft, before: Option<Head>, now: Utc, repeats: Repeats) -> Place {
    match identity::follow(before.as_ref(), &connection.id, &draft.subject, draft.content, now, repeats) {
        Step::Duplicate(id) => {
            Place::Known(EventKey { connection: connection.id.clone(), subject: draft.subject.clone(), id })
        }
        Step::Next { possible_repeat, head } => {
            let (id, received) = (head.event, head.received);
            let follows = Some(Follows { expected: before.map(|head| head.event), head });
            Place::Next(Next { id, received, possible_repeat, follows })
        }
    }
}

/// Stores the event that a draft becomes; nothing where its chain has moved.
pub(crate) async fn write<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &Connection,
    draft: &Draft,
    next: Next,
    envelope: Envelope<'_>,
) -> Result<Option<Stored>, Lost> {
    let Next { id, received, possible_repeat, follows } = next;
    let (draft, Envelope { content_type, exchange }) = (draft.clone(), envelope);
    let mut event = draft.event(&connection.id, id, received, possible_repeat, content_type, connection.retention);
    event.meta.exchange = exchange.cloned().map(Box::new);
    let Config { routes, sweep_every, .. } = &*context.config;
    let watching = context.config.watching(&connection.id, &event.meta.kind);
    let begins_watch = watching.is_some_and(|watching| !watching.shipments(&event).is_empty());
    let has_more = begins_watch || context.config.fetches(&connection.id, &event.meta.kind);
    let work = admission::work(&event, routes, *sweep_every, has_more);
    let link = follows.map(|Follows { expected, head }| Link::own(&event, expected, head));
    match context.store.admit(&event, &work, link.as_ref()).await? {
        Admitted::New => {
            let hints = hints(&event.key, &work);
            Ok(Some((event.key, Some(hints))))
        }
        Admitted::Duplicate => Ok(Some((event.key, None))),
        Admitted::Moved => Ok(None),
    }
}

/// The hints for all the pending work of an event.
#[must_use]
pub fn hints(key: &hub::EventKey, work: &Work) -> Vec<Hint> {
    let mut pending = Job::pending(work).map(|(job, _)| job).peekable();
    // An attempt writes the aliases on its way; without one, that is a job of its own.
    let idle = pending.peek().is_none();
    let index = (work.index_by.is_some() && idle).then_some(Job::Index);
    pending.chain(index).map(|job| Hint { key: key.clone(), job }).collect()
}
