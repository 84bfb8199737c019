//! Other business keys of a subject are written here, after the partner has its answer.

use hub::{Event, EventKey, Utc, Work};
use store::{Settled, Store, StoreError};

/// Writes the aliases of an event's subject.
pub(crate) async fn write<S: Store>(store: &S, event: &Event) -> Result<(), StoreError> {
    let meta = &event.meta;
    store.alias(&meta.aliases, &event.key.connection, &event.key.subject, meta.expires).await
}

/// Writes the aliases of an event that has no delivery which would do it on its way.
pub(crate) async fn errand<S: Store>(store: &S, key: &EventKey, now: Utc) -> Result<bool, StoreError> {
    let Some(record) = store.load(key, now).await? else { return Ok(false) };
    if record.work.index_by.is_none() {
        return Ok(false);
    }
    write(store, &record.event).await?;
    let work = Work { index_by: None, version: record.work.version + 1, ..record.work };
    Ok(store.settle(key, &work).await? == Settled::Done)
}
