//! Tests of how claims and tries are counted, and of when work is due, overdue and failed: a count that is wrong by one lets
//! two processes make the same attempt, or none.

use std::fmt::Debug;
use std::time::Duration;

use crate::attempt::Attempt;
use crate::call::{Call, CallAttempt, CallOutcome, Rules, Standing};
use crate::delivery::{Delivery, Outcome, State};
use crate::progress::{Behind, KNOWN, Outgoing, PATIENCE, Progress, SEEN_OVER, UNKNOWN};
use crate::schedule::Schedule;
use crate::{EventId, Utc, Work};

const REFUSED: Outcome = Outcome::Refused { retry_after: None, trouble: true };

fn schedule() -> Schedule {
    Schedule::new(vec![Duration::from_secs(5), Duration::from_secs(30)])
}

fn delivery(claim: u32) -> Delivery {
    let fresh = Delivery::new("erp".into(), Utc(0), Utc(9));
    Delivery { progress: Progress { claim, ..fresh.progress }, ..fresh }
}

fn call(claim: u32) -> Call {
    let fresh = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(3), Utc(9));
    Call { progress: Progress { claim, ..fresh.progress }, ..fresh }
}

fn tried(came: CallOutcome) -> CallAttempt {
    CallAttempt { attempt: Attempt::default(), answer: None, said: None, came, learned: Vec::new() }
}

/// Transitions of both after an attempt.
trait Attempted: Outgoing + Debug + PartialEq {
    fn failed(self, retry_after: Option<Duration>, schedule: &Schedule, now: Utc) -> Self;
    fn succeeded(self, now: Utc) -> Self;
}

impl Attempted for Delivery {
    fn failed(self, retry_after: Option<Duration>, schedule: &Schedule, now: Utc) -> Self {
        self.attempted(Attempt::default(), Outcome::Refused { retry_after, trouble: true }, schedule, now, 0.5)
    }

    fn succeeded(self, now: Utc) -> Self {
        self.attempted(Attempt::default(), Outcome::Delivered, &schedule(), now, 0.5)
    }
}

impl Attempted for Call {
    fn failed(self, retry_after: Option<Duration>, schedule: &Schedule, now: Utc) -> Self {
        self.attempted(tried(CallOutcome::Nothing { retry_after }), &Rules { schedule, repeatable: false }, now, 0.5)
    }

    fn succeeded(self, now: Utc) -> Self {
        self.attempted(tried(CallOutcome::Success), &Rules { schedule: &schedule(), repeatable: false }, now, 0.5)
    }
}

