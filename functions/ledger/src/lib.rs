//! `ledger`: whether all that was accepted is accounted for, by the clock.
//!
//! Not part of the sweep: on DynamoDB the ledger is a scan, which takes as long as the table is large.

use std::collections::BTreeMap;

use hub::ConnectionId;
use hub::ledger::Tally;
use runtime::Context;
use runtime::metrics::{self, Dimension, Metric, Sample};
use store::{Store, StoreError};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "ledger";

/// Reads the ledger and tells how far each connection's is from balance.
pub async fn handle<S: Store, Q>(context: &Context<S, Q>) -> Result<(), StoreError> {
    let ledger = context.store.ledger(context.now()).await?;
    for (connection, tally) in &ledger {
        let (accepted, difference) = (tally.accepted, tally.difference());
        if difference > 0 {
            tracing::error!(function = NAME, %connection, accepted, difference, "the ledger does not balance");
        }
    }
    for sample in samples(&ledger) {
        metrics::emit(context.now(), &sample);
    }
    tracing::info!(function = NAME, connections = ledger.len(), "ledger read");
    Ok(())
}

/// What the metrics are to say of a ledger.
#[must_use]
pub fn samples(ledger: &BTreeMap<ConnectionId, Tally>) -> Vec<Sample> {
    let samples = ledger.iter().map(|(connection, tally)| {
        // Beyond 2^32 the exact number tells nobody anything.
        let difference = f64::from(u32::try_from(tally.difference()).unwrap_or(u32::MAX));
        Sample::of(Dimension::Connection, connection, vec![(Metric::LedgerDifference, difference)])
    });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_delivery_and_one_from_nowhere_are_differences() {
        let tally = |accepted| Tally { accepted, delivered: 3, pending: 1, ..Tally::default() };
        let ledger = [("even", 4), ("lost", 6), ("nowhere", 3)];
        let ledger = ledger.map(|(connection, accepted)| (ConnectionId::from(connection), tally(accepted)));
        let said: Vec<_> = samples(&BTreeMap::from(ledger))
            .into_iter()
            .map(|sample| (sample.of[0].1.clone(), sample.value(Metric::LedgerDifference).unwrap()))
            .collect();
        assert_eq!(said, [("even".to_owned(), 0.0), ("lost".to_owned(), 2.0), ("nowhere".to_owned(), 1.0)]);
    }
}
