//! Tests of the sequence of commands about one order.

use std::collections::BTreeMap;

use partners::{Partner, operation};

use super::*;
use crate::breaker::LONGEST_POSTPONEMENT;
use crate::call::{Decision, Request, accepted};
use crate::schedule::Schedule;
use crate::set_back::Waits;
use crate::{ConnectionId, Work};

const EVERY: Duration = Duration::from_secs(30);
const HOUR: Utc = Utc(3_600_000_000);
const RETENTION: Duration = Duration::from_hours(48);

/// Accepted commands at one connection, by their keys, with the chains of their orders.
#[derive(Default)]
struct Desk {
    calls: BTreeMap<&'static str, Record>,
    heads: BTreeMap<Subject, Head>,
}

impl Desk {
    /// Accepts a command about these orders at that time, behind those that were accepted before.
    fn accept(&mut self, key: &'static str, orders: &[&str], now: Utc) -> &Call {
        let connection = ConnectionId::from("xhq-sh");
        let operation = operation::find(Partner::Xhq, "lcl_task").unwrap();
        let list: Vec<_> = orders.iter().map(|order| format!(r#"{{"orderOutNo":"{order}"}}"#)).collect();
        let body = format!(r#"{{"billNo":"B1","orders":[{}]}}"#, list.join(","));
        let request = Request { connection: &connection, operation: &operation, key, body: &body, file: None };
        let record = accepted(&request, now, EVERY, RETENTION).unwrap();
        let heads: Vec<_> =
            super::orders(&record.event.meta).map(|order| (order.clone(), self.heads.get(&order).cloned())).collect();
        let (mut record, moves) = placed(record, heads, now);
        let call = record.work.call.take().unwrap();
        record.work.call = Some(call.clone().waiting(&self.position(&call), EVERY, now));
        for moved in moves {
            assert_eq!(moved.expected, self.heads.get(&moved.order).map(|head| head.event));
            self.heads.insert(moved.order, moved.head);
        }
        self.calls.insert(key, record);
        self.call(key)
    }

    fn call(&self, key: &str) -> &Call {
        self.calls[key].work.call.as_ref().unwrap()
    }

    fn found(&self, at: &Predecessor) -> Option<Seen<'_>> {
        let record = self.calls.values().find(|record| record.event.key.id == at.call)?;
        Some(Seen { meta: &record.event.meta, call: record.work.call.as_ref()? })
    }

    fn position(&self, call: &Call) -> Position {
        let mut position = Position::default();
        for nearest in &call.after {
            let (mut search, mut at) = (Ahead::of(nearest.clone()), nearest.clone());
            let place = loop {
                match search.next(self.found(&at)) {
                    Step::Look(before) => at = before,
                    Step::Found(place) => break place,
                }
            };
            position.add(place);
        }
        position
    }

    /// The key of the command that one waits for.
    fn waits_for(&self, key: &str) -> Option<&'static str> {
        self.position(self.call(key)).waits_for.map(|earlier| self.key(earlier.call))
    }

    /// The key of the command about an order that goes on once another one has ended.
    fn behind(&self, order: &str, ended: &str) -> Option<&'static str> {
        let order = Subject::new("order", order);
        let mut at = Predecessor::latest(order.clone(), &self.heads[&order]);
        let mut search = Behind::of(at.clone(), self.calls[ended].event.key.id)?;
        let first = loop {
            match search.next(self.found(&at)) {
                Step::Look(before) => at = before,
                Step::Found(first) => break first,
            }
        };
        first.map(|first| self.key(first))
    }

    /// The chain as it was when that command was its latest.
    fn head_at(&self, key: &str) -> Head {
        let Record { event, .. } = &self.calls[key];
        Head { event: event.key.id, received: event.meta.received, ..self.heads.values().next().unwrap().clone() }
    }

    fn key(&self, id: EventId) -> &'static str {
        self.calls.iter().find(|(_, record)| record.event.key.id == id).map(|(key, _)| *key).unwrap()
    }

    /// A command changes.
    fn change(&mut self, key: &str, change: impl FnOnce(Call) -> Call) {
        let record = self.calls.get_mut(key).unwrap();
        record.work.call = record.work.call.take().map(change);
    }

    fn ends(&mut self, key: &str, standing: Standing) {
        self.change(key, |call| call.ended(standing, Utc(9)));
    }
}

