//! Events of a moment ago, for the attempt that comes next: it need not read them back.
//!
//! What is committed is handed out once. Whoever loads an event again reads the file, so another process's change is
//! never hidden for longer than the next attempt takes to start, and that one's settlement is conditional on the version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hub::{Event, EventId, EventKey, Record, Work};

/// How many bytes of bodies are held at the most.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A bounded set of events, the oldest of which give way.
#[derive(Default)]
pub(crate) struct Fresh(Mutex<Held>);

#[derive(Default)]
struct Held {
    entries: HashMap<EventId, Entry>,
    order: VecDeque<EventId>,
    bytes: usize,
}

/// An event, which never changes, and its work, where the latest version is known and nobody has it.
struct Entry {
    event: Event,
    work: Option<Work>,
    /// The latest version that was known.
    version: u64,
}

impl Fresh {
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

    /// Hands a record out, once.
    pub(crate) fn take(&self, key: &EventKey) -> Option<Record> {
        let mut held = self.held();
        let entry = held.entries.get_mut(&key.id).filter(|entry| entry.event.key == *key)?;
        Some(Record { work: entry.work.take()?, event: entry.event.clone() })
    }

    /// Notes that a change is under way: from here on another version may be stored than the one that is known.
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

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
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
