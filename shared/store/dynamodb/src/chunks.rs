//! Large bodies: kept in items of their own, written before the event that names them.
//!
//! They are found by the digest of the body, so pushes of one event with other white space never mix, and a part that is
//! written twice is the same part. What no event names expires like everything else.

use aws_sdk_dynamodb::primitives::Blob;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hub::identity::digest;
use hub::{Event, EventKey, Utc};
use store::StoreError;

use crate::call::{Item, LARGE, call};
use crate::item::{Reader, blob, item_key, partition};
use crate::names::put_longer;
use crate::schema::DATA;
use crate::{DynamoStore, codec};

/// The largest packed event that keeps its body inside, in bytes: beyond it, rewriting the body with each change of the
/// work costs more than an item of its own.
const INLINE: usize = 4096;

/// Bodies over this are not even tried inside.
const NEVER_INLINE: usize = 64 * 1024;

/// The size of a part. An item may have 400 KB, its keys and names included.
const PART: usize = 375_000;

/// How many parts are under way at once.
const PARALLEL: usize = 8;

/// An event's bytes as they are stored.
pub(crate) struct Packed {
    /// What goes into the event's item.
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
    /// What the event's item says of it.
    pub(crate) fn place(&self) -> String {
        format!("{}.{}", self.digest, self.packed.chunks(PART).len())
    }
}

/// Packs an event; on another thread where that takes long, so that the partner's deadline can pass meanwhile.
pub(crate) async fn pack(event: &Event) -> Result<Packed, StoreError> {
    let mut data = serde_json::to_vec(&event.meta).unwrap_or_default();
    if event.body.len() <= NEVER_INLINE {
        let meta = data.len();
        data.push(b'\n');
        data.extend_from_slice(&event.body);
        let packed = codec::pack(&data);
        if packed.len() <= INLINE {
            return Ok(Packed { data: packed, apart: None });
        }
        data.truncate(meta);
    }
    let body = event.body.clone();
    let apart = tokio::task::spawn_blocking(move || Apart { digest: digest(&body), packed: codec::pack(&body).into() });
    let apart = apart.await.map_err(|error| StoreError::Unavailable { verb: "admit", source: error.into() })?;
    Ok(Packed { data: codec::pack(&data), apart: Some(apart) })
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
    writes.buffer_unordered(PARALLEL).try_collect().await
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
    let body = codec::unpack(&parts.concat()).map_err(|error| event.corrupt(&error.to_string()))?;
    if hub::identity::digest(&body) == digest { Ok(body.into()) } else { Err(event.corrupt("the digest of the body")) }
}

async fn read_part(store: &DynamoStore, key: Item, event: &Reader<'_>) -> Result<Vec<u8>, StoreError> {
    let get =
        || store.client.get_item().table_name(&store.table).set_key(Some(key.clone())).consistent_read(true).send();
    let answer = call(store, event.verb, LARGE, get).await.map_err(|failure| failure.unconditional(event.verb))?;
    let part = answer.item.and_then(|mut item| item.remove(DATA)).and_then(|value| Some(value.as_b().ok()?.clone()));
    part.map(Blob::into_inner).ok_or_else(|| event.corrupt("a part of the body"))
}
