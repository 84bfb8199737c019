//! Tests of waits behind an earlier event.

use std::time::Duration;

use crate::attempt::Attempt;
use crate::delivery::{Delivery, Outcome, State};
use crate::order::LONGEST_WAIT;
use crate::progress::{Outgoing as _, PATIENCE, Progress, SEEN_OVER};
use crate::schedule::Schedule;
use crate::set_back::Waits;
use crate::{EventId, Utc, Work};

const AHEAD: EventId = EventId([7; 24]);
const NOW: Utc = Utc(1_790_000_000_000_000);
const LEASE: Duration = Duration::from_secs(30);
const DAYS: Duration = Duration::from_hours(72);

fn schedule() -> Schedule {
    Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)])
}

fn fresh() -> Delivery {
    Delivery::new("erp".into(), NOW, NOW.after(LEASE))
}

fn failed(delivery: Delivery, now: Utc) -> Delivery {
    let outcome = Outcome::Refused { retry_after: None, trouble: false };
    delivery.attempted(Attempt::default(), outcome, &schedule(), now, 0.5)
}

#[test]
fn waiting_delivery_is_due_later_and_not_overdue() {
    let waiting = fresh().waiting_behind(AHEAD, NOW.after(LONGEST_WAIT), NOW);
    let Progress { claim, is_claimed, tries, .. } = waiting.progress;
    assert_eq!((claim, is_claimed, tries, waiting.state), (1, false, 0, State::Pending));
    assert_eq!(waiting.progress.waits_for(), Some(AHEAD));
    assert_eq!(waiting.overdue_since(), Some(NOW.after(LONGEST_WAIT)));
    let again = waiting.claimed(NOW.after(DAYS)).waiting_behind(AHEAD, NOW.after(DAYS), NOW);
    let [entry] = again.progress.attempts.as_slice() else { panic!("{again:?}") };
    assert_eq!(entry.postponed, 2);
    assert!(entry.detail.contains(&AHEAD.to_string()), "{entry:?}");
}

#[test]
fn passed_delivery_is_due_under_a_new_claim() {
    let waiting = fresh().waiting_behind(AHEAD, NOW.after(LONGEST_WAIT), NOW);
    let passed = waiting.clone().passed(NOW.after(LEASE)).unwrap();
    assert_eq!((passed.progress.due, passed.progress.claim), (NOW.after(LEASE), waiting.progress.claim + 1));
    assert_eq!(passed.progress.waits_for(), None);
    assert_eq!(passed.overdue_since(), Some(NOW.after(LEASE)), "since its turn came");
    for other in [fresh(), passed, waiting.clone().claimed(NOW), failed(fresh(), NOW)] {
        assert_eq!(other.clone().passed(NOW), None, "{other:?}");
    }
    let ended = Delivery { state: State::Failed, ..waiting };
    assert_eq!(ended.passed(NOW), None);
}

/// It may wait for days behind one that fails for as long.
#[test]
fn wait_uses_up_neither_schedule_nor_patience() {
    let mut waiting = failed(fresh(), NOW);
    for days in 1..=4 {
        let day = NOW.after(Duration::from_hours(24 * days));
        waiting = waiting.waiting_behind(AHEAD, day, day).claimed(day.after(LEASE));
    }
    let end = NOW.after(2 * DAYS);
    let waiting = waiting.waiting_behind(AHEAD, end, end).passed(end).unwrap();
    assert_eq!(waiting.progress.tries, 1);
    let waited = Duration::from_hours(24 * 5);
    assert_eq!(waiting.progress.since, NOW.after(waited), "from the first wait on");
    let postponed = waiting.postponed(end, "", &schedule(), end).postponed(end, "", &schedule(), end.after(SEEN_OVER));
    assert_eq!(postponed.state, State::Pending, "{postponed:?}");
    let over = NOW.after(waited + PATIENCE);
    let given_up = postponed.postponed(over, "", &schedule(), over).postponed(
        over.after(SEEN_OVER),
        "",
        &schedule(),
        over.after(SEEN_OVER),
    );
    assert_eq!(given_up.state, State::Failed);
}

#[test]
fn closed_circuit_leaves_what_waits_for_an_event() {
    let waiting = fresh().waiting_behind(AHEAD, NOW.after(LONGEST_WAIT), NOW);
    assert_eq!(waiting.clone().forwarded(false, NOW), None);
    let looks = waiting.forwarded(true, NOW).unwrap();
    assert_eq!((looks.progress.due, looks.progress.brought_forward), (NOW, None), "an operator makes it look again");
    let again = looks.waiting_behind(AHEAD, NOW.after(LONGEST_WAIT), NOW);
    assert!(!again.progress.at_once);
}

#[test]
fn attempt_ends_the_wait() {
    let claimed = fresh().waiting_behind(AHEAD, NOW, NOW).claimed(NOW.after(LEASE));
    for after in [
        failed(claimed.clone(), NOW),
        claimed.clone().postponed(NOW, "", &schedule(), NOW),
        claimed.clone().replayed(NOW),
    ] {
        assert_eq!(after.progress.behind, None);
    }
}

/// A clock that ran ahead stored a wait that would last as long as it was ahead by.
#[test]
fn wait_of_a_false_time_is_brought_back() {
    let ahead = NOW.after(DAYS);
    let waits = |_: &_| Waits { lease: LEASE, schedule: const { &Schedule::new(Vec::new()) } };
    let back = |since: Utc, until: Utc| {
        let work = Work { deliveries: vec![fresh().waiting_behind(AHEAD, until, since)], ..Work::default() };
        let call = Waits { lease: LEASE, schedule: const { &Schedule::new(Vec::new()) } };
        work.brought_back(waits, &call, LEASE, NOW).map(|work| work.deliveries[0].progress.due)
    };
    assert_eq!(back(ahead, ahead.after(LONGEST_WAIT)), Some(NOW.after(LONGEST_WAIT)));
    assert_eq!(back(NOW, NOW.after(LONGEST_WAIT)), None);
}
