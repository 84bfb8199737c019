//! Tests of how turns and tries are counted, and of when work is due, overdue and failed: a count that is wrong by one lets
//! two processes make the same attempt, or none.

use std::time::Duration;

use crate::attempt::Attempt;
use crate::call::{Call, Came, Rules, Standing, Tried};
use crate::delivery::{Delivery, Outcome, State};
use crate::schedule::Schedule;
use crate::{Utc, Work};

const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: true };

fn schedule() -> Schedule {
    Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)])
}

fn delivery(turn: u32) -> Delivery {
    Delivery { turn, ..Delivery::new("erp".into(), Utc(0), Utc(9)) }
}

fn call(turn: u32) -> Call {
    Call { turn, ..Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(3), Utc(9)) }
}

fn tried(came: Came) -> Tried {
    Tried { attempt: Attempt::default(), answer: None, said: None, came, learned: Vec::new() }
}

#[test]
fn every_change_of_a_delivery_ends_one_turn() {
    let attempt = Attempt::default;
    for turn in [0, 1, 7] {
        let given = || delivery(turn);
        let failed = || Delivery { state: State::Failed, ..given() };
        for (name, next) in [
            ("claimed", given().claimed(Utc(20))),
            ("put off", given().put_off(Utc(20), "", &schedule(), Utc(1))),
            ("unknown", given().unknown(Utc(1), 0.5)),
            ("probed", given().probed(attempt(), Utc(20), &schedule(), Utc(1))),
            ("failed", given().attempted(attempt(), REFUSED, &schedule(), Utc(1), 0.5)),
            ("delivered", given().attempted(attempt(), Outcome::Delivered, &schedule(), Utc(1), 0.5)),
            ("replayed", failed().replayed(Utc(1))),
            ("confirmed", failed().confirmed(Utc(1))),
        ] {
            assert_eq!(next.turn, turn + 1, "{name}");
        }
        let waiting = Delivery { in_hand: false, ..given() };
        assert_eq!(waiting.forwarded(true, Utc(1)).map(|next| next.turn), Some(turn + 1));
        assert_eq!(given().released(Utc(1)).turn, turn, "a lease that is over is taken up in the next turn");
    }
}

#[test]
fn every_change_of_a_call_ends_one_turn() {
    let (schedule, came) = (schedule(), Came::Nothing { retry_after: None });
    let rules = Rules { schedule: &schedule, repeatable: true };
    for turn in [0, 1, 7] {
        let given = || call(turn);
        let ambiguous = Call { standing: Standing::Ambiguous, ..given() };
        let resolved = ambiguous.resolved(crate::call::Decision::Retry, "erp", Utc(1));
        for (name, next) in [
            ("claimed", given().claimed(Utc(20), false)),
            ("put off", given().put_off(Utc(20), "", &schedule, Utc(1))),
            ("unknown", given().unknown("it", Utc(1), 0.5)),
            ("probed", given().probed(tried(came), Utc(20), &schedule, Utc(1))),
            ("failed", given().attempted(tried(came), &rules, Utc(1), 0.5)),
            ("succeeded", given().attempted(tried(Came::Success), &rules, Utc(1), 0.5)),
            ("interrupted", given().interrupted(Utc(1))),
            ("resolved", resolved.unwrap()),
        ] {
            assert_eq!(next.turn, turn + 1, "{name}");
        }
        let waiting = Call { in_hand: false, ..given() };
        assert_eq!(waiting.forwarded(true, Utc(1)).map(|next| next.turn), Some(turn + 1));
    }
}

#[test]
fn postponed_delivery_waits_for_its_time_unclaimed() {
    let at_once = Delivery { at_once: true, tries: 1, ..delivery(2) };
    let later = at_once.put_off(Utc(20), "", &schedule(), Utc(1));
    assert_eq!((later.due, later.in_hand, later.at_once, later.tries), (Utc(20), false, false, 1));
    assert_eq!(later.owed, Some(Utc(9)), "its own due time");
    assert_eq!(later.state, State::Pending);
}

#[test]
fn settled_delivery_keeps_nothing_of_its_wait() {
    let given = Delivery {
        owed: Some(Utc(2)),
        asked: Some(Utc(3)),
        brought_forward: Some(Utc(4)),
        at_once: true,
        tries: 1,
        ..delivery(2)
    };
    let done = given.attempted(Attempt::default(), Outcome::Delivered, &schedule(), Utc(8), 0.5);
    assert_eq!((done.state, done.due, done.in_hand, done.at_once), (State::Delivered, Utc(8), false, false));
    assert_eq!((done.owed, done.asked, done.brought_forward, done.tries), (None, None, None, 1));
}

#[test]
fn failed_attempts_use_one_step_each() {
    let mut given = delivery(0);
    for tries in 1..=2 {
        given = given.attempted(Attempt::default(), REFUSED, &schedule(), Utc(0), 0.5);
        assert_eq!((given.tries, given.state), (tries, State::Pending));
    }
    given = given.attempted(Attempt::default(), REFUSED, &schedule(), Utc(0), 0.5);
    assert_eq!((given.tries, given.state), (2, State::Failed));
}

