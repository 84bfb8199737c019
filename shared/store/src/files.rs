//! The files of shipments, as the store lists them.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::files::record;
use hub::{ConnectionId, Subject, Utc};

use crate::timelines::AT_ONCE;
use crate::{Listed, Result, SUBJECTS, Store};

/// The records of the files of some subjects, in the order of their reception; of the first [`SUBJECTS`].
pub async fn files_of<S: Store>(store: &S, subjects: Vec<(ConnectionId, Subject)>, now: Utc) -> Result<Vec<Listed>> {
    let reads = subjects.into_iter().take(SUBJECTS).map(|(connection, shipment)| async move {
        store.timeline(&connection, &record::subject(&connection, &shipment), now).await
    });
    let found: Vec<Vec<Listed>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let mut found = found.concat();
    found.sort_by_key(|listed| (listed.meta.received, listed.key.id));
    Ok(found)
}
