//! The audit trail as the store lists it.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use hub::audit::{Action, Entry};
use hub::{ConnectionId, Subject, Utc};

use crate::timelines::AT_ONCE;
use crate::{Result, SUBJECTS, Store};

/// Most entries that are read of one subject.
pub const MOST_AUDITED: usize = 100;

/// Filter of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// Time of the earliest entry.
    pub since: Utc,
    /// Time that all entries are earlier than.
    pub until: Utc,
    /// Only entries of that key.
    pub key: Option<String>,
    /// Only entries of that action.
    pub action: Option<Action>,
}

impl AuditFilter {
    /// Whether an entry is listed.
    #[must_use]
    pub fn holds(&self, entry: &Entry) -> bool {
        (self.since..self.until).contains(&entry.at)
            && self.key.as_ref().is_none_or(|key| *key == entry.key)
            && self.action.is_none_or(|action| action == entry.action)
    }
}

/// A page of the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries, latest first.
    pub entries: Vec<Entry>,
    /// Cursor of the next page; none at the end. A page may be empty and not be the last.
    pub next: Option<String>,
}

/// The entries that touched any of some subjects, latest first, each once with all that it touched of them; the latest
/// [`MOST_AUDITED`] of the first [`SUBJECTS`].
pub async fn audit_of_all<S: Store>(store: &S, subjects: Vec<(ConnectionId, Subject)>, now: Utc) -> Result<Vec<Entry>> {
    let reads = subjects.into_iter().take(SUBJECTS);
    let reads = reads.map(|(connection, subject)| async move { store.audit_of(&connection, &subject, now).await });
    let found: Vec<Vec<Entry>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let mut found = found.concat();
    found.sort_by_key(|entry| std::cmp::Reverse(entry.place()));
    let mut entries: Vec<Entry> = Vec::new();
    for entry in found {
        match entries.last_mut() {
            Some(last) if last.place() == entry.place() => last.touched.extend(entry.touched),
            _ => entries.push(entry),
        }
    }
    entries.truncate(MOST_AUDITED);
    Ok(entries)
}
