//! Pending deliveries of one subject at an endpoint, in order.

use hub::Utc;
use store::{Earliest, Listed, Sequence, StoreError};

use crate::DynamoStore;
use crate::call::{Item, LARGE, call};
use crate::item::{EVENT, Reader, partition, place_at, placeholders, text};
use crate::schema::{DATA, PK, PLACE, SK, WORK};

const VERB: &str = "earliest";

/// Ids say nothing of time and an index lags, so the whole partition is read. DynamoDB leaves out what has no due time, and is
/// paid for reading it all the same.
pub(crate) async fn earliest(store: &DynamoStore, of: &Sequence, limit: usize) -> Result<Vec<Listed>, StoreError> {
    let mut earliest = Earliest::new(limit);
    let mut from: Option<Item> = None;
    loop {
        let query = || {
            store
                .client
                .query()
                .table_name(&store.table)
                .consistent_read(true)
                .key_condition_expression("#PK = :p AND begins_with(#SK, :e)")
                .filter_expression("#h BETWEEN :first AND :last")
                .projection_expression("#PK, #SK, #d, #w")
                .set_expression_attribute_names(Some(placeholders([PK, SK, DATA, WORK, PLACE])))
                .expression_attribute_values(":p", text(partition(&of.connection, &of.subject)))
                .expression_attribute_values(":e", text(EVENT))
                .expression_attribute_values(":first", text(place_at("D", Utc(0))))
                .expression_attribute_values(":last", text(place_at("EP", Utc(i64::MAX))))
                .set_exclusive_start_key(from.clone())
                .send()
        };
        let page = call(store, VERB, LARGE, query).await.map_err(|failure| failure.unconditional(VERB))?;
        for item in page.items() {
            match (Reader { verb: VERB, item }).listed() {
                Ok(listed) if of.holds(&listed.key, &listed.work) => earliest.offer(listed),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "an event that cannot be read is left out of its order"),
            }
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(earliest.into_items());
        }
    }
}
