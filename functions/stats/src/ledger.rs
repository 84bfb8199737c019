//! The ledger, as `tongguan ledger` prints it. On DynamoDB it is a scan of the table.

use std::collections::BTreeMap;

use api::contract::stats::{ConnectionLedger, Ledger};
use api::{Problem, Routed};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::ConnectionId;
use hub::ledger::Tally;
use store::Store;

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let ledger = context.store.ledger(context.now()).await.map_err(|error| Problem::store(&error))?;
    // A configured connection without an event is there, as one that is configured no longer.
    let none = context.config.connections.keys().map(|connection| (connection.clone(), Tally::default()));
    let all: BTreeMap<ConnectionId, Tally> = none.chain(ledger).collect();
    let seen = all.into_iter().filter(|(connection, _)| caller.sees(connection));
    let connections: BTreeMap<_, _> =
        seen.map(|(connection, tally)| (connection, ConnectionLedger { balanced: tally.balanced(), tally })).collect();
    let balanced = connections.values().all(|ledger| ledger.balanced);
    api::json(StatusCode::OK, &Ledger { connections, balanced })
}
