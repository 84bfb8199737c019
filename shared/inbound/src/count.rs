//! The statistics of pushes.

use std::time::Duration;

use config::Context;
use hub::statistics::{Counted, PushResult};
use partners::answer::Verdict;

use crate::entrance::PushPath;

/// Counts a push that was answered with that verdict after that time. One at an unknown connection is nobody's and not counted.
pub fn count<S, Q>(context: &Context<S, Q>, path: PushPath<'_>, verdict: Verdict, took: Duration) {
    let Some(connection) = path.connection(&context.config) else { return };
    context.count(&Counted::Push {
        connection: &connection.id,
        result: PushResult::of(verdict),
        took: verdict.is_timed().then(|| (took, connection.partner.deadline())),
    });
}
