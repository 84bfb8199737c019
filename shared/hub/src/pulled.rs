//! Data that came in a partner's answer: how it is told from what was pushed, and when a batch is complete.
//!
//! Pushes and answers tell the same in different shapes, so they are compared by facts ([`partners::pulled::Common`]). The id of an event
//! that was pulled is that of the push that tells the same, as far as the answer shows it; so both meet in one conditional
//! write, whichever came first. Where the push has more to it than the answer shows, whoever comes second looks for the other.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use partners::pulled::{Common, Page, Rows};
use partners::{Json, Partner};
use serde::Serialize;

use crate::admission::Draft;
use crate::identity::{self, Content};
use crate::{ConnectionId, EventId, EventType, Subject};

fn common(partner: Partner, kind: &EventType) -> Option<&'static Common> {
    let pushes = partner.profile().pushes?;
    pushes.common.iter().find(|common| common.event_type == kind.as_str())
}

/// The contents of the facts in a payload, in its order. None where pushes and answers have one shape, or where it is of
/// another.
#[must_use]
pub fn facts(connection: &ConnectionId, partner: Partner, kind: &EventType, payload: &[u8]) -> Vec<Content> {
    common(partner, kind).map(|common| contents(connection, kind, common, payload)).unwrap_or_default()
}

fn contents(connection: &ConnectionId, kind: &EventType, common: &Common, payload: &[u8]) -> Vec<Content> {
    let Ok(json) = Json::parse(payload) else { return Vec::new() };
    // One element alone is the same event as that element among others.
    let whole = match json.elements() {
        Some([only]) => only,
        _ => &json,
    };
    let contents = (common.facts)(whole).into_iter().filter_map(|fact| {
        let fact = Json::parse(fact.as_bytes()).ok()?;
        Some(identity::content(connection, kind, &fact))
    });
    contents.collect()
}

/// The id that an event has that came in an answer and tells what a push tells, where it is not that of the push itself.
#[must_use]
pub fn told_by_an_answer(connection: &ConnectionId, partner: Partner, push: &Draft) -> Option<EventId> {
    // Without a key a push is about itself, and an answer about what was asked.
    let common = common(partner, &push.kind).filter(|common| common.push_looks && !push.subject.is_digest())?;
    let [fact] = contents(connection, &push.kind, common, &push.payload()).try_into().ok()?;
    (fact != push.content).then(|| identity::by_content(connection, &push.subject, fact))
}

/// The content of a payload as it stands.
#[must_use]
pub fn content(connection: &ConnectionId, kind: &EventType, payload: &[u8]) -> Option<Content> {
    let json = Json::parse(payload).ok()?;
    let whole = match json.elements() {
        Some([only]) => only,
        _ => &json,
    };
    Some(identity::content(connection, kind, whole))
}

/// Facts that are looked for among the events of their subject.
#[derive(Debug)]
pub struct Sought {
    /// The number of events that each still has to be in.
    missing: HashMap<Content, usize>,
    found: Vec<EventId>,
}

impl Sought {
    /// Looks for these.
    #[must_use]
    pub fn new(facts: &[Content]) -> Self {
        Self { missing: facts.iter().map(|fact| (*fact, 1)).collect(), found: Vec::new() }
    }

    /// Looks for so many events of one content.
    #[must_use]
    pub fn times(content: Content, events: usize) -> Self {
        Self { missing: HashMap::from([(content, events)]), found: Vec::new() }
    }

    /// Notes what an event tells.
    pub fn told(&mut self, event: EventId, facts: &[Content]) {
        let mut tells = false;
        for fact in facts {
            let Some(events) = self.missing.get_mut(fact) else { continue };
            tells = true;
            *events = events.saturating_sub(1);
            if *events == 0 {
                self.missing.remove(fact);
            }
        }
        if tells {
            self.found.push(event);
        }
    }

    /// The events that tell all of it, once that is so.
    #[must_use]
    pub fn events(&self) -> Option<&[EventId]> {
        self.missing.is_empty().then_some(&self.found)
    }
}

/// Counts the equal messages of one subject in an answer. A message equal to the one before it is a repetition of that, as it
/// is among pushes.
#[derive(Debug, Default)]
pub struct Messages {
    latest: BTreeMap<EventType, Content>,
    counts: HashMap<Content, usize>,
}

