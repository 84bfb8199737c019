//! Counts of statistics: an item for each connection and step, to which processes add.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use hub::statistics::Counts;
use hub::{ConnectionId, Utc};
use store::StoreError;

use crate::DynamoStore;
use crate::call::{Failure, Item, LARGE, Nonce, SMALL, call};
use crate::item::{Reader, expires, item_key, now_seconds, number, placeholders, text};
use crate::schema::{COUNTED, EXPIRES, LATEST, NONCE, PK, SK};

/// Most names that are changed in one update: an expression has at most 4 KB.
const NAMES: usize = 100;

/// Prefix of the partitions.
pub(crate) const COUNTS: &str = "T#";

fn partition(connection: &ConnectionId) -> String {
    format!("{COUNTS}{connection}")
}

/// The key of a connection's step.
pub(crate) fn key(connection: &ConnectionId, step: Utc) -> Item {
    item_key(partition(connection), sort(step))
}

/// The step of an item.
pub(crate) fn step(item: &Item) -> Option<Utc> {
    let seconds = item.get(SK)?.as_s().ok()?.parse::<i64>().ok()?;
    Some(Utc(seconds.saturating_mul(1_000_000)))
}

/// The attributes of counts.
pub(crate) fn attributes(counts: &Counts) -> Item {
    let added = counts.added.iter().map(|(name, sum)| (format!("{COUNTED}{name}"), number(sum)));
    let latest = counts.latest.iter().map(|(name, at)| (format!("{LATEST}{name}"), number(at.0)));
    added.chain(latest).collect()
}

/// The sort key of a step, which sorts by time.
fn sort(step: Utc) -> String {
    format!("{:012}", step.seconds().max(0))
}

/// A part of an update: what its expression sets or adds to.
struct Change {
    name: String,
    value: AttributeValue,
    adds: bool,
}

/// Adds by `ADD`, whose result does not say whether it was the first or a repeated one. The nonce of the last addition tells where
/// an answer was lost and no other process has added since.
pub(crate) async fn add(
    store: &DynamoStore,
    connection: &ConnectionId,
    step: Utc,
    counts: &Counts,
    until: Utc,
) -> Result<(), StoreError> {
    let added = counts.added.iter().map(|(name, more)| Change {
        name: format!("{COUNTED}{name}"),
        value: number(more),
        adds: true,
    });
    let latest = counts.latest.iter().map(|(name, at)| Change {
        name: format!("{LATEST}{name}"),
        value: number(at.0),
        adds: false,
    });
    let changes: Vec<_> = added.chain(latest).collect();
    for changes in changes.chunks(NAMES) {
        update(store, key(connection, step), changes, until).await?;
    }
    Ok(())
}

async fn update(store: &DynamoStore, key: Item, changes: &[Change], until: Utc) -> Result<(), StoreError> {
    const VERB: &str = "add_counts";
    let nonce = Nonce::new(VERB)?;
    let mut names: HashMap<String, String> = placeholders([EXPIRES, NONCE]);
    let mut values = HashMap::from([(":x".to_owned(), expires(until)), (":n".to_owned(), nonce.value())]);
    let (mut set, mut add) = (vec!["#x = :x".to_owned(), "#n = :n".to_owned()], Vec::new());
    for (place, Change { name, value, adds }) in changes.iter().enumerate() {
        names.insert(format!("#c{place}"), name.clone());
        values.insert(format!(":c{place}"), value.clone());
        if *adds {
            add.push(format!("#c{place} :c{place}"));
        } else {
            set.push(format!("#c{place} = :c{place}"));
        }
    }
    let mut expression = format!("SET {}", set.join(", "));
    if !add.is_empty() {
        expression = format!("{expression} ADD {}", add.join(", "));
    }
    let update = || {
        store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key.clone()))
            .update_expression(&expression)
            .condition_expression("attribute_not_exists(#n) OR #n <> :n")
            .set_expression_attribute_names(Some(names.clone()))
            .set_expression_attribute_values(Some(values.clone()))
            .send()
    };
    match call(store, VERB, SMALL, update).await {
        // It is our own nonce that is in the way.
        Ok(_) | Err(Failure::Condition(_)) => Ok(()),
        Err(failure) => Err(failure.unconditional(VERB)),
    }
}

pub(crate) async fn read(
    store: &DynamoStore,
    connection: &ConnectionId,
    (since, until): (Utc, Utc),
    now: Utc,
) -> Result<Vec<(Utc, Counts)>, StoreError> {
    const VERB: &str = "counts";
    let last = Utc(until.0.saturating_sub(1));
    let mut found = Vec::new();
    if last < since {
        return Ok(found);
    }
    let mut from = None;
    loop {
        let query = || {
            store
                .client
                .query()
                .table_name(&store.table)
                .key_condition_expression("#PK = :p AND #SK BETWEEN :since AND :last")
                .filter_expression("#x > :now")
                .set_expression_attribute_names(Some(placeholders([PK, SK, EXPIRES])))
                .expression_attribute_values(":p", text(partition(connection)))
                .expression_attribute_values(":since", text(sort(rounded_up(since))))
                .expression_attribute_values(":last", text(sort(last)))
                .expression_attribute_values(":now", now_seconds(now))
                .set_exclusive_start_key(from.clone())
                .send()
        };
        let page = call(store, VERB, LARGE, query).await.map_err(|failure| failure.unconditional(VERB))?;
        for item in page.items() {
            let step = step(item).ok_or_else(|| Reader { verb: VERB, item }.corrupt("the step"))?;
            found.push((step, counts(item)));
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}

/// The first full second that is not before a time.
fn rounded_up(at: Utc) -> Utc {
    Utc(at.0.saturating_add(999_999))
}

/// The counts of an item.
pub(crate) fn counts(item: &Item) -> Counts {
    let mut counts = Counts::default();
    for (name, value) in item {
        let Ok(value) = value.as_n() else { continue };
        if let (Some(name), Ok(number)) = (name.strip_prefix(COUNTED), value.parse()) {
            counts.added.insert(name.to_owned(), number);
        } else if let (Some(name), Ok(at)) = (name.strip_prefix(LATEST), value.parse()) {
            counts.latest.insert(name.to_owned(), Utc(at));
        }
    }
    counts
}
