//! The removal of content that belongs to no shipment any more.

use std::time::Duration;

use hub::files::record;
use store::{Store, StoreError};
use tokio::time::Instant;

use crate::Courier;

/// Number of files that are looked at in one page.
const PAGE: usize = 1_000;

/// Interval of the looks at all files.
const EVERY: Duration = Duration::from_hours(6);

/// For how long files are looked at in one sweep. The next goes on.
const TIDYING: Duration = Duration::from_secs(10);

/// Age before which content is left alone: much longer than the time between its writing and that of its alias.
const GRACE: Duration = Duration::from_hours(24);

/// Reason why content could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// The store does not say to whom it belongs.
    #[error("the owners of a file could not be read")]
    Store(#[from] StoreError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] archive::ArchiveError),
}

/// Removes content that no alias names: the events that named it have expired, or a process died before it wrote the alias.
/// Returns how many files were removed.
///
/// An event may name the same content at the same time. It cannot lose it: `files::keep` puts the content before it writes the
/// alias, so either
///
/// - the alias is there when the owners are read here, and the content stays; or
/// - it is not. If the put was before the list was read, the list has its time: it is younger than `GRACE`, and stays. (A put whose
///   alias is missing for so long is of a process that died. Its file waits, and is put again.) If it was after, the writing is
///   another than the listed one, and [`archive::Archive::remove`] leaves it.
///
/// It must not run while the clock is in doubt: an alias expires by it.
pub async fn tidy<S: Store, Q>(courier: &Courier<S, Q>) -> Result<usize, TidyError> {
    let Some(archive) = &courier.context.archive else { return Ok(0) };
    let now = courier.now();
    let mut behind = match courier.lines.tidied() {
        None if !courier.lines.is_time_to_tidy(EVERY, now) => return Ok(0),
        behind => behind,
    };
    let (until, mut removed) = (Instant::now() + TIDYING, 0);
    loop {
        let page = archive.list(behind.as_ref(), PAGE).await?;
        for stored in &page {
            // A time of the future is of a clock that was ahead.
            let is_young = now.is_within(GRACE, stored.written) || stored.written > now;
            if !is_young && courier.context.store.resolve(&record::content(&stored.hash), now).await?.is_empty() {
                removed += usize::from(archive.remove(stored).await?);
            }
            behind = Some(stored.hash);
            courier.lines.tidy_behind(behind);
        }
        if page.len() < PAGE {
            courier.lines.tidy_behind(None);
            break;
        }
        if Instant::now() > until || courier.patience(TIDYING).is_none() {
            break;
        }
    }
    if removed > 0 {
        tracing::info!(files = removed, "files that no event names any more were removed");
    }
    Ok(removed)
}
