//! The ledger: a scan of the table. It costs what the table holds, and is asked for by an operator, not by a push.

use std::collections::BTreeMap;

use hub::ledger::Tally;
use hub::{ConnectionId, Utc};
use store::StoreError;

use crate::DynamoStore;
use crate::call::{LARGE, call};
use crate::item::{EVENT, Reader, key_of, now_seconds, placeholders, text};
use crate::schema::{EXPIRES, PK, SK, WORK};

const VERB: &str = "ledger";

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
            let reader = Reader { verb: VERB, item };
            let key = key_of(item).ok_or_else(|| reader.corrupt("the key"))?;
            *ledger.entry(key.connection).or_default() += reader.work()?.tally();
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(ledger);
        }
    }
}
