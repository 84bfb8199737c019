//! `shipments`: everything that belongs to one business key, over all connections that the API key may see, and the shipments
//! that have unfinished or failed work.
//!
//! | request | answer |
//! |---|---|
//! | `GET /shipments/<key>?from=&limit=` | a shipment: its keys and milestones, its events and calls by pages |
//! | `GET /shipments/<key>/evidence?from=&limit=` | the same as a zip that shows later changes, with all bytes, by parts |
//! | `GET /shipments?state=open\|failed\|quiet&from=&limit=` | shipments with work that is pending, or that failed, or without news |
//! | Lambda Invoke with `{"path":"/shipments/<key>"}`, and `query` where needed | `{"status","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

mod evidence;
mod list;
mod one;

use api::{Route, Router};
use config::Context;
use queue::Queue;
use store::Store;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "shipments";

/// The largest body that is taken, in bytes: no request has one.
const MAX_BODY: usize = 1024;

/// The largest number of items of a page.
const MOST: usize = 1_000;

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![
        Route::get("/shipments", &["state", "from", "limit"], |state: &C, asked| {
            Box::pin(list::answer(state.as_ref(), asked))
        }),
        Route::get("/shipments/{key}", &["from", "limit"], |state: &C, asked| {
            Box::pin(one::answer(state.as_ref(), asked))
        }),
        Route::get("/shipments/{key}/evidence", &["from", "limit"], |state: &C, asked| {
            Box::pin(evidence::answer(state.as_ref(), asked))
        }),
    ];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}