#[test]
fn claimed_call_is_sent_until_its_lease_ends() {
    for (before, now, sending) in [(false, false, false), (false, true, true), (true, false, true), (true, true, true)]
    {
        let claimed = Call { sending: before, ..call(0) }.claimed(Utc(20), now);
        assert_eq!((claimed.sending, claimed.due, claimed.in_hand), (sending, Utc(20), true), "{before} {now}");
        assert_eq!(claimed.owed, Some(Utc(3)), "since it was accepted");
        assert_eq!(claimed.claimed(Utc(30), false).owed, Some(Utc(3)));
    }
}

#[test]
fn only_a_queued_call_has_a_turn_and_a_next_time() {
    for standing in [Standing::Queued, Standing::Succeeded, Standing::Failed, Standing::Ambiguous] {
        let (given, queued) = (Call { standing, ..call(2) }, standing == Standing::Queued);
        assert_eq!([1, 2, 3].map(|turn| given.is_turn(turn)), [false, queued, false], "{standing:?}");
        assert_eq!(given.next(), queued.then_some(Utc(9)), "{standing:?}");
        assert_eq!(given.owed_since(), queued.then_some(Utc(9)), "{standing:?}");
    }
    for state in [State::Pending, State::Delivered, State::Failed, State::Confirmed] {
        let (given, pending) = (Delivery { state, ..delivery(2) }, state == State::Pending);
        assert_eq!([1, 2, 3].map(|turn| given.is_turn(turn)), [false, pending, false], "{state:?}");
        assert_eq!(given.owed_since(), pending.then_some(Utc(9)), "{state:?}");
    }
}

#[test]
fn unclaimed_work_begins_a_second_early_at_most() {
    for in_hand in [true, false] {
        let due = Utc(5_000_000);
        let (delivery, call) = (Delivery { due, in_hand, ..delivery(1) }, Call { due, in_hand, ..call(1) });
        for (now, early) in [(0, true), (3_999_999, true), (4_000_000, false), (5_000_000, false), (9_000_000, false)] {
            let early = early && !in_hand;
            assert_eq!((delivery.is_early(Utc(now)), call.is_early(Utc(now))), (early, early), "{now} {in_hand}");
        }
    }
}

fn work(deliveries: [(State, i64); 2], call: Option<(Standing, i64)>) -> Work {
    let delivery = |(state, due)| Delivery { state, due: Utc(due), ..delivery(1) };
    let call = call.map(|(standing, due)| Call { standing, due: Utc(due), ..self::call(1) });
    Work { deliveries: deliveries.map(delivery).to_vec(), call, ..Work::default() }
}

#[test]
fn overdue_attempts_are_those_whose_time_has_come() {
    let given = work([(State::Pending, 5), (State::Pending, 7)], Some((Standing::Queued, 6)));
    let overdue = |now| given.owed(Utc(now)).map(|since| since.0).collect::<Vec<_>>();
    assert_eq!(overdue(4), [0; 0]);
    assert_eq!(overdue(5), [5]);
    assert_eq!(overdue(6), [5, 6]);
    assert_eq!(overdue(9), [5, 7, 6]);
    let ended = work([(State::Delivered, 5), (State::Failed, 7)], Some((Standing::Failed, 6)));
    assert_eq!(ended.owed(Utc(9)).count(), 0);
}

#[test]
fn failed_work_dates_from_its_first_failure() {
    use State::{Confirmed, Delivered, Failed, Pending};
    for (deliveries, call, failed, waits) in [
        ([(Pending, 1), (Delivered, 2)], None, None, None),
        ([(Confirmed, 1), (Failed, 5)], None, Some(5), Some(5)),
        ([(Failed, 6), (Failed, 5)], None, Some(5), Some(5)),
        ([(Delivered, 1), (Delivered, 2)], Some((Standing::Failed, 7)), Some(7), None),
        ([(Delivered, 1), (Delivered, 2)], Some((Standing::Ambiguous, 7)), Some(7), Some(7)),
        ([(Delivered, 1), (Delivered, 2)], Some((Standing::Queued, 7)), None, None),
        ([(Delivered, 1), (Delivered, 2)], Some((Standing::Succeeded, 7)), None, None),
        ([(Failed, 9), (Delivered, 2)], Some((Standing::Failed, 7)), Some(7), Some(9)),
        ([(Failed, 9), (Delivered, 2)], Some((Standing::Ambiguous, 7)), Some(7), Some(7)),
    ] {
        let given = work(deliveries, call);
        assert_eq!(given.failed_since(), failed.map(Utc), "{given:?}");
        assert_eq!(given.waits_since(), waits.map(Utc), "{given:?}");
        assert_eq!(given.has_failed(), failed.is_some());
    }
}
