//! The destinations and connections of a process, each with what the process knows of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Connection;
use hub::alert::Finding;
use hub::files::FileHash;
use hub::{ConnectionId, EventId, Utc};

use crate::call::gate::Gate;
use crate::gathering::Gathering;
use crate::line::Line;
use crate::lock;
use crate::order::UnderWay;

/// Most findings that are kept for alerts.
const MOST_FINDINGS: usize = 1_000;

/// The lines to all destinations, and the gates of all connections.
#[derive(Debug, Default)]
pub struct Lines {
    destinations: Mutex<HashMap<String, Arc<Line>>>,
    gates: Mutex<HashMap<ConnectionId, Arc<Gate>>>,
    queries: AtomicU64,
    /// When watches were looked for that the configuration has not, in microseconds.
    left_over: AtomicI64,
    /// When deliveries were looked for whose endpoint takes them in another way, in microseconds, and whether consumers' were found.
    redirected: AtomicI64,
    has_pullable: AtomicBool,
    /// When files were looked for that the configuration does not have fetched, in microseconds.
    left_files: AtomicI64,
    /// When a look at all kept files began, in microseconds, and the file that it has come to where it goes on.
    tidying: AtomicI64,
    tidied: Mutex<Option<FileHash>>,
    /// When the ledger was read last, in microseconds.
    ledger: AtomicI64,
    /// Silences that were reported and files that were given up, that no alert has taken over.
    findings: Mutex<Vec<Finding>>,
    /// Events whose work is being changed.
    pub(crate) gathering: Gathering,
    /// Whether no other process makes attempts at the same store.
    pub(crate) is_alone: bool,
    /// Deliveries that are under way in the order of their subject.
    pub(crate) ordered: UnderWay,
}

/// The name of the line to a partner's address: connections at the same one share its circuit.
#[must_use]
pub fn line_name(connection: &Connection) -> String {
    connection.base_url.as_ref().map_or_else(String::new, |url| format!("call:{}", url.origin().ascii_serialization()))
}

impl Lines {
    /// The lines of a process that alone makes attempts at its store.
    #[must_use]
    pub fn alone() -> Self {
        Self { is_alone: true, ..Self::default() }
    }

    /// The line of that name, for so many attempts at once from now on.
    pub(crate) fn to(&self, name: &str, concurrency: usize) -> Arc<Line> {
        let mut lines = lock(&self.destinations);
        if let Some(line) = lines.get(name) {
            line.resize(concurrency);
            return Arc::clone(line);
        }
        let line = Arc::new(Line::new(name, concurrency));
        lines.insert(name.to_owned(), Arc::clone(&line));
        line
    }

    /// The gate of a connection.
    pub(crate) fn gate(&self, connection: &Connection) -> Arc<Gate> {
        let mut gates = lock(&self.gates);
        Arc::clone(gates.entry(connection.id.clone()).or_default())
    }

    /// Whether watches that the configuration has not were last looked for so long ago; then they are now.
    pub(crate) fn is_time_for(&self, every: Duration, now: Utc) -> bool {
        is_time(&self.left_over, every, now)
    }

    /// Whether deliveries whose endpoint takes them in another way were last looked for so long ago; then they are now. Where consumers
    /// have none, only once.
    pub(crate) fn is_time_to_redirect(&self, every: Duration, have_consumers: bool, now: Utc) -> bool {
        let is_first = self.redirected.load(Ordering::Relaxed) == 0;
        let may_have = is_first || have_consumers || self.has_pullable.load(Ordering::Relaxed);
        may_have && is_time(&self.redirected, every, now)
    }

    /// Notes whether deliveries for consumers were found.
    pub(crate) fn note_pullable(&self, are_there: bool) {
        self.has_pullable.store(are_there, Ordering::Relaxed);
    }

    /// Whether files that the configuration does not have fetched were last looked for so long ago, or the process began then; then
    /// they are looked for now.
    pub(crate) fn is_time_for_files(&self, every: Duration, now: Utc) -> bool {
        let begins = self.left_files.compare_exchange(0, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        !begins && is_time(&self.left_files, every, now)
    }

    /// Whether the last look at all kept files began so long ago; then one begins now.
    pub(crate) fn is_time_to_tidy(&self, every: Duration, now: Utc) -> bool {
        is_time(&self.tidying, every, now)
    }

    /// The file that a look at all kept files has come to, where it goes on.
    pub(crate) fn tidied(&self) -> Option<FileHash> {
        *lock(&self.tidied)
    }

    /// Notes the file that such a look has come to; nothing at its end.
    pub(crate) fn tidy_behind(&self, behind: Option<FileHash>) {
        *lock(&self.tidied) = behind;
    }

    /// Whether the ledger was last read by this process so long ago; then it is now.
    #[must_use]
    pub fn is_time_for_ledger(&self, every: Duration, now: Utc) -> bool {
        is_time(&self.ledger, every, now)
    }

    /// Keeps a finding until an alert takes it over. Of very many the last ones are only counted.
    pub fn keep_finding(&self, finding: Finding) {
        let mut kept = lock(&self.findings);
        if kept.len() < MOST_FINDINGS {
            kept.push(finding);
        } else if let Some(last) = kept.last_mut() {
            last.count = last.count.saturating_add(finding.count);
        }
    }

    /// Takes over the findings that are kept.
    #[must_use]
    pub fn take_findings(&self) -> Vec<Finding> {
        std::mem::take(&mut *lock(&self.findings))
    }

    /// An id for a query, which has none of its own: the circuit counts failures by id.
    pub(crate) fn query_id(&self) -> EventId {
        let mut id = [0; 24];
        let number = self.queries.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        id.iter_mut().rev().zip(number.into_iter().rev()).for_each(|(to, from)| *to = from);
        EventId(id)
    }
}

/// Whether a time lies so far back; then it is now.
fn is_time(last: &AtomicI64, every: Duration, now: Utc) -> bool {
    let is_time = !now.is_within(every, Utc(last.load(Ordering::Relaxed)));
    if is_time {
        last.store(now.0, Ordering::Relaxed);
    }
    is_time
}
