//! The list of recent events: reads of the index of that name.
//!
//! Its partitions are the days of each connection. What it holds of an event never changes, so that a change of its work costs no
//! write here. The index lags behind the items and holds keys only; states are read from the item.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hub::files::record;
use hub::{ConnectionId, Event, Utc, watch};
use store::{Listed, Page, Received, StoreError};

use crate::DynamoStore;
use crate::call::{Item, LARGE, call};
use crate::item::{key_of, placeholders, text};
use crate::schema::{DAY, RECENT, TIME};
use crate::work::{BATCH, read_all};

const VERB: &str = "recent";

/// Number of concurrent queries.
const PARALLEL: usize = 16;

/// Number of concurrent batches.
const BATCHES: usize = 4;

/// Number of queries after which a page begins no further day.
const QUERIES_PER_PAGE: usize = 64;

/// Number of entries of a query for calls alone, which are few among the events.
const SEARCHED: usize = 1_000;

/// Time by which the clock that received an event may be ahead: later days are not looked at.
const AHEAD: Duration = Duration::from_hours(24);

/// Microseconds of a day.
const MICROS: u64 = 24 * 3600 * 1_000_000;

/// Length of a place without an id: the time alone.
const BARE: usize = 16;

/// Length of a place: the time and the id.
const WHOLE: usize = BARE + 32;

/// The attributes by which a new event is listed; none for a watch or files.
pub(crate) fn attributes(event: &Event) -> Item {
    if watch::is_subject(&event.key.subject) || record::is_subject(&event.key.subject) {
        return Item::new();
    }
    let received = event.meta.received;
    let place = bare(micros(received)) + &BASE64_URL_SAFE_NO_PAD.encode(event.key.id.0);
    let day = partition(&event.key.connection, micros(received) / MICROS);
    Item::from([(DAY.to_owned(), text(day)), (TIME.to_owned(), text(place))])
}

fn micros(time: Utc) -> u64 {
    u64::try_from(time.0).unwrap_or_default()
}

/// A place before those of all events that were received then or later.
fn bare(micros: u64) -> String {
    format!("{micros:0BARE$x}")
}

fn partition(connection: &ConnectionId, day: u64) -> String {
    format!("{connection}#{day}")
}

/// The end of what is still to be listed: places before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Before(String);

impl Before {
    fn time(time: Utc) -> Self {
        Self(bare(micros(time)))
    }

    /// A cursor that this list printed.
    fn read(cursor: &str) -> Option<Self> {
        let (time, id) = cursor.split_at_checked(BARE)?;
        let is_time = time.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_id = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let is_whole = [BARE, WHOLE].contains(&cursor.len());
        (is_time && is_whole && is_id(id)).then(|| Self(cursor.to_owned()))
    }

    /// The day of the latest events before it; none where there can be none.
    fn day(&self) -> Option<u64> {
        let micros = u64::from_str_radix(self.0.get(..BARE)?, 16).ok()?;
        let latest = if self.0.len() > BARE { micros } else { micros.checked_sub(1)? };
        Some(latest / MICROS)
    }
}

/// Entries of one day of a connection.
struct Entries {
    items: Vec<Item>,
    /// Whether there are earlier ones.
    more: bool,
}

