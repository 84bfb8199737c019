use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::{EventId, EventKey, Subject};

const NOW: Utc = Utc(1_790_000_000_000_000);
const MINUTE: Duration = Duration::from_mins(1);

fn rule(every: Duration) -> Rule {
    let connections = vec![Pattern::new("*".to_owned())];
    Rule { id: "ops".to_owned(), causes: Cause::ALL.to_vec(), connections, every }
}

fn item(n: u32, since: Utc) -> Item {
    let mut id = [0; 24];
    id[..4].copy_from_slice(&n.to_be_bytes());
    let subject = Subject::from(format!("order:{n}").as_str());
    let key = EventKey { connection: "xhq-sh".into(), subject, id: EventId(id) };
    Item::new(Cause::DeliveryFailed, &key, "erp", since)
}

fn failures(items: Vec<Item>) -> Facts {
    Facts { failures: Some(Failures { items, is_whole: true }), ..Facts::default() }
}

fn circuit(is_open: bool) -> Facts {
    let circuit = Circuit {
        line: "erp".to_owned(),
        place: "erp".to_owned(),
        connections: vec!["xhq-sh".into()],
        is_open,
        kinds: vec!["xhq.syn_status".to_owned()],
    };
    Facts { circuits: vec![circuit], ..Facts::default() }
}

/// A look of which the message is sent at once.
fn told(state: &mut State, facts: &Facts, now: Utc) -> Option<Groups> {
    let (next, mut due) = state.look(facts, &[rule(5 * MINUTE)], now);
    *state = next.sent(due.iter().map(|due| (due, true)));
    // The state is kept as text.
    assert_eq!(serde_json::from_str::<State>(&serde_json::to_string(state).unwrap()).unwrap(), *state);
    due.pop().map(|due| due.groups)
}

#[test]
fn names_are_those_of_the_variants() {
    for cause in Cause::ALL {
        assert_eq!(Cause::named(cause.name()), Some(cause));
        assert_eq!(serde_json::to_value(cause).unwrap(), cause.name());
    }
    assert!(Kind::ALL.into_iter().all(|kind| Kind::named(kind.name()) == Some(kind)));
}

#[test]
fn circuit_is_told_when_it_opens_and_when_it_closes() {
    let mut state = State::default();
    assert_eq!(told(&mut state, &circuit(false), NOW), None);
    let opened = told(&mut state, &circuit(true), NOW).unwrap();
    assert_eq!(opened[&Cause::CircuitOpened].about, ["xhq.syn_status"]);
    let unread = Facts { unread: vec!["erp".to_owned()], ..Facts::default() };
    for facts in [&circuit(true), &unread, &circuit(true)] {
        assert_eq!(told(&mut state, facts, NOW.after(10 * MINUTE)), None);
    }
    let closed = told(&mut state, &circuit(false), NOW.after(20 * MINUTE)).unwrap();
    assert_eq!(closed.into_keys().collect::<Vec<_>>(), [Cause::CircuitClosed]);
    assert_eq!(told(&mut state, &circuit(false), NOW.after(30 * MINUTE)), None);
}

#[test]
fn destination_that_is_not_configured_any_more_closes_silently() {
    let mut state = State::default();
    told(&mut state, &circuit(true), NOW).unwrap();
    assert_eq!(told(&mut state, &Facts::default(), NOW.after(10 * MINUTE)), None);
    assert!(told(&mut state, &circuit(true), NOW.after(20 * MINUTE)).is_some(), "it is new");
}

#[test]
fn failures_of_before_the_first_look_are_no_news() {
    let mut state = State::default();
    let old = (0..3).map(|n| item(n, NOW)).collect::<Vec<_>>();
    assert_eq!(told(&mut state, &failures(old.clone()), NOW), None);
    let late = NOW.after(MINUTE);
    let both = [old, vec![item(9, late)]].concat();
    let groups = told(&mut state, &failures(both.clone()), late).unwrap();
    assert_eq!(
        (groups[&Cause::DeliveryFailed].count, &groups[&Cause::DeliveryFailed].about[..]),
        (1, &["order:9".to_owned()][..])
    );
    assert_eq!(told(&mut state, &failures(both), NOW.after(60 * MINUTE)), None);
}

