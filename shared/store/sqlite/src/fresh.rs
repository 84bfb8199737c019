//! Events that were admitted a moment ago, for the delivery that comes next: it need not read them back.
//!
//! Each is handed out once. Whoever loads an event again reads the file, so another process's change is never hidden
//! for longer than the first delivery takes to start, and that one's settlement is conditional on the version.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use hub::{EventId, EventKey, Record};

/// How many bytes of bodies are held at the most.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A bounded set of records, the oldest of which give way.
#[derive(Default)]
pub(crate) struct Fresh(Mutex<Held>);

#[derive(Default)]
struct Held {
    records: HashMap<EventId, Record>,
    order: VecDeque<EventId>,
    bytes: usize,
}

impl Fresh {
    /// Holds a record that was just committed.
    pub(crate) fn put(&self, record: Record) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += size(&record);
        held.order.push_back(record.event.key.id);
        if let Some(older) = held.records.insert(record.event.key.id, record) {
            held.bytes -= size(&older);
        }
        while held.bytes > MOST_BYTES || held.order.len() > 2 * held.records.len() + 64 {
            let Some(oldest) = held.order.pop_front() else { break };
            if let Some(record) = held.records.remove(&oldest) {
                held.bytes -= size(&record);
            }
        }
    }

    /// Hands a record out, once.
    pub(crate) fn take(&self, key: &EventKey) -> Option<Record> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let record = held.records.remove(&key.id)?;
        held.bytes -= size(&record);
        (record.event.key == *key).then_some(record)
    }
}

/// A record's weight: its body and about what the rest takes.
fn size(record: &Record) -> usize {
    record.event.body.len() + 512
}
