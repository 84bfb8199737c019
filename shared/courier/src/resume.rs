//! The work that an ended process has left.

use hub::Utc;
use hub::call::Standing;
use hub::delivery::State;
use queue::{Errand, Queue};
use store::{Listed, Store, StoreError};

use crate::Courier;
use crate::change::tell;

/// Takes over an event's work where the process that held its leases has certainly ended: what it had in hand is due now,
/// for the next sweep, and what waits for its time is hinted at again. Says whether anything was in hand.
pub async fn resume<S: Store, Q: Queue>(courier: &Courier<S, Q>, found: &Listed) -> Result<bool, StoreError> {
    let (context, key) = (&courier.context, &found.key);
    let now = context.now();
    let released = found.work.released(now);
    if let Some(work) = &released {
        // Somebody who changes it meanwhile, as a replay does, hints at it too.
        context.store.settle(key, work).await?;
    }
    let is_later = |in_hand: bool, due: Utc| !in_hand && now < due;
    for delivery in &found.work.deliveries {
        if delivery.state == State::Pending && is_later(delivery.in_hand, delivery.due) {
            let errand = Errand::Deliver { endpoint: delivery.endpoint.clone(), turn: delivery.turn };
            tell(courier, key, vec![errand], delivery.due).await;
        }
    }
    let call = found.work.call.as_ref();
    if let Some(call) = call.filter(|call| call.standing == Standing::Queued && is_later(call.in_hand, call.due)) {
        tell(courier, key, vec![Errand::Call { turn: call.turn }], call.due).await;
    }
    Ok(released.is_some())
}
