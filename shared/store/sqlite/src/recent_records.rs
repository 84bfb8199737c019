//! Cache of records that were just committed, so that their first attempt need not read them back.
//!
//! A committed record is served once. A second load reads the file, so that another process's change is hidden no longer than
//! until the next attempt starts, and the settlement of that attempt is conditional on the version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hub::{Event, EventId, EventKey, Record, Work};

/// Largest total size of the cached bodies, in bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A bounded set of records, from which the oldest are dropped.
#[derive(Default)]
pub(crate) struct RecentRecords(Mutex<Records>);

#[derive(Default)]
struct Records {
    entries: HashMap<EventId, Entry>,
    order: VecDeque<EventId>,
    bytes: usize,
}

/// An event, which never changes, and its work, where its latest version is known and was not served yet.
struct Entry {
    event: Event,
    work: Option<Work>,
    /// The latest version that was known.
    version: u64,
}

impl RecentRecords {
    /// Holds a record that was just committed.
    pub(crate) fn put(&self, record: Record) {
        let mut held = self.held();
        let Record { event, work } = record;
        let id = event.key.id;
        held.bytes += size(&event);
        held.order.push_back(id);
        let version = work.version;
        if let Some(older) = held.entries.insert(id, Entry { event, work: Some(work), version }) {
            held.bytes -= size(&older.event);
        }
        while held.bytes > MOST_BYTES || held.order.len() > 2 * held.entries.len() + 64 {
            let Some(oldest) = held.order.pop_front() else { break };
            held.forget(oldest);
        }
    }

    /// Serves a record, once.
    pub(crate) fn take(&self, key: &EventKey) -> Option<Record> {
        let mut held = self.held();
        let entry = held.entries.get_mut(&key.id).filter(|entry| entry.event.key == *key)?;
        Some(Record { work: entry.work.take()?, event: entry.event.clone() })
    }

    /// Notes a change in progress: from now on the stored version may differ from the cached one.
    pub(crate) fn changing(&self, key: &EventKey) {
        if let Some(entry) = self.held().entries.get_mut(&key.id) {
            entry.work = None;
        }
    }

    /// Notes that a change was committed: while there is more to do, the event with its new work is handed out once more.
    pub(crate) fn settled(&self, key: &EventKey, work: &Work) {
        let mut held = self.held();
        if work.due().is_none() {
            held.forget(key.id);
        } else if let Some(entry) = held.entries.get_mut(&key.id)
            && entry.event.key == *key
            && entry.version < work.version
        {
            entry.version = work.version;
            entry.work = Some(work.clone());
        }
    }

    fn held(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn forget(&mut self, id: EventId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.bytes -= size(&entry.event);
        }
    }
}

/// An event's weight: its body and about what the rest takes.
fn size(event: &Event) -> usize {
    event.body.len() + 512
}
