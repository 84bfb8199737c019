//! Other business keys of a subject, the beginning of its watch, and the files that it names, are written here, after the partner has its answer.

use config::Context;
use hub::call::Standing;
use hub::{Alias, Event, EventKey, Subject, Work};
use store::{Settled, Store, StoreError};

use crate::{files, watch};

/// Contribution of a call to what is written; an event without a call has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFacts<'a> {
    /// Aliases that a partner's answer to a call gave the shipment.
    pub(crate) learned: &'a [Alias],
    /// Whether the shipment is there: a command that was not done begins no watch.
    pub(crate) is_done: bool,
}

impl<'a> CallFacts<'a> {
    /// That of the call in this work.
    pub(crate) fn of(work: &'a Work) -> Self {
        let call = work.call.as_ref();
        Self {
            learned: call.map(|call| call.learned.as_slice()).unwrap_or_default(),
            is_done: call.is_none_or(|call| call.standing == Standing::Succeeded),
        }
    }
}

/// Writes the aliases of an event's subject, begins its watch, and notes the files that it names. Those `learned` from a partner's answer to a call are the
/// shipment's, not only the call's.
pub(crate) async fn write<S: Store, Q>(
    context: &Context<S, Q>,
    event: &Event,
    facts: CallFacts<'_>,
) -> Result<(), StoreError> {
    let (Event { key, meta, .. }, store) = (event, &context.store);
    store.alias(&meta.aliases, &key.connection, &key.subject, meta.expires).await?;
    if !facts.learned.is_empty() {
        let shipment = meta.aliases.first().map_or_else(|| key.subject.clone(), |alias| Subject::from(alias.as_str()));
        store.alias(facts.learned, &key.connection, &shipment, meta.expires).await?;
    }
    // Boxed: most events begin none and name none, and each attempt would have room for it.
    Box::pin(files::begin(context, event)).await?;
    if facts.is_done { Box::pin(watch::begin(context, event)).await } else { Ok(()) }
}

/// Writes them for an event that has no delivery which would do it on its way.
pub(crate) async fn job<S: Store, Q>(context: &Context<S, Q>, key: &EventKey) -> Result<bool, StoreError> {
    let store = &context.store;
    let work = match store.load(key, context.now()).await {
        Ok(Some(record)) if record.work.index_by.is_some() => {
            write(context, &record.event, CallFacts::of(&record.work)).await?;
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