#[test]
fn command_waits_for_each_queued_one_of_its_orders() {
    let mut desk = Desk::default();
    assert_eq!(desk.accept("a", &["1"], Utc(0)).waits_for, None);
    assert_eq!(desk.accept("other", &["2"], Utc(1)).waits_for, None, "another order");
    assert!(desk.accept("both", &["1", "2"], Utc(2)).waits_for.is_some());
    desk.accept("c", &["2"], Utc(3));
    assert_eq!(["a", "other", "both", "c"].map(|key| desk.waits_for(key)), [None, None, Some("a"), Some("both")]);
    desk.ends("a", Standing::Succeeded);
    assert_eq!(["both", "c"].map(|key| desk.waits_for(key)), [Some("other"), Some("both")]);
    desk.ends("other", Standing::Failed);
    assert_eq!(["both", "c"].map(|key| desk.waits_for(key)), [None, Some("both")]);
    desk.ends("both", Standing::Cancelled);
    assert_eq!(desk.waits_for("c"), None);
}

#[test]
fn ambiguous_call_holds_up_none_until_it_is_queued_again() {
    let mut desk = Desk::default();
    desk.accept("a", &["1"], Utc(0));
    desk.ends("a", Standing::Ambiguous);
    desk.accept("b", &["1"], Utc(1));
    desk.ends("b", Standing::Succeeded);
    desk.accept("c", &["1"], Utc(2));
    assert_eq!(["b", "c"].map(|key| desk.waits_for(key)), [None, None]);
    desk.change("a", |call| call.resolved(Decision::Retry, "erp", Utc(3)).unwrap());
    assert_eq!(desk.waits_for("c"), Some("a"), "also past one that has ended");
    assert_eq!(desk.behind("1", "b"), Some("a"), "the first that is queued");
    desk.ends("a", Standing::Succeeded);
    assert_eq!((desk.waits_for("c"), desk.behind("1", "a")), (None, Some("c")));
}

#[test]
fn cancelled_call_in_the_middle_releases_none() {
    let mut desk = Desk::default();
    for (at, key) in (0..).zip(["a", "b", "c"]) {
        desk.accept(key, &["1"], Utc(at));
    }
    desk.ends("b", Standing::Cancelled);
    assert_eq!((desk.waits_for("c"), desk.behind("1", "b")), (Some("a"), Some("a")));
    desk.ends("a", Standing::Ambiguous);
    assert_eq!((desk.waits_for("c"), desk.behind("1", "a")), (None, Some("c")));
    assert_eq!(desk.behind("1", "c"), None, "it is the latest");
}

/// An idempotency key may be used again once its call has expired. The call of that id is not the one that was waited for.
#[test]
fn call_under_a_key_that_is_used_again_is_another_one() {
    let mut desk = Desk::default();
    desk.accept("a", &["1"], Utc(0));
    desk.accept("b", &["1"], Utc(1));
    desk.calls.remove("a");
    assert_eq!(desk.waits_for("b"), None, "what has expired holds up none");
    desk.accept("a", &["1"], Utc(2));
    assert_eq!(["a", "b"].map(|key| desk.waits_for(key)), [Some("b"), None], "they do not wait for each other");
}

#[test]
fn long_chain_of_ended_calls_is_searched_in_parts() {
    let keys: Vec<&'static str> = (0..LOOKS * 2 + 10).map(|n| &*format!("{n:04}").leak()).collect();
    let mut desk = Desk::default();
    for (at, key) in (0..).zip(&keys) {
        desk.accept(key, &["1"], Utc(at));
    }
    let (first, rest) = keys.split_first().unwrap();
    for key in rest {
        desk.ends(key, Standing::Cancelled);
    }
    assert!(desk.accept("last", &["1"], Utc(1_000)).waits_for.is_some());
    let mut looks = 0;
    while desk.waits_for("last") != Some(first) {
        let position = desk.position(desk.call("last"));
        assert!(position.waits_for.is_some_and(|earlier| earlier.due.is_none()), "it is not known yet");
        desk.change("last", |call| call.waiting(&position, EVERY, Utc(1_001)));
        looks += 1;
    }
    assert_eq!(looks, 1, "and once when it was accepted");
}

#[test]
fn first_of_too_many_waiting_calls_is_left_to_its_due_time() {
    let keys: Vec<&'static str> = (0..LOOKS_BEHIND + 2).map(|n| &*format!("{n:04}").leak()).collect();
    let mut desk = Desk::default();
    for (at, key) in (0..).zip(&keys) {
        desk.accept(key, &["1"], Utc(at));
    }
    desk.ends(keys[0], Standing::Succeeded);
    assert_eq!(desk.behind("1", keys[0]), None);
    desk.ends(keys[1], Standing::Succeeded);
    desk.heads.insert(Subject::new("order", "1"), desk.head_at(keys[LOOKS_BEHIND - 1]));
    assert_eq!(desk.behind("1", keys[0]), Some(keys[2]));
}

