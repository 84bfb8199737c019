//! The timelines of several subjects in one: what a business key leads to.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::{ConnectionId, Subject, Utc};

use crate::{Listed, Result, Store};

/// Most events of a timeline, as [`Store::timeline`] gives for one subject.
pub const TIMELINE: usize = 1_000;

/// Most subjects that are read: a container has been on many ships, and each call about it is a subject of its own.
pub const SUBJECTS: usize = 1_000;

/// Number of subjects that are read at once.
pub(crate) const AT_ONCE: usize = 16;

/// The latest events of some subjects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest {
    /// The events, in the order of their reception.
    pub items: Vec<Listed>,
    /// Whether that is all there is.
    pub complete: bool,
}

/// The latest [`TIMELINE`] events of the first [`SUBJECTS`] of these subjects, read consistently each.
pub async fn timelines<S: Store>(store: &S, subjects: Vec<(ConnectionId, Subject)>, now: Utc) -> Result<Latest> {
    let mut latest = Latest { items: Vec::new(), complete: subjects.len() <= SUBJECTS };
    let reads = subjects.into_iter().take(SUBJECTS);
    let reads = reads.map(|(connection, subject)| async move { store.timeline(&connection, &subject, now).await });
    let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
    while let Some(items) = reads.try_next().await? {
        latest.complete &= items.len() < TIMELINE;
        latest.items.extend(items);
        if latest.items.len() > TIMELINE {
            latest.complete = false;
            latest.items.sort_by_key(|item| (item.meta.received, item.key.id));
            latest.items.drain(..latest.items.len() - TIMELINE);
        }
    }
    latest.items.sort_by_key(|item| (item.meta.received, item.key.id));
    Ok(latest)
}
