use super::*;

fn at(seconds: i64) -> Utc {
    Utc(seconds * 1_000_000)
}

fn event(n: u32) -> EventId {
    EventId([u8::try_from(n % 251).unwrap(); 24])
}

const ERROR: Outcome = Outcome::Refused { retry_after: None, trouble: true };

/// An attempt at an event of a kind.
fn tried(kind: &'static str, n: u32, outcome: Outcome) -> AttemptReport<'static> {
    let status = matches!(outcome, Outcome::Refused { .. }).then_some(500);
    AttemptReport { kind, event: event(n), outcome, status, took: Duration::ZERO }
}

/// After so many attempts at events of a kind, one a second.
fn row(health: &Health, kind: &'static str, outcome: Outcome, from: i64) -> Health {
    (0..THRESHOLD)
        .fold(health.clone(), |health, n| health.after(Permit::Go, &tried(kind, n, outcome), at(from + i64::from(n))))
}

fn broken() -> Health {
    (0..THRESHOLD)
        .fold(Health::default(), |health, n| health.after(Permit::Go, &tried("a", n, Outcome::NoAnswer), at(0)))
}

#[test]
fn failures_in_a_row_open_it_for_all_but_one_probe() {
    let health = broken();
    assert_eq!(health.permit("a", at(1)).0, Permit::Wait(at(15)));
    let (permit, probing) = health.permit("a", at(15));
    assert_eq!(permit, Permit::Probe);
    assert_eq!(probing.permit("a", at(15)).0, Permit::Wait(at(45)), "one probe at a time");
    let closed = probing.after(Permit::Probe, &tried("a", 1, Outcome::Delivered), at(16));
    assert_eq!((closed.clone(), probing.reopened(&closed, "a")), (Health::default(), Some(Reopened::Destination)));
    let failed = probing.after(Permit::Probe, &tried("a", 1, Outcome::NoAnswer), at(16));
    assert_eq!(failed.permit("a", at(17)).0, Permit::Wait(at(46)));
}

/// Regression: an endpoint with a single place whose attempts hang for ten seconds never had ten failures within a minute.
#[test]
fn slow_failures_open_it_within_a_minute() {
    let hangs = |every: u32, count: u32| {
        (1..=count).fold(Health::default(), |health, n| {
            let took = Duration::from_secs(every.into());
            let tried = AttemptReport { took, ..tried("a", n, Outcome::NoAnswer) };
            health.after(Permit::Go, &tried, at(i64::from(every * n)))
        })
    };
    assert!(hangs(10, 4).is_open() && hangs(15, 3).is_open() && hangs(25, 2).is_open());
    assert!(!hangs(61, 9).is_open(), "what fails now and then is not in trouble");
}

#[test]
fn a_probe_that_never_ends_does_not_keep_it_open_for_good() {
    let (_, probing) = broken().permit("a", at(15));
    assert_eq!(probing.permit("a", at(45)).0, Permit::Probe);
}

#[test]
fn one_poisoned_event_cannot_open_it() {
    let poisoned = (0..100).fold(Health::default(), |health, second| {
        health.after(Permit::Go, &tried("a", 7, Outcome::NoAnswer), at(second))
    });
    assert!(!poisoned.is_open());
    let refused = Outcome::Refused { retry_after: None, trouble: false };
    let health = (0..100).fold(poisoned, |health, n| health.after(Permit::Go, &tried("a", n, refused), at(200)));
    assert!(!health.is_open(), "a refusal of the event itself is no trouble of the endpoint");
}

#[test]
fn attempts_under_way_when_it_opens_do_not_open_it_again() {
    let health = broken();
    assert_eq!(health.after(Permit::Go, &tried("a", 1, Outcome::NoAnswer), at(1)), health);
}

#[test]
fn openings_grow_to_a_limit() {
    let mut health = broken();
    for round in 0..20 {
        health = health.after(Permit::Probe, &tried("a", 1, Outcome::NoAnswer), at(round));
    }
    assert_eq!(health.permit("a", at(19)).0, Permit::Wait(at(19 + 45)));
}

/// Regression: one operation that answered 502 closed the partner's address to all operations.
#[test]
fn errors_of_one_kind_hold_back_that_kind_only() {
    let health = row(&Health::default(), "upload", ERROR, 0);
    assert!(matches!(health.permit("upload", at(10)).0, Permit::Wait(_)));
    assert_eq!(health.permit("bghList", at(10)).0, Permit::Go);
}

#[test]
fn a_destination_in_trouble_probes_each_kind_on_its_own() {
    let health = broken();
    let (permit, probing) = health.permit("b", at(1));
    assert_eq!(permit, Permit::Probe, "it has not failed: it need not wait for the others' time");
    assert!(matches!(probing.permit("b", at(2)).0, Permit::Wait(_)), "one at a time");
    let taken = probing.after(Permit::Probe, &tried("b", 50, Outcome::Delivered), at(2));
    assert_eq!(probing.reopened(&taken, "b"), Some(Reopened::Destination));
    assert_eq!(taken.permit("b", at(3)).0, Permit::Go);
    assert_eq!(taken.permit("a", at(3)).0, Permit::Probe, "the destination is there: a is tried at once, with one");
    let failed = probing.after(Permit::Probe, &tried("b", 50, Outcome::NoAnswer), at(2));
    assert_eq!(failed.permit("b", at(3)).0, Permit::Wait(at(17)));
}

/// Errors of several kinds, with no success between, speak of the destination.
#[test]
fn errors_of_several_kinds_open_the_destination() {
    let health = (0..2 * THRESHOLD).fold(Health::default(), |health, n| {
        health.after(Permit::Go, &tried(["a", "b", "c"][n as usize % 3], n, ERROR), at(n.into()))
    });
    assert!(health.circuit.open_until.is_some() && health.permit("d", at(30)).0 == Permit::Probe);
}

/// Regression: waiting events of a type that was refused became the probes, and others waited for them.
#[test]
fn errors_among_successes_of_others_open_nothing() {
    let mixed = (0..100).fold(Health::default(), |health, n| {
        let health = health.after(Permit::Go, &tried("bad", n, ERROR), at(n.into()));
        health.after(Permit::Go, &tried("good", n + 1, Outcome::Delivered), at(n.into()))
    });
    assert!(!mixed.is_open());
}

/// Regression: the success of another kind closed a circuit, and nobody brought forward what waited for it.
#[test]
fn the_success_of_another_kind_leaves_one_to_its_own_probe() {
    let long_open = (0..5).fold(row(&Health::default(), "bad", ERROR, 0), |health, round| {
        health.after(Permit::Probe, &tried("bad", 50, ERROR), at(10 + round))
    });
    let next = long_open.after(Permit::Go, &tried("good", 99, Outcome::Delivered), at(15));
    assert!(next.holds_back("bad") && long_open.reopened(&next, "good").is_none());
    let failed = next.after(Permit::Probe, &tried("bad", 51, ERROR), at(60));
    assert_eq!(failed.permit("bad", at(60)).0, Permit::Wait(at(75)), "no longer than the first time");
    let taken = failed.after(Permit::Probe, &tried("bad", 52, Outcome::Delivered), at(76));
    assert_eq!((taken.is_open(), failed.reopened(&taken, "bad")), (false, Some(Reopened::Kind)));
}

/// A kind that hangs would keep the others from their places for as long as each of its attempts takes.
#[test]
fn a_kind_that_hangs_stays_open_while_others_succeed() {
    let (mut health, mut opened) = (Health::default(), 0);
    for n in 0..100 {
        let (permit, next) = health.permit("hangs", at(n));
        health = next;
        if !matches!(permit, Permit::Wait(_)) {
            opened += 1;
            let slow = AttemptReport {
                took: Duration::from_secs(15),
                ..tried("hangs", u32::try_from(n).unwrap(), Outcome::NoAnswer)
            };
            health = health.after(permit, &slow, at(n));
        }
        assert!(health.permit("good", at(n)).0 != Permit::Wait(at(n)), "second {n}");
        let (permit, next) = health.permit("good", at(n));
        health = next.after(permit, &tried("good", 200, Outcome::Delivered), at(n));
    }
    assert!(opened < 10, "{opened} attempts that hang in 100 s");
}

#[test]
fn the_kinds_with_a_track_are_bounded() {
    let kinds: Vec<String> = (0..100).map(|n| format!("kind-{n}")).collect();
    let health = kinds.iter().zip(0..).fold(Health::default(), |health, (kind, n)| {
        let one = AttemptReport { kind, ..tried("", n, Outcome::NoAnswer) };
        health.after(Permit::Go, &one, at(n.into()))
    });
    assert_eq!(health.kinds.len(), MOST_KINDS);
}

#[test]
fn stored_health_without_kinds_probes_each_kind() {
    let old = r#"{"failures":0,"since":0,"last":null,"open_until":15000000,"openings":1}"#;
    let health: Health = serde_json::from_str(old).unwrap();
    assert_eq!(serde_json::to_string(&health).unwrap(), old);
    assert_eq!(health.permit("a", at(1)).0, Permit::Probe);
}

#[test]
fn a_change_goes_over_what_another_process_has_written() {
    let theirs = row(&Health::default(), "a", ERROR, 0);
    let ours = row(&Health::default(), "b", ERROR, 0);
    let both = theirs.with(&ours, "b");
    assert!(both.holds_back("a") && both.holds_back("b"));
    let taken = ours.after(Permit::Probe, &tried("b", 1, Outcome::Delivered), at(20));
    assert!(!both.with(&taken, "b").holds_back("b"));
}

#[test]
fn the_newest_comes_first_and_the_rest_much_later() {
    let due = |rank: Rank, since| rank.due(at(15), at(since), at(0), 0.5);
    assert_eq!((due(Rank::Newest, 0), due(Rank::Next, 0), due(Rank::Failed, 0)), (at(15), at(16), at(17)));
    let waited = |minutes: i64| due(Rank::Rest, -60 * minutes);
    assert_eq!((waited(1), waited(60), waited(600)), (at(450), at(22 * 60 + 30), at(45 * 60)));
    assert!(at(0).after(LONGEST_POSTPONEMENT) >= Rank::Rest.due(at(0), at(-999_999), at(0), 1.0));
}

/// Regression: a circuit opened by a clock that was ahead stayed open until the false time, over a restart too.
#[test]
fn a_circuit_opened_by_a_clock_that_was_ahead_is_probed() {
    let mut ahead = broken();
    ahead.track("a").circuit.open_until = Some(at(2 * 86_400));
    let (permit, probing) = ahead.permit("a", at(0));
    assert_eq!((permit, probing.permit("a", at(1)).0), (Permit::Probe, Permit::Wait(at(30))));
    let circuit = Circuit { since: at(2 * 86_400), failures: THRESHOLD - 1, ..Circuit::default() };
    let failed_ahead = Health { circuit, ..Health::default() };
    assert!(!failed_ahead.after(Permit::Go, &tried("a", 99, Outcome::NoAnswer), at(0)).is_open());
}
