//! Due and failed work: reads of the sparse index.
//!
//! The index lags behind the items and holds keys only; states are read from the item.

use aws_sdk_dynamodb::types::KeysAndAttributes;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::{TryStreamExt as _, stream};
use hub::{EventKey, Utc};
use store::{Aside, Failed, Listed, Page, Pending, StoreError};

use crate::DynamoStore;
use crate::call::{Item, LARGE, Pauses, call};
use crate::item::{
    EVENT, PULLABLE, Reader, is_expired, item_key, key_of, place_at, placeholders, subject_of, text, time_of,
};
use crate::schema::{INDEX, PK, PLACE, SHARD, SHARDS, SK};

const DUE: &str = "due";
const DUE_PULLABLE: &str = "due_pullable";
const PULL: &str = "pullable";
const DUE_ASIDE: &str = "due_aside";
const AHEAD: &str = "ahead";
const AHEAD_ASIDE: &str = "ahead_aside";
const FAILED: &str = "failed";
const PENDING: &str = "pending";

/// Number of concurrent queries.
const PARALLEL: usize = 16;

/// Largest number of items in a batch, by DynamoDB's API.
pub(crate) const BATCH: usize = 100;

/// Largest number of queries for one page, so that a filter without matches still answers in time.
const QUERIES_PER_PAGE: usize = 24;

/// Number of requests for a batch: the first, and those for its unprocessed items.
const BATCH_ATTEMPTS: usize = 8;

/// Classes of the index that are due: work, and work of which something has failed too, both where consumers lease it too.
const WORK: [Class; 2] = [Class("D"), Class("E")];
const FOR_CONSUMERS: [Class; 2] = [Class("DP"), Class("EP")];
const ALL_WORK: [Class; 4] = [Class("D"), Class("DP"), Class("E"), Class("EP")];

/// A class of the index.
#[derive(Clone, Copy, Debug)]
struct Class(&'static str);

/// Classes of the index in the order of their places.
const CLASSES: [&str; 9] = ["D", "DP", "E", "EP", "F", "G", "W", "X", "Y"];

/// Those of what is kept aside.
const fn classes(of: Aside) -> &'static [Class] {
    match of {
        Aside::Watches => &[Class("W")],
        Aside::Files => &[Class("X")],
    }
}

pub(crate) async fn due(store: &DynamoStore, now: Utc, limit: usize) -> Result<Vec<EventKey>, StoreError> {
    due_in(store, DUE, &WORK, now, limit).await
}

pub(crate) async fn due_pullable(store: &DynamoStore, now: Utc, limit: usize) -> Result<Vec<EventKey>, StoreError> {
    due_in(store, DUE_PULLABLE, &FOR_CONSUMERS, now, limit).await
}

/// The index does not tell endpoints apart: an event may be for several.
pub(crate) async fn pullable(store: &DynamoStore, limit: usize) -> Result<Vec<EventKey>, StoreError> {
    due_in(store, PULL, &FOR_CONSUMERS, Utc(i64::MAX), limit).await
}

pub(crate) async fn due_aside(
    store: &DynamoStore,
    of: Aside,
    now: Utc,
    limit: usize,
) -> Result<Vec<EventKey>, StoreError> {
    due_in(store, DUE_ASIDE, classes(of), now, limit).await
}

async fn due_in(
    store: &DynamoStore,
    verb: &'static str,
    classes: &'static [Class],
    now: Utc,
    limit: usize,
) -> Result<Vec<EventKey>, StoreError> {
    let span = Span { classes, first: Utc(0), last: now, latest_first: false };
    let mut found = listed(store, verb, span, limit).await?;
    found.sort();
    Ok(found.into_iter().take(limit).map(|(_, key)| key).collect())
}

pub(crate) async fn ahead(store: &DynamoStore, after: Utc, limit: usize) -> Result<Vec<EventKey>, StoreError> {
    ahead_in(store, AHEAD, &ALL_WORK, (after, Utc(PULLABLE - 1)), limit).await
}

pub(crate) async fn ahead_aside(
    store: &DynamoStore,
    of: Aside,
    after: Utc,
    limit: usize,
) -> Result<Vec<EventKey>, StoreError> {
    ahead_in(store, AHEAD_ASIDE, classes(of), (after, Utc(i64::MAX)), limit).await
}

async fn ahead_in(
    store: &DynamoStore,
    verb: &'static str,
    classes: &'static [Class],
    (after, last): (Utc, Utc),
    limit: usize,
) -> Result<Vec<EventKey>, StoreError> {
    let first = Utc(after.0.saturating_add(1));
    let span = Span { classes, first, last, latest_first: true };
    let mut found = listed(store, verb, span, limit).await?;
    found.sort();
    Ok(found.into_iter().rev().take(limit).map(|(_, key)| key).collect())
}

/// A part of the index: what of some classes is due from `first` to `last`.
#[derive(Clone, Copy)]
struct Span {
    classes: &'static [Class],
    first: Utc,
    last: Utc,
    latest_first: bool,
}

