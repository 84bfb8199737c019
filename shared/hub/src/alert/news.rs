//! The news among the facts of a look: what was not there at the look before.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Cause, Circuit, Count, Facts, Failures, Finding, Ledger};
use crate::statistics::{STEP, step};
use crate::{ConnectionId, Utc};

/// Time by which a failure may become visible later than one that came after it: lists lag, and clocks differ.
const OVERLAP: Duration = Duration::from_mins(5);

/// Most failures that are remembered within the overlap.
const MOST_MARKS: usize = 2_000;

/// Time for which counts of a bucket may still grow.
const COUNTED: Duration = Duration::from_mins(30);

/// Longest time over which counts are caught up with after nobody looked.
const CATCHING_UP: Duration = Duration::from_hours(24);

/// Knowledge of the look before. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Open circuits by the name of their line, and the time at which each was seen to be open.
    #[serde(default)]
    open: BTreeMap<String, Utc>,
    /// Time of the latest failure that was seen; nothing before the first look.
    #[serde(default)]
    failed: Option<Utc>,
    /// Marks and times of the failures up to [`OVERLAP`] before that.
    #[serde(default)]
    marks: BTreeMap<String, Utc>,
    /// Beginning of the buckets that are counted; nothing before the first look.
    #[serde(default)]
    from: Option<Utc>,
    /// Counts that were seen, by bucket, cause and place.
    #[serde(default)]
    counts: BTreeMap<String, u64>,
    /// Differences of the ledger that were told.
    #[serde(default)]
    differences: BTreeMap<ConnectionId, u64>,
    /// Time of the ledger that they are from.
    #[serde(default)]
    ledger: Option<Utc>,
}

impl Known {
    /// Beginning of the counts that the next look needs.
    pub(super) fn counts_from(&self, now: Utc) -> Utc {
        let usual = step(before(now, COUNTED));
        // A time that lies ahead is one of a clock that was set back.
        self.from.filter(|from| *from <= now).map_or(usual, |from| from.max(before(now, CATCHING_UP)))
    }

    /// The news, and the knowledge with it.
    pub(super) fn news(&mut self, facts: &Facts, now: Utc) -> Vec<Finding> {
        let mut news = self.circuits(&facts.circuits, &facts.unread, now);
        let listed = facts.failures.as_ref().map(|failures| self.failures(failures, now));
        let counted = facts.counts.as_ref().map(|counts| self.counts(counts, now)).unwrap_or_default();
        // A list that was not read to its end says nothing of what is behind it; counts do, without names.
        let is_whole = facts.failures.as_ref().is_none_or(|failures| failures.is_whole);
        let is_listed = |cause| matches!(cause, Cause::DeliveryFailed | Cause::CallAmbiguous);
        match listed {
            Some(listed) if is_whole || facts.counts.is_none() => {
                news.extend(listed);
                news.extend(counted.into_iter().filter(|finding| !is_listed(finding.cause)));
            }
            Some(_) => news.extend(counted),
            None => news.extend(counted.into_iter().filter(|finding| !is_listed(finding.cause))),
        }
        news.extend(facts.reported.iter().cloned());
        news.extend(facts.ledger.iter().flat_map(|ledger| self.ledger(ledger)).collect::<Vec<_>>());
        news
    }

    /// Circuits that opened or closed.
    fn circuits(&mut self, circuits: &[Circuit], unread: &[String], now: Utc) -> Vec<Finding> {
        self.open.retain(|line, _| unread.contains(line) || circuits.iter().any(|circuit| circuit.line == *line));
        let changed = circuits.iter().filter_map(|circuit| {
            let was_open = self.open.contains_key(&circuit.line);
            let cause = match (was_open, circuit.is_open) {
                (false, true) => Cause::CircuitOpened,
                (true, false) => Cause::CircuitClosed,
                (true, true) | (false, false) => return None,
            };
            if circuit.is_open {
                self.open.insert(circuit.line.clone(), now);
            } else {
                self.open.remove(&circuit.line);
            }
            let Circuit { place, connections, kinds, .. } = circuit.clone();
            let about = (!kinds.is_empty()).then(|| kinds.join(", "));
            Some(Finding { cause, place, connections, about, count: 1, at: now })
        });
        changed.collect()
    }

    /// Failures that were not there before. At the first look none of them is new.
    fn failures(&mut self, failures: &Failures, now: Utc) -> Vec<Finding> {
        let is_first = self.failed.is_none();
        // A time that lies ahead is one of a clock that was set back.
        let latest = self.failed.filter(|latest| *latest <= now.after(OVERLAP)).unwrap_or(now);
        let is_recent = |since: Utc, latest: Utc| since.after(OVERLAP) > latest;
        let unknown = failures.items.iter().filter(|item| is_recent(item.since, latest));
        let unknown: Vec<_> = unknown.filter(|item| !self.marks.contains_key(&item.mark)).collect();
        let latest = unknown.iter().map(|item| item.since.min(now)).fold(latest, Utc::max);
        self.marks.extend(unknown.iter().map(|item| (item.mark.clone(), item.since)));
        self.marks.retain(|_, since| is_recent(*since, latest));
        while self.marks.len() > MOST_MARKS {
            let oldest = self.marks.iter().min_by_key(|(_, since)| **since).map(|(mark, _)| mark.clone());
            self.marks.remove(&oldest.unwrap_or_default());
        }
        self.failed = Some(latest);
        if is_first { Vec::new() } else { unknown.into_iter().map(|item| item.finding.clone()).collect() }
    }

    /// Growth of the counts. At the first look nothing has grown.
    fn counts(&mut self, counts: &[Count], now: Utc) -> Vec<Finding> {
        let is_first = self.from.is_none_or(|from| from > now);
        let mut grown = Vec::new();
        for Count { bucket, cause, place, connections, count } in counts {
            let key = format!("{}/{}/{place}", bucket.seconds(), cause.name());
            let before = self.counts.insert(key, *count).unwrap_or_default();
            let (place, connections) = (place.clone(), connections.clone());
            let more = count.saturating_sub(before);
            if more > 0 && !is_first {
                let at = bucket.after(STEP).min(now);
                grown.push(Finding { cause: *cause, place, connections, about: None, count: more, at });
            }
        }
        let from = step(before(now, COUNTED));
        self.from = Some(from);
        let bucket_of = |key: &str| key.split('/').next().and_then(|seconds| seconds.parse::<i64>().ok());
        self.counts.retain(|key, _| bucket_of(key).is_some_and(|seconds| seconds >= from.seconds()));
        grown
    }

    /// Differences of a ledger that are new or larger than what was told.
    fn ledger(&mut self, ledger: &Ledger) -> Vec<Finding> {
        if self.ledger == Some(ledger.at) {
            return Vec::new();
        }
        let before = std::mem::take(&mut self.differences);
        self.ledger = Some(ledger.at);
        self.differences = ledger.differences.iter().cloned().collect();
        let grown =
            self.differences.iter().filter(|(id, difference)| before.get(id).is_none_or(|told| told < difference));
        let finding = |(id, difference): (&ConnectionId, &u64)| Finding {
            cause: Cause::LedgerUnbalanced,
            place: id.to_string(),
            connections: vec![id.clone()],
            about: None,
            count: *difference,
            at: ledger.at,
        };
        grown.map(finding).collect()
    }
}

/// The time that long before another.
fn before(time: Utc, span: Duration) -> Utc {
    Utc(time.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}
