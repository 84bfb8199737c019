use super::*;

fn of(body: &str) -> Content {
    content(&"xhq-sh".into(), &"xhq.single_receipt".into(), &Json::parse(body.as_bytes()).unwrap())
}

#[test]
fn layout_does_not_matter_but_values_do() {
    let one = of(r#"{"a":1,"b":{"c":"放行","d":[1,2]}}"#);
    assert_eq!(one, of("{ \"b\":{\"d\":[1, 2],\n\"c\":\"\\u653e\\u884c\"}, \"a\":1}"));
    for other in [
        r#"{"a":1.0,"b":{"c":"放行","d":[1,2]}}"#,
        r#"{"a":"1","b":{"c":"放行","d":[1,2]}}"#,
        r#"{"a":1,"b":{"c":"放行","d":[2,1]}}"#,
        r#"{"a":1,"b":{"c":"放行","d":[1,2]},"e":null}"#,
        r#"{"a":1,"b":{"c":"放行","d":["1,2"]}}"#,
    ] {
        assert_ne!(one, of(other), "{other}");
    }
}

#[test]
fn prices_of_another_scale_and_ids_beyond_a_double_stay_apart() {
    assert_ne!(of(r#"{"p":700.00}"#), of(r#"{"p":700.0}"#));
    assert_ne!(of(r#"{"id":1906651379888427000}"#), of(r#"{"id":1906651379888427008}"#));
}

#[test]
fn connection_type_and_payload_make_the_event() {
    let json = Json::parse(b"{}").unwrap();
    let base = content(&"a".into(), &"xhq.x".into(), &json);
    assert_ne!(base, content(&"b".into(), &"xhq.x".into(), &json));
    assert_ne!(base, content(&"a".into(), &"xhq.y".into(), &json));
    assert_ne!(base, opaque(&"a".into(), &"xhq.x".into(), b"{}"));
}

fn of_chain(head: Option<&Head>, content: Content, seconds: i64, repeats: Repeats) -> Step {
    follow(head, &"c".into(), &Subject::new("order", "1"), content, Utc(seconds * 1_000_000), repeats)
}

fn step(head: Option<&Head>, content: Content, seconds: i64) -> Step {
    of_chain(head, content, seconds, Repeats::Within(REPEAT_WINDOW))
}

fn news(step: Step) -> (bool, Head) {
    match step {
        Step::Next { possible_repeat, head } => (possible_repeat, head),
        Step::Duplicate(id) => unreachable!("{id} is no duplicate"),
    }
}

fn next(head: Option<&Head>, content: Content, seconds: i64) -> (bool, Head) {
    news(step(head, content, seconds))
}

#[test]
fn equal_to_an_older_one_is_news() {
    let (s61, s63) = (of(r#"{"code":61}"#), of(r#"{"code":63}"#));
    let (_, first) = next(None, s61, 0);
    let (_, second) = next(Some(&first), s63, 1);
    let (repeat, third) = next(Some(&second), s61, 2);
    assert!(repeat && third.event != first.event && third.event != second.event);
    let (repeat, _) = next(Some(&second), s61, 700);
    assert!(!repeat, "after ten minutes it is a status that came back");
}

/// Regression: a reminder equal to the latest message was a duplicate for as long as events are kept.
#[test]
fn an_equal_of_the_latest_is_news_after_the_window() {
    let message = of(r#"{"msg":"pay"}"#);
    let (repeat, first) = next(None, message, 0);
    assert!(!repeat);
    assert_eq!(step(Some(&first), message, 600), Step::Duplicate(first.event));
    let (repeat, second) = next(Some(&first), message, 601);
    assert!(repeat && second.event != first.event);
    assert_eq!(step(Some(&second), message, 1_201), Step::Duplicate(second.event), "the window begins anew");
    let (repeat, third) = next(Some(&second), message, 1_202);
    assert!(repeat && ![first.event, second.event].contains(&third.event));
    let hour = Repeats::Within(Duration::from_hours(1));
    assert_eq!(of_chain(Some(&first), message, 3_600, hour), Step::Duplicate(first.event));
    assert!(news(of_chain(Some(&first), message, 3_601, hour)).0);
}

#[test]
fn a_snapshot_equal_to_the_latest_is_never_news() {
    let (yes, no) = (of(r#"{"released":"Y"}"#), of(r#"{"released":"N"}"#));
    let (_, first) = news(of_chain(None, yes, 0, Repeats::Always));
    for seconds in [1, 601, 86_400 * 90, -86_400 * 90] {
        assert_eq!(of_chain(Some(&first), yes, seconds, Repeats::Always), Step::Duplicate(first.event));
    }
    let (_, second) = news(of_chain(Some(&first), no, 60, Repeats::Always));
    assert!(news(of_chain(Some(&second), yes, 120, Repeats::Always)).0);
    assert!(!news(of_chain(Some(&second), yes, 1_000, Repeats::Always)).0);
}

/// Regression: after a clock had been ahead, nothing equal was news until the false date.
#[test]
fn a_clock_set_back_neither_hides_news_nor_doubles_retries() {
    const YEAR: i64 = 86_400 * 365;
    let message = of(r#"{"msg":"pay"}"#);
    let (_, ahead) = next(None, message, YEAR);
    assert_eq!(step(Some(&ahead), message, YEAR - 600), Step::Duplicate(ahead.event), "within the window");
    let (repeat, back) = next(Some(&ahead), message, 0);
    assert!(repeat && back.received < ahead.received, "a false time is none to go on from");
    assert_eq!(step(Some(&back), message, 5), Step::Duplicate(back.event));
    assert!(next(Some(&back), message, 601).0);
}

#[test]
fn concurrent_equals_get_one_id_and_time_never_runs_backwards() {
    let (s61, s63) = (of(r#"{"code":61}"#), of(r#"{"code":63}"#));
    let (_, first) = next(None, s61, 10);
    let (a, b) = (next(Some(&first), s63, 11).1, next(Some(&first), s63, 12).1);
    assert_eq!(a.event, b.event);
    assert!(next(Some(&first), s63, 5).1.received > first.received);
    let (a, b) = (next(Some(&first), s61, 700).1, next(Some(&first), s61, 701).1);
    assert_eq!(a.event, b.event, "late equals of the latest too");
}

/// Regression: each status after a clock was set back was received in the false time too, and due there.
#[test]
fn a_chain_goes_on_in_the_present_after_a_clock_was_set_back() {
    let (s61, s63) = (of(r#"{"code":61}"#), of(r#"{"code":63}"#));
    let (_, first) = next(None, s61, 172_800);
    let (_, second) = next(Some(&first), s63, 172_801);
    let (repeat, third) = next(Some(&second), s61, 5);
    assert!(!repeat && third.received == Utc(5_000_000) && third.recent.len() == 1, "{third:?}");
}

#[test]
fn a_chain_remembers_a_bounded_past() {
    let mut head = None;
    for code in 0..100 {
        head = Some(next(head.as_ref(), of(&format!(r#"{{"code":{code}}}"#)), code).1);
    }
    assert_eq!(head.map(|head| head.recent.len()), Some(REMEMBERED));
}
