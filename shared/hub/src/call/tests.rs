//! Tests of calls.

use super::*;
use crate::progress::{PATIENCE, SEEN_OVER, UNKNOWN};

const NOTHING: Came = Came::Nothing { retry_after: None };

fn call() -> Call {
    Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(0), Utc(30_000_000))
}

fn attempted(call: Call, came: Came, repeatable: bool) -> Call {
    let attempt = Attempt { ms: 1, ..Attempt::default() };
    let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)]);
    let tried = Tried { attempt, answer: None, said: None, came, learned: vec![] };
    call.attempted(tried, &Rules { schedule: &schedule, repeatable }, Utc(0), 0.5)
}

#[test]
fn the_partners_business_code_decides() {
    assert_eq!(attempted(call(), Came::Success, false).standing, Standing::Succeeded);
    assert_eq!(attempted(call(), Came::Refusal, true).standing, Standing::Failed);
}

#[test]
fn without_an_answer_only_what_is_safe_is_sent_again() {
    let unsafe_call = attempted(call().claimed_to_send(Utc(60)), Came::Unknown, false);
    assert_eq!((unsafe_call.standing, unsafe_call.pending()), (Standing::Ambiguous, None));
    let safe = attempted(call(), Came::Unknown, true);
    assert_eq!((safe.standing, safe.progress.due), (Standing::Queued, Utc(5_000_000)));
}

#[test]
fn unprocessed_call_follows_the_schedule_and_then_fails() {
    let (first, mut dues) = (call(), Vec::new());
    let mut call = first;
    while call.standing == Standing::Queued {
        call = attempted(call, NOTHING, false);
        dues.push(call.progress.due.0 / 1_000_000);
    }
    assert_eq!((call.standing, dues), (Standing::Failed, vec![5, 30, 0]));
}

#[test]
fn call_cut_off_while_sent_is_ambiguous_until_resolved() {
    let cut = call().claimed_to_send(Utc(60)).claimed(Utc(90));
    assert!(cut.sending, "a later claim does not forget that it may have been sent");
    let ambiguous = cut.interrupted(Utc(90));
    let again = ambiguous.clone().resolved(Decision::Retry, "erp", Utc(99)).unwrap();
    assert_eq!((again.standing, again.progress.due, again.sending), (Standing::Queued, Utc(99), false));
    let done = ambiguous.resolved(Decision::Done, "erp", Utc(99)).unwrap();
    assert_eq!(done.standing, Standing::Succeeded);
    let decided = Decided { decision: Decision::Done, at: Utc(99), by: "erp".to_owned() };
    assert_eq!(done.decisions, [decided]);
    assert_eq!(done.resolved(Decision::Retry, "erp", Utc(99)), None);
}

#[test]
fn postponed_call_waits_three_days_and_uses_no_retry() {
    let schedule = Schedule::default();
    let waiting = (0..200).fold(call(), |call, _| call.postponed(Utc(9), "", &schedule, Utc(8)));
    assert_eq!((waiting.progress.tries, waiting.progress.due, waiting.standing), (0, Utc(9), Standing::Queued));
    let over = waiting.postponed(Utc(9), "", &schedule, Utc(0).after(PATIENCE));
    assert_eq!(over.standing, Standing::Queued, "no single reading of a clock ends it");
    let late = Utc(0).after(PATIENCE + SEEN_OVER);
    assert_eq!(over.postponed(Utc(9), "", &schedule, late).standing, Standing::Failed);
}

/// Regression: a call failed at once when a process with an older configuration attempted it.
#[test]
fn unconfigured_call_is_given_up_after_an_hour_or_more() {
    let unknown = call().unconfigured("app_id", Utc(0), 0.5);
    assert_eq!(
        (unknown.standing, unknown.progress.tries, unknown.progress.due),
        (Standing::Queued, 0, Utc(90_000_000))
    );
    let over = unknown.claimed(Utc(90_000_000)).unconfigured("app_id", Utc(0).after(UNKNOWN), 0.5);
    assert_eq!(over.standing, Standing::Queued);
    let given_up = over.unconfigured("app_id", Utc(0).after(UNKNOWN + SEEN_OVER), 0.5);
    assert_eq!(given_up.standing, Standing::Failed);
}

/// Regression: the ERP was told of a call that had failed, or that nobody knows the result of, without a word of why.
#[test]
fn an_end_without_an_answer_says_why() {
    let mut old = call();
    old.progress.past_deadline = Some(Utc(0));
    let given_up = old.clone().postponed(Utc(9), "", &Schedule::default(), Utc(0).after(PATIENCE));
    let unknown = old.unconfigured("app_id", Utc(0).after(PATIENCE), 0.0);
    let cut = call().claimed_to_send(Utc(9)).interrupted(Utc(9));
    for (ended, why) in [(cut, "cut off"), (given_up, "given up"), (unknown, "given up: app_id")] {
        assert!(ended.progress.attempts.last().is_some_and(|last| last.detail.starts_with(why)), "{ended:?}");
    }
}

#[test]
fn call_claimed_again_stays_overdue_since_its_time() {
    assert_eq!(call().claimed_to_send(Utc(60)).overdue_since(), Some(Utc(0)));
    let postponed = call().postponed(Utc(9), "", &Schedule::default(), Utc(8));
    assert_eq!(postponed.claimed(Utc(60)).overdue_since(), Some(Utc(0)));
    assert_eq!(attempted(call(), NOTHING, false).overdue_since(), Some(Utc(5_000_000)));
    assert_eq!(attempted(call(), Came::Success, false).overdue_since(), None);
}

#[test]
fn retry_is_early_until_its_time_and_a_claim_never_is() {
    let retry = attempted(call(), NOTHING, false);
    assert!(
        retry.progress.is_early(Utc(0))
            && !retry.progress.is_early(Utc(4_500_000))
            && !call().progress.is_early(Utc(0))
    );
}

#[test]
fn forwarded_retry_leaves_the_schedule_as_it_was() {
    let asks = Came::Nothing { retry_after: Some(Duration::from_hours(24)) };
    let patient = attempted(call(), asks, false);
    assert_eq!(patient.clone().forwarded(false, Utc(1)), None, "the partner asked for it");
    let now = patient.clone().forwarded(true, Utc(1)).unwrap();
    assert_eq!((now.progress.due, now.progress.at_once), (Utc(1), true));
    let again = attempted(now, NOTHING, false);
    assert_eq!((again.progress.due, again.progress.tries), (patient.progress.due, 1));
    let asked = patient.forwarded(true, Utc(1)).unwrap();
    assert_eq!(asked.forwarded(true, Utc(2)), None, "it is due at once already");
    assert_eq!(call().forwarded(true, Utc(1)), None, "it is under way");
    assert_eq!(attempted(call(), Came::Success, false).forwarded(true, Utc(1)), None);
}