impl Messages {
    /// Number of messages of that content up to the next one, which has that type and content.
    pub fn next(&mut self, kind: &EventType, content: Content) -> usize {
        let is_repetition = self.latest.insert(kind.clone(), content) == Some(content);
        let count = self.counts.entry(content).or_default();
        *count += usize::from(!is_repetition);
        *count
    }
}

/// Rows of a batch, and the events that hold them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldRows {
    /// Number of rows before them.
    pub before: u64,
    /// Number of these rows.
    pub count: u64,
    /// The events.
    pub events: Vec<EventId>,
}

impl HeldRows {
    /// These rows in that event.
    #[must_use]
    pub fn new(rows: Rows, events: Vec<EventId>) -> Self {
        Self { before: rows.before, count: rows.count, events }
    }
}

/// The fewest of these pages that hold rows without a gap from the first to the last of `total`; nothing where some are
/// missing.
#[must_use]
pub fn complete(pages: &[HeldRows], total: u64) -> Option<Vec<HeldRows>> {
    let (mut held, mut end) = (Vec::new(), 0);
    let end_of = |page: &HeldRows| page.before.saturating_add(page.count);
    while end < total {
        let next =
            pages.iter().filter(|page| page.before <= end && end_of(page) > end).max_by_key(|page| end_of(page))?;
        end = end_of(next);
        held.push(next.clone());
    }
    (total > 0).then_some(held)
}

/// Number of rows of a batch before the first that these pages lack, by the `total` of the last page. Zero where none is
/// lacking or no page is known.
#[must_use]
pub fn rows_before_gap(pages: &[Rows]) -> u64 {
    let Some(total) = pages.last().map(|page| page.total) else { return 0 };
    let mut pages: Vec<_> = pages.iter().filter(|page| page.total == total).collect();
    pages.sort_unstable_by_key(|page| page.before);
    let held = pages.iter().fold(0, |end, page| if page.before <= end { page.end().max(end) } else { end });
    if held < total { held } else { 0 }
}

#[derive(Serialize)]
struct Completion<'a> {
    total: u64,
    pages: &'a [HeldRows],
}

