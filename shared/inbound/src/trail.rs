//! The audit trail of what is changed through the API and the command line: an entry before the action, its result after it.
//!
//! An action whose entry cannot be stored is not begun. A result that cannot be stored is logged, because the action is done.

use std::time::Duration;

use config::Context;
use hub::audit::{Action, Ended, Entry, Touched};
use hub::{Role, Utc};
use serde_json::Value;
use store::{Result, Store};

/// Life of an entry where no connection is configured.
const RETENTION: Duration = Duration::from_hours(90 * 24);

/// The sender of a request that changes something.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The id of its API key, or what stands for one.
    pub key: &'a str,
    /// The role of the key; nothing without one.
    pub role: Option<Role>,
}

/// An action whose entry is stored, and that may be done now.
#[derive(Debug)]
#[must_use]
pub struct Begun(Entry);

/// Stores the entry of an action that is to be done. `request` is an object without payloads and secrets; what is
/// null in it is left out.
pub async fn begin<S: Store, Q>(
    context: &Context<S, Q>,
    actor: Actor<'_>,
    action: Action,
    mut request: Value,
) -> Result<Begun> {
    if let Some(members) = request.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    let at = context.now();
    let entry = Entry {
        at,
        id: store::seed(),
        expires: at.after(retention(context)),
        key: actor.key.to_owned(),
        role: actor.role,
        action,
        request,
        result: None,
        touched: Vec::new(),
        is_cut: false,
    };
    context.store.put_audit(&entry).await?;
    Ok(Begun(entry))
}

impl Begun {
    /// Stores the result of the action, and what it has touched.
    pub async fn end<S: Store, Q>(self, context: &Context<S, Q>, result: Ended, touched: Vec<Touched>) {
        let entry = Entry { result: Some(result), touched, ..self.0 };
        if let Err(error) = context.store.put_audit(&entry).await {
            let (error, action) = (telemetry::logs::chain(&error), entry.action.name());
            tracing::error!(
                error,
                action,
                key = entry.key,
                "an action is done, and its result is not in the audit trail"
            );
        }
    }
}

/// Time for which entries are kept: as long as what they name, so that of the connection that keeps its events longest.
pub fn retention<S, Q>(context: &Context<S, Q>) -> Duration {
    context.config.connections.values().map(|connection| connection.retention).max().unwrap_or(RETENTION)
}

/// Time of the earliest entry that is kept.
pub fn earliest<S, Q>(context: &Context<S, Q>) -> Utc {
    let kept = i64::try_from(retention(context).as_micros()).unwrap_or(i64::MAX);
    Utc(context.now().0.saturating_sub(kept))
}
