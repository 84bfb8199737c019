//! Reading events, consistently.

use aws_sdk_dynamodb::operation::query::QueryOutput;
use hub::identity::Head;
use hub::{ConnectionId, Event, EventKey, EventType, Record, Subject, Utc, seal};
use store::{Listed, Page, StoreError};

use crate::call::{Item, LARGE, SMALL, call};
use crate::item::{
    EVENT, Reader, event_key, head_key, is_expired, key_of, now_seconds, partition, parts, placeholders, text,
};
use crate::schema::{DATA, EXPIRES, PK, SK, WORK};
use crate::{DynamoStore, chunks, codec};

/// Largest number of events in a timeline.
const TIMELINE: usize = 1000;

/// One item, unless it is expired.
pub(crate) async fn get(
    store: &DynamoStore,
    verb: &'static str,
    key: Item,
    now: Utc,
) -> Result<Option<Item>, StoreError> {
    let get =
        || store.client.get_item().table_name(&store.table).set_key(Some(key.clone())).consistent_read(true).send();
    let answer = call(store, verb, SMALL, get).await.map_err(|failure| failure.unconditional(verb))?;
    Ok(answer.item.filter(|item| !is_expired(item, now)))
}

pub(crate) async fn head(
    store: &DynamoStore,
    connection: &ConnectionId,
    subject: &Subject,
    kind: &EventType,
    now: Utc,
) -> Result<Option<Head>, StoreError> {
    let Some(item) = get(store, "head", head_key(connection, subject, kind), now).await? else { return Ok(None) };
    let reader = Reader { verb: "head", item: &item };
    reader.json(&reader.unpack(DATA)?).map(Some)
}

pub(crate) async fn load(store: &DynamoStore, key: &EventKey, now: Utc) -> Result<Option<Record>, StoreError> {
    let Some(item) = get(store, "load", event_key(key), now).await? else { return Ok(None) };
    record(store, "load", key, &item).await.map(Some)
}

/// The event of an item, with its bytes as they were written, and its work.
pub(crate) async fn record(
    store: &DynamoStore,
    verb: &'static str,
    key: &EventKey,
    item: &Item,
) -> Result<Record, StoreError> {
    let reader = Reader { verb, item };
    let packed = item.get(DATA).and_then(|value| value.as_b().ok()).map(AsRef::as_ref);
    let data = packed.filter(|packed| codec::is_known(packed)).ok_or_else(|| reader.corrupt("the event"))?;
    let (meta, inside) = codec::unpack(data).map(parts).map_err(|_| reader.damaged(key))?;
    let body = match reader.body()? {
        None => inside,
        Some((digest, parts)) => chunks::read(store, key, &digest, parts, &reader).await?,
    };
    if !seal::is_intact(key, &meta, &body) {
        return Err(reader.damaged(key));
    }
    Ok(Record { event: Event { key: key.clone(), meta: reader.json(&meta)?, body }, work: reader.work()? })
}

pub(crate) async fn inspect(store: &DynamoStore, key: &EventKey, now: Utc) -> Result<Option<Listed>, StoreError> {
    let item = get(store, "inspect", event_key(key), now).await?;
    item.map(|item| Reader { verb: "inspect", item: &item }.listed()).transpose()
}

/// Ids say nothing of time, so the whole partition is read; only the latest are held.
pub(crate) async fn timeline(
    store: &DynamoStore,
    connection: &ConnectionId,
    subject: &Subject,
    now: Utc,
) -> Result<Vec<Listed>, StoreError> {
    const VERB: &str = "timeline";
    let mut events: Vec<Listed> = Vec::new();
    let mut from: Option<Item> = None;
    loop {
        let page = events_of(store, VERB, (connection, subject), (from, None), now).await?;
        for item in page.items() {
            events.push(Reader { verb: VERB, item }.listed()?);
        }
        events.sort_by_key(|event| (event.meta.received, event.key.id));
        events.drain(..events.len().saturating_sub(TIMELINE));
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(events);
        }
    }
}

/// A page of a subject's events after an id: one query.
pub(crate) async fn history(
    store: &DynamoStore,
    connection: &ConnectionId,
    subject: &Subject,
    (from, limit): (Option<&str>, usize),
    now: Utc,
) -> Result<Page, StoreError> {
    const VERB: &str = "history";
    let after = from.map(|from| from.parse().map_err(|_| StoreError::BadCursor { verb: VERB })).transpose()?;
    let after = after.map(|id| event_key(&EventKey { connection: connection.clone(), subject: subject.clone(), id }));
    let page = events_of(store, VERB, (connection, subject), (after, i32::try_from(limit.max(1)).ok()), now).await?;
    let read = page.items().iter().map(|item| Reader { verb: VERB, item }.listed());
    let read =
        read.map(|listed| listed.inspect_err(|error| tracing::error!(%error, "an item is left out of the list")));
    let items: Vec<_> = read.filter_map(Result::ok).collect();
    let next = page.last_evaluated_key().map(|last| {
        let key = key_of(last).ok_or_else(|| Reader { verb: VERB, item: last }.corrupt("the key"))?;
        Ok(key.id.to_string())
    });
    Ok(Page { unreadable: page.items().len() - items.len(), items, next: next.transpose()? })
}

/// One query of a subject's events, in the order of their ids.
async fn events_of(
    store: &DynamoStore,
    verb: &'static str,
    (connection, subject): (&ConnectionId, &Subject),
    (from, limit): (Option<Item>, Option<i32>),
    now: Utc,
) -> Result<QueryOutput, StoreError> {
    let query = || {
        store
            .client
            .query()
            .table_name(&store.table)
            .consistent_read(true)
            .key_condition_expression("#PK = :p AND begins_with(#SK, :e)")
            .filter_expression("#x > :now")
            .projection_expression("#PK, #SK, #d, #w")
            .set_expression_attribute_names(Some(placeholders([PK, SK, DATA, WORK, EXPIRES])))
            .expression_attribute_values(":p", text(partition(connection, subject)))
            .expression_attribute_values(":e", text(EVENT))
            .expression_attribute_values(":now", now_seconds(now))
            .set_limit(limit)
            .set_exclusive_start_key(from.clone())
            .send()
    };
    call(store, verb, LARGE, query).await.map_err(|failure| failure.unconditional(verb))
}
