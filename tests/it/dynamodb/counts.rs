//! Counts that are added while DynamoDB fails.

use std::time::Duration;

use hub::ConnectionId;
use hub::call::Standing;
use hub::statistics::{ConnectionFigures, Counted, Counters, STEP, step};
use store::Store as _;

use super::{Fault, NOW, emulated};

fn connection() -> ConnectionId {
    "xhq-sh".into()
}

fn count(counters: &Counters, calls: usize) {
    for _ in 0..calls {
        counters.count(NOW, &Counted::Call { connection: &connection(), standing: Standing::Succeeded });
    }
}

/// Number of calls in the store.
async fn stored(store: &store_dynamodb::DynamoStore) -> u64 {
    let steps = store.counts(&connection(), step(NOW), step(NOW).after(STEP), NOW).await.unwrap();
    steps.iter().map(|(_, counts)| ConnectionFigures::of(counts).calls.succeeded).sum()
}

/// Counts that could not be added stay with the process, together with what it counts meanwhile.
#[tokio::test(start_paused = true)]
async fn counts_that_the_store_did_not_take_are_added_later() {
    for fault in [Fault::Lost, Fault::Denied, Fault::Throttled] {
        let ((store, emulator), counters) = (emulated().await, Counters::default());
        count(&counters, 3);
        emulator.always(fault);
        assert!(store::flush(&store, &counters, NOW).await.is_err(), "{fault:?}");
        count(&counters, 2);
        emulator.always(Fault::None);
        assert_eq!(stored(&store).await, 0);
        assert!(!counters.are_due(NOW) && counters.are_due(NOW.after(Duration::from_mins(1))), "{fault:?}");
        store::flush(&store, &counters, NOW.after(Duration::from_mins(1))).await.unwrap();
        assert_eq!(stored(&store).await, 5, "{fault:?}");
        assert!(counters.unstored().is_empty());
    }
}

/// The same addition is repeated within the call; where no other process has added since, it is told by its nonce.
#[tokio::test(start_paused = true)]
async fn addition_whose_answer_is_lost_counts_once() {
    for fault in [Fault::AnswerLost, Fault::Internal] {
        let ((store, emulator), counters) = (emulated().await, Counters::default());
        for calls in [1, 2] {
            count(&counters, calls);
            emulator.next(&[fault]);
            store::flush(&store, &counters, NOW).await.unwrap();
        }
        assert_eq!(stored(&store).await, 3, "{fault:?}");
    }
}
