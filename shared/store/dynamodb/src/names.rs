//! Aliases, leases and notes.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hub::{Alias, ConnectionId, Subject, Utc};
use store::{LONGEST_LEASE, Note, StoreError};

use crate::DynamoStore;
use crate::call::{Failure, Item, LARGE, Nonce, SMALL, call};
use crate::item::{Reader, expires, item_key, now_seconds, number, partition, placeholders, subject_of, text};
use crate::read::get;
use crate::schema::{DATA, EXPIRES, NONCE, OWNER, PK, SK, UNTIL, VERSION};

/// Number of aliases that are written concurrently. They are written after the answer, while other work goes on.
const PARALLEL: usize = 16;

/// Prefix of the partitions of aliases.
pub(crate) const ALIASES: &str = "K#";

/// Prefix of the partitions of notes and leases.
pub(crate) const NAMES: &str = "S#";

/// Sort key of a note.
pub(crate) const NOTE: &str = "N";

fn alias_partition(alias: &Alias) -> String {
    format!("{ALIASES}{alias}")
}

fn name_key(name: &str, kind: &str) -> Item {
    item_key(format!("{NAMES}{name}"), kind)
}

pub(crate) async fn alias(
    store: &DynamoStore,
    aliases: &[Alias],
    connection: &ConnectionId,
    subject: &Subject,
    until: Utc,
) -> Result<(), StoreError> {
    let keys = aliases.iter().map(|alias| item_key(alias_partition(alias), partition(connection, subject)));
    let keys: Vec<_> = keys.collect();
    let writes = stream::iter(keys).map(|key| put_longer(store, "alias", SMALL, key, until));
    writes.buffer_unordered(PARALLEL).try_for_each(|_| async { Ok(()) }).await
}

/// Makes a subject known under one other key; whether that was new or is to last longer than before.
pub(crate) async fn prolong(
    store: &DynamoStore,
    verb: &'static str,
    alias: &Alias,
    (connection, subject): (&ConnectionId, &Subject),
    until: Utc,
) -> Result<bool, StoreError> {
    put_longer(store, verb, SMALL, item_key(alias_partition(alias), partition(connection, subject)), until).await
}

/// Puts an item until then, unless it is there for as long or longer; whether it was put.
pub(crate) async fn put_longer(
    store: &DynamoStore,
    verb: &'static str,
    patience: &[Duration],
    mut item: Item,
    until: Utc,
) -> Result<bool, StoreError> {
    item.insert(EXPIRES.to_owned(), expires(until));
    let put = || {
        store
            .client
            .put_item()
            .table_name(&store.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(#PK) OR #x < :x")
            .set_expression_attribute_names(Some(placeholders([PK, EXPIRES])))
            .expression_attribute_values(":x", expires(until))
            .send()
    };
    match call(store, verb, patience, put).await {
        Ok(_) => Ok(true),
        Err(Failure::Condition(_)) => Ok(false),
        Err(failure) => Err(failure.unconditional(verb)),
    }
}

pub(crate) async fn resolve(
    store: &DynamoStore,
    alias: &Alias,
    now: Utc,
) -> Result<Vec<(ConnectionId, Subject)>, StoreError> {
    const VERB: &str = "resolve";
    let mut found = Vec::new();
    let mut from = None;
    loop {
        let query = || {
            store
                .client
                .query()
                .table_name(&store.table)
                .consistent_read(true)
                .key_condition_expression("#PK = :p")
                .filter_expression("#x > :now")
                .set_expression_attribute_names(Some(placeholders([PK, EXPIRES])))
                .expression_attribute_values(":p", text(alias_partition(alias)))
                .expression_attribute_values(":now", now_seconds(now))
                .set_exclusive_start_key(from.clone())
                .send()
        };
        let page = call(store, VERB, LARGE, query).await.map_err(|failure| failure.unconditional(VERB))?;
        for item in page.items() {
            let place = item.get(SK).and_then(|value| value.as_s().ok()).and_then(|place| subject_of(place));
            found.push(place.ok_or_else(|| Reader { verb: VERB, item }.corrupt("the subject"))?);
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}

pub(crate) async fn lease(
    store: &DynamoStore,
    name: &str,
    holder: &str,
    now: Utc,
    until: Utc,
) -> Result<bool, StoreError> {
    let mut item = name_key(name, "L");
    item.insert(OWNER.to_owned(), text(holder));
    item.insert(UNTIL.to_owned(), number(until.0));
    let put = || {
        store
            .client
            .put_item()
            .table_name(&store.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(#PK) OR #o = :o OR #u <= :now OR #u > :longest")
            .set_expression_attribute_names(Some(placeholders([PK, OWNER, UNTIL])))
            .expression_attribute_values(":o", text(holder))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":longest", number(now.after(LONGEST_LEASE).0))
            .send()
    };
    match call(store, "lease", SMALL, put).await {
        Ok(_) => Ok(true),
        Err(Failure::Condition(_)) => Ok(false),
        Err(failure) => Err(failure.unconditional("lease")),
    }
}

pub(crate) async fn note(store: &DynamoStore, name: &str) -> Result<Option<Note>, StoreError> {
    // Notes do not expire, so any time will do.
    let Some(item) = get(store, "note", name_key(name, NOTE), Utc(0)).await? else { return Ok(None) };
    let value = item.get(DATA).and_then(|value| value.as_s().ok()).cloned();
    let version = item.get(VERSION).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok());
    match (value, version) {
        (Some(value), Some(version)) => Ok(Some(Note { value, version })),
        _ => Err(Reader { verb: "note", item: &item }.corrupt("an attribute")),
    }
}

pub(crate) async fn put_note(store: &DynamoStore, name: &str, value: &str, over: u64) -> Result<bool, StoreError> {
    let nonce = Nonce::new("put_note")?;
    let mut item = name_key(name, NOTE);
    item.insert(DATA.to_owned(), text(value));
    item.insert(VERSION.to_owned(), number(over.saturating_add(1)));
    item.insert(NONCE.to_owned(), nonce.value());
    let put = || {
        let put = store
            .client
            .put_item()
            .table_name(&store.table)
            .set_item(Some(item.clone()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = if over == 0 {
            put.condition_expression("attribute_not_exists(#PK)")
                .set_expression_attribute_names(Some(placeholders([PK])))
        } else {
            put.condition_expression("#v = :over")
                .set_expression_attribute_names(Some(placeholders([VERSION])))
                .expression_attribute_values(":over", number(over))
        };
        put.send()
    };
    match call(store, "put_note", SMALL, put).await {
        Ok(_) => Ok(true),
        Err(Failure::Condition(old)) => Ok(nonce.wrote(old.as_ref())),
        Err(failure) => Err(failure.unconditional("put_note")),
    }
}
