//! Changes of work: one update, over the version it was made from. With them goes the expiry: open work has none.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use hub::{EventKey, Work};
use store::{Settled, StoreError};

use crate::call::{Failure, Nonce, SMALL, call};
use crate::item::{event_key, never, number, placeholders, work_attributes};
use crate::schema::{EXPIRES, KEPT, NONCE, PLACE, SHARD, VERSION, WORK};
use crate::{DynamoStore, chunks};

const VERB: &str = "settle";

/// Update expression of work that the index lists, and of work that it does not; the change of the expiry is appended.
const LISTED: &str = "SET #w = :w, #v = :v, #n = :n, #g = :g, #h = :h";
const UNLISTED: &str = "SET #w = :w, #v = :v, #n = :n";

/// The expiry of work that is open: postponed. An item of an earlier version has its own in `x`.
const OPEN: &str = ", #k = if_not_exists(#k, #x), #x = :x";
/// The expiry of work that is settled: that of its event again.
const CLOSED: &str = ", #x = if_not_exists(#k, #x) REMOVE #k";

pub(crate) async fn settle(store: &DynamoStore, key: &EventKey, work: &Work) -> Result<Settled, StoreError> {
    let Some(before) = work.version.checked_sub(1) else { return Ok(Settled::Stale) };
    let nonce = Nonce::new(VERB)?;
    let (mut attributes, listed) = work_attributes(&key.id, work);
    // Open work is listed.
    let change = match (listed, work.is_open()) {
        (true, true) => [LISTED, OPEN].concat(),
        (true, false) => [LISTED, CLOSED].concat(),
        (false, _) => [UNLISTED, CLOSED, ", #g, #h"].concat(),
    };
    if work.is_open() {
        attributes.insert(EXPIRES.to_owned(), never());
    }
    let update = || {
        attributes
            .iter()
            .fold(store.client.update_item(), |update, (name, value)| {
                update.expression_attribute_values(format!(":{name}"), value.clone())
            })
            .table_name(&store.table)
            .set_key(Some(event_key(key)))
            .update_expression(&change)
            .condition_expression("#v = :before")
            .set_expression_attribute_names(Some(placeholders([WORK, VERSION, NONCE, SHARD, PLACE, EXPIRES, KEPT])))
            .expression_attribute_values(":n", nonce.value())
            .expression_attribute_values(":before", number(before))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    let item = match call(store, VERB, SMALL, update).await {
        Ok(done) => done.attributes,
        Err(Failure::Condition(old)) if nonce.wrote(old.as_ref()) => old,
        Err(Failure::Condition(_)) => return Ok(Settled::Stale),
        Err(failure) => return Err(failure.unconditional(VERB)),
    };
    if let Some(item) = item
        && let Err(error) = chunks::keep(store, key, &item, work).await
    {
        tracing::error!(event = %key.id, %error, "the parts of a body may expire at another time than their event");
    }
    Ok(Settled::Done)
}
