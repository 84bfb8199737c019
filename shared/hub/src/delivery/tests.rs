//! Tests of deliveries.

use super::*;
use crate::progress::{PATIENCE, SEEN_OVER};

fn fresh() -> Delivery {
    Delivery::new("erp".into(), Utc(0), Utc(30_000_000))
}

fn attempt(status: u16) -> Attempt {
    Attempt { at: Utc(0), ms: 1, status: Some(status), ..Attempt::default() }
}

const LACKS: &str = "its endpoint is not in the configuration";

const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: true };

#[test]
fn success_settles() {
    let done = fresh().attempted(attempt(200), Outcome::Delivered, &Schedule::default(), Utc(5), 0.5);
    assert_eq!((done.state, done.progress.due), (State::Delivered, Utc(5)));
}

/// Regression: a lack of descriptors used up the retries of what could not be sent.
#[test]
fn lack_of_our_own_uses_no_retry_up() {
    let none = Attempt { at: Utc(0), detail: "no descriptor".to_owned(), ..Attempt::default() };
    let mut delivery = fresh();
    for _ in 0..50 {
        delivery = delivery.attempted(none.clone(), Outcome::Unsent, &Schedule::default(), Utc(0), 0.5);
    }
    assert_eq!((delivery.state, delivery.progress.tries, delivery.progress.due), (State::Pending, 0, Utc(7_500_000)));
    assert_eq!(delivery.progress.attempts.len(), 1, "{:?}", delivery.progress.attempts);
}

#[test]
fn failures_follow_the_schedule_and_then_give_up() {
    let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)]);
    let mut delivery = fresh();
    let mut due = Vec::new();
    while delivery.state == State::Pending {
        delivery = delivery.attempted(attempt(500), REFUSED, &schedule, Utc(0), 0.5);
        due.push(delivery.progress.due.0 / 1_000_000);
    }
    assert_eq!(due, [5, 30, 0]);
    assert_eq!((delivery.state, delivery.progress.attempts.len()), (State::Failed, 3));
}

#[test]
fn retry_after_is_honoured_when_it_is_later() {
    let asks = |seconds| Outcome::Refused { retry_after: Some(Duration::from_secs(seconds)), trouble: true };
    let due = |outcome| {
        fresh().attempted(attempt(503), outcome, &Schedule::default(), Utc(0), 0.5).progress.due.0 / 1_000_000
    };
    assert_eq!((due(asks(90)), due(asks(1)), due(asks(999_999))), (90, 5, 43_200));
}

/// Regression: one wrong reading gave up what had waited for minutes.
#[test]
fn wrong_reading_of_a_clock_gives_nothing_up() {
    let postponed =
        |delivery: Delivery, after| delivery.postponed(Utc(9), "", &Schedule::default(), Utc(0).after(after));
    let (minute, days) = (Duration::from_mins(1), PATIENCE * 30);
    let waiting = (0..200).fold(fresh(), |delivery, _| postponed(delivery, minute));
    let wrong = postponed(postponed(waiting, days), days + minute);
    assert_eq!(wrong.state, State::Pending);
    let right = postponed(wrong, SEEN_OVER * 2);
    assert_eq!((postponed(right.clone(), PATIENCE).state, right.progress.past_deadline), (State::Pending, None));
    assert_eq!(fresh().unconfigured(LACKS, Utc(0).after(days), 0.5).state, State::Pending);
}

/// Regression: behind an open circuit a schedule of a week ended after three days.
#[test]
fn schedule_longer_than_three_days_is_not_cut_short() {
    let week = Schedule::new(vec![Duration::from_hours(24); 7]);
    let postponed =
        |delivery: Delivery, hours| delivery.postponed(Utc(9), "", &week, Utc(0).after(Duration::from_hours(hours)));
    let after = |hours| postponed(postponed(fresh(), hours - 1), hours).state;
    assert_eq!((after(100), after(187)), (State::Pending, State::Failed));
}

#[test]
fn only_the_claim_of_the_hint_may_act() {
    let delivery = fresh();
    assert!(delivery.is_current(0));
    let claimed = delivery.claimed(Utc(60));
    assert!(!claimed.is_current(0) && claimed.is_current(1));
    let done = claimed.attempted(attempt(200), Outcome::Delivered, &Schedule::default(), Utc(5), 0.5);
    assert!(!done.is_current(1) && !done.is_current(2));
}

#[test]
fn kept_attempts_are_bounded() {
    let mut delivery = fresh();
    for _ in 0..50 {
        delivery = delivery.replayed(Utc(0)).attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.0);
    }
    assert_eq!(delivery.progress.attempts.len(), ATTEMPTS_KEPT);
}

/// Regression: a last retry that an operator brought forward was sent as the probe of its circuit, and its failure ended the
/// schedule before the retry's own time.
#[test]
fn probe_brought_forward_uses_no_step_before_its_time() {
    let schedule = Schedule::new(vec![Duration::from_secs(5)]);
    let last = fresh().attempted(attempt(500), REFUSED, &schedule, Utc(0), 0.5);
    let probed = |now| last.clone().forwarded(true, Utc(1)).unwrap().probed(attempt(500), Utc(9), &schedule, now);
    let early = probed(Utc(4_999_999));
    assert_eq!((early.state, early.progress.tries, early.progress.due), (State::Pending, 1, Utc(9)));
    assert_eq!(probed(Utc(5_000_000)).state, State::Failed);
}

#[test]
fn replayed_delivery_is_overdue_since_its_replay() {
    let waiting = fresh().attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.5);
    assert_eq!(waiting.replayed(Utc(7)).overdue_since(), Some(Utc(7)));
}
