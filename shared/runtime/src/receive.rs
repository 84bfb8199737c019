//! A push comes in: who is it, what is it, keep it, answer.
//!
//! The answer waits for one thing, the store's conditional write, and for that no longer than the partner's budget.

use std::net::IpAddr;
use std::panic::resume_unwind;
use std::slice;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hub::action::Action;
use hub::admission::{self, Arrival, Draft, Origin};
use hub::identity::{self, Identity, Repeats, Step};
use hub::{ConnectionId, EventKey, Secret, Work};
use partners::Partner;
use partners::answer::{self, Answer, Verdict};
use queue::{Errand, Hint, Queue};
use store::{Admitted, Link, Store, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Span;

use crate::Context;
use crate::config::Connection;
use crate::refusal::{self, Refusal, Refused};

/// The largest body that is taken, in bytes: what a Lambda function can be invoked with.
pub const MAX_BODY: usize = 6 * 1024 * 1024;

/// From this size on a body is read on a thread of its own, in bytes.
const LARGE: usize = 128 * 1024;

/// How many such bodies are read and stored at once: each takes a core and many times its size for a moment, and others'
/// writes wait for its own.
static LARGE_READS: Semaphore = Semaphore::const_new(2);

/// What part of the time that its budget leaves a partner may be kept waiting for hints to be sent: an answer must not be
/// late for them.
const HINT_SHARE: u32 = 3;

/// How often a decision is made again because the chain moved. Each time another push was admitted, so this is reached
/// only while that many different pushes of one subject race.
const CHAIN_ATTEMPTS: usize = 64;

/// How many events of a push are noted for its log lines.
const NOTED: usize = 20;

/// What names a push: the parts of its path.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The partner, as the path has it.
    pub partner: &'a str,
    /// The connection, as the path has it.
    pub connection: &'a str,
    /// The key, as the path has it. Never logged.
    pub key: &'a str,
}

/// What came: body and the two headers that matter.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    /// The body, as it came.
    pub body: Bytes,
    /// `Content-Type`, as it came.
    pub content_type: String,
    /// `Content-Encoding`, where there is one.
    pub encoding: Option<String>,
    /// Where the push came from, as far as it is known.
    pub peer: Option<IpAddr>,
}

impl Delivered {
    /// A body with what the head says of it.
    #[must_use]
    pub fn new(headers: &HeaderMap, body: Bytes, peer: Option<IpAddr>) -> Self {
        let text = |name| {
            let lines = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
        };
        let encoding = Some(text(CONTENT_ENCODING)).filter(|encoding| !encoding.is_empty());
        Self { body, content_type: text(CONTENT_TYPE), encoding, peer }
    }
}

/// A connection whose key the sender presented. Made by [`verify`] alone.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    connection: &'a Connection,
}

impl Verified<'_> {
    /// Whose account it is.
    #[must_use]
    pub const fn partner(&self) -> Partner {
        self.connection.partner
    }
}

/// A key that no connection has: what is presented for an unknown connection is compared with it, so that the time of the
/// answer does not tell which connections there are.
static NOBODYS: LazyLock<Secret> = LazyLock::new(|| Secret::new("-".repeat(32)));

/// The connection of a push, or why it has none. The comparison takes as long for a wrong key as for a right one.
pub fn identify<'a, S, Q>(
    context: &'a Context<S, Q>,
    action: &Action,
    address: Address<'_>,
    peer: Option<IpAddr>,
) -> Result<Verified<'a>, Refusal> {
    let partner = Partner::from_id(address.partner);
    let connection = context.config.connections.get(&ConnectionId::from(address.connection));
    let keys = connection.map_or(slice::from_ref(&*NOBODYS), |connection| &connection.keys);
    let key = keys.iter().fold(false, |found, key| found | key.matches(address.key));
    let Some(partner) = partner else { return Err(Refusal::Partner) };
    let Some(connection) = connection else { return Err(Refusal::Connection) };
    let listed = connection.allow_ips.is_empty()
        || peer.is_some_and(|peer| connection.allow_ips.iter().any(|net| net.contains(&peer.to_canonical())));
    match () {
        () if connection.partner != partner => Err(Refusal::OtherPartner),
        () if !action.partners.contains(&partner) => Err(Refusal::Action),
        () if !key => Err(Refusal::Key),
        () if !listed => Err(Refusal::Source),
        () => Ok(Verified { connection }),
    }
}

/// Checks who sends. Whatever is wrong is one answer, and told apart in the log alone.
pub fn verify<'a, S, Q>(
    context: &'a Context<S, Q>,
    action: &Action,
    address: Address<'_>,
    peer: Option<IpAddr>,
) -> Result<Verified<'a>, Answer> {
    identify(context, action, address, peer).map_err(|refusal| {
        // The path's own words are not logged: one of them may be a key in the wrong place.
        let connection = context.config.connections.get_key_value(&ConnectionId::from(address.connection));
        let connection = connection.map(|(id, _)| id);
        refusal::log(&Refused { function: action.name, refusal, connection, peer }, context.now());
        refuse(Partner::from_id(address.partner), Verdict::Unauthorized)
    })
}

