//! Tests of calls.

use super::*;

const NOTHING: CallOutcome = CallOutcome::Nothing { retry_after: None };

fn call() -> Call {
    Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(0), Utc(30_000_000))
}

fn attempted(call: Call, came: CallOutcome, repeatable: bool) -> Call {
    let attempt = Attempt { ms: 1, ..Attempt::default() };
    let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)]);
    let tried = CallAttempt { attempt, answer: None, said: None, came, learned: vec![] };
    call.attempted(tried, &Rules { schedule: &schedule, repeatable }, Utc(0), 0.5)
}

#[test]
fn the_partners_business_code_decides() {
    assert_eq!(attempted(call(), CallOutcome::Success, false).standing, Standing::Succeeded);
    assert_eq!(attempted(call(), CallOutcome::Refusal, true).standing, Standing::Failed);
}

#[test]
fn without_an_answer_only_what_is_safe_is_sent_again() {
    let unsafe_call = attempted(call().claimed_to_send(Utc(60)), CallOutcome::Unknown, false);
    assert_eq!((unsafe_call.standing, unsafe_call.pending()), (Standing::Ambiguous, None));
    let safe = attempted(call(), CallOutcome::Unknown, true);
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
    let decided = DecisionRecord { decision: Decision::Done, at: Utc(99), by: "erp".to_owned() };
    assert_eq!(done.decisions, [decided]);
    assert_eq!(done.resolved(Decision::Retry, "erp", Utc(99)), None);
}

/// Regression: the ERP was told of a call that nobody knows the result of, without a word of why.
#[test]
fn cut_off_call_keeps_the_reason() {
    let cut = call().claimed_to_send(Utc(9)).interrupted(Utc(9));
    assert!(cut.progress.attempts.last().is_some_and(|last| last.detail.starts_with("cut off")), "{cut:?}");
}
