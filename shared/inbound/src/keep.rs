//! Data that a partner's answer brings: kept as the push that it stands for, unless a push has brought it already.
//!
//! All of an answer is tried, so that what can be kept is kept. What cannot be is an error of the caller's to tell.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use config::{Connection, Context};
use futures::stream::{self, StreamExt as _};
use hub::action::Action;
use hub::admission::Draft;
use hub::identity::{self, Content, Identity, Repeats};
use hub::pulled::{self, HeldRows, Messages, Sought};
use hub::{Alias, EventId, EventKey, EventType, Record, Subject};
use partners::pulled::{Finding, Page};
use queue::{Hint, Queue};
use store::{Listed, Store, StoreError};

use crate::reading::read;
use crate::receive::{CHAIN_ATTEMPTS, Envelope, IncomingPush, Lost, Place, Stored, place, send, stored, write};

/// Number of subjects of an answer whose events are kept at once.
const AT_ONCE: usize = 16;

/// Number of a subject's events, the latest first, that an answer is compared with: each is read.
const COMPARED: usize = 200;

/// Content type of an event that came in an answer. The partner's may be anything, and what is kept is JSON.
const JSON: &str = "application/json";

/// Such an event has no headers.
const PULLED: Envelope<'static> = Envelope { content_type: JSON, exchange: None };

/// An event of an answer, not yet kept.
struct Part {
    draft: Draft,
    is_state: bool,
    page: Option<Page>,
}

/// Keeps what was found in an answer, read by `reader` as the push that it stands for, and sends the queue messages. What has
/// no business key is kept under the one that was `asked` for. Returns how many events are new.
pub async fn keep<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    connection: &Connection,
    reader: &Action,
    findings: Vec<Finding>,
    asked: Option<&Alias>,
) -> Result<usize, Lost> {
    let mut subjects: BTreeMap<Subject, Vec<Part>> = BTreeMap::new();
    for Finding { body, is_state, page, action } in findings {
        let push = IncomingPush { body: Bytes::from(body), content_type: JSON.to_owned(), ..IncomingPush::default() };
        let reader = action.map_or(*reader, |name| Action { name, ..*reader });
        let (arrival, _place) = read(&reader, connection, &push).await;
        if let Some(reason) = &arrival.malformed {
            tracing::warn!(connection = %connection.id, reason, "an answer has data of another shape than documented; kept as it came");
        }
        let rows = page.as_ref().map(|page| page.rows);
        for draft in arrival.drafts {
            let part = Part { draft: draft.pulled(rows, asked), is_state, page: page.clone() };
            subjects.entry(part.draft.subject.clone()).or_default().push(part);
        }
    }
    // Those of one subject in the answer's order: a chain remembers which was the latest.
    let in_order = async |parts: Vec<Part>| {
        let mut results = Vec::with_capacity(parts.len());
        let mut messages = Messages::default();
        for part in parts {
            let nth = messages.next(&part.draft.kind, part.draft.content);
            results.push(Box::pin(part.kept(context, connection, nth)).await);
        }
        results
    };
    let keeping = stream::iter(subjects.into_values()).map(in_order);
    let results: Vec<_> = keeping.buffer_unordered(AT_ONCE).collect().await;
    let (mut hints, mut new, mut lost) = (Vec::new(), 0, None);
    for result in results.into_iter().flatten() {
        match result {
            Ok(kept) => {
                new += kept.new;
                hints.extend(kept.hints);
            }
            Err(why) => lost = lost.or(Some(why)),
        }
    }
    send(context, None, hints, Q::HOLDS_UP).await;
    lost.map_or(Ok(new), Err)
}

/// Keeps one event that a partner was asked for, and sends its queue messages.
pub async fn keep_draft<S: Store, Q: Queue>(
    context: &Context<S, Q>,
    connection: &Connection,
    draft: Draft,
) -> Result<(), Lost> {
    let (_, hints) = stored(context, connection, draft, PULLED).await?;
    send(context, None, hints.unwrap_or_default(), Q::HOLDS_UP).await;
    Ok(())
}

/// Result of keeping a part of an answer.
#[derive(Default)]
struct Kept {
    /// The events that tell it.
    events: Vec<EventId>,
    /// Number of new events.
    new: usize,
    hints: Vec<Hint>,
}

impl Kept {
    fn known(events: Vec<EventId>) -> Self {
        Self { events, ..Self::default() }
    }

    fn and(mut self, (key, hints): Stored) -> Self {
        self.new += usize::from(hints.is_some());
        self.hints.extend(hints.unwrap_or_default());
        self.events.push(key.id);
        self
    }
}

