//! `sweep`: claims overdue work whose hint was lost, by the clock.

mod alerts;
pub mod backlog;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use config::Context;
use courier::{Courier, Fetched, SweepResult, Watched};
use futures::FutureExt as _;
use queue::Queue;
use store::{Store, StoreError};
use telemetry::metrics;

use crate::backlog::Backlog;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "sweep";

/// For how long a sweep looks for new work, if the function has that long: an attempt must end before it does.
pub const BUDGET: Duration = Duration::from_secs(30);

/// Longest time for which measuring the backlog may delay the sweep.
pub const MEASURING: Duration = Duration::from_secs(10);

/// For how long watches wait for failed pushes that are being recovered.
const HEAD_START: Duration = Duration::from_secs(10);

/// Takes up everything that is due, once it is measured. In parallel, failed pushes are recovered, watches looked at and files
/// fetched where it is time. Then alerts are sent, so that none of their receivers delays a delivery.
pub async fn handle<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<(), StoreError> {
    let measured = if metrics::started() { Some(measure(&courier.context).await) } else { None };
    // Of no type: what waits in it is deep for the compiler.
    let (watched, fetched) = (recover_and_watch(courier).boxed(), fetch(courier).boxed());
    let (swept, (), ()) = futures::join!(courier::sweep(courier, BUDGET), watched, fetched);
    alerts::tell(courier, measured).boxed().await;
    let swept = swept?;
    if swept != SweepResult::default() {
        tracing::info!(function = NAME, taken = swept.taken, run = swept.run, handed = swept.handed, "sweep finished");
    }
    Ok(())
}

/// Recovers failed pushes and looks at watches: what is recovered is no silence. A partner that is slow to list its failed pushes
/// holds up the watches of others for a moment alone.
async fn recover_and_watch<S: Store, Q: Queue>(courier: &Courier<S, Q>) {
    let mut recovered = courier::recover(courier).boxed();
    let is_over = tokio::time::timeout(HEAD_START, &mut recovered).await.is_ok();
    let rest = async {
        if !is_over {
            recovered.await;
        }
    };
    futures::join!(rest, watch(courier));
}

/// Looks at the watches that are due.
async fn watch<S: Store, Q: Queue>(courier: &Courier<S, Q>) {
    match courier::watch(courier).await {
        Ok(watched) if watched == Watched::default() => {}
        Ok(Watched { looked, asked, reported }) => {
            tracing::info!(function = NAME, looked, asked, reported, "watches looked at");
        }
        Err(error) => {
            let error = telemetry::logs::chain(&error);
            tracing::error!(function = NAME, error, "the watches could not be looked at; the next sweep repeats it");
        }
    }
}

/// Fetches the files that are due.
async fn fetch<S: Store, Q: Queue>(courier: &Courier<S, Q>) {
    match courier::fetch(courier).await {
        Ok(fetched) if fetched == Fetched::default() => {}
        Ok(Fetched { tried, kept, lost }) => tracing::info!(function = NAME, tried, kept, lost, "files fetched"),
        Err(error) => {
            let error = telemetry::logs::chain(&error);
            tracing::error!(function = NAME, error, "files could not be fetched; the next sweep repeats it");
        }
    }
}

/// Removes files that no event names any more; a failure is logged, and repeated later.
pub async fn tidy<S: Store, Q: Queue>(courier: &Courier<S, Q>) {
    if let Err(error) = courier::tidy(courier).boxed().await {
        let error = telemetry::logs::chain(&error);
        tracing::error!(function = NAME, error, "files that no event names could not be removed; it is tried again");
    }
}

/// Whether this process has swept before.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// The scheduled sweep of a process, which also tells a changed configuration; the first one brings back due times that no wait
/// explains, too.
pub async fn scheduled<S: Store, Q: Queue>(courier: &Courier<S, Q>) -> Result<(), StoreError> {
    inbound::configured::tell_or_log(&courier.context).await;
    if !BEGUN.load(Ordering::Relaxed) {
        courier::bring_back_furthest(courier).await?;
        BEGUN.store(true, Ordering::Relaxed);
    }
    handle(courier).await?;
    tidy(courier).await;
    Ok(())
}

/// Measures the backlog. A failure is an error in the metrics; the sweep goes on.
async fn measure<S: Store, Q: Queue>(context: &Context<S, Q>) -> Backlog {
    // Of no type: the layouts of what waits for it would be too deep for the compiler.
    let backlog = backlog::read(context, MEASURING).boxed().await;
    for sample in &backlog.samples(context) {
        metrics::emit(context.now(), sample);
    }
    backlog
}
