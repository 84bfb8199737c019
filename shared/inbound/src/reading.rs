//! The reading of a push's body, which a large one does on a thread of its own.

use std::panic::resume_unwind;

use config::Connection;
use hub::action::Action;
use hub::admission::{self, Arrival, Origin};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;

use crate::receive::IncomingPush;

/// Size in bytes from which a body is read on a thread of its own.
const LARGE: usize = 128 * 1024;

/// Number of large bodies that are read and stored at once: each uses a core and many times its size in memory for a moment,
/// and other writes wait for its own.
static LARGE_READS: Semaphore = Semaphore::const_new(2);

/// Reads a body. A large one waits for a permit and is read on a thread of its own: it takes tens of milliseconds, which must
/// not delay other pushes or this push's answer.
pub(crate) async fn read(
    action: &Action,
    connection: &Connection,
    push: &IncomingPush,
) -> (Arrival, Option<SemaphorePermit<'static>>) {
    let IncomingPush { body, encoding, .. } = push;
    if body.len() <= LARGE {
        return (admission::read(action, connection.origin(), body, encoding.as_deref()), None);
    }
    // The semaphore is never closed.
    let place = LARGE_READS.acquire().await.ok();
    let (action, id, partner, settings) =
        (*action, connection.id.clone(), connection.partner, connection.settings.clone());
    let (body, encoding) = (body.clone(), encoding.clone());
    let read = move || {
        let origin = Origin { connection: &id, partner, settings: &settings };
        (admission::read(&action, origin, &body, encoding.as_deref()), place)
    };
    match spawn_blocking(read).await {
        Ok(read) => read,
        Err(error) => match error.try_into_panic() {
            // As it would be on this thread.
            Ok(panic) => resume_unwind(panic),
            // The process is ending, and nothing more is answered.
            Err(_) => std::future::pending().await,
        },
    }
}
