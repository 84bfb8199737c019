//! `audit`: the rights of the key that asks.
//!
//! | request | answer |
//! |---|---|
//! | `GET /me` | the key's name, role and connections |
//! | Lambda Invoke with `{"path":"/me"}` | `{"status","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

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

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![Route::get("/me", &[], |_: &C, asked| Box::pin(async move { me(asked.caller) }))];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}

fn me(caller: Caller<'_>) -> Result<Response<Bytes>, Problem> {
    let me = Me { id: caller.id, role: caller.role, connections: caller.connections().collect() };
    api::json(StatusCode::OK, &me)
}
