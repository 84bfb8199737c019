//! Everything that is kept, by pages: a scan of the table. And the way back, each thing by a write of its own.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures::stream::{self, StreamExt as _};
use hub::audit::Entry;
use hub::identity::Head;
use hub::statistics::Counts;
use hub::{ConnectionId, EventType, Record, Subject, Utc};
use store::{Admitted, Placed, StoreError, Stored, StoredPage};

use crate::audit::{self, AUDIT};
use crate::call::{Failure, Item, LARGE, SMALL, call};
use crate::counts::{self, COUNTS};
use crate::item::{
    EVENT, HEADS, Reader, blob, event_key, expires, head_key, is_expired, item_key, key_of, pack_json, placeholders,
    subject_of, text,
};
use crate::names::{self, ALIASES, NAMES, NOTE};
use crate::read::{get, load, record};
use crate::schema::{DATA, EXPIRES, HEAD, PK, SK};
use crate::{DynamoStore, admit, chunks};

const READ: &str = "stored";
const PUT: &str = "put_stored";

/// Number of bodies that are read at the same time.
const PARALLEL: usize = 8;

/// The place of a cursor: the key of the last item.
fn place(cursor: &str) -> Option<Item> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (partition, sort) = serde_json::from_slice::<(String, String)>(&bytes).ok()?;
    Some(item_key(partition, sort))
}

fn cursor(key: &Item) -> Option<String> {
    let part = |name| key.get(name).and_then(|value| value.as_s().ok());
    let text = serde_json::to_string(&(part(PK)?, part(SK)?)).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(text))
}

/// A page of everything: one request, and those for the bodies that lie apart; see `Store::stored`.
pub(crate) async fn page(
    store: &DynamoStore,
    from: Option<&str>,
    limit: usize,
    now: Utc,
) -> Result<StoredPage, StoreError> {
    let from = from.map(|from| place(from).ok_or(StoreError::BadCursor { verb: READ })).transpose()?;
    let scan = || {
        store
            .client
            .scan()
            .table_name(&store.table)
            .consistent_read(true)
            // Parts of bodies are read with their events.
            .filter_expression("NOT begins_with(#SK, :part)")
            .set_expression_attribute_names(Some(placeholders([SK])))
            .expression_attribute_values(":part", text("B#"))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(from.clone())
            .send()
    };
    let found = call(store, READ, LARGE, scan).await.map_err(|failure| failure.unconditional(READ))?;
    let living: Vec<Item> = found.items.unwrap_or_default().into_iter().filter(|item| !is_expired(item, now)).collect();
    let mut reads = stream::iter(living).map(|item| async move { read(store, &item).await }).buffered(PARALLEL);
    let mut page = StoredPage { next: found.last_evaluated_key.as_ref().and_then(cursor), ..StoredPage::default() };
    while let Some(read) = reads.next().await {
        match read {
            Ok(read) => page.items.extend(read),
            Err(error) if error.retryable() => return Err(error),
            Err(error) => {
                tracing::error!(%error, "something stored cannot be read");
                page.unreadable += 1;
            }
        }
    }
    Ok(page)
}

/// The thing that an item stands for; nothing where that is a lease, or a copy of an entry of the audit trail.
async fn read(store: &DynamoStore, item: &Item) -> Result<Option<Stored>, StoreError> {
    let reader = Reader { verb: READ, item };
    let part = |name| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    let (Some(partition), Some(sort)) = (part(PK), part(SK)) else { return Err(reader.corrupt("the key")) };
    let until = || {
        let seconds = item.get(EXPIRES).and_then(|value| value.as_n().ok()).and_then(|text| text.parse::<i64>().ok());
        seconds.map(|seconds| Utc(seconds.saturating_mul(1_000_000))).ok_or_else(|| reader.corrupt("the expiry"))
    };
    if let Some(name) = partition.strip_prefix(NAMES) {
        let value = || part(DATA).map(ToOwned::to_owned).ok_or_else(|| reader.corrupt("the value"));
        let note = (sort == NOTE).then(|| Ok(Stored::Note { name: name.to_owned(), value: value()? }));
        return note.transpose();
    }
    if let Some(alias) = partition.strip_prefix(ALIASES) {
        let (connection, subject) = subject_of(sort).ok_or_else(|| reader.corrupt("the subject"))?;
        return Ok(Some(Stored::Alias { alias: alias.into(), connection, subject, expires: until()? }));
    }
    if let Some(connection) = partition.strip_prefix(COUNTS) {
        let step = counts::step(item).ok_or_else(|| reader.corrupt("the step"))?;
        let counts = counts::counts(item);
        return Ok(Some(Stored::Counts { connection: connection.into(), step, counts, expires: until()? }));
    }
    if partition.starts_with(AUDIT) {
        return Ok(Some(Stored::Audit(Box::new(reader.json(&reader.unpack(DATA)?)?))));
    }
    if let Some(kind) = sort.strip_prefix(HEADS) {
        let (connection, subject) = subject_of(partition).ok_or_else(|| reader.corrupt("the subject"))?;
        let head = reader.json(&reader.unpack(DATA)?)?;
        return Ok(Some(Stored::Head { connection, subject, kind: kind.into(), head, expires: until()? }));
    }
    if sort.starts_with(EVENT) {
        let key = key_of(item).ok_or_else(|| reader.corrupt("the key"))?;
        return record(store, READ, &key, item).await.map(|record| Some(Stored::Event(Box::new(record))));
    }
    Ok(None)
}

