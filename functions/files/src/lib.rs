//! `files`: the files that events and answers name by links, as they are kept.
//!
//! | request | answer |
//! |---|---|
//! | `GET /files?state=waiting\|lost&connection=&from=&limit=` | files that are waited for, or that were given up |
//! | `GET /files/<hash>` | the content of a file, as an attachment |
//! | Lambda Invoke with `{"path":"/files"}`, and `query` where needed | `{"status","body"}` of the list |
//!
//! Content is served to keys that see a connection whose events or answers name it; to all others it does not exist. It is what
//! somebody else made: its media type is one of a few that no browser runs, told by its first bytes, and it is never shown in a page.
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`. Errors are RFC 9457 problems.

mod content;
mod list;

use api::{Route, Router};
use config::Context;
use queue::Queue;
use store::Store;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "files";

/// The largest body that is taken, in bytes: no request has one.
const MAX_BODY: usize = 1024;

/// The largest number of records of a page.
const MOST: usize = 1_000;

/// The routes of the function.
#[must_use]
pub fn router<S: Store, Q: Queue, C: AsRef<Context<S, Q>> + Sync>() -> Router<C> {
    let routes = vec![
        Route::get("/files", &["state", "connection", "from", "limit"], |state: &C, asked| {
            Box::pin(list::answer(state.as_ref(), asked))
        }),
        Route::get("/files/{hash}", &[], |state: &C, asked| Box::pin(content::answer(state.as_ref(), asked))),
    ];
    Router::keyed(NAME, MAX_BODY, |state| &state.as_ref().config, routes)
}
