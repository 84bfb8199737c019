//! The audit trail: an item in the partition of its day, and a copy in the partition of each subject that it touched.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::operation::query::QueryOutput;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hub::audit::{Entry, Place};
use hub::{ConnectionId, Subject, Utc};
use store::{AuditFilter, AuditPage, MOST_AUDITED, StoreError};

use crate::DynamoStore;
use crate::call::{Item, LARGE, call};
use crate::item::{Reader, blob, expires, item_key, now_seconds, pack_json, partition, placeholders, text};
use crate::schema::{DATA, EXPIRES, PK, SK};

const PUT: &str = "put_audit";
const LIST: &str = "audit";
const OF: &str = "audit_of";

/// Prefix of the partitions of days, and of the sort keys of copies.
pub(crate) const AUDIT: &str = "A#";

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// Number of concurrent writes of copies.
const PARALLEL: usize = 16;

/// Largest number of queries for one page: a quiet month still answers in time.
const QUERIES_PER_PAGE: usize = 24;

/// The partition of a day, by its number since 1970.
fn day_partition(day: i64) -> String {
    // RFC 3339 begins with the date.
    let start = Utc(day.saturating_mul(DAY)).to_string();
    format!("{AUDIT}{}", start.split('T').next().unwrap_or(&start))
}

const fn day(at: Utc) -> i64 {
    at.0.div_euclid(DAY)
}

/// The key of an entry in the trail.
pub(crate) fn key(entry: &Entry) -> Item {
    item_key(day_partition(day(entry.at)), entry.place().to_string())
}

/// Writes an entry; see `Store::put_audit`.
pub(crate) async fn put(store: &DynamoStore, entry: &Entry) -> Result<(), StoreError> {
    let place = entry.place().to_string();
    write(store, day_partition(day(entry.at)), place.clone(), &entry.fitted()).await?;
    let copies = entry.subjects().into_iter().filter_map(|(connection, subject)| {
        let own = entry.about(&connection, &subject)?;
        Some((partition(&connection, &subject), own.fitted()))
    });
    let writes = copies.map(|(partition, own)| {
        let sort = format!("{AUDIT}{place}");
        async move { write(store, partition, sort, &own).await }
    });
    stream::iter(writes.collect::<Vec<_>>()).buffer_unordered(PARALLEL).try_collect().await
}

async fn write(store: &DynamoStore, partition: String, sort: String, entry: &Entry) -> Result<(), StoreError> {
    let mut item = item_key(partition, sort);
    item.insert(DATA.to_owned(), blob(pack_json(entry)));
    item.insert(EXPIRES.to_owned(), expires(entry.expires));
    let put = || store.client.put_item().table_name(&store.table).set_item(Some(item.clone())).send();
    call(store, PUT, LARGE, put).await.map(drop).map_err(|failure| failure.unconditional(PUT))
}

/// A page of the trail, from the latest day to the earliest; see `Store::audit`.
pub(crate) async fn page(
    store: &DynamoStore,
    filter: &AuditFilter,
    from: Option<&str>,
    limit: usize,
    now: Utc,
) -> Result<AuditPage, StoreError> {
    let before = from.map(str::parse::<Place>).transpose().map_err(|()| StoreError::BadCursor { verb: LIST })?;
    // Nothing lies ahead of the clocks that entries are of by more than a day.
    let latest = Place { at: filter.until.min(Utc(now.0.saturating_add(DAY))), id: 0 };
    let mut before = before.map_or(latest, |before| before.min(latest));
    let since = filter.since.max(Utc(0));
    let limit = limit.max(1);
    let mut entries = Vec::new();
    for _ in 0..QUERIES_PER_PAGE {
        let last = before.before();
        if last.at < since {
            return Ok(AuditPage { entries, next: None });
        }
        if entries.len() >= limit {
            break;
        }
        let day = day(last.at);
        let first = Place { at: since.max(Utc(day.saturating_mul(DAY))), id: 0 };
        let wanted = limit - entries.len();
        let found = query(store, LIST, day_partition(day), first.to_string()..=last.to_string(), wanted, now).await?;
        let seen = found.last_evaluated_key().and_then(|last| last.get(SK)?.as_s().ok()?.parse().ok());
        entries.extend(read(LIST, &found)?.into_iter().filter(|entry| filter.holds(entry)));
        // Without a last key the day has no more.
        before = seen.unwrap_or(first);
    }
    Ok(AuditPage { entries, next: Some(before.to_string()) })
}

/// The entries of a subject; see `Store::audit_of`.
pub(crate) async fn of(
    store: &DynamoStore,
    connection: &ConnectionId,
    subject: &Subject,
    now: Utc,
) -> Result<Vec<Entry>, StoreError> {
    let copies = AUDIT.to_owned()..=format!("{AUDIT}~");
    let found = query(store, OF, partition(connection, subject), copies, MOST_AUDITED, now).await?;
    read(OF, &found)
}

/// The items of a partition in a range of sort keys, latest first.
async fn query(
    store: &DynamoStore,
    verb: &'static str,
    partition: String,
    sort: RangeInclusive<String>,
    limit: usize,
    now: Utc,
) -> Result<QueryOutput, StoreError> {
    let query = || {
        store
            .client
            .query()
            .table_name(&store.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .key_condition_expression("#PK = :p AND #SK BETWEEN :first AND :last")
            .filter_expression("#x > :now")
            .set_expression_attribute_names(Some(placeholders([PK, SK, EXPIRES])))
            .expression_attribute_values(":p", text(partition.clone()))
            .expression_attribute_values(":first", text(sort.start().clone()))
            .expression_attribute_values(":last", text(sort.end().clone()))
            .expression_attribute_values(":now", now_seconds(now))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
    };
    call(store, verb, LARGE, query).await.map_err(|failure| failure.unconditional(verb))
}

fn read(verb: &'static str, found: &QueryOutput) -> Result<Vec<Entry>, StoreError> {
    let entry = |item| {
        let reader = Reader { verb, item };
        reader.json(&reader.unpack(DATA)?)
    };
    found.items().iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_of_an_entry_is_its_day() {
        let of = |at| day_partition(day(Utc(at)));
        assert_eq!(of(0), "A#1970-01-01");
        let midnight = 1_795_910_400_000_000;
        assert_eq!((of(midnight - 1), of(midnight)), ("A#2026-11-28".to_owned(), "A#2026-11-29".to_owned()));
    }
}
