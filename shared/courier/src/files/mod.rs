//! Files that events and answers name by links: noted after the event, fetched when they are due, and kept by the hash of their
//! content in the archive.
//!
//! Content is kept in an order that loses nothing: its bytes in the archive, then the alias by which it names its shipment, then
//! the state of the file. A process that dies in between leaves a file that waits, and is fetched again. [`tidy`] removes what no
//! alias names any more.

mod fetch;
mod tidy;

use std::ops::AddAssign;
use std::time::Duration;

use config::{Connection, Context};
use futures::stream::{self, StreamExt as _};
use hub::alert::{Cause, Finding};
use hub::files::record::{self, Source};
use hub::files::{File, Files, Kept, Outcome, State, saved_as, sniffed};
use hub::{ConnectionId, Event, EventKey, EventType, Subject, Work};
use partners::links::{self, Links};
use partners::operation::{self, Operation};
use partners::{Json, Partner};
use queue::Queue;
use store::{Aside, Listed, Settled, Store, StoreError};
use tokio::time::Instant;

use crate::Courier;
use crate::aside::{Stuck, each_due};
use crate::times::MARGIN;

pub use tidy::{TidyError, tidy};

/// Number of files that are fetched at once: each is on this machine's disk whole, and a function has little of that.
const FETCHERS: usize = 4;

/// For how long files are fetched in one sweep. The next goes on.
const FETCHING: Duration = Duration::from_secs(20);

/// For how long the files of one record are fetched. Those that are left are due again.
const LOOKING: Duration = Duration::from_mins(1);

/// Time for which files that are being fetched are left alone by others: longer than one look, with the fetch that it began last.
pub(crate) const LEASE: Duration = Duration::from_mins(5);

/// Interval of the search for files that the configuration does not have fetched.
const LEFT_OVER: Duration = Duration::from_hours(4);

/// Result of a run over the due files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Files that were fetched, or tried to be.
    pub tried: usize,
    /// Of these, those that are kept.
    pub kept: usize,
    /// Of these, those that were given up.
    pub lost: usize,
}

impl AddAssign for Fetched {
    fn add_assign(&mut self, other: Self) {
        self.tried += other.tried;
        self.kept += other.kept;
        self.lost += other.lost;
    }
}

/// Notes the files that an event names, where its connection has them fetched. Those that are noted stay as they are.
pub(crate) async fn begin<S: Store, Q>(context: &Context<S, Q>, event: &Event) -> Result<(), StoreError> {
    let (key, meta) = (&event.key, &event.meta);
    if !context.config.fetches(&key.connection, &meta.kind) {
        return Ok(());
    }
    let Some(connection) = context.config.connections.get(&key.connection) else { return Ok(()) };
    let data = event.data();
    let Ok(payload) = Json::parse(&data) else { return Ok(()) };
    let found = links::of_payload(connection.partner.profile().links(), meta.kind.as_str(), &payload);
    let retention = meta.expires.since(meta.received);
    let source = Source::Event(key, &meta.kind);
    note(context, source, found, (meta.received, retention)).await
}

/// Notes the files that an answer about a shipment names, where the connection has them fetched.
pub(crate) async fn begin_answered<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &Connection,
    operation: &Operation<'_>,
    asked: &Json<'_>,
    answer: &Json<'_>,
) -> Result<(), StoreError> {
    if !connection.files || !operation.links {
        return Ok(());
    }
    let found = links::of_answer(operation, answer);
    let keys = operation::subject(operation, asked);
    let Some((kind, value)) = keys.first() else {
        if !found.links.is_empty() {
            let (connection, operation) = (&connection.id, operation.name);
            tracing::warn!(%connection, operation, "an answer names files of no shipment: ask with its order number");
        }
        return Ok(());
    };
    let (shipment, by) = (Subject::new(kind, value), named(connection.partner, operation));
    let source = Source::Answer { connection: &connection.id, shipment: &shipment, by: &by };
    note(context, source, found, (context.now(), connection.retention)).await
}

fn named(partner: Partner, operation: &Operation<'_>) -> EventType {
    EventType::from(format!("{partner}.{}", operation.name))
}

async fn note<S: Store, Q>(
    context: &Context<S, Q>,
    source: Source<'_>,
    found: Links,
    (received, retention): (hub::Utc, Duration),
) -> Result<(), StoreError> {
    let Links { links, left_out } = found;
    if links.is_empty() && left_out == 0 {
        return Ok(());
    }
    let now = context.now();
    let entries = links.into_iter().map(|link| File::new(link.field, link.url, now)).collect();
    let (by, event) = match source {
        Source::Event(key, kind) => (kind.clone(), Some(key.id)),
        Source::Answer { by, .. } => (by.clone(), None),
    };
    let files = Files { by, event, entries, left_out, unknown: None };
    let record = record::begun(source, files, received, retention);
    context.store.admit(&record.event, &record.work, None).await.map(|_| ())
}

/// Fetches the files that are due, a few at once and for a limited time. Records that cannot be read stay due, and the search goes
/// on behind them.
pub async fn fetch<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<Fetched, StoreError> {
    let is_wanted = courier.context.config.connections.values().any(|connection| connection.files);
    if !is_wanted && !courier.lines.is_time_for_files(LEFT_OVER, courier.now()) {
        return Ok(Fetched::default());
    }
    let until = Instant::now() + FETCHING;
    each_due(courier, Aside::Files, until, |due| async move {
        let looks: Vec<_> = due.into_iter().map(|key| Box::pin(look_in_time(courier, key, until))).collect();
        stream::iter(looks).buffer_unordered(FETCHERS).collect().await
    })
    .await
}

