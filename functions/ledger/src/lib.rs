//! `ledger`: whether all that was accepted is accounted for, by the clock.
//!
//! Not part of the sweep: on DynamoDB the ledger is a scan, which takes as long as the table is large.

use std::collections::BTreeMap;
use std::time::Duration;

use hub::alert::Ledger as Kept;
use hub::ledger::Tally;
use hub::{ConnectionId, Utc};
use serde::Serialize;
use store::{Store, StoreError};
use telemetry::metrics::{self, Dimension, Metric, Sample};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "ledger";

/// The ledger of one connection, as it is answered, logged and printed.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The connection.
    pub connection: ConnectionId,
    /// Whether nothing was lost and nothing came from nowhere.
    pub balanced: bool,
    /// The counts.
    #[serde(flatten)]
    pub tally: Tally,
}

/// Reads the ledger, logs a line for each connection that has something stored, counts how far it is from balance, keeps that for
/// alerts, and answers with these lines.
pub async fn handle<S: Store>(store: &S, now: Utc) -> Result<Vec<Line>, StoreError> {
    let ledger = store.ledger(now).await?;
    for sample in samples(&ledger) {
        metrics::emit(now, &sample);
    }
    keep(store, now, &ledger).await;
    let lines = lines(ledger);
    lines.iter().for_each(log);
    tracing::info!(function = NAME, connections = lines.len(), "ledger read");
    Ok(lines)
}

/// Whether the ledger was read last, by whichever process, at least that long ago.
pub async fn is_due<S: Store>(store: &S, every: Duration, now: Utc) -> Result<bool, StoreError> {
    let note = store.note(Kept::NOTE).await?;
    let kept = note.and_then(|note| serde_json::from_str::<Kept>(&note.value).ok());
    Ok(kept.is_none_or(|kept| !now.is_within(every, kept.at)))
}

/// Keeps the balance for the alerts of the sweep. The metrics and the log have it too, so that a failure changes nothing else.
async fn keep<S: Store>(store: &S, now: Utc, ledger: &BTreeMap<ConnectionId, Tally>) {
    let differences = ledger.iter().map(|(connection, tally)| (connection.clone(), tally.difference()));
    let kept = Kept { at: now, differences: differences.filter(|(_, difference)| *difference > 0).collect() };
    let stored = async {
        let over = store.note(Kept::NOTE).await?.map_or(0, |note| note.version);
        let text = serde_json::to_string(&kept).unwrap_or_default();
        // Where another process was first, what it read is as new.
        store.put_note(Kept::NOTE, &text, over).await.map(|_| ())
    };
    if let Err(error) = stored.await {
        let error = telemetry::logs::chain(&error);
        tracing::error!(function = NAME, error, "the balance could not be stored; no alert tells it");
    }
}

/// A ledger, line by line.
#[must_use]
pub fn lines(ledger: BTreeMap<ConnectionId, Tally>) -> Vec<Line> {
    let line = |(connection, tally): (_, Tally)| Line { connection, balanced: tally.balanced(), tally };
    ledger.into_iter().map(line).collect()
}

fn log(Line { connection, tally, .. }: &Line) {
    let Tally { accepted, delivered, pending, failed, confirmed, unrouted, calls, watches, files } = tally;
    tracing::info!(
        function = NAME, %connection, accepted, delivered, pending, failed, confirmed, unrouted,
        calls_queued = calls.queued,
        calls_succeeded = calls.succeeded,
        calls_failed = calls.failed,
        calls_ambiguous = calls.ambiguous,
        calls_cancelled = calls.cancelled,
        watches,
        files,
        balanced = tally.balanced(),
        "the ledger of a connection"
    );
    let difference = tally.difference();
    if difference > 0 {
        tracing::error!(function = NAME, %connection, accepted, difference, "the ledger does not balance");
    }
}

/// The metrics of a ledger.
#[must_use]
pub fn samples(ledger: &BTreeMap<ConnectionId, Tally>) -> Vec<Sample> {
    let samples = ledger.iter().map(|(connection, tally)| {
        // Beyond 2^32 the exact number does not matter.
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

    /// Regression: the function answered `null`, and only a difference could be seen.
    #[test]
    fn line_has_connection_counts_and_balance() {
        let tally = Tally { accepted: 3, delivered: 2, ..Tally::default() };
        let lines = lines(BTreeMap::from([(ConnectionId::from("xhq-sh"), tally)]));
        let said = serde_json::to_value(&lines).unwrap();
        let expected = serde_json::json!([{
            "connection": "xhq-sh", "balanced": false, "accepted": 3, "delivered": 2, "pending": 0, "failed": 0,
            "confirmed": 0, "unrouted": 0, "calls": {"queued": 0, "succeeded": 0, "failed": 0, "ambiguous": 0,
                "cancelled": 0},
        }]);
        assert_eq!(said, expected);
    }
}
