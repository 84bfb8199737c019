//! Other business keys of a subject are written here, after the partner has its answer.

use hub::{Alias, Event, EventKey, Subject, Utc, Work};
use store::{Settled, Store, StoreError};

/// Writes the aliases of an event's subject. Those `learned` from a partner's answer to a call are the shipment's, not only the
/// call's.
pub(crate) async fn write<S: Store>(store: &S, event: &Event, learned: &[Alias]) -> Result<(), StoreError> {
    let Event { key, meta, .. } = event;
    store.alias(&meta.aliases, &key.connection, &key.subject, meta.expires).await?;
    if learned.is_empty() {
        return Ok(());
    }
    let shipment = meta.aliases.first().map_or_else(|| key.subject.clone(), |alias| Subject::from(alias.as_str()));
    store.alias(learned, &key.connection, &shipment, meta.expires).await
}

/// Aliases that a partner's answer has given the shipment of a call.
pub(crate) fn learned(work: &Work) -> &[Alias] {
    work.call.as_ref().map(|call| call.learned.as_slice()).unwrap_or_default()
}

/// Writes the aliases of an event that has no delivery which would do it on its way.
pub(crate) async fn job<S: Store>(store: &S, key: &EventKey, now: Utc) -> Result<bool, StoreError> {
    let work = match store.load(key, now).await {
        Ok(Some(record)) if record.work.index_by.is_some() => {
            write(store, &record.event, learned(&record.work)).await?;
            record.work
        }
        Ok(_) => return Ok(false),
        Err(StoreError::Damaged { work: Some(work), .. }) if work.index_by.is_some() => {
            tracing::error!(event = %key.id, subject = %key.subject, "a stored event is damaged: its aliases cannot be indexed");
            *work
        }
        Err(error) => return Err(error),
    };
    let work = Work { index_by: None, version: work.version + 1, ..work };
    Ok(store.settle(key, &work).await? == Settled::Done)
}
