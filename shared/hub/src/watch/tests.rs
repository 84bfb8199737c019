use super::*;

const HOUR: Duration = Duration::from_hours(1);
const LEASE: Duration = Duration::from_mins(2);
const NOW: Utc = Utc(1_790_000_000_000_000);

fn rules(every: Option<Duration>) -> Rules<'static> {
    Rules { silence: HOUR, every, until: &[Milestone::Cleared], longest: HOUR * 240 }
}

fn watch() -> Watch {
    Watch::new("xhq.syn_status".into(), NOW, &rules(None))
}

fn nothing() -> Known {
    Known { news: Some(NOW), ..Known::default() }
}

fn news(at: Utc) -> Known {
    Known { news: Some(at), ..Known::default() }
}

fn waits(next: Next) -> Watch {
    let Next::Wait(watch) = next else { panic!("{next:?}") };
    watch
}

fn reports(next: Next) -> Watch {
    let Next::Report(watch) = next else { panic!("{next:?}") };
    watch
}

fn asks(next: Next) -> Watch {
    let Next::Ask(watch) = next else { panic!("{next:?}") };
    watch
}

#[test]
fn news_puts_the_next_look_off() {
    let at = NOW.after(HOUR / 2);
    let next = waits(watch().looked(&news(at), &rules(None), LEASE, NOW.after(HOUR)));
    assert_eq!((next.news, next.due, next.reported), (at, Some(at.after(HOUR)), None));
}

#[test]
fn silence_without_a_question_is_reported_once() {
    let (rules, silent) = (rules(None), NOW.after(HOUR));
    let reported = reports(watch().looked(&nothing(), &rules, LEASE, silent));
    assert_eq!((reported.reported, reported.due, reported.is_silent()), (Some(silent), Some(silent.after(HOUR)), true));
    let next = waits(reported.looked(&nothing(), &rules, LEASE, silent.after(HOUR)));
    assert_eq!((next.reported, next.due), (Some(silent), Some(silent.after(HOUR * 2))), "and the looks go on");
}

#[test]
fn news_after_a_silence_begins_another() {
    let (rules, silent) = (rules(None), NOW.after(HOUR));
    let reported = reports(watch().looked(&nothing(), &rules, LEASE, silent));
    let back = silent.after(HOUR / 2);
    let next = waits(reported.looked(&news(back), &rules, LEASE, silent.after(HOUR)));
    assert!(!next.is_silent() && next.due == Some(back.after(HOUR)));
    reports(next.looked(&news(back), &rules, LEASE, back.after(HOUR)));
}

#[test]
fn partner_is_asked_before_a_silence_is_reported() {
    let (rules, silent) = (rules(Some(HOUR * 6)), NOW.after(HOUR));
    let asking = asks(watch().looked(&nothing(), &rules, LEASE, silent));
    assert_eq!(asking.due, Some(silent.after(LEASE)), "until then nobody else asks");
    let reported = reports(asking.clone().asked(&Asked::Sent(nothing()), &rules, silent));
    assert_eq!((reported.asked, reported.due), (Some(silent), Some(silent.after(HOUR * 6))));
    let brought = waits(asking.asked(&Asked::Sent(news(silent)), &rules, silent));
    assert_eq!((brought.news, brought.due, brought.is_silent()), (silent, Some(silent.after(HOUR)), false));
}

#[test]
fn partner_is_asked_again_while_the_silence_lasts() {
    let (rules, silent) = (rules(Some(HOUR * 6)), NOW.after(HOUR));
    let reported =
        reports(asks(watch().looked(&nothing(), &rules, LEASE, silent)).asked(&Asked::Sent(nothing()), &rules, silent));
    let later = silent.after(HOUR * 6);
    waits(reported.clone().looked(&nothing(), &rules, LEASE, silent.after(HOUR)));
    let again = asks(reported.looked(&nothing(), &rules, LEASE, later));
    let next = waits(again.asked(&Asked::Sent(nothing()), &rules, later));
    assert_eq!((next.reported, next.due), (Some(silent), Some(later.after(HOUR * 6))), "reported before");
}

#[test]
fn question_that_could_not_be_sent_is_no_question() {
    let (rules, silent) = (rules(Some(HOUR * 6)), NOW.after(HOUR));
    let asking = asks(watch().looked(&nothing(), &rules, LEASE, silent));
    let next = waits(asking.asked(&Asked::Unsent, &rules, silent));
    assert_eq!((next.asked, next.reported, next.due), (None, None, Some(silent.after(UNSENT))));
    let long = NOW.after(HOUR * 7);
    let reported = reports(asks(next.looked(&nothing(), &rules, LEASE, long)).asked(&Asked::Unsent, &rules, long));
    assert_eq!(
        (reported.reported, reported.due),
        (Some(long), Some(long.after(UNSENT))),
        "a partner that is down for so long is silent"
    );
}