impl Part {
    /// Keeps it; it is the `nth` of its answer with this content.
    async fn kept<S: Store, Q>(
        self,
        context: &Context<S, Q>,
        connection: &Connection,
        nth: usize,
    ) -> Result<Kept, Lost> {
        let Self { mut draft, is_state, page } = self;
        let (id, partner) = (&connection.id, connection.partner);
        let facts = pulled::facts(id, partner, &draft.kind, &draft.payload());
        let told = |record: &Record| {
            let event = &record.event;
            pulled::facts(id, partner, &event.meta.kind, &event.data())
        };
        let (subject, kind) = (draft.subject.clone(), draft.kind.clone());
        let events = Events { context, connection, subject: &subject, kind: &kind };
        let kept = match (&page, facts.as_slice()) {
            _ if is_state => Kept::default().and(events.state(draft, &facts).await?),
            // Its chain remembers the latest alone, and an answer brings all there were: equal ones are as many events.
            (None, []) if draft.identity == Identity::Message => {
                let same = |record: &Record| {
                    let event = &record.event;
                    pulled::content(id, &event.meta.kind, &event.data()).into_iter().collect()
                };
                events.unless_told(Sought::times(draft.content, nth), same, draft).await?
            }
            (None, []) => Kept::default().and(stored(context, connection, draft, PULLED).await?),
            (None, facts) => {
                if let [fact] = facts {
                    draft.content = *fact;
                }
                events.unless_told(Sought::new(facts), told, draft).await?
            }
            (Some(page), facts) if page.rows.are_all() && !facts.is_empty() => {
                events.unless_told(Sought::new(facts), told, draft).await?
            }
            // Two pages may have equal rows, and each is a part of the batch.
            (Some(page), _) => {
                draft.content = identity::placed(draft.content, page.rows.before);
                Kept::default().and(stored(context, connection, draft, PULLED).await?)
            }
        };
        match page {
            Some(page) => events.completed(&page, kept).await,
            None => Ok(kept),
        }
    }
}

/// The events of one type about a subject.
struct Events<'a, S, Q> {
    context: &'a Context<S, Q>,
    connection: &'a Connection,
    subject: &'a Subject,
    kind: &'a EventType,
}

impl<S: Store, Q> Events<'_, S, Q> {
    /// Stores a draft unless the events tell all that is sought.
    async fn unless_told(
        &self,
        mut sought: Sought,
        told: impl Fn(&Record) -> Vec<Content>,
        draft: Draft,
    ) -> Result<Kept, Lost> {
        for listed in self.latest_first().await?.into_iter().take(COMPARED) {
            if let Some(record) = self.loaded(&listed.key).await? {
                sought.told(listed.key.id, &told(&record));
            }
            if let Some(events) = sought.events() {
                return Ok(Kept::known(events.to_vec()));
            }
        }
        Ok(Kept::default().and(stored(self.context, self.connection, draft, PULLED).await?))
    }

    /// Stores a state unless it is that of the latest event, pushed or pulled.
    async fn state(&self, draft: Draft, facts: &[Content]) -> Result<Stored, Lost> {
        for _ in 0..CHAIN_ATTEMPTS {
            let now = self.context.now();
            // The head first: what is stored after it has been read makes the admission below fail.
            let head = self.context.store.head(&self.connection.id, self.subject, self.kind, now).await?;
            let latest = self.latest_first().await?.into_iter().next().map(|listed| listed.key);
            let pushed = latest.filter(|latest| head.as_ref().is_none_or(|head| head.event != latest.id));
            let mut repeats = Repeats::Always;
            if let Some(key) = pushed {
                if let Some(record) = self.loaded(&key).await? {
                    let told = pulled::facts(&key.connection, self.connection.partner, self.kind, &record.event.data());
                    if !facts.is_empty() && told == facts {
                        return Ok((key, None));
                    }
                }
                // What was pulled before has been overtaken by a push: the same again is news.
                repeats = Repeats::Within(Duration::ZERO);
            }
            let placed = match place(self.connection, &draft, head, now, repeats) {
                Place::Known(key) => return Ok((key, None)),
                Place::Next(next) => next,
            };
            if let Some(stored) = write(self.context, self.connection, &draft, placed, PULLED).await? {
                return Ok(stored);
            }
        }
        Err(Lost::Contended)
    }

    /// Stores the event that says that a batch is complete, where these rows have made it so.
    async fn completed(&self, page: &Page, kept: Kept) -> Result<Kept, Lost> {
        let pages: Vec<_> = if page.rows.are_all() {
            vec![HeldRows::new(page.rows, kept.events.clone())]
        } else {
            let rows = |listed: Listed| {
                let rows = listed.meta.pulled?.rows.filter(|rows| rows.total == page.rows.total)?;
                Some(HeldRows::new(rows, vec![listed.key.id]))
            };
            self.latest_first().await?.into_iter().filter_map(rows).collect()
        };
        let Some(held) = pulled::complete(&pages, page.rows.total) else { return Ok(kept) };
        let Some(draft) = pulled::completion(&self.connection.id, self.subject.clone(), page, &held) else {
            return Ok(kept);
        };
        Ok(kept.and(stored(self.context, self.connection, draft, PULLED).await?))
    }

    /// The events that can be read. One that cannot be is not a reason to lose what an answer brings.
    async fn latest_first(&self) -> Result<Vec<Listed>, Lost> {
        let (context, connection) = (self.context, &self.connection.id);
        let timeline = context.store.timeline(connection, self.subject, context.now()).await;
        let mut events = readable(timeline)?.unwrap_or_default();
        events.retain(|listed| listed.meta.kind == *self.kind);
        events.reverse();
        Ok(events)
    }

    async fn loaded(&self, key: &EventKey) -> Result<Option<Record>, Lost> {
        Ok(readable(self.context.store.load(key, self.context.now()).await)?.flatten())
    }
}

/// The result of a read; nothing where stored data is damaged, which the log tells.
fn readable<T>(read: store::Result<T>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ (StoreError::Corrupt { .. } | StoreError::Damaged { .. })) => {
            let error = telemetry::logs::chain(&error);
            tracing::warn!(error, "an answer is not compared with an event that cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