/// A test of deliveries and of calls.
macro_rules! of_both {
    ($($(#[$attribute:meta])* fn $name:ident($fresh:ident) $test:block)*) => {
        $($(#[$attribute])* #[test]
        fn $name() {
            fn test<T: Attempted>($fresh: impl Fn() -> T) $test
            test(|| Delivery::new("erp".into(), Utc(0), Utc(30_000_000)));
            test(|| Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(0), Utc(30_000_000)));
        })*
    };
}

of_both! {
    fn postponed_work_waits_three_days_and_uses_no_retry(fresh) {
        let (once, reopens) = (Schedule::new(vec![Duration::from_secs(5)]), Utc(15_000_000));
        let waiting = (0..200).fold(fresh(), |work, _| work.postponed(reopens, "postponed", &once, Utc(1)));
        let Progress { due, tries, attempts, .. } = waiting.progress();
        assert!(waiting.is_pending() && (*due, *tries, attempts.len()) == (reopens, 0, 1), "{waiting:?}");
        assert!(waiting.clone().failed(None, &once, Utc(2)).is_pending(), "every step is still there");
        let over = waiting.postponed(reopens, "postponed", &once, Utc(0).after(PATIENCE));
        assert!(over.is_pending(), "no single reading of a clock ends it");
        assert!(!over.postponed(reopens, "postponed", &once, Utc(0).after(PATIENCE + SEEN_OVER)).is_pending());
    }

    /// Regression: deliveries and calls were given up without a word of why.
    fn given_up_work_keeps_the_reason(fresh) {
        let late = Utc(0).after(PATIENCE);
        let mut old = fresh();
        old.progress_mut().past_deadline = Some(Utc(0));
        let circuit = old.clone().postponed(Utc(9), "", &Schedule::default(), late);
        for (given_up, why) in [(circuit, T::GIVEN_UP), (old.unconfigured("no endpoint", late, 0.5), "given up: no endpoint")] {
            let last = given_up.progress().attempts.last();
            assert!(!given_up.is_pending() && last.is_some_and(|last| last.detail == why), "{given_up:?}");
        }
    }

    /// Regression: what a process with an older configuration did not know was given up at once.
    fn unconfigured_work_is_given_up_after_an_hour_or_more(fresh) {
        let unknown = fresh().unconfigured("app_id", Utc(0), 0.5);
        let Progress { due, tries, .. } = unknown.progress();
        assert!(unknown.is_pending() && (*due, *tries) == (Utc(90_000_000), 0), "{unknown:?}");
        let over = unknown.clone().unconfigured("app_id", Utc(0).after(UNKNOWN), 0.5);
        assert!(over.is_pending());
        let almost = Utc(0).after(UNKNOWN).after(SEEN_OVER.saturating_sub(Duration::from_secs(1)));
        assert!(over.clone().unconfigured("app_id", almost, 0.5).is_pending());
        assert!(!over.claimed(almost).unconfigured("app_id", Utc(0).after(UNKNOWN + SEEN_OVER), 0.5).is_pending());
        // However old it is: its hour begins when an attempt is due.
        let retried = unknown.failed(None, &Schedule::default(), Utc(0).after(UNKNOWN * 9));
        assert!(retried.unconfigured("app_id", Utc(0).after(UNKNOWN * 9 + KNOWN), 0.5).is_pending());
    }

    fn work_claimed_again_stays_overdue_since_its_time(fresh) {
        assert_eq!(fresh().claimed(Utc(90_000_000)).claimed(Utc(150_000_000)).overdue_since(), Some(Utc(0)));
        let postponed = fresh().postponed(Utc(15_000_000), "", &Schedule::default(), Utc(1));
        assert_eq!(postponed.claimed(Utc(90_000_000)).overdue_since(), Some(Utc(0)));
        let waiting = fresh().claimed(Utc(90_000_000)).failed(None, &Schedule::default(), Utc(0));
        assert_eq!(waiting.overdue_since(), Some(Utc(5_000_000)), "not before its retry");
        assert_eq!(waiting.clone().claimed(Utc(90_000_000)).overdue_since(), Some(Utc(5_000_000)));
        assert_eq!(waiting.succeeded(Utc(5)).overdue_since(), None);
    }

    fn retry_is_early_until_a_second_before_its_time(fresh) {
        let waiting = fresh().failed(None, &Schedule::default(), Utc(0));
        assert!(waiting.progress().is_early(Utc(3_999_999)) && !waiting.progress().is_early(Utc(4_000_000)));
        assert!(!fresh().progress().is_early(Utc(0)), "a claim is attempted at once");
        assert!(!waiting.claimed(Utc(90_000_000)).progress().is_early(Utc(5_000_000)));
    }

    /// Regression: nothing but time ended a wait, and a day's `Retry-After` was one of twelve hours.
    fn forwarded_retry_leaves_the_schedule_as_it_was(fresh) {
        let schedule = Schedule::new(vec![Duration::from_secs(5), Duration::from_hours(1)]);
        let patient = fresh().failed(Some(Duration::from_hours(24)), &schedule, Utc(0));
        let (due, claim) = (patient.progress().due, patient.progress().claim);
        assert_eq!(patient.clone().forwarded(false, Utc(1)), None, "the destination asked for it");
        let now = patient.clone().forwarded(true, Utc(1)).unwrap();
        let progress = now.progress();
        assert_eq!((progress.due, progress.at_once, progress.claim), (Utc(1), true, claim + 1));
        let again = now.failed(None, &schedule, Utc(2));
        let progress = again.progress();
        assert_eq!((progress.due, progress.tries, progress.at_once), (due, 1, false));
        // Regression: work that was due at once was brought forward again by each request for the next page.
        let asked = patient.forwarded(true, Utc(1)).unwrap();
        assert_eq!((asked.clone().forwarded(true, Utc(1)), asked.forwarded(true, Utc(2))), (None, None));

        let retry = fresh().failed(None, &schedule, Utc(0));
        let forwarded = retry.forwarded(false, Utc(1)).unwrap().claimed(Utc(60));
        assert_eq!(forwarded.clone().forwarded(true, Utc(2)), None, "it is under way");
        assert_eq!(fresh().forwarded(true, Utc(1)), None, "it is under way");
        let done = forwarded.succeeded(Utc(2));
        assert_eq!((done.is_pending(), done.progress().brought_forward), (false, None));
        assert_eq!(done.forwarded(true, Utc(3)), None, "it has ended");

        let postponed = fresh().postponed(Utc(90), "", &schedule, Utc(1)).forwarded(false, Utc(2)).unwrap();
        let tried = postponed.failed(None, &schedule, Utc(3));
        assert_eq!((tried.progress().tries, tried.progress().due), (1, Utc(5_000_003)), "an attempt like any other");
    }
}

#[test]
fn every_transition_of_a_delivery_ends_one_claim() {
    let attempt = Attempt::default;
    for claim in [0, 1, 7] {
        let given = || delivery(claim);
        let failed = || Delivery { state: State::Failed, ..given() };
        for (name, next) in [
            ("claimed", given().claimed(Utc(20))),
            ("postponed", given().postponed(Utc(20), "", &schedule(), Utc(1))),
            ("unconfigured", given().unconfigured("it", Utc(1), 0.5)),
            ("probed", given().probed(attempt(), Utc(20), &schedule(), Utc(1))),
            ("failed", given().attempted(attempt(), REFUSED, &schedule(), Utc(1), 0.5)),
            ("delivered", given().attempted(attempt(), Outcome::Delivered, &schedule(), Utc(1), 0.5)),
            ("replayed", failed().replayed(Utc(1))),
            ("confirmed", failed().confirmed(Utc(1))),
        ] {
            assert_eq!(next.progress.claim, claim + 1, "{name}");
        }
        let mut waiting = given();
        waiting.progress.is_claimed = false;
        assert_eq!(waiting.forwarded(true, Utc(1)).map(|next| next.progress.claim), Some(claim + 1));
        assert_eq!(given().released(Utc(1)).progress.claim, claim, "the next claim follows a lease that is over");
    }
}

#[test]
fn every_transition_of_a_call_ends_one_claim() {
    let (schedule, came) = (schedule(), CallOutcome::Nothing { retry_after: None });
    let rules = Rules { schedule: &schedule, repeatable: true };
    for claim in [0, 1, 7] {
        let given = || call(claim);
        let ambiguous = Call { standing: Standing::Ambiguous, ..given() };
        let resolved = ambiguous.resolved(crate::call::Decision::Retry, "erp", Utc(1));
        for (name, next) in [
            ("claimed", given().claimed(Utc(20))),
            ("postponed", given().postponed(Utc(20), "", &schedule, Utc(1))),
            ("unconfigured", given().unconfigured("it", Utc(1), 0.5)),
            ("probed", given().probed(tried(came), Utc(20), &schedule, Utc(1))),
            ("failed", given().attempted(tried(came), &rules, Utc(1), 0.5)),
            ("succeeded", given().attempted(tried(CallOutcome::Success), &rules, Utc(1), 0.5)),
            ("interrupted", given().interrupted(Utc(1))),
            ("resolved", resolved.unwrap()),
        ] {
            assert_eq!(next.progress.claim, claim + 1, "{name}");
        }
        let mut waiting = given();
        waiting.progress.is_claimed = false;
        assert_eq!(waiting.forwarded(true, Utc(1)).map(|next| next.progress.claim), Some(claim + 1));
    }
}

#[test]
fn postponed_delivery_waits_for_its_time_unclaimed() {
    let mut given = delivery(2);
    (given.progress.at_once, given.progress.tries) = (true, 1);
    let later = given.postponed(Utc(20), "", &schedule(), Utc(1));
    let Progress { due, is_claimed, at_once, tries, first_due, .. } = later.progress;
    assert_eq!((due, is_claimed, at_once, tries), (Utc(20), false, false, 1));
    assert_eq!(first_due, Some(Utc(9)), "its own due time");
    assert_eq!(later.state, State::Pending);
}

#[test]
fn settled_delivery_keeps_nothing_of_its_wait() {
    let fresh = delivery(2);
    let progress = Progress {
        first_due: Some(Utc(2)),
        retry_after: Some(Utc(3)),
        brought_forward: Some(Utc(4)),
        at_once: true,
        tries: 1,
        ..fresh.progress
    };
    let given = Delivery { progress, ..fresh };
    let done = given.attempted(Attempt::default(), Outcome::Delivered, &schedule(), Utc(8), 0.5);
    let Progress { due, is_claimed, first_due, retry_after, brought_forward, at_once, tries, .. } = done.progress;
    assert_eq!((done.state, due, is_claimed, at_once), (State::Delivered, Utc(8), false, false));
    assert_eq!((first_due, retry_after, brought_forward, tries), (None, None, None, 1));
}

#[test]
fn failed_attempts_use_one_step_each() {
    let mut given = delivery(0);
    for tries in 1..=2 {
        given = given.attempted(Attempt::default(), REFUSED, &schedule(), Utc(0), 0.5);
        assert_eq!((given.progress.tries, given.state), (tries, State::Pending));
    }
    given = given.attempted(Attempt::default(), REFUSED, &schedule(), Utc(0), 0.5);
    assert_eq!((given.progress.tries, given.state), (2, State::Failed));
}

#[test]
fn claimed_call_is_sent_until_its_lease_ends() {
    for (before, now, sending) in [(false, false, false), (false, true, true), (true, false, true), (true, true, true)]
    {
        let given = Call { sending: before, ..call(0) };
        let claimed = if now { given.claimed_to_send(Utc(20)) } else { given.claimed(Utc(20)) };
        let progress = &claimed.progress;
        assert_eq!((claimed.sending, progress.due, progress.is_claimed), (sending, Utc(20), true), "{before} {now}");
        assert_eq!(progress.first_due, Some(Utc(3)), "since it was accepted");
        assert_eq!(claimed.claimed(Utc(30)).progress.first_due, Some(Utc(3)));
    }
}

#[test]
fn only_pending_work_has_a_claim_and_a_due_time() {
    for standing in [Standing::Queued, Standing::Succeeded, Standing::Failed, Standing::Ambiguous] {
        let (given, queued) = (Call { standing, ..call(2) }, standing == Standing::Queued);
        assert_eq!([1, 2, 3].map(|claim| given.is_current(claim)), [false, queued, false], "{standing:?}");
        assert_eq!(given.pending().map(|own| own.due), queued.then_some(Utc(9)), "{standing:?}");
        assert_eq!(given.overdue_since(), queued.then_some(Utc(9)), "{standing:?}");
    }
    for state in [State::Pending, State::Delivered, State::Failed, State::Confirmed] {
        let (given, pending) = (Delivery { state, ..delivery(2) }, state == State::Pending);
        assert_eq!([1, 2, 3].map(|claim| given.is_current(claim)), [false, pending, false], "{state:?}");
        assert_eq!(given.overdue_since(), pending.then_some(Utc(9)), "{state:?}");
    }
}

#[test]
fn unclaimed_work_begins_a_second_early_at_most() {
    for is_claimed in [true, false] {
        let progress = Progress { due: Utc(5_000_000), is_claimed, claim: 1, ..Progress::default() };
        for (now, early) in [(0, true), (3_999_999, true), (4_000_000, false), (5_000_000, false), (9_000_000, false)] {
            assert_eq!(progress.is_early(Utc(now)), early && !is_claimed, "{now} {is_claimed}");
        }
    }
}

/// Both directions: what the version before stored is read, and what is stored now is what it reads.
#[test]
fn stored_names_of_the_progress_stay() {
    let stored = concat!(
        r#"{"endpoint":"erp","state":"pending","due":20,"since":1,"turn":7,"in_hand":true,"owed":9,"asked":10,"#,
        r#""brought_forward":11,"at_once":true,"over":12,"behind":{"event":"030303030303030303030303030303030303030303030303","since":13},"#,
        r#""tries":3,"attempts":[{"at":4,"ms":5,"detail":"x","put_off":6}]}"#
    );
    let read: Delivery = serde_json::from_str(stored).unwrap();
    let progress = Progress {
        due: Utc(20),
        since: Utc(1),
        claim: 7,
        is_claimed: true,
        first_due: Some(Utc(9)),
        retry_after: Some(Utc(10)),
        brought_forward: Some(Utc(11)),
        at_once: true,
        past_deadline: Some(Utc(12)),
        behind: Some(Behind { event: EventId([3; 24]), since: Utc(13) }),
        tries: 3,
        attempts: vec![Attempt { at: Utc(4), ms: 5, detail: "x".to_owned(), postponed: 6, ..Attempt::default() }],
    };
    assert_eq!(read, Delivery { endpoint: "erp".into(), state: State::Pending, pull: false, progress });
    assert_eq!(serde_json::to_string(&read).unwrap(), stored);
    let fresh: Delivery = serde_json::from_str(r#"{"state":"failed","since":1,"due":2,"endpoint":"erp"}"#).unwrap();
    let progress = Progress { due: Utc(2), since: Utc(1), ..Progress::default() };
    assert_eq!(fresh, Delivery { endpoint: "erp".into(), state: State::Failed, pull: false, progress });
    assert!(
        serde_json::from_str::<Delivery>(r#"{"endpoint":"erp","state":"failed","since":1}"#).is_err(),
        "no due time"
    );
}

fn work(deliveries: [(State, i64); 2], call: Option<(Standing, i64)>) -> Work {
    let due = |due| Progress { due: Utc(due), claim: 1, ..Progress::default() };
    let delivery = |(state, at)| Delivery { state, progress: due(at), ..delivery(1) };
    let call = call.map(|(standing, at)| Call { standing, progress: due(at), ..self::call(1) });
    Work { deliveries: deliveries.map(delivery).to_vec(), call, ..Work::default() }
}

#[test]
fn overdue_attempts_are_those_whose_time_has_come() {
    let given = work([(State::Pending, 5), (State::Pending, 7)], Some((Standing::Queued, 6)));
    let overdue = |now| given.overdue(Utc(now)).map(|since| since.0).collect::<Vec<_>>();
    assert_eq!(overdue(4), [0; 0]);
    assert_eq!(overdue(5), [5]);
    assert_eq!(overdue(6), [5, 6]);
    assert_eq!(overdue(9), [5, 7, 6]);
    let ended = work([(State::Delivered, 5), (State::Failed, 7)], Some((Standing::Failed, 6)));
    assert_eq!(ended.overdue(Utc(9)).count(), 0);
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

#[test]
fn postponement_is_remembered_and_a_failure_is_none() {
    let fresh = || delivery(0);
    assert!(!fresh().failed(None, &schedule(), Utc(1)).progress.was_postponed());
    assert!(fresh().postponed(Utc(20), "", &schedule(), Utc(1)).progress.was_postponed());
}

/// Regression: a success after a wait for an earlier event brought all forward that waits for its retry.
#[test]
fn wait_for_an_earlier_event_is_no_postponement_of_the_destination() {
    let waits = |delivery: Delivery, now| delivery.waiting_behind(EventId([1; 24]), Utc(90), Utc(now));
    let waiting = waits(waits(delivery(0), 1), 2);
    assert_eq!((waiting.progress.was_postponed(), waiting.progress.attempts[0].postponed), (false, 2));
    let held_back = waiting.postponed(Utc(99), "", &schedule(), Utc(3));
    assert!(held_back.progress.was_postponed());
    assert!(waits(held_back, 4).progress.was_postponed());
}
