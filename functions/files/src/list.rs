//! Files that are waited for, and files that were given up.

use api::contract::{FilesPage, ListedFile, Next};
use api::{MOST_BYTES, Problem, Routed};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use serde::Serialize;
use store::{Failed, Listed, Page, Pending, Store};

use crate::MOST;

/// State that files are listed for.
#[derive(Clone, Copy, Serialize)]
enum State {
    Waiting,
    Lost,
}

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let mut limit = asked.limit(MOST)?;
    let state = match asked.get("state") {
        Some("waiting") => State::Waiting,
        Some("lost") => State::Lost,
        Some(_) | None => return Err(Problem::field("state", "must be waiting or lost")),
    };
    let connection = asked.get("connection").map(|name| caller.wanted(name)).transpose()?;
    let now = context.now();
    let seal = caller.seal(&("GET /files", state, &connection));
    let from = seal.opened(asked.get("from"), now)?;
    let store = &context.store;
    let is_shown = |item: &Listed| {
        let is_wanted = connection.as_ref().is_none_or(|wanted| item.key.connection == *wanted);
        is_wanted && caller.sees(&item.key.connection)
    };
    loop {
        let read = |from: Option<String>| async move {
            match state {
                State::Waiting => store.pending(&Pending::Files, from.as_deref(), limit, now).await,
                State::Lost => store.failed(&Failed::Files, from.as_deref(), limit, now).await,
            }
        };
        let page = store::in_view(read, from.clone(), is_shown, caller.is_limited()).await;
        let Page { items: found, next, .. } = page.map_err(|error| Problem::store(&error))?;
        let items = api::printed(found.iter().flat_map(ListedFile::all))?;
        // A record has a few files: where they do not fit, fewer records do.
        match api::fewer(&items, limit.max(2), MOST_BYTES).filter(|_| limit > 1) {
            Some(fewer) => limit = fewer.min(limit - 1),
            None => return api::json(StatusCode::OK, &FilesPage { items, next: Next(seal.sealed(next, now)?) }),
        }
    }
}
