//! Large bodies: kept in items of their own, written before the event that names them.
//!
//! They are found by the digest of the body, so pushes of one event with other white space never mix, and a part that is
//! written twice is the same part. What no event names expires like everything else. Parts of an event whose work stays
//! open for half of its retention, or waits for a decision, are kept until it is settled: not sooner, because that costs
//! them to be written once more, and most work is settled within seconds.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hub::event::Meta;
use hub::identity::digest;
use hub::seal::sealed;
use hub::{Event, EventKey, Utc, Work};
use store::StoreError;

use crate::call::{Failure, Item, LARGE, SMALL, call};
use crate::item::{Reader, blob, event_key, expires, item_key, never, number, partition, placeholders};
use crate::names::put_longer;
use crate::schema::{DATA, EXPIRES, PARTS_KEPT, PK};
use crate::{DynamoStore, codec};

/// The largest packed event that keeps its body inside, in bytes: beyond it, rewriting the body with each change of the
/// work costs more than an item of its own.
const INLINE: usize = 4096;

/// Bodies over this are not even tried inside.
const NEVER_INLINE: usize = 64 * 1024;

/// The size of a part. An item may have 400 KB, its keys and names included.
const PART: usize = 375_000;

/// Number of concurrent requests for parts.
const PARALLEL: usize = 8;

/// An event's bytes as they are stored.
pub(crate) struct Packed {
    /// Data of the event's item.
    pub(crate) data: Vec<u8>,
    /// The body, where it is kept apart.
    pub(crate) apart: Option<Apart>,
}

/// A body that is kept apart.
pub(crate) struct Apart {
    digest: String,
    packed: Bytes,
}

impl Apart {
    /// Reference to the body in the event's item.
    pub(crate) fn place(&self) -> String {
        format!("{}.{}", self.digest, self.packed.chunks(PART).len())
    }
}

/// Packs an event; on another thread where that takes long, so that the partner's deadline can pass meanwhile.
pub(crate) async fn pack(event: &Event) -> Result<Packed, StoreError> {
    if event.body.len() <= NEVER_INLINE {
        let data = [sealed(event).as_bytes(), b"\n", &event.body].concat();
        let packed = codec::pack(&data);
        if packed.len() <= INLINE {
            return Ok(Packed { data: packed, apart: None });
        }
    }
    let event = event.clone();
    let packed = tokio::task::spawn_blocking(move || {
        let apart = Apart { digest: digest(&event.body), packed: codec::pack(&event.body).into() };
        Packed { data: codec::pack(sealed(&event).as_bytes()), apart: Some(apart) }
    });
    packed.await.map_err(|error| StoreError::Unavailable { verb: "admit", source: error.into() })
}

fn part_key(key: &EventKey, digest: &str, number: usize) -> Item {
    item_key(partition(&key.connection, &key.subject), format!("B#{}#{digest}#{number:03}", key.id))
}

/// Writes the parts of a body, each unless it is there for as long.
pub(crate) async fn write(store: &DynamoStore, key: &EventKey, until: Utc, apart: &Apart) -> Result<(), StoreError> {
    let item = |(number, part): (usize, &[u8])| {
        let mut item = part_key(key, &apart.digest, number);
        item.insert(DATA.to_owned(), blob(part));
        item
    };
    let items: Vec<_> = apart.packed.chunks(PART).enumerate().map(item).collect();
    let writes = stream::iter(items).map(|item| put_longer(store, "admit", LARGE, item, until));
    writes.buffer_unordered(PARALLEL).try_for_each(|_| async { Ok(()) }).await
}

/// Keeps the parts of an item's body for as long as the item, as its work stands now.
pub(crate) async fn keep(store: &DynamoStore, key: &EventKey, item: &Item, work: &Work) -> Result<(), StoreError> {
    let reader = Reader { verb: "settle", item };
    let (Some((digest, parts)), kept) = (reader.body()?, item.contains_key(PARTS_KEPT)) else { return Ok(()) };
    let (meta, _) = reader.event()?;
    let until = match (work.is_open(), kept) {
        (true, false) if may_stay_open(&meta, work) => never(),
        (false, true) => expires(meta.expires),
        (true, _) | (false, false) => return Ok(()),
    };
    let writes = stream::iter((0..parts).map(|number| part_key(key, &digest, number)));
    let writes = writes.map(|part| put_off(store, part, &until));
    writes.buffer_unordered(PARALLEL).try_collect::<()>().await?;
    let note = || {
        let change = if work.is_open() { "SET #p = :p" } else { "REMOVE #p" };
        let update = store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(event_key(key)))
            .update_expression(change)
            .condition_expression("attribute_exists(#PK)")
            .set_expression_attribute_names(Some(placeholders([PK, PARTS_KEPT])));
        let update = if work.is_open() { update.expression_attribute_values(":p", number(1)) } else { update };
        update.send()
    };
    match call(store, "settle", SMALL, note).await {
        Ok(_) | Err(Failure::Condition(_)) => Ok(()),
        Err(failure) => Err(failure.unconditional("settle")),
    }
}

/// Whether open work may be so when its event expires: its next attempt is in the last half of the retention, or it waits
/// for a decision, which takes any time.
fn may_stay_open(meta: &Meta, work: &Work) -> bool {
    work.due().is_none_or(|due| due >= meta.received.after(meta.expires.since(meta.received) / 2))
}

/// Gives one part another expiry.
async fn put_off(store: &DynamoStore, part: Item, until: &AttributeValue) -> Result<(), StoreError> {
    let update = || {
        store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(part.clone()))
            .update_expression("SET #x = :x")
            .condition_expression("attribute_exists(#PK)")
            .set_expression_attribute_names(Some(placeholders([PK, EXPIRES])))
            .expression_attribute_values(":x", until.clone())
            .send()
    };
    match call(store, "settle", LARGE, update).await {
        // A missing part is an error for the reader of the body.
        Ok(_) | Err(Failure::Condition(_)) => Ok(()),
        Err(failure) => Err(failure.unconditional("settle")),
    }
}

/// The body of that digest, checked against it.
pub(crate) async fn read(
    store: &DynamoStore,
    key: &EventKey,
    digest: &str,
    parts: usize,
    event: &Reader<'_>,
) -> Result<Bytes, StoreError> {
    let parts: Vec<Vec<u8>> =
        stream::iter((0..parts).map(|number| read_part(store, part_key(key, digest, number), event)))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
    let body = codec::unpack(&parts.concat()).map_err(|_| event.damaged(key))?;
    if hub::identity::digest(&body) == digest { Ok(body.into()) } else { Err(event.damaged(key)) }
}

async fn read_part(store: &DynamoStore, key: Item, event: &Reader<'_>) -> Result<Vec<u8>, StoreError> {
    let get =
        || store.client.get_item().table_name(&store.table).set_key(Some(key.clone())).consistent_read(true).send();
    let answer = call(store, event.verb, LARGE, get).await.map_err(|failure| failure.unconditional(event.verb))?;
    let part = answer.item.and_then(|mut item| item.remove(DATA)).and_then(|value| Some(value.as_b().ok()?.clone()));
    part.map(Blob::into_inner).ok_or_else(|| event.corrupt("a part of the body"))
}