/// Work due in a span, up to `limit` items of each shard and class.
async fn listed(
    store: &DynamoStore,
    verb: &'static str,
    span: Span,
    limit: usize,
) -> Result<Vec<(Utc, EventKey)>, StoreError> {
    let ranges = |shard| span.classes.iter().copied().map(move |class| (shard, class));
    let ranges: Vec<_> = (0..SHARDS).flat_map(ranges).collect();
    let queries = ranges.into_iter().map(|range| listed_in(store, verb, range, span, limit));
    let found: Vec<Vec<_>> =
        futures::StreamExt::buffer_unordered(stream::iter(queries), PARALLEL).try_collect().await?;
    Ok(found.concat())
}

async fn listed_in(
    store: &DynamoStore,
    verb: &'static str,
    (shard, Class(class)): (u8, Class),
    span: Span,
    limit: usize,
) -> Result<Vec<(Utc, EventKey)>, StoreError> {
    let mut found = Vec::new();
    let mut from = None;
    while found.len() < limit {
        let wanted = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
        let query = || {
            store
                .client
                .query()
                .table_name(&store.table)
                .index_name(INDEX)
                .scan_index_forward(!span.latest_first)
                .key_condition_expression("#g = :g AND #h BETWEEN :first AND :last")
                .set_expression_attribute_names(Some(placeholders([SHARD, PLACE])))
                .expression_attribute_values(":g", text(shard.to_string()))
                .expression_attribute_values(":first", text(place_at(class, span.first)))
                .expression_attribute_values(":last", text(place_at(class, span.last)))
                .limit(wanted)
                .set_exclusive_start_key(from.clone())
                .send()
        };
        let page = call(store, verb, LARGE, query).await.map_err(|failure| failure.unconditional(verb))?;
        found.extend(page.items().iter().filter_map(|item| Some((time_of(item)?, key_of(item)?))));
        from = page.last_evaluated_key;
        if from.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Start of a page of the failed list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cursor {
    shard: u8,
    /// The item before it: place, PK, SK.
    after: Option<(String, String, String)>,
}

impl Cursor {
    fn print(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!([self.shard, self.after]).to_string())
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (shard, after) = serde_json::from_slice(&bytes).ok()?;
        (shard < SHARDS).then_some(Self { shard, after })
    }

    /// Whether a query of these classes can begin there: DynamoDB refuses any other place, as if the hub were at fault.
    fn is_of(&self, first: &str, last: &str) -> bool {
        self.after.as_ref().is_none_or(|(place, partition, sort)| {
            let class = place.split_once('#').map(|(class, _)| class);
            let known = class.is_some_and(|class| CLASSES.contains(&class) && first <= class && class <= last);
            known && subject_of(partition).is_some() && sort.starts_with(EVENT)
        })
    }

    /// The cursor after the last item that a query of its shard saw; nothing at the end of the last shard.
    fn next(&self, last: Option<&Item>) -> Option<Self> {
        match last {
            Some(last) => {
                let part = |name| last.get(name).and_then(|value| value.as_s().ok()).cloned();
                let after = Some((part(PLACE)?, part(PK)?, part(SK)?));
                Some(Self { shard: self.shard, after })
            }
            None => (self.shard + 1 < SHARDS).then_some(Self { shard: self.shard + 1, after: None }),
        }
    }

    fn start_key(&self) -> Option<Item> {
        let (place, partition, sort) = self.after.clone()?;
        let mut key = item_key(partition, sort);
        key.insert(SHARD.to_owned(), text(self.shard.to_string()));
        key.insert(PLACE.to_owned(), text(place));
        Some(key)
    }
}

pub(crate) async fn failed(
    store: &DynamoStore,
    which: &Failed,
    from: Option<&str>,
    limit: usize,
    now: Utc,
) -> Result<Page, StoreError> {
    let classes = match which {
        Failed::Any => (Class("E"), Class("G")),
        Failed::Waiting | Failed::At(_) => (Class("E"), Class("F")),
        Failed::Files => (Class("Y"), Class("Y")),
    };
    list(store, FAILED, classes, |listed| which.holds(&listed.work), from, limit, now).await
}

pub(crate) async fn pending(
    store: &DynamoStore,
    which: &Pending,
    from: Option<&str>,
    limit: usize,
    now: Utc,
) -> Result<Page, StoreError> {
    let classes = match which {
        Pending::Any | Pending::At(_) | Pending::Calls(_) => (Class("D"), Class("EP")),
        Pending::Watches => (Class("W"), Class("W")),
        Pending::Files => (Class("X"), Class("X")),
    };
    list(store, PENDING, classes, |listed| which.holds(&listed.key, &listed.work), from, limit, now).await
}

/// A page of the items of some classes that are wanted.
async fn list(
    store: &DynamoStore,
    verb: &'static str,
    (Class(first), Class(last)): (Class, Class),
    wanted: impl Fn(&Listed) -> bool,
    from: Option<&str>,
    limit: usize,
    now: Utc,
) -> Result<Page, StoreError> {
    let cursor = from.map_or_else(|| Some(Cursor::default()), Cursor::read);
    let cursor = cursor.filter(|cursor| cursor.is_of(first, last));
    let mut cursor = cursor.ok_or(StoreError::BadCursor { verb })?;
    let limit = limit.max(1);
    let (mut items, mut unreadable) = (Vec::new(), 0);
    for _ in 0..QUERIES_PER_PAGE {
        let entries = (limit - items.len()).min(BATCH);
        let query = || {
            store
                .client
                .query()
                .table_name(&store.table)
                .index_name(INDEX)
                .key_condition_expression("#g = :g AND #h BETWEEN :first AND :last")
                .set_expression_attribute_names(Some(placeholders([SHARD, PLACE])))
                .expression_attribute_values(":g", text(cursor.shard.to_string()))
                .expression_attribute_values(":first", text(place_at(first, Utc(0))))
                .expression_attribute_values(":last", text(place_at(last, Utc(i64::MAX))))
                .limit(i32::try_from(entries).unwrap_or(i32::MAX))
                .set_exclusive_start_key(cursor.start_key())
                .send()
        };
        let page = call(store, verb, LARGE, query).await.map_err(|failure| failure.unconditional(verb))?;
        let read = read_all(store, verb, page.items(), now).await?;
        unreadable += read.iter().filter(|listed| listed.is_none()).count();
        items.extend(read.into_iter().flatten().filter(&wanted));
        match cursor.next(page.last_evaluated_key()) {
            None => return Ok(Page { items, unreadable, next: None }),
            Some(next) => cursor = next,
        }
        if items.len() >= limit {
            break;
        }
    }
    Ok(Page { items, unreadable, next: Some(cursor.print()) })
}

/// The items of some index entries, read consistently, in their order, without those that are gone. One that cannot be read
/// is nothing, so that it does not hide the others.
pub(crate) async fn read_all(
    store: &DynamoStore,
    verb: &'static str,
    entries: &[Item],
    now: Utc,
) -> Result<Vec<Option<Listed>>, StoreError> {
    let refused = |source| StoreError::Refused { verb, source };
    let mut keys: Vec<Item> = entries
        .iter()
        .map(|entry| entry.iter().filter(|(name, _)| [PK, SK].contains(&name.as_str())))
        .map(|key| key.map(|(name, value)| (name.clone(), value.clone())).collect())
        .collect();
    let mut items = Vec::with_capacity(keys.len());
    let mut pauses = Pauses::new();
    for number in 0..BATCH_ATTEMPTS {
        if keys.is_empty() {
            break;
        }
        if number > 0 {
            tokio::time::sleep(pauses.next()).await;
        }
        let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let request = request.map_err(|error| refused(error.into()))?;
        let get = || store.client.batch_get_item().request_items(&store.table, request.clone()).send();
        let answer = call(store, verb, LARGE, get).await.map_err(|failure| failure.unconditional(verb))?;
        items.extend(answer.responses.and_then(|mut tables| tables.remove(&store.table)).unwrap_or_default());
        let rest = answer.unprocessed_keys.and_then(|mut tables| tables.remove(&store.table));
        keys = rest.map(|rest| rest.keys).unwrap_or_default();
    }
    if !keys.is_empty() {
        let source = "part of a batch was not read for lack of capacity".into();
        return Err(StoreError::Unavailable { verb, source });
    }
    items.retain(|item| !is_expired(item, now));
    let place = |item: &Item| entries.iter().position(|entry| key_of(entry) == key_of(item));
    items.sort_by_cached_key(place);
    let read = items.iter().map(|item| Reader { verb, item }.listed());
    Ok(read
        .map(|listed| listed.inspect_err(|error| tracing::error!(%error, "an item is left out of the list")).ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_survives_printing_and_walks_all_shards() {
        let mut cursor = Cursor::default();
        let mut shards = vec![cursor.shard];
        while let Some(next) = cursor.next(None) {
            assert_eq!(Cursor::read(&next.print()), Some(next.clone()));
            shards.push(next.shard);
            cursor = next;
        }
        assert_eq!(shards, (0..SHARDS).collect::<Vec<_>>());
        let inside = Cursor { shard: 3, after: Some(("F#1".to_owned(), "c#单".to_owned(), "E#1".to_owned())) };
        assert_eq!(Cursor::read(&inside.print()), Some(inside.clone()));
        assert_eq!(inside.next(inside.start_key().as_ref()), Some(inside));
    }

    proptest! {
        /// Clients can send any text as a cursor.
        #[test]
        fn cursor_that_is_read_prints_as_one_that_is_read_again(text in "\\PC{0,40}", shard in any::<u8>(), after in any::<Option<(String, String, String)>>()) {
            let printed = BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!([shard, after]).to_string());
            for text in [text, printed] {
                if let Some(cursor) = Cursor::read(&text) {
                    prop_assert!(cursor.shard < SHARDS);
                    prop_assert_eq!(Cursor::read(&cursor.print()), Some(cursor));
                }
            }
        }
    }
}