/// The answer to a push on a path that is none of a webhook's, or of another action's than the partner has.
pub fn misdirected<S, Q>(
    context: &Context<S, Q>,
    function: &'static str,
    (partner, refusal): (Option<Partner>, Refusal),
    peer: Option<IpAddr>,
) -> Answer {
    refusal::log(&Refused { function, refusal, connection: None, peer }, context.now());
    refuse(partner, Verdict::Unauthorized)
}

/// The negative answer to a push that is not even looked at.
#[must_use]
pub fn refuse(partner: Option<Partner>, verdict: Verdict) -> Answer {
    let text = match verdict {
        // A stranger is not told which of them it is; the log tells.
        Verdict::Unauthorized => {
            "no such address: check the connection and the key in the URL, and that your IP address is allowed to push"
        }
        Verdict::NotPost => "use POST",
        Verdict::TooLarge => "the body is larger than 6 MB",
        Verdict::Unavailable => "the push could not be stored, please repeat it",
        Verdict::Accepted | Verdict::Duplicate | Verdict::Malformed => "",
    };
    partner.map_or_else(|| answer::anyone(verdict, text), |partner| answer::answer(partner, verdict, text))
}

/// Keeps a push and answers it. `arrived` is when its first byte was seen: the partner's clock runs from there.
pub async fn receive<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    action: &Action,
    verified: Verified<'_>,
    delivered: Delivered,
    arrived: Instant,
) -> Answer {
    let connection = verified.connection;
    let partner = connection.partner;
    Span::current().record("connection", connection.id.as_str());
    if delivered.body.len() > MAX_BODY {
        tracing::warn!(function = action.name, connection = %connection.id, bytes = delivered.body.len(), "too large");
        return refuse(Some(partner), Verdict::TooLarge);
    }
    let deadline = arrived + partner.budget();
    let Ok((arrival, place)) = timeout_at(deadline, read(action, connection, &delivered)).await else {
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
    let admissions = arrival.drafts.into_iter().map(|draft| admit(context, connection, draft, &delivered));
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
    send(context, action, hints, patience).await;
    if let Some(first) = lost.first() {
        return unavailable(action, connection, first, lost.len());
    }
    if let Some(reason) = arrival.malformed {
        tracing::warn!(function = action.name, connection = %connection.id, reason, "malformed push kept");
        return answer::answer(partner, Verdict::Malformed, &reason);
    }
    tracing::debug!(function = action.name, connection = %connection.id, outcome = verdict.name(), "push answered");
    answer::answer(partner, verdict, "")
}

/// The answer to a push of which so many events could not be kept, the first of them for that reason.
fn unavailable(action: &Action, connection: &Connection, first: &Lost, events: usize) -> Answer {
    let error = crate::logs::chain(first);
    tracing::error!(function = action.name, connection = %connection.id, events, error, "push not stored");
    refuse(Some(connection.partner), Verdict::Unavailable)
}

/// Reads a body. A large one is read and then stored in its turn, and read on a thread of its own: it takes tens of
/// milliseconds, in which nobody else is held up, and an answer that falls due meanwhile goes out.
async fn read(
    action: &Action,
    connection: &Connection,
    delivered: &Delivered,
) -> (Arrival, Option<SemaphorePermit<'static>>) {
    let Delivered { body, encoding, .. } = delivered;
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

/// Keeps what a partner answered in place of a push, and sends the hints for it. The answer to a question does not say
/// since when it holds, so it is told by the latest one alone, however late: what is as it was before a change is news, what
/// has not changed is none.
pub async fn keep<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    action: &Action,
    connection: &Connection,
    delivered: &Delivered,
) -> Result<(), Lost> {
    let arrival = admission::read(action, connection.origin(), &delivered.body, None);
    let drafts = arrival.drafts.into_iter().map(Draft::snapshot);
    let admissions = drafts.map(|draft| admit(context, connection, draft, delivered));
    let hints = try_join_all(admissions).await?.into_iter().filter_map(|(_, hints)| hints).flatten().collect();
    send(context, action, hints, Q::HOLDS_UP).await;
    Ok(())
}

/// Sends hints, for as long as `patience` lasts. What the queue does not take is swept.
async fn send<S, Q: Queue>(context: &Context<S, Q>, action: &Action, hints: Vec<Hint>, patience: Duration) {
    if hints.is_empty() {
        return;
    }
    match timeout(patience, context.queue.send(hints, Duration::ZERO)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let error = crate::logs::chain(&error);
            tracing::warn!(function = action.name, error, "hint not sent; the sweeper will deliver");
        }
        Err(_) => tracing::warn!(function = action.name, "hint took too long; the sweeper will deliver"),
    }
}

/// Why a push could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Other large bodies were being read for too long.
    #[error("the body, or other large ones before it, could not be read within the partner's budget")]
    Unread,
    /// The store took too long.
    #[error("the store did not answer within the partner's budget")]
    Late,
    /// The store failed.
    #[error("the event was not admitted")]
    Store(#[from] StoreError),
    /// The chain of its subject moved at every attempt.
    #[error("other pushes of the same subject kept coming in between")]
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
    delivered: &Delivered,
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
            &delivered.content_type,
            connection.retention,
        );
        let work = admission::work(&event, &context.config.routes, context.config.sweep_every);
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