pub(crate) async fn recent(
    store: &DynamoStore,
    which: &Received,
    from: Option<&str>,
    limit: usize,
    now: Utc,
) -> Result<Page, StoreError> {
    let limit = limit.max(1);
    let end = Before::time(which.until.min(now.after(AHEAD)));
    let from = from.map(|from| Before::read(from).ok_or(StoreError::BadCursor { verb: VERB })).transpose()?;
    let mut before = from.map_or_else(|| end.clone(), |from| from.min(end.clone()));
    let first = Before::time(which.since);
    let (mut found, mut queries) = (Vec::new(), 0);
    while found.len() < limit && queries < QUERIES_PER_PAGE && before > first && !which.connections.is_empty() {
        let Some(day) = before.day() else { break };
        let begin = Before(bare(day * MICROS));
        let span = (first.clone().max(begin.clone()), before.clone());
        let most = if which.calls { SEARCHED } else { limit - found.len() };
        let days: Vec<_> = which.connections.iter().map(|connection| partition(connection, day)).collect();
        let reads = days.into_iter().map(|day| entries(store, day, &span, most));
        let read: Vec<_> = stream::iter(reads).buffer_unordered(PARALLEL).try_collect().await?;
        queries += which.connections.len();
        // What is behind the end of a partition that was not read to its end may be later than what is there of others.
        let ends = read.iter().filter(|entries| entries.more).filter_map(|entries| place(entries.items.last()?));
        let end = ends.max().map(ToOwned::to_owned);
        let mut entries: Vec<_> = read.into_iter().flat_map(|entries| entries.items).collect();
        entries.retain(|entry| {
            let is_new =
                place(entry).is_some_and(|place| place < &*before.0 && end.as_deref().is_none_or(|end| place >= end));
            is_new && key_of(entry).is_some_and(|key| which.names(&key))
        });
        entries.sort_by(|a, b| place(b).cmp(&place(a)));
        let room = limit - found.len();
        let cut =
            (entries.len() > room).then(|| entries.get(room - 1).and_then(place).map(ToOwned::to_owned)).flatten();
        entries.truncate(room);
        found.extend(entries);
        before = cut.or(end).map_or(begin, Before);
    }
    let next = (before > first && !which.connections.is_empty()).then_some(before.0);
    let (items, unreadable) = read_in_batches(store, &found, now).await?;
    let items = items.into_iter().filter(|item| which.spans(item.meta.received)).collect();
    Ok(Page { items, unreadable, next })
}

fn place(entry: &Item) -> Option<&str> {
    entry.get(TIME).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// The latest entries of a partition from a place on and before another, `most` of them and the one at that other.
async fn entries(
    store: &DynamoStore,
    day: String,
    (first, before): &(Before, Before),
    most: usize,
) -> Result<Entries, StoreError> {
    let query = || {
        store
            .client
            .query()
            .table_name(&store.table)
            .index_name(RECENT)
            .scan_index_forward(false)
            .key_condition_expression("#r = :r AND #t BETWEEN :first AND :before")
            .set_expression_attribute_names(Some(placeholders([DAY, TIME])))
            .expression_attribute_values(":r", AttributeValue::S(day.clone()))
            .expression_attribute_values(":first", text(first.0.clone()))
            .expression_attribute_values(":before", text(before.0.clone()))
            .limit(i32::try_from(most.saturating_add(1)).unwrap_or(i32::MAX))
            .send()
    };
    let page = call(store, VERB, LARGE, query).await.map_err(|failure| failure.unconditional(VERB))?;
    let more = page.last_evaluated_key().is_some();
    Ok(Entries { items: page.items.unwrap_or_default(), more })
}

/// The items of entries in their order, and the number of those that cannot be read.
async fn read_in_batches(store: &DynamoStore, entries: &[Item], now: Utc) -> Result<(Vec<Listed>, usize), StoreError> {
    let batches: Vec<_> = entries.chunks(BATCH).map(<[_]>::to_vec).collect();
    let batches = batches.into_iter().map(|batch| async move { read_all(store, VERB, &batch, now).await });
    let read: Vec<Vec<Option<Listed>>> = stream::iter(batches).buffered(BATCHES).try_collect().await?;
    let read = read.concat();
    let unreadable = read.iter().filter(|listed| listed.is_none()).count();
    Ok((read.into_iter().flatten().collect(), unreadable))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_sort_by_time_and_lie_behind_the_bare_time() {
        let time = 1_790_000_000_000_000;
        let whole = Before(bare(time) + &"A".repeat(32));
        assert!(Before(bare(time)) < whole && whole < Before(bare(time + 1)));
        assert_eq!(whole.day(), Some(time / MICROS));
        let midnight = time / MICROS * MICROS;
        assert_eq!(Before(bare(midnight)).day(), Some(time / MICROS - 1));
        assert_eq!(Before(bare(midnight) + &"A".repeat(32)).day(), Some(time / MICROS));
        assert_eq!(Before(bare(0)).day(), None);
    }

    proptest! {
        /// Clients can send any text as a cursor.
        #[test]
        fn cursor_that_is_read_has_a_day_or_none_before_it(text in "\\PC{0,50}", time in any::<u64>()) {
            for text in [text, bare(time)] {
                if let Some(before) = Before::read(&text) {
                    prop_assert!(before.day().is_some() || before.0 == bare(0));
                }
            }
        }
    }
}
