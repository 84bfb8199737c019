//! Changes of work: one update, over the version it was made from.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use hub::{EventKey, Work};
use store::{Settled, StoreError};

use crate::DynamoStore;
use crate::call::{Failure, Nonce, SMALL, call};
use crate::item::{event_key, number, placeholders, work_attributes};
use crate::schema::{NONCE, PLACE, SHARD, VERSION, WORK};

const VERB: &str = "settle";

pub(crate) async fn settle(store: &DynamoStore, key: &EventKey, work: &Work) -> Result<Settled, StoreError> {
    let Some(before) = work.version.checked_sub(1) else { return Ok(Settled::Stale) };
    let nonce = Nonce::new();
    let (attributes, listed) = work_attributes(&key.id, work);
    let change = if listed {
        "SET #w = :w, #v = :v, #n = :n, #g = :g, #h = :h"
    } else {
        "SET #w = :w, #v = :v, #n = :n REMOVE #g, #h"
    };
    let update = || {
        attributes
            .iter()
            .fold(store.client.update_item(), |update, (name, value)| {
                update.expression_attribute_values(format!(":{name}"), value.clone())
            })
            .table_name(&store.table)
            .set_key(Some(event_key(key)))
            .update_expression(change)
            .condition_expression("#v = :before")
            .set_expression_attribute_names(Some(placeholders([WORK, VERSION, NONCE, SHARD, PLACE])))
            .expression_attribute_values(":n", nonce.value())
            .expression_attribute_values(":before", number(before))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };
    match call(store, VERB, SMALL, update).await {
        Ok(_) => Ok(Settled::Done),
        Err(Failure::Condition(old)) if nonce.wrote(old.as_ref()) => Ok(Settled::Done),
        Err(Failure::Condition(_)) => Ok(Settled::Stale),
        Err(failure) => Err(failure.unconditional(VERB)),
    }
}
