//! The configuration that the hub runs with, as it is noted: since when, and what has changed before it.
//!
//! A configuration that differs from the noted one is told in the audit trail with the names of the keys that changed, and never
//! with a value.

use std::collections::BTreeMap;

use config::Context;
use hub::Utc;
use hub::audit::{Action, Ended, HUB};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Note, Result, Store};

use crate::trail::{self, Actor};

/// Name of the note about the configuration.
const NOTE: &str = "configuration";

/// Name of the note with the digests of its keys, which is read only when something has changed.
const KEYS: &str = "configuration-keys";

/// Number of changes that are kept in the note.
const MOST_CHANGES: usize = 20;

/// Most keys that a change names.
const MOST_KEYS: usize = 100;

/// A change of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Time at which the hub noticed it.
    pub at: Utc,
    /// The names of the keys that changed, 100 at the most.
    pub keys: Vec<String>,
}

/// The configuration as it is noted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its version ([`config::Shown::version`]).
    pub version: String,
    /// Time from which on it was this version.
    pub since: Utc,
    /// Digest of it with its secrets.
    digest: String,
    /// The latest changes, the latest first.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// The note about the configuration, if there is one.
pub async fn known<S: Store>(store: &S) -> Result<Option<Known>> {
    Ok(read(store).await?.0)
}

/// The note, and its version. One that cannot be read is written anew.
async fn read<S: Store>(store: &S) -> Result<(Option<Known>, u64)> {
    let Some(Note { value, version }) = store.note(NOTE).await? else { return Ok((None, 0)) };
    Ok((serde_json::from_str(&value).ok(), version))
}

/// Tells a configuration that differs from the noted one, and notes it. The first one is noted only.
pub async fn tell<S: Store, Q>(context: &Context<S, Q>) -> Result<()> {
    let (store, shown) = (&context.store, &context.config.shown);
    let (version, digest, now) = (shown.version(), shown.digest(), context.now());
    let (before, over) = read(store).await?;
    if before.as_ref().is_some_and(|before| before.digest == digest) {
        return Ok(());
    }
    let (keys_before, keys_over) = match store.note(KEYS).await? {
        Some(Note { value, version }) => (serde_json::from_str::<BTreeMap<String, String>>(&value).ok(), version),
        None => (None, 0),
    };
    let mut changed = keys_before.map(|keys| shown.changed_since(&keys)).unwrap_or_default();
    changed.truncate(MOST_KEYS);
    let is_other = before.as_ref().is_none_or(|before| before.version != version);
    let mut known = before.unwrap_or_default();
    if is_other {
        known = Known { version, since: now, ..known };
    }
    known.digest = digest;
    if !changed.is_empty() {
        let request = json!({"version": known.version, "keys": changed});
        let begun = trail::begin(context, Actor { key: HUB, role: None }, Action::Configuration, request).await?;
        begun.end(context, Ended::with(200), Vec::new()).await;
        tracing::info!(version = known.version, keys = changed.join(", "), "the configuration has changed");
        known.changes.insert(0, Change { at: now, keys: changed });
        known.changes.truncate(MOST_CHANGES);
    }
    // Another process may tell the same at once: its note counts, and the change is told twice at the most.
    store.put_note(KEYS, &serde_json::to_string(shown.keys()).unwrap_or_default(), keys_over).await?;
    store.put_note(NOTE, &serde_json::to_string(&known).unwrap_or_default(), over).await?;
    Ok(())
}

/// The same; a failure is logged, and the next time repeats it.
pub async fn tell_or_log<S: Store, Q>(context: &Context<S, Q>) {
    if let Err(error) = tell(context).await {
        let error = telemetry::logs::chain(&error);
        tracing::warn!(error, "a change of the configuration is not in the audit trail yet");
    }
}
