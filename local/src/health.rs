//! Health check: the store is asked for a write, as a push asks for one.

use std::time::Duration;

use hub::Utc;
use store::Store;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// For how long an answer serves everybody who asks: the page is open to all, and a write costs a sync.
const BELIEVED: Duration = Duration::from_secs(1);

/// Timeout of the write. A partner waits no longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name of the lease that is written. Its holder is always the same, so it can always be taken.
const NAME: &str = "health";

/// Result of the latest check.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<(Instant, Result<(), String>)>>);

impl Health {
    /// Tries a write, unless the latest result is recent. Concurrent requests wait for the same write.
    pub(crate) async fn check<S: Store>(&self, store: &S, now: Utc) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some((at, found)) = &*last
            && at.elapsed() < BELIEVED
        {
            return found.clone();
        }
        let found = match timeout(PATIENCE, store.lease(NAME, NAME, now, now)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(telemetry::logs::chain(&error)),
            Err(_) => {
                Err(format!("the store took no write within {PATIENCE:?}; perhaps another program holds its lock"))
            }
        };
        if let Err(error) = &found {
            tracing::error!(
                error,
                "the store accepts no writes: pushes are refused, so that their partners repeat them"
            );
        }
        *last = Some((Instant::now(), found.clone()));
        found
    }
}
