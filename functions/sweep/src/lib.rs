//! `sweep`: what is due and was forgotten is taken up, by the clock.

use std::time::Duration;

use courier::{Courier, Swept};
use queue::Queue;
use store::{Store, StoreError};

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "sweep";

/// For how long a sweep begins new work. What it has begun then takes an endpoint's timeout at the most.
pub const BUDGET: Duration = Duration::from_secs(30);

/// Takes up everything that is due.
pub async fn handle<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<(), StoreError> {
    let swept = courier::sweep(courier, BUDGET).await?;
    if swept != Swept::default() {
        tracing::info!(function = NAME, taken = swept.taken, run = swept.run, handed = swept.handed, "swept");
    }
    Ok(())
}