#[test]
fn failure_that_becomes_visible_late_is_told() {
    let mut state = State::default();
    told(&mut state, &failures(vec![]), NOW);
    let newer = item(1, NOW.after(2 * MINUTE));
    assert!(told(&mut state, &failures(vec![newer.clone()]), NOW.after(2 * MINUTE)).is_some());
    let older = item(2, NOW.after(MINUTE));
    let groups = told(&mut state, &failures(vec![newer, older]), NOW.after(8 * MINUTE)).unwrap();
    assert_eq!(groups[&Cause::DeliveryFailed].about, ["order:2"]);
}

/// A clock that ran ahead would hide every failure until that time.
#[test]
fn failures_after_a_clock_was_set_back_are_told() {
    let mut state = State::default();
    told(&mut state, &failures(vec![]), NOW.after(Duration::from_hours(24)));
    assert_eq!(told(&mut state, &failures(vec![]), NOW), None);
    assert!(told(&mut state, &failures(vec![item(1, NOW.after(MINUTE))]), NOW.after(MINUTE)).is_some());
    let state = State::default().look(&circuit(true), &[rule(5 * MINUTE)], NOW.after(Duration::from_hours(24))).0;
    let (_, due) = state.look(&circuit(false), &[rule(5 * MINUTE)], NOW);
    assert_eq!(due.len(), 1, "neither a pause nor a process of a false time holds it up");
}

#[test]
fn counts_tell_their_growth_and_names_come_from_the_list() {
    let count = |cause, count| Count {
        bucket: NOW,
        cause,
        place: "xhq-sh".to_owned(),
        connections: vec!["xhq-sh".into()],
        count,
    };
    let facts = |late, failed, is_whole| Facts {
        counts: Some(vec![count(Cause::PushLate, late), count(Cause::DeliveryFailed, failed)]),
        failures: Some(Failures { items: vec![], is_whole }),
        ..Facts::default()
    };
    let mut state = State::default();
    assert_eq!(told(&mut state, &facts(3, 3, true), NOW), None, "the first look");
    let groups = told(&mut state, &facts(5, 7, true), NOW.after(MINUTE)).unwrap();
    assert_eq!(groups.iter().map(|(cause, group)| (*cause, group.count)).collect::<Vec<_>>(), [(Cause::PushLate, 2)]);
    let groups = told(&mut state, &facts(5, 9, false), NOW.after(10 * MINUTE)).unwrap();
    assert_eq!(groups[&Cause::DeliveryFailed].count, 2, "the list was cut");
    assert_eq!(told(&mut state, &facts(5, 9, false), NOW.after(20 * MINUTE)), None);
    assert!(state.counts_from(NOW.after(90 * MINUTE)) <= NOW, "nothing is missed by who did not look");
}

#[test]
fn ledger_is_told_when_its_difference_is_new_or_grows() {
    let mut state = State::default();
    let ledger = |at, differences: &[u64]| Facts {
        ledger: Some(Ledger { at, differences: differences.iter().map(|n| ("xhq-sh".into(), *n)).collect() }),
        ..Facts::default()
    };
    let minutes = |n| NOW.after(n * MINUTE);
    let mut count = |at, differences: &[u64]| {
        told(&mut state, &ledger(at, differences), at.after(MINUTE))
            .map(|groups| groups[&Cause::LedgerUnbalanced].count)
    };
    assert_eq!(count(minutes(0), &[]), None);
    assert_eq!(count(minutes(60), &[2]), Some(2));
    assert_eq!(count(minutes(120), &[2]), None);
    assert_eq!(count(minutes(180), &[3]), Some(3));
    assert_eq!(count(minutes(180), &[3]), None);
    assert_eq!(count(minutes(240), &[]), None);
    assert_eq!(count(minutes(300), &[1]), Some(1));
}