#[test]
fn acceptance_is_later_than_that_of_the_one_before() {
    let mut desk = Desk::default();
    desk.accept("a", &["1"], Utc(5));
    desk.accept("b", &["1"], Utc(5));
    desk.accept("c", &["1", "2"], Utc(4));
    let accepted = ["a", "b", "c"].map(|key| desk.calls[key].event.meta.received);
    assert_eq!(accepted, [Utc(5), Utc(6), Utc(7)]);
    let heads = ["1", "2"].map(|order| desk.heads[&Subject::new("order", order)].received);
    assert_eq!(heads, [Utc(7); 2]);
}

#[test]
fn latest_command_is_remembered_beyond_a_short_retention() {
    let mut desk = Desk::default();
    desk.accept("a", &["1"], Utc(5));
    let (_, moves) = placed(desk.calls["a"].clone(), vec![(Subject::new("order", "1"), None)], Utc(5));
    assert_eq!(moves[0].expires, Utc(5).after(REMEMBERED));
}

#[test]
fn wait_uses_up_no_retry_and_no_patience() {
    let mut desk = Desk::default();
    desk.accept("a", &["1"], Utc(0));
    let mut call = desk.accept("b", &["1"], Utc(1)).clone();
    let schedule = Schedule::new(vec![Duration::from_secs(5)]);
    let mut now = Utc(1);
    for _ in 0..1_000 {
        let position = desk.position(&call);
        now = now.after(Duration::from_hours(1));
        call = call.claimed(now.after(EVERY)).waiting(&position, EVERY, now);
    }
    let [attempt] = call.progress.attempts.as_slice() else { panic!("{:?}", call.progress.attempts) };
    assert_eq!((attempt.postponed, attempt.at, call.progress.tries), (1_001, Utc(1), 0));
    assert!(attempt.detail.contains(&desk.calls["a"].event.key.id.to_string()), "{attempt:?}");
    assert_eq!(call.overdue_since(), Some(call.progress.due), "it is not overdue while it waits");
    let again = call.clone().postponed(now.after(EVERY), "an open circuit", &schedule, now);
    assert_eq!((again.standing, again.waits_for, again.progress.past_deadline), (Standing::Queued, None, None));
}

#[test]
fn waiting_call_is_looked_at_soon_after_the_attempt_it_waits_for() {
    let id = EventId([7; 24]);
    let looked_at = |due| Earlier { call: id, due }.looked_at(HOUR, EVERY);
    assert_eq!(looked_at(None), HOUR.after(EVERY), "an attempt may be under way");
    assert_eq!(looked_at(Some(Utc(0))), HOUR.after(EVERY));
    assert_eq!(looked_at(Some(HOUR.after(EVERY))), HOUR.after(2 * EVERY));
    assert_eq!(looked_at(Some(HOUR.after(RETENTION))), HOUR.after(LONGEST_WAIT));
    assert!(LONGEST_WAIT <= LONGEST_POSTPONEMENT, "a clock that is set back shortens no wait");
}

#[test]
fn waiting_call_is_brought_forward_by_the_end_before_it_alone() {
    let mut desk = Desk::default();
    desk.accept("a", &["1"], Utc(0));
    let call = desk.accept("b", &["1"], Utc(1)).clone();
    assert_eq!(call.clone().forwarded(false, Utc(2)), None, "by no circuit");
    let sent_now = call.clone().forwarded(true, Utc(2)).unwrap();
    assert_eq!((sent_now.waits_for, sent_now.progress.due), (None, Utc(2)));
    assert_eq!(call.clone().claimed(HOUR).freed(Utc(2)), None, "its attempt finds out");
    let freed = call.clone().freed(Utc(2)).unwrap();
    assert_eq!((freed.waits_for, freed.progress.due, freed.progress.is_claimed), (None, Utc(2), false));
    assert!(freed.progress.claim > call.progress.claim);
    assert_eq!(freed.freed(Utc(3)), None);
    assert_eq!(desk.call("a").clone().freed(Utc(2)), None);
    let waits = Waits { lease: EVERY, schedule: &Schedule::default() };
    let work = Work { call: Some(call), ..Work::default() };
    assert_eq!(work.brought_back(|_| waits, &waits, EVERY, Utc(1)), None, "the wait is none of a false clock");
}
