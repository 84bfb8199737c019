//! `stats`: the state of connections and endpoints, statistics, and tests of both sides.
//!
//! | request | answer |
//! |---|---|
//! | `GET /stats?since=&until=&connection=` | counts and percentiles of each ten minutes |
//! | `GET /ledger` | the ledger of each connection |
//! | `GET /connections` | connections with their circuits, latest push and waiting calls |
//! | `GET /connections/<id>/operations` | what can be called through it, each with its body as a schema and an example |
//! | `GET /connections/<id>/urls` | the URLs that the partner pushes to, with the key in them |
//! | `POST /connections/<id>/test` with `{"action","payload"}` | a push as the partner would make it, and what the partner would be answered |
//! | `GET /endpoints` | endpoints with their circuits, waiting and failed deliveries |
//! | `POST /endpoints/<id>/test` | one signed event of the type `tongguan.test`, sent and not stored |
//! | Lambda Invoke with `{"path":"/stats"}`, and `method`, `query`, `body` where needed | `{"status","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; a direct invocation needs none. Errors are RFC
//! 9457 problems.

mod connections;
mod endpoints;
mod ledger;
mod operations;
mod statistics;
mod urls;
mod waiting;

use api::{Route, Router};
use courier::Courier;
use hub::Role;
use queue::Queue;
use store::Store;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "stats";

/// The largest body that is taken, in bytes: that of a push, with what stands around it.
const MAX_BODY: usize = inbound::receive::MAX_BODY + 1024;

/// Number of requests to the store at once.
const PARALLEL: usize = 8;

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue>() -> Router<Courier<S, Q>> {
    let routes = vec![
        Route::get("/stats", &["since", "until", "connection"], |courier: &Courier<S, Q>, asked| {
            Box::pin(statistics::answer(&courier.context, asked))
        }),
        Route::get("/ledger", &[], |courier: &Courier<S, Q>, asked| Box::pin(ledger::answer(&courier.context, asked))),
        Route::get("/connections", &[], |courier: &Courier<S, Q>, asked| {
            Box::pin(connections::list(&courier.context, asked))
        }),
        Route::get("/connections/{id}/operations", &[], |courier: &Courier<S, Q>, asked| {
            Box::pin(async move { operations::answer(&courier.context, &asked) })
        }),
        Route::get("/connections/{id}/urls", &[], |courier: &Courier<S, Q>, asked| {
            Box::pin(async move { urls::answer(&courier.context, &asked) })
        })
        // They have the inbound keys in them.
        .needs(Role::Operator),
        Route::post("/connections/{id}/test", Role::Operator, |courier: &Courier<S, Q>, asked| {
            Box::pin(connections::test(&courier.context, asked))
        }),
        Route::get("/endpoints", &[], |courier: &Courier<S, Q>, asked| {
            Box::pin(endpoints::list(&courier.context, asked))
        }),
        Route::post("/endpoints/{id}/test", Role::Operator, |courier: &Courier<S, Q>, asked| {
            Box::pin(endpoints::test(courier, asked))
        }),
    ];
    Router::keyed(NAME, MAX_BODY, |courier| &courier.context.config, routes)
}
