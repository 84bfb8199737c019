//! The audit trail of a store without an engine.

use std::collections::BTreeMap;

use hub::audit::{Entry, Place};
use hub::{ConnectionId, Subject, Utc};
use store::{AuditFilter, AuditPage, MOST_AUDITED, StoreError};

/// The entries by their places.
#[derive(Debug, Default)]
pub(crate) struct Trail(BTreeMap<Place, Entry>);

impl Trail {
    pub(crate) fn put(&mut self, entry: &Entry) {
        self.0.insert(entry.place(), entry.clone());
    }

    pub(super) fn living(&self, now: Utc) -> impl Iterator<Item = Entry> {
        self.0.values().filter(move |entry| entry.expires > now).map(Entry::fitted)
    }

    pub(crate) fn page(
        &self,
        filter: &AuditFilter,
        from: Option<&str>,
        limit: usize,
        now: Utc,
    ) -> Result<AuditPage, StoreError> {
        let from = from.map(str::parse::<Place>).transpose().map_err(|()| StoreError::BadCursor { verb: "audit" })?;
        let before = self.0.values().rev().filter(|entry| from.is_none_or(|from| entry.place() < from));
        let found = before.filter(|entry| entry.expires > now && filter.holds(entry));
        let entries: Vec<_> = found.take(limit).map(Entry::fitted).collect();
        let next = (entries.len() == limit).then(|| entries.last().map(|last| last.place().to_string())).flatten();
        Ok(AuditPage { entries, next })
    }

    pub(crate) fn of(&self, connection: &ConnectionId, subject: &Subject, now: Utc) -> Vec<Entry> {
        let living = self.0.values().rev().filter(|entry| entry.expires > now);
        living.filter_map(|entry| entry.about(connection, subject)).take(MOST_AUDITED).collect()
    }
}
