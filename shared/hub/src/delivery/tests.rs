//! Tests of deliveries.

use super::*;
use crate::progress::{KNOWN, PATIENCE, SEEN_OVER, UNKNOWN};

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

#[test]
fn postponed_delivery_waits_three_days_and_uses_no_retry() {
    let schedule = Schedule::new(vec![Duration::from_secs(5)]);
    let reopens = Utc(15_000_000);
    let waiting = (0..100).fold(fresh(), |delivery, _| delivery.postponed(reopens, "put off", &schedule, Utc(1)));
    assert_eq!((waiting.state, waiting.progress.due, waiting.progress.attempts.len()), (State::Pending, reopens, 1));
    let tried = waiting.clone().attempted(attempt(500), REFUSED, &schedule, Utc(2), 0.5);
    assert_eq!(tried.state, State::Pending, "every step is still there");
    let over = waiting.postponed(reopens, "put off", &schedule, Utc(0).after(PATIENCE));
    assert_eq!(over.state, State::Pending);
    let late = over.postponed(reopens, "put off", &schedule, Utc(0).after(PATIENCE + SEEN_OVER));
    assert_eq!(late.state, State::Failed);
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

/// Regression: deliveries were given up without a word of why.
#[test]
fn given_up_delivery_keeps_the_reason() {
    let late = Utc(0).after(PATIENCE);
    let mut old = fresh();
    old.progress.past_deadline = Some(Utc(0));
    let circuit = old.clone().postponed(Utc(9), "", &Schedule::default(), late);
    let unknown = old.unconfigured(LACKS, late, 0.5);
    for (given_up, why) in [(circuit, "endpoint has failed"), (unknown, "not in the configuration")] {
        assert_eq!(given_up.state, State::Failed);
        assert!(given_up.progress.attempts.last().is_some_and(|last| last.detail.contains(why)), "{given_up:?}");
    }
}

/// Regression: a delivery failed at once when a process with an older configuration attempted it.
#[test]
fn unconfigured_delivery_is_given_up_after_an_hour_or_more() {
    let unknown = fresh().unconfigured(LACKS, Utc(0), 0.5);
    assert_eq!((unknown.state, unknown.progress.tries, unknown.progress.due), (State::Pending, 0, Utc(90_000_000)));
    let over = unknown.clone().unconfigured(LACKS, Utc(0).after(UNKNOWN), 0.5);
    assert_eq!(over.state, State::Pending);
    let almost = Utc(0).after(UNKNOWN).after(SEEN_OVER.saturating_sub(Duration::from_secs(1)));
    assert_eq!(over.clone().unconfigured(LACKS, almost, 0.5).state, State::Pending);
    assert_eq!(over.claimed(almost).unconfigured(LACKS, Utc(0).after(UNKNOWN + SEEN_OVER), 0.5).state, State::Failed);
    // However old it is: its hour begins when an attempt is due.
    let retried = unknown.attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0).after(UNKNOWN * 9), 0.5);
    assert_eq!(retried.unconfigured(LACKS, Utc(0).after(UNKNOWN * 9 + KNOWN), 0.5).state, State::Pending);
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
fn retry_is_early_until_a_second_before_its_time() {
    let waiting = fresh().attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.5);
    assert!(waiting.progress.is_early(Utc(3_999_999)) && !waiting.progress.is_early(Utc(4_000_000)));
    assert!(!fresh().progress.is_early(Utc(0)), "a claim is attempted at once");
    assert!(!waiting.claimed(Utc(90_000_000)).progress.is_early(Utc(5_000_000)));
}

#[test]
fn delivery_claimed_again_stays_overdue_since_its_time() {
    let since = |delivery: &Delivery| delivery.overdue_since();
    assert_eq!(since(&fresh().claimed(Utc(90_000_000)).claimed(Utc(150_000_000))), Some(Utc(0)));
    let postponed = fresh().postponed(Utc(15_000_000), "", &Schedule::default(), Utc(1));
    assert_eq!(since(&postponed.claimed(Utc(90_000_000))), Some(Utc(0)));
    let waiting = fresh().claimed(Utc(90_000_000)).attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.5);
    assert_eq!(since(&waiting), Some(waiting.progress.due), "not before its retry");
    assert_eq!(since(&waiting.clone().claimed(Utc(90_000_000))), Some(waiting.progress.due));
    assert_eq!(since(&waiting.clone().replayed(Utc(7))), Some(Utc(7)));
    let done = waiting.attempted(attempt(200), Outcome::Delivered, &Schedule::default(), Utc(5), 0.5);
    assert_eq!(since(&done), None);
}

#[test]
fn kept_attempts_are_bounded() {
    let mut delivery = fresh();
    for _ in 0..50 {
        delivery = delivery.replayed(Utc(0)).attempted(attempt(500), REFUSED, &Schedule::default(), Utc(0), 0.0);
    }
    assert_eq!(delivery.progress.attempts.len(), ATTEMPTS_KEPT);
}

/// Regression: nothing but time ended a wait, and a day's `Retry-After` was one of twelve hours.
#[test]
fn forwarded_retry_leaves_the_schedule_as_it_was() {
    let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_hours(1)]);
    let asks = Outcome::Refused { retry_after: Some(Duration::from_hours(24)), trouble: true };
    let patient = fresh().attempted(attempt(503), asks, &schedule, Utc(0), 0.5);
    assert_eq!(patient.clone().forwarded(false, Utc(1)), None, "the endpoint asked for it");
    let now = patient.clone().forwarded(true, Utc(1)).unwrap();
    assert_eq!(
        (now.progress.due, now.progress.at_once, now.progress.claim),
        (Utc(1), true, patient.progress.claim + 1)
    );
    let again = now.attempted(attempt(500), REFUSED, &schedule, Utc(2), 0.5);
    assert_eq!((again.progress.due, again.progress.tries, again.progress.at_once), (patient.progress.due, 1, false));
    // Regression: what was due at once was brought forward for ever, by whoever went on to the next page.
    let asked = patient.forwarded(true, Utc(1)).unwrap();
    assert_eq!((asked.clone().forwarded(true, Utc(1)), asked.forwarded(true, Utc(2))), (None, None));

    let retry = fresh().attempted(attempt(500), REFUSED, &schedule, Utc(0), 0.5);
    let forwarded = retry.clone().forwarded(false, Utc(1)).unwrap().claimed(Utc(60));
    assert_eq!(forwarded.clone().forwarded(true, Utc(2)), None, "it is under way");
    let done = forwarded.attempted(attempt(200), Outcome::Delivered, &schedule, Utc(2), 0.5);
    assert_eq!((done.state, done.progress.brought_forward), (State::Delivered, None));

    let postponed = fresh().postponed(Utc(90), "", &schedule, Utc(1)).forwarded(false, Utc(2)).unwrap();
    let tried = postponed.attempted(attempt(500), REFUSED, &schedule, Utc(3), 0.5);
    assert_eq!((tried.progress.tries, tried.progress.due), (1, Utc(5_000_003)), "an attempt like any other");
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