#[test]
fn watch_ends_by_milestone_completion_and_time() {
    let ended =
        |known: Known, now: Utc| waits(watch().looked(&known, &rules(None), LEASE, now)).ended.map(|end| end.why);
    let cleared = Known { milestones: vec![Milestone::Declared, Milestone::Cleared], ..nothing() };
    assert_eq!(ended(cleared, NOW.after(HOUR)), Some(End::Milestone));
    assert_eq!(ended(Known { is_complete: true, ..nothing() }, NOW.after(HOUR)), Some(End::Complete));
    let released = Known { milestones: vec![Milestone::Released], ..news(NOW.after(HOUR)) };
    assert_eq!(ended(released, NOW.after(HOUR)), None);

    // No single reading of a clock ends it.
    let long = NOW.after(HOUR * 240);
    let seen = waits(watch().looked(&news(long), &rules(None), LEASE, long));
    assert_eq!(seen.ended, None);
    let back = waits(seen.clone().looked(&news(NOW), &rules(None), LEASE, NOW.after(HOUR * 2)));
    assert_eq!((back.ended, back.over), (None, None));
    let over = waits(seen.looked(&news(long), &rules(None), LEASE, long.after(HOUR)));
    assert_eq!((over.ended.map(|end| end.why), over.due), (Some(End::Time), None));
}

#[test]
fn answer_that_completes_the_shipment_ends_the_watch() {
    let (rules, silent) = (rules(Some(HOUR)), NOW.after(HOUR));
    let asking = asks(watch().looked(&nothing(), &rules, LEASE, silent));
    let last = Known { is_complete: true, ..news(silent) };
    assert_eq!(waits(asking.asked(&Asked::Sent(last), &rules, silent)).due, None);
}

#[test]
fn watch_that_nobody_knows_ends_after_a_day() {
    let first = watch().unconfigured(NOW);
    assert_eq!((first.due, first.ended), (Some(NOW.after(UNKNOWN)), None));
    let known = waits(first.clone().looked(&nothing(), &rules(None), LEASE, NOW.after(HOUR / 2)));
    assert_eq!(known.unknown, None, "another process knows it");
    let ended = first.unconfigured(NOW.after(FORGOTTEN));
    assert_eq!((ended.due, ended.ended.map(|end| end.why)), (None, Some(End::Unknown)));
}

#[test]
fn due_time_of_a_false_future_is_brought_back() {
    let ahead = NOW.after(HOUR * 48);
    let future = Watch::new("x".into(), ahead, &rules(None));
    let back = future.brought_back(HOUR, NOW).unwrap();
    assert_eq!((back.due, back.news), (Some(NOW.after(HOUR)), NOW));
    assert_eq!(back.brought_back(HOUR, NOW), None);
    assert_eq!(watch().brought_back(HOUR, NOW), None);
}

#[test]
fn silence_is_one_event_for_each_news() {
    let (connection, shipment) = ("xhq".into(), crate::Subject::new("order", "S1"));
    let reported = Watch { reported: Some(NOW.after(HOUR)), ..watch() };
    let event = |watch: &Watch| silence(&connection, &shipment, watch, Some("actionDataRow"), HOUR);
    let (first, later) = (event(&reported), event(&Watch { reported: Some(NOW.after(HOUR * 2)), ..reported.clone() }));
    assert_eq!((first.key.clone(), first.meta.kind.as_str()), (later.key, SILENT));
    assert_ne!(event(&Watch { news: NOW.after(HOUR), ..reported.clone() }).key, first.key);
    assert_eq!(first.key.subject, shipment);
    let asked = Watch { asked: Some(NOW), ..reported };
    let body = String::from_utf8(event(&asked).body.to_vec()).unwrap();
    assert!(body.contains(r#""operation":"actionDataRow""#), "{body}");
}

#[test]
fn watch_is_no_event() {
    let record = begun(&"xhq".into(), &crate::Subject::new("order", "S1"), watch(), HOUR);
    assert_eq!(record.event.key, key(&"xhq".into(), &crate::Subject::new("order", "S1")));
    assert_eq!(shipment(&record.event.meta), Some("order:S1".into()));
    let work = &record.work;
    assert_eq!((work.due(), work.is_open(), work.overdue(NOW.after(HOUR)).count()), (watch().due, true, 0));
    assert!(work.tally().balanced() && work.tally().watches == 1);
    assert_eq!(work.replayed(&"erp".into(), NOW), None);
    assert!(!work.may_go_to(&"erp".into(), &"xhq".into(), &"watch".into(), &[]));
    let ended = crate::Work { watch: Some(Watch { due: None, ..watch() }), ..work.clone() };
    assert!(!ended.is_open() && ended.tally().balanced());
}
