//! Reading events, consistently.

use hub::identity::Head;
use hub::{ConnectionId, Event, EventKey, EventType, Record, Subject, Utc, seal};
use store::{Listed, StoreError};

use crate::call::{Item, LARGE, SMALL, call};
use crate::item::{EVENT, Reader, event_key, head_key, is_expired, now_seconds, partition, parts, placeholders, text};
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
    let reader = Reader { verb: "load", item: &item };
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
    Ok(Some(Record { event: Event { key: key.clone(), meta: reader.json(&meta)?, body }, work: reader.work()? }))
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
                .set_exclusive_start_key(from.clone())
                .send()
        };
        let page = call(store, VERB, LARGE, query).await.map_err(|failure| failure.unconditional(VERB))?;
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
