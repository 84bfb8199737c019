//! `audit`: the rights of the key that asks, what keys have changed, and the configuration without its secrets.
//!
//! | request | answer |
//! |---|---|
//! | `GET /me` | the key's name, role and connections |
//! | `GET /audit?since=&until=&key=&action=&number=&from=&limit=` | the audit trail by pages, latest first |
//! | `GET /configuration` | the configuration as far as the key may see it, with its latest changes |
//! | Lambda Invoke with `{"path":"/audit"}`, and `query` where needed | `{"status","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

mod configuration;
mod trail;

use api::contract::Me;
use api::{Caller, Problem, Route, Router};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use queue::Queue;
use store::Store;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "audit";

/// The largest body that is taken, in bytes: no request has one.
const MAX_BODY: usize = 1024;

/// The query parameters of the audit trail.
const FILTERS: &[&str] = &["since", "until", "key", "action", "number", "from", "limit"];

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![
        Route::get("/me", &[], |_: &C, asked| Box::pin(async move { me(asked.caller) })),
        Route::get("/audit", FILTERS, |state: &C, asked| Box::pin(trail::answer(state.as_ref(), asked))),
        Route::get("/configuration", &[], |state: &C, asked| {
            Box::pin(configuration::answer(state.as_ref(), asked.caller))
        }),
    ];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}

fn me(caller: Caller<'_>) -> Result<Response<Bytes>, Problem> {
    let me = Me { id: caller.id, role: caller.role, connections: caller.connections().collect() };
    api::json(StatusCode::OK, &me)
}