/// Stores something unless it is there; see `Store::put_stored`.
pub(crate) async fn put(store: &DynamoStore, what: &Stored) -> Result<Placed, StoreError> {
    match what {
        Stored::Event(record) => put_event(store, record).await,
        Stored::Head { connection, subject, kind, head, expires } => {
            put_head(store, (connection, subject, kind), head, *expires).await
        }
        Stored::Alias { alias, connection, subject, expires } => {
            let is_new = names::prolong(store, PUT, alias, (connection, subject), *expires).await?;
            Ok(if is_new { Placed::New } else { Placed::Same })
        }
        Stored::Note { name, value } => {
            if names::put_note(store, name, value, 0).await? {
                return Ok(Placed::New);
            }
            Ok(Placed::found(names::note(store, name).await?.is_some_and(|there| there.value == *value)))
        }
        Stored::Counts { connection, step, counts, expires } => {
            put_counts(store, connection, *step, counts, *expires).await
        }
        Stored::Audit(entry) => put_audit(store, entry).await,
    }
}

/// A time that is before every expiry: whatever is there is in the way.
const ALWAYS: Utc = Utc(i64::MIN);

async fn put_event(store: &DynamoStore, record: &Record) -> Result<Placed, StoreError> {
    let Record { event, work } = record;
    let placed = match load(store, &event.key, ALWAYS).await? {
        Some(there) => Placed::found(there == *record),
        None => match admit::admit(store, event, work, None).await? {
            Admitted::New => Placed::New,
            // Another process has put it meanwhile.
            Admitted::Duplicate | Admitted::Moved => {
                Placed::found(load(store, &event.key, ALWAYS).await?.as_ref() == Some(record))
            }
        },
    };
    // Also after an import that ended between the two writes.
    if work.is_open()
        && placed != Placed::Other
        && let Some(item) = get(store, PUT, event_key(&event.key), ALWAYS).await?
    {
        chunks::keep(store, &event.key, &item, work).await?;
    }
    Ok(placed)
}

/// Puts an item unless one of its key is there, which is the result then.
async fn put_new(store: &DynamoStore, item: Item) -> Result<Option<Item>, StoreError> {
    let put = || {
        store
            .client
            .put_item()
            .table_name(&store.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(#PK)")
            .set_expression_attribute_names(Some(placeholders([PK])))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    match call(store, PUT, SMALL, put).await {
        Ok(_) => Ok(None),
        Err(Failure::Condition(there)) => Ok(Some(there.unwrap_or_default())),
        Err(failure) => Err(failure.unconditional(PUT)),
    }
}

async fn put_head(
    store: &DynamoStore,
    (connection, subject, kind): (&ConnectionId, &Subject, &EventType),
    head: &Head,
    until: Utc,
) -> Result<Placed, StoreError> {
    let mut item = head_key(connection, subject, kind);
    item.insert(DATA.to_owned(), blob(pack_json(head)));
    item.insert(HEAD.to_owned(), text(head.event.to_string()));
    item.insert(EXPIRES.to_owned(), expires(until));
    let Some(there) = put_new(store, item).await? else { return Ok(Placed::New) };
    let reader = Reader { verb: PUT, item: &there };
    Ok(Placed::found(reader.json::<Head>(&reader.unpack(DATA)?)? == *head))
}

async fn put_counts(
    store: &DynamoStore,
    connection: &ConnectionId,
    step: Utc,
    wanted: &Counts,
    until: Utc,
) -> Result<Placed, StoreError> {
    let mut item = counts::key(connection, step);
    item.extend(counts::attributes(wanted));
    item.insert(EXPIRES.to_owned(), expires(until));
    let there = put_new(store, item).await?;
    Ok(there.map_or(Placed::New, |there| Placed::found(counts::counts(&there) == *wanted)))
}

async fn put_audit(store: &DynamoStore, entry: &Entry) -> Result<Placed, StoreError> {
    let there = match get(store, PUT, audit::key(entry), ALWAYS).await? {
        None => None,
        Some(item) => {
            let reader = Reader { verb: PUT, item: &item };
            Some(reader.json::<Entry>(&reader.unpack(DATA)?)?)
        }
    };
    let placed = there.map_or(Placed::New, |there| Placed::found(there == entry.fitted()));
    // Also where the copies of an entry that is there were not written any more.
    if placed != Placed::Other {
        audit::put(store, entry).await?;
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_of_another_list_is_refused() {
        let key = item_key("xhq-sh#order:S#1".to_owned(), "E#01");
        assert_eq!(place(&cursor(&key).unwrap()), Some(key));
        for text in ["", "D#17", "notes:[\"a\"]", "W10"] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