/// Whether there is time for another fetch.
fn has_time<S, Q>(courier: &Courier<S, Q>, until: Instant) -> bool {
    Instant::now() <= until && courier.patience(fetch::LONGEST + MARGIN * 2).is_some()
}

async fn look_in_time<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    key: EventKey,
    until: Instant,
) -> Result<Fetched, Stuck> {
    if !has_time(courier, until) {
        return Ok(Fetched::default());
    }
    look(courier, &key).await.or_else(|error| {
        let (connection, text) = (&key.connection, telemetry::logs::chain(&error));
        tracing::error!(files = %key.id, %connection, error = text, "the files of an event could not be fetched; the next sweep repeats it");
        if error.retryable() { Ok(Fetched::default()) } else { Err(Stuck(key)) }
    })
}

/// Fetches the due files of one record, by the item itself: the index lags behind. They are claimed first, so that no other process
/// fetches them meanwhile.
async fn look<S: Store, Q: Queue>(courier: &Courier<S, Q>, key: &EventKey) -> Result<Fetched, StoreError> {
    let (context, now) = (&courier.context, courier.now());
    let Some(Listed { meta, work, .. }) = context.store.inspect(key, now).await? else { return Ok(Fetched::default()) };
    let Some(files) = work.files.as_deref().cloned().filter(|files| files.due().is_some_and(|due| due <= now)) else {
        return Ok(Fetched::default());
    };
    let connection = context.config.connections.get(&key.connection).filter(|connection| connection.files);
    let known = connection.zip(context.archive.as_ref()).zip(record::shipment(&meta));
    let next = if known.is_some() { files.claimed(now.after(LEASE), now) } else { files.unconfigured(now) };
    let mut work = Work { version: work.version + 1, files: Some(Box::new(next.clone())), ..work };
    if context.store.settle(key, &work).await? != Settled::Done {
        return Ok(Fetched::default());
    }
    let Some(((connection, archive), shipment)) = known else {
        tell_lost(courier, key, &meta, &next);
        return Ok(Fetched { lost: usize::from(next.lost_since().is_some()), ..Fetched::default() });
    };
    let (until, mut fetched, mut done) = (Instant::now() + LOOKING, Fetched::default(), next);
    for (file, before) in done.entries.iter_mut().zip(&files.entries).filter(|(_, before)| before.is_due(now)) {
        if !has_time(courier, until) {
            // Due at once for the next sweep.
            file.due = before.due;
            continue;
        }
        let outcome = match fetch::fetch(courier, &file.url, connection, archive.as_ref()).await {
            Err(outcome) => outcome,
            Ok(found) => keep(courier, archive.as_ref(), file, found, (key, &shipment, meta.expires)).await?,
        };
        *file = file.clone().attempted(outcome, courier.now(), courier.jitter());
        fetched.tried += 1;
        fetched.kept += usize::from(file.state == State::Kept);
        fetched.lost += usize::from(file.state.is_lost());
        let (connection, field, detail) = (&key.connection, &file.field, &file.detail);
        match file.state {
            State::Kept => tracing::debug!(%connection, subject = %shipment, field, "a file is kept"),
            State::Waiting => {
                tracing::debug!(%connection, subject = %shipment, field, detail, "a file could not be fetched yet");
            }
            state @ (State::Expired | State::Refused | State::Unreachable | State::NotAFile | State::TooLarge) => {
                tracing::warn!(%connection, subject = %shipment, field, ?state, detail, "a file was given up: get it from the partner and keep it elsewhere");
            }
        }
    }
    work = Work { version: work.version + 1, files: Some(Box::new(done.clone())), ..work };
    if context.store.settle(key, &work).await? == Settled::Done {
        tell_lost(courier, key, &meta, &done);
    }
    Ok(fetched)
}

/// Keeps fetched content, and names it by its shipment.
async fn keep<S: Store, Q>(
    courier: &Courier<S, Q>,
    archive: &dyn archive::Archive,
    file: &File,
    content: fetch::Content,
    (key, shipment, expires): (&EventKey, &Subject, hub::Utc),
) -> Result<Outcome, StoreError> {
    let fetch::Content { drafted, segment, origin } = content;
    let kind = match sniffed(&drafted.beginning) {
        Ok(kind) => kind,
        Err(not) => {
            // It may be the page of a passing failure.
            let text = format!("what the link at {origin} leads to {not}");
            return Ok(Outcome::Failed { why: State::NotAFile, text, repeats: true, retry_after: None });
        }
    };
    let (hash, size) = (drafted.hash, drafted.bytes);
    if let Err(error) = archive.keep(drafted, courier.now()).await {
        let text = telemetry::logs::chain(&error);
        tracing::error!(connection = %key.connection, error = text, "a fetched file could not be kept; it is fetched again");
        return Ok(Outcome::Unsent { text: error.to_string() });
    }
    courier.context.store.alias(&[record::content(&hash)], &key.connection, shipment, expires).await?;
    let name = saved_as(&segment, &file.field, kind);
    Ok(Outcome::Kept(Kept { hash, size, media_type: kind.media_type.to_owned(), name }))
}

/// Leaves the news of files that were given up for the alerts.
fn tell_lost<S, Q>(courier: &Courier<S, Q>, key: &EventKey, meta: &hub::event::Meta, files: &Files) {
    if courier.context.config.alerts.is_empty() || files.lost_since().is_none() {
        return;
    }
    let count = files.entries.iter().filter(|file| file.state.is_lost()).count();
    courier.lines.keep_finding(Finding {
        cause: Cause::FileLost,
        place: key.connection.to_string(),
        connections: vec![ConnectionId::clone(&key.connection)],
        about: record::shipment(meta).map(|shipment| shipment.to_string()),
        count: u64::try_from(count).unwrap_or(u64::MAX),
        at: courier.now(),
    });
}
