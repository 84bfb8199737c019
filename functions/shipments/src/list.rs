//! Shipments with unfinished or failed work, and those of which no news comes.
//!
//! The store lists pending and failed work, and watches, by its index; the items of a page are grouped by the key that they are
//! about.

use std::collections::BTreeMap;

use api::contract::{ListedShipment, Next, Shipments};
use api::{MOST_BYTES, Problem, Routed};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::call::is_subject;
use hub::shipment::strength;
use hub::watch::{self, Watch};
use hub::{ConnectionId, Subject};
use serde::Serialize;
use store::{Failed, Listed, Page, Pending, Store};

use crate::MOST;

/// Work that shipments are listed for.
#[derive(Clone, Copy, Serialize)]
enum State {
    Open,
    Failed,
    Quiet,
}

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let mut limit = asked.limit(MOST)?;
    let state = match asked.get("state") {
        Some("open") => State::Open,
        Some("failed") => State::Failed,
        Some("quiet") => State::Quiet,
        Some(_) | None => return Err(Problem::field("state", "must be open, failed or quiet")),
    };
    let now = context.now();
    let seal = caller.seal(&("GET /shipments", state));
    let from = seal.opened(asked.get("from"), now)?;
    let store = &context.store;
    let is_shown = |item: &Listed| {
        let is_in_state = !matches!(state, State::Quiet) || item.work.watch.as_ref().is_some_and(Watch::is_silent);
        is_in_state && caller.sees(&item.key.connection)
    };
    loop {
        let read = |from: Option<String>| async move {
            match state {
                State::Open => store.pending(&Pending::Any, from.as_deref(), limit, now).await,
                State::Failed => store.failed(&Failed::Any, from.as_deref(), limit, now).await,
                State::Quiet => store.pending(&Pending::Watches, from.as_deref(), limit, now).await,
            }
        };
        let page = store::in_view(read, from.clone(), is_shown, caller.is_limited()).await;
        let Page { items: found, next, .. } = page.map_err(|error| Problem::store(&error))?;
        let mut shipments = BTreeMap::<(&ConnectionId, &Subject), ListedShipment<'_>>::new();
        let keyed: Vec<_> = found.iter().map(|item| (item, key(item))).collect();
        for (item, key) in &keyed {
            let listed = shipments.entry((&item.key.connection, key));
            let listed = listed.or_insert_with(|| ListedShipment::new(&item.key.connection, key));
            match state {
                State::Open => listed.add_pending(&item.work),
                State::Failed => listed.add_failed(&item.work),
                State::Quiet => listed.add_silence(&item.work),
            }
        }
        let items = api::printed(shipments.into_values())?;
        match api::fewer(&items, limit, MOST_BYTES) {
            Some(fewer) => limit = fewer,
            None => return api::json(StatusCode::OK, &Shipments { items, next: Next(seal.sealed(next, now)?) }),
        }
    }
}

/// The business key that an item's work is about: its subject, of a call the strongest key that it names, and of a watch the
/// shipment's.
fn key(item: &Listed) -> Subject {
    if item.work.watch.is_some() {
        return watch::shipment(&item.meta).unwrap_or_else(|| item.key.subject.clone());
    }
    if !is_subject(&item.key.subject) {
        return item.key.subject.clone();
    }
    // Of several as strong the first is the most telling.
    let keys = item.meta.aliases.iter().rev().map(|alias| Subject::from(alias.as_str()));
    keys.max_by_key(strength).unwrap_or_else(|| item.key.subject.clone())
}
