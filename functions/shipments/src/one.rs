//! One shipment.

use std::collections::BTreeSet;

use api::contract::{ListedEvent, ListedFile, Next, ReachedMilestone, Shipment};
use api::{Caller, MOST_BYTES, Printed, Problem, Routed};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::audit::EntryView;
use hub::shipment::{Place, direction, ladder, meant, milestones};
use hub::{ConnectionId, Subject};
use store::{Asked, Store, audit_of_all};

use crate::MOST;

/// Most bytes of the entries of the audit trail.
const MOST_AUDIT_BYTES: usize = 500_000;

/// Most files, and most bytes of them.
const MOST_FILES: usize = 1_000;
const MOST_FILE_BYTES: usize = 700_000;

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    asked: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let (caller, named) = (asked.caller, asked.named("key"));
    let (limit, now) = (asked.query.limit(MOST)?, context.now());
    let keys = meant(named);
    let seal = caller.seal(&("GET /shipments", &keys));
    let after = seal.opened(asked.query.get("from"), now)?;
    let after = after.map(|place| place.parse::<Place>().map_err(|_| Problem::bad_cursor())).transpose()?;
    let (sources, is_first) = (caller.sources(), after.is_none());
    let wanted = Asked { keys, sources: &sources, sees: |id: &_| caller.sees(id), after, limit };
    let found = store::shipment(&context.store, wanted, now).await.map_err(|error| Problem::store(&error))?;
    if found.events == 0 {
        return Err(missing());
    }
    let mut items = api::printed(found.items.iter().map(|item| ListedEvent::of(&item.key, &item.meta, &item.work)))?;
    let bytes: usize = found.keys.iter().chain(&found.related).map(|key| key.as_str().len() + 3).sum();
    // One event always fits: without its payload it is short.
    let fits = api::fitting(&items, (MOST_BYTES - MOST_AUDIT_BYTES - MOST_FILE_BYTES).saturating_sub(bytes)).max(1);
    let more = found.more || fits < items.len();
    items.truncate(fits);
    let last = found.items.get(items.len().saturating_sub(1)).filter(|_| more);
    let next = last.map(|last| Place::of(&last.key, &last.meta).to_string());
    let direction = direction(&found.keys, &found.types);
    let reached = milestones(ladder(direction), found.signs, &found.types);
    let files = if is_first { files(context, &found.subjects).await? } else { Vec::new() };
    let audit = if is_first { audit(context, caller, &found.subjects).await? } else { Vec::new() };
    let shipment = Shipment {
        keys: found.keys,
        related: found.related,
        direction,
        milestone: reached.current,
        milestones: reached.reached.into_iter().map(ReachedMilestone::from).collect(),
        missing: reached.missing,
        items,
        next: Next(seal.sealed(next, now)?),
        files,
        audit,
        complete: found.complete,
    };
    api::json(StatusCode::OK, &shipment)
}

/// The shipment has no event or call that the key may see.
pub(crate) fn missing() -> Problem {
    Problem::missing("no event or call is known under that key, or they have expired").unconfigured()
}

/// The files of these subjects, as many as fit: of connections that have them fetched alone, so that others cost no reading.
async fn files<S: Store, Q>(
    context: &Context<S, Q>,
    subjects: &BTreeSet<(ConnectionId, Subject)>,
) -> Result<Vec<Printed<ListedFile<'static>>>, Problem> {
    let fetches = |id: &ConnectionId| context.config.connections.get(id).is_some_and(|connection| connection.files);
    let subjects = subjects.iter().filter(|(connection, _)| fetches(connection)).cloned().collect();
    let found = store::files_of(&context.store, subjects, context.now()).await;
    let found = found.map_err(|error| Problem::store(&error))?;
    let mut files = api::printed(found.iter().flat_map(ListedFile::all).take(MOST_FILES))?;
    files.truncate(api::fitting(&files, MOST_FILE_BYTES));
    Ok(files)
}

/// Entries of the audit trail about the events and calls of these subjects: the latest that fit.
pub(crate) async fn audit<S: Store, Q>(
    context: &Context<S, Q>,
    caller: Caller<'_>,
    subjects: &BTreeSet<(ConnectionId, Subject)>,
) -> Result<Vec<Printed<EntryView>>, Problem> {
    let found = audit_of_all(&context.store, subjects.iter().cloned().collect(), context.now()).await;
    let found = found.map_err(|error| Problem::store(&error))?;
    let mut audit = api::printed(found.into_iter().filter_map(|entry| caller.audited(entry)))?;
    audit.truncate(api::fitting(&audit, MOST_AUDIT_BYTES));
    Ok(audit)
}