#[test]
fn process_that_dies_while_sending_is_relieved() {
    let rules = [rule(MINUTE)];
    let (state, due) = State::default().look(&circuit(true), &rules, NOW);
    assert_eq!(due.len(), 1);
    let (state, none) = state.look(&circuit(true), &rules, NOW.after(MINUTE));
    assert_eq!(none, [], "it is on its way");
    let (state, again) = state.look(&circuit(true), &rules, NOW.after(2 * MINUTE));
    assert_eq!(again, due);
    // The first was only slow: its result changes nothing that the second has not.
    assert_eq!(state.sent([(&Due { groups: Groups::new(), ..due[0].clone() }, true)]), state);
}

#[test]
fn alert_is_told_its_own_causes_and_connections() {
    let own = Rule { causes: vec![Cause::Silence], ..rule(MINUTE) };
    let other = Rule { id: "te".to_owned(), connections: vec![Pattern::new("te-*".to_owned())], ..rule(MINUTE) };
    let silence = |connection: &str| Finding {
        cause: Cause::Silence,
        place: connection.to_owned(),
        connections: vec![connection.into()],
        about: Some("order:1".to_owned()),
        count: 1,
        at: NOW,
    };
    let facts = Facts { reported: vec![silence("xhq-sh")], ..circuit(true) };
    let (_, due) = State::default().look(&facts, &[own, other], NOW);
    let told: Vec<_> =
        due.iter().map(|due| (due.alert.as_str(), due.groups.keys().copied().collect::<Vec<_>>())).collect();
    assert_eq!(told, [("ops", vec![Cause::Silence])]);
}

/// A step of a history: minutes that pass, failures that happen, whether the list lags, whether the robot takes a message.
fn steps() -> impl Strategy<Value = Vec<(u8, u8, bool, bool)>> {
    proptest::collection::vec((0..9_u8, 0..40_u8, any::<bool>(), any::<bool>()), 1..40)
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    /// Whatever happens, each failure is told once, messages keep their pause, and the state stays small.
    #[test]
    fn each_failure_is_told_once_and_messages_keep_their_pause(steps in steps()) {
        let (every, mut now, mut state, mut all) = (5 * MINUTE, NOW, State::default(), Vec::new());
        let rules = [rule(every)];
        (state, _) = state.look(&failures(vec![]), &rules, now);
        let (mut told, mut latest): (u64, Option<Utc>) = (0, None);
        let mut look = |state: &mut State, listed: &[Item], now: Utc, takes: bool| {
            let (next, due) = state.look(&failures(listed.to_vec()), &rules, now);
            assert!(due.len() <= 1);
            for Due { groups, .. } in &due {
                assert!(latest.is_none_or(|latest: Utc| now.since(latest) >= every));
                latest = Some(now);
                assert!(groups.values().all(|group| group.places.len() <= 10 && group.about.len() <= 5));
                told += if takes { groups.values().map(|group| group.count).sum() } else { 0 };
            }
            *state = next.sent(due.iter().map(|due| (due, takes)));
        };
        for (minutes, failed, lags, takes) in steps {
            now = now.after(u32::from(minutes) * MINUTE);
            let before = all.len();
            all.extend((0..failed).map(|n| item(u32::try_from(before).unwrap() + u32::from(n), now)));
            let listed = if lags { before } else { all.len() };
            look(&mut state, &all[..listed], now, takes);
        }
        now = now.after(every);
        look(&mut state, &all, now, true);
        look(&mut state, &all, now.after(every), true);
        prop_assert_eq!(told, all.len() as u64);
        prop_assert!(serde_json::to_string(&state).unwrap().len() < 100_000);
    }
}
