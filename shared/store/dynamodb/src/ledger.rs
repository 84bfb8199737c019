//! The ledger: a scan of the table. Its cost grows with the table, and only an operator or a schedule requests it.
//!
//! An item that cannot be read counts as accepted without a state: its connection does not balance, and the others still count.

use std::collections::BTreeMap;

use hub::ledger::Tally;
use hub::{ConnectionId, Utc};
use store::StoreError;

use crate::DynamoStore;
use crate::call::{Item, LARGE, call};
use crate::item::{EVENT, Reader, now_seconds, placeholders, subject_of, text};
use crate::schema::{EXPIRES, PK, SK, WORK};

const VERB: &str = "ledger";

/// Connection of an item.
fn connection(item: &Item) -> ConnectionId {
    let partition = item.get(PK).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    subject_of(partition).map_or_else(|| partition.into(), |(connection, _)| connection)
}

/// Tally of an item that cannot be read.
fn unreadable(error: &StoreError) -> Tally {
    tracing::error!(%error, "the ledger cannot balance");
    Tally { accepted: 1, ..Tally::default() }
}

pub(crate) async fn ledger(store: &DynamoStore, now: Utc) -> Result<BTreeMap<ConnectionId, Tally>, StoreError> {
    let mut ledger: BTreeMap<ConnectionId, Tally> = BTreeMap::new();
    let mut from = None;
    loop {
        let scan = || {
            store
                .client
                .scan()
                .table_name(&store.table)
                .consistent_read(true)
                .filter_expression("begins_with(#SK, :e) AND #x > :now")
                .projection_expression("#PK, #SK, #w")
                .set_expression_attribute_names(Some(placeholders([PK, SK, WORK, EXPIRES])))
                .expression_attribute_values(":e", text(EVENT))
                .expression_attribute_values(":now", now_seconds(now))
                .set_exclusive_start_key(from.clone())
                .send()
        };
        let page = call(store, VERB, LARGE, scan).await.map_err(|failure| failure.unconditional(VERB))?;
        for item in page.items() {
            let tally = Reader { verb: VERB, item }.work().map_or_else(|error| unreadable(&error), |work| work.tally());
            *ledger.entry(connection(item)).or_default() += tally;
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(ledger);
        }
    }
}