/// The event that says that all rows of a batch are there, and in which events. Its id is the batch's and the total's, so that
/// it is one event however often and by whomever the pages are asked for.
#[must_use]
pub fn completion(connection: &ConnectionId, subject: Subject, page: &Page, held: &[HeldRows]) -> Option<Draft> {
    let (kind, (name, number)) = (EventType::from(page.completes), &page.batch);
    let total = page.rows.total;
    let (name, number) = (serde_json::Value::from(*name), serde_json::Value::from(number.as_str()));
    let own = format!("{{{name}:{number},\"total\":{total}}}");
    let content = identity::content(connection, &kind, &Json::parse(own.as_bytes()).ok()?);
    let rest = serde_json::to_string(&Completion { total, pages: held }).ok()?;
    let body = Bytes::from(format!("{{{name}:{number},{}", rest.strip_prefix('{')?));
    Some(Draft::own(kind, subject, content, body).pulled(None, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "trackingeyes.customs_status";

    fn eyes(payload: &str) -> Vec<Content> {
        facts(&"c".into(), Partner::TrackingEyes, &TYPE.into(), payload.as_bytes())
    }

    fn page(before: u64, count: u64, event: u8) -> HeldRows {
        HeldRows { before, count, events: vec![EventId([event; 24])] }
    }

    /// The stored ids of pushes stay what they were, and a download's is that of the push as the document prints it.
    #[test]
    fn fact_of_the_documented_push_is_the_push() {
        let push = r#"[{"id":1906651379888427008,"blNo":"B1","extendNo":"","endId":"0"}]"#;
        let own = content(&"c".into(), &TYPE.into(), push.as_bytes()).unwrap();
        assert_eq!(eyes(push), [own]);
        assert_eq!(eyes(r#"{"blNo":"B1","id":"1906651379888427008"}"#), [own]);
        assert_ne!(eyes(r#"{"blNo":"B2","id":"1906651379888427008"}"#), [own]);
        assert_eq!(facts(&"c".into(), Partner::Xhq, &"xhq.single_receipt".into(), b"{}"), []);
        assert_eq!(eyes("no JSON"), []);
    }

    #[test]
    fn facts_are_found_in_several_events() {
        let all: Vec<_> = [1, 2, 3].map(|n| eyes(&format!(r#"{{"id":{n}}}"#))[0]).into();
        let mut sought = Sought::new(&all);
        sought.told(EventId([9; 24]), &[]);
        sought.told(EventId([1; 24]), &all[..2]);
        sought.told(EventId([2; 24]), &all[..1]);
        assert_eq!(sought.events(), None);
        sought.told(EventId([3; 24]), &all[2..]);
        assert_eq!(sought.events(), Some(&[EventId([1; 24]), EventId([3; 24])][..]));
    }

    #[test]
    fn events_of_one_content_are_counted() {
        let [one, other] = [1, 2].map(|n| eyes(&format!(r#"{{"id":{n}}}"#))[0]);
        let mut sought = Sought::times(one, 2);
        sought.told(EventId([1; 24]), &[one]);
        sought.told(EventId([2; 24]), &[other]);
        assert_eq!(sought.events(), None);
        sought.told(EventId([3; 24]), &[one]);
        assert_eq!(sought.events(), Some(&[EventId([1; 24]), EventId([3; 24])][..]));
    }

    #[test]
    fn message_equal_to_the_one_before_is_a_repetition() {
        let [one, other, receipt] = [1, 2, 3].map(|n| eyes(&format!(r#"{{"id":{n}}}"#))[0]);
        let (status, single) = (EventType::from("xhq.syn_status"), EventType::from("xhq.single_receipt"));
        let mut messages = Messages::default();
        let rows =
            [(&status, one), (&status, one), (&single, receipt), (&status, one), (&status, other), (&status, one)];
        assert_eq!(rows.map(|(kind, content)| messages.next(kind, content)), [1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn gap_is_found_by_the_latest_total() {
        let rows = |before, count, total| Rows { before, count, total };
        assert_eq!(rows_before_gap(&[]), 0);
        assert_eq!(rows_before_gap(&[rows(0, 500, 1_200)]), 500);
        assert_eq!(rows_before_gap(&[rows(1_000, 200, 1_200), rows(0, 500, 1_200)]), 500);
        assert_eq!(rows_before_gap(&[rows(500, 500, 1_200)]), 0, "the first is lacking");
        assert_eq!(rows_before_gap(&[rows(0, 500, 1_200), rows(500, 500, 1_300)]), 0, "the batch has grown");
        assert_eq!(rows_before_gap(&[rows(0, 500, 700), rows(500, 200, 700)]), 0, "none is lacking");
    }

    #[test]
    fn batch_is_complete_without_a_gap() {
        assert_eq!(complete(&[page(0, 2, 1)], 0), None, "a batch without rows has not begun");
        assert_eq!(complete(&[], 1), None);
        assert_eq!(complete(&[page(0, 2, 1), page(3, 2, 2)], 5), None);
        assert_eq!(complete(&[page(0, 2, 1), page(2, 2, 2)], 5), None);
        let all = [page(4, 1, 3), page(0, 2, 1), page(1, 1, 8), page(2, 2, 2)];
        assert_eq!(complete(&all, 5), Some(vec![page(0, 2, 1), page(2, 2, 2), page(4, 1, 3)]));
        assert_eq!(complete(&[page(0, 1, 1), page(0, 3, 2)], 3), Some(vec![page(0, 3, 2)]));
    }

    #[test]
    fn completion_is_one_of_its_batch_and_total() {
        let of = |total, held: &[HeldRows]| {
            let page = Page {
                batch: ("batchNo", "b\"1".to_owned()),
                completes: "onedata.rates_complete",
                rows: Rows { before: 0, count: total, total },
            };
            completion(&"c".into(), "batch:b1".into(), &page, held).unwrap()
        };
        let first = of(3, &[page(0, 3, 1)]);
        assert_eq!(first.content, of(3, &[page(0, 2, 2), page(2, 1, 3)]).content);
        assert_ne!(first.content, of(4, &[page(0, 4, 1)]).content);
        let data: serde_json::Value = serde_json::from_slice(&first.payload()).unwrap();
        let event = EventId([1; 24]).to_string();
        let expected =
            serde_json::json!({"batchNo": "b\"1", "total": 3, "pages": [{"before": 0, "count": 3, "events": [event]}]});
        assert_eq!((data, first.kind.as_str()), (expected, "onedata.rates_complete"));
    }
}
