//! Cost of events and calls in paid units: the figures of `infra/README.md`, counted again.

use ::cost::{Options, Usage, cases};
use clap::Parser as _;

async fn counted() -> impl Fn(&str) -> Usage {
    let cases = Box::pin(cases::all()).await.unwrap();
    move |name| cases.iter().find(|case| case.name == name).unwrap().usage.clone()
}

/// Write units, read units, requests to SQS and to the gateway, invocations.
fn figures(usage: &Usage) -> [u32; 5] {
    let whole = |units: f64| {
        assert!(units.fract() < f64::EPSILON, "{usage:?}");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and whole")]
        let units = units as u32;
        units
    };
    let invocations = u32::try_from(usage.invocations.len()).unwrap();
    [whole(usage.writes), whole(usage.reads), whole(usage.queue), whole(usage.gateway), invocations]
}

#[tokio::test]
async fn usage_is_at_most_that_of_the_runbook() {
    let counted = counted().await;
    let most = [
        // Written, indexed and listed; and changed, and taken from the index. In the list nothing changes.
        (cases::EVENT, [5, 2, 3, 1, 2]),
        (cases::UNLISTED, [4, 2, 3, 1, 2]),
        // Headers and answer take it over a kilobyte, in both writes.
        (cases::KEPT, [7, 2, 3, 1, 2]),
        (cases::DUPLICATE, [1, 0, 0, 1, 1]),
        (cases::CHAINED, [8, 3, 3, 1, 2]),
        (cases::ALIASES, [6, 2, 3, 1, 2]),
        // The watch and its place in the index; later it is found to be there.
        (cases::BEGINS_WATCH, [7, 2, 3, 1, 2]),
        (cases::WATCHED, [6, 2, 3, 1, 2]),
        // The record of its files and its place in the index. It is claimed, settled and taken from the index; its content has an alias.
        (cases::NAMES_FILE, [7, 2, 3, 1, 2]),
        (cases::FETCHED, [6, 1, 0, 0, 0]),
        // It is in the same item, which takes more than a kilobyte then and is changed once more.
        (cases::FURTHER, [2, 3, 2, 0, 1]),
        (cases::RETRY, [6, 2, 3, 0, 1]),
        // In a transaction with the chain of its order, which is read before and after; and its entry in the audit trail, twice, with
        // a copy beside the call.
        (cases::COMMAND, [16, 6, 6, 1, 3]),
        (cases::FOLLOWING, [16, 7, 6, 1, 3]),
        // Two looks at all ten events; a wait is written, and so is its end.
        (cases::ORDERED, [0, 6, 0, 0, 0]),
        (cases::WAITED, [6, 1, 0, 0, 0]),
        // Written, indexed and listed; leased without a move in the index; ended, and taken from the index. And the note of the request.
        (cases::PULLED, [7, 11, 0, 3, 3]),
        (cases::BATCH, [30, 29, 0, 2, 2]),
        (cases::NOTHING, [0, 9, 0, 1, 1]),
        (cases::SAFE, [13, 4, 6, 1, 3]),
        (cases::STATISTICS, [1, 0, 0, 0, 0]),
        (cases::DAY, [0, 12, 0, 0, 0]),
        // The index of three keys, and the subjects at the connections that may have them.
        (cases::SHIPMENT, [0, 30, 0, 1, 1]),
        // Each event with its body, and the entry of the audit trail, twice.
        (cases::EVIDENCE, [2, 80, 0, 1, 1]),
    ];
    for (name, most) in most {
        let figures = figures(&counted(name));
        assert!(figures.iter().zip(most).all(|(figure, most)| *figure <= most), "{name}: {figures:?}, not {most:?}");
    }
}

#[tokio::test]
async fn a_query_writes_nothing_and_queues_nothing() {
    let usage = counted().await(cases::QUERY);
    assert_eq!(figures(&usage), [0, 1, 0, 1, 1]);
}

#[tokio::test]
async fn settled_events_are_read_by_the_ledger_alone() {
    let standing = cases::standing(30).await.unwrap();
    assert_eq!(standing.sweep_over_stored, standing.sweep);
    assert!(standing.sweep.writes == 0.0 && standing.sweep.queue == 0.0, "{standing:?}");
    assert!(standing.sweep.reads <= 25.0, "{standing:?}");
    let reads = standing.ledger.reads / 30.0;
    assert!(reads <= 0.5, "the ledger reads no item by itself: {reads} units each");
    assert_eq!(standing.items, 30, "an event and its delivery are one item");
    assert!(standing.bytes / standing.items <= 1024, "{standing:?}");
}

#[tokio::test]
async fn the_runbooks_tables_are_what_is_counted() {
    let runbook = include_str!("../../../infra/README.md");
    let tables = ::cost::tables(&Options::parse_from(["cost"])).await.unwrap();
    let missing: Vec<&String> = tables.iter().filter(|table| !runbook.contains(*table)).collect();
    assert!(missing.is_empty(), "put in what `cargo run -p cost` prints:\n{}", tables.join("\n"));
}
