use super::*;

const PUBLISHED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The example of the W3C's recommendation.
#[test]
fn published_traceparent_is_read_and_printed() {
    let place: Place = PUBLISHED.parse().unwrap();
    assert!(place.is_sampled);
    assert_eq!(place.to_string(), PUBLISHED);
    let unsampled: Place = PUBLISHED.replace("-01", "-00").parse().unwrap();
    assert_eq!(unsampled, Place { is_sampled: false, ..place });
}

#[test]
fn only_the_first_flag_and_known_parts_count() {
    let read = |text: &str| text.parse::<Place>().ok().map(|place| place.is_sampled);
    assert_eq!(read(&PUBLISHED.replace("-01", "-03")), Some(true));
    assert_eq!(read(&PUBLISHED.replace("-01", "-02")), Some(false));
    assert_eq!(read(&format!("cc{}-what-else", &PUBLISHED[2..])), Some(true), "a later version may have more");
}

#[test]
fn invalid_traceparent_is_refused() {
    let upper = PUBLISHED.to_uppercase();
    for text in [
        "",
        "00",
        &PUBLISHED[..54],
        &format!("{PUBLISHED}-x"),
        &format!("ff{}", &PUBLISHED[2..]),
        &PUBLISHED.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
        &PUBLISHED.replace("00f067aa0ba902b7", &"0".repeat(16)),
        &PUBLISHED.replace("4bf9", "4bg9"),
        &PUBLISHED.replace("-01", "-长"),
        &upper,
    ] {
        assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
    }
}

/// Documented for the ERP: `printf %s "$id" | sha256sum | cut -c 1-32`.
#[test]
fn trace_of_an_event_is_the_digest_of_its_printed_id() {
    assert_eq!(TraceId::of(&EventId([0; 24])).to_string(), "f9a2ba511957122bfa67b029061c6797");
}

#[test]
fn spans_of_a_trace_differ_and_are_derived_again() {
    let (trace, id, at) = (TraceId([1; 16]), EventId([3; 24]), Utc(5));
    let spans = [
        SpanId::reception(trace),
        SpanId::repetition(trace, at),
        SpanId::repetition(trace, Utc(6)),
        SpanId::request(trace, &id),
        SpanId::request(trace, &EventId([4; 24])),
        SpanId::attempt(trace, &id, "erp", (1, at)),
        SpanId::attempt(trace, &id, "erp", (2, at)),
        SpanId::attempt(trace, &id, "erp", (1, Utc(6))),
        SpanId::attempt(trace, &id, "b", (1, at)),
        SpanId::attempt(trace, &EventId([4; 24]), "erp", (1, at)),
        SpanId::attempt(TraceId([2; 16]), &id, "erp", (1, at)),
    ];
    let different: std::collections::BTreeSet<_> = spans.iter().collect();
    assert_eq!(different.len(), spans.len());
    assert_eq!(SpanId::attempt(trace, &id, "erp", (1, at)), spans[5]);
}

#[test]
fn share_of_traces_is_recorded_by_their_ids() {
    let recorded = |share: f64| {
        let sampling = Sampling::of(share).unwrap();
        (0..1_000_u32).filter(|n| sampling.takes(TraceId::of_parts(&[&n.to_be_bytes()]), None)).count()
    };
    assert_eq!((recorded(0.0), recorded(1.0)), (0, 1_000));
    assert!((200..300).contains(&recorded(0.25)), "{}", recorded(0.25));
    assert_eq!(Sampling::of(1.0), Some(Sampling::EVERY));
    for odd in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(Sampling::of(odd), None, "{odd}");
    }
}

#[test]
fn callers_decision_counts_before_the_share() {
    let caller: Place = PUBLISHED.parse().unwrap();
    assert!(Sampling::of(0.0).unwrap().takes(caller.trace, Some(&caller)));
    let caller = Place { is_sampled: false, ..caller };
    assert!(!Sampling::EVERY.takes(caller.trace, Some(&caller)));
}

#[test]
fn spans_beyond_the_limit_are_dropped_and_counted() {
    let place: Place = PUBLISHED.parse().unwrap();
    let span = Span::new(&place, Kind::Internal, "x", (Utc(1), Utc(2)));
    let spans = Spans::kept();
    for _ in 0..MOST_SPANS + 2 {
        spans.add(span.clone());
    }
    assert_eq!((spans.waiting(), spans.counts()), (MOST_SPANS, (0, 2)));
    assert_eq!(spans.take(3).len(), 3);
    spans.settle(1, 2);
    assert_eq!((spans.waiting(), spans.counts()), (MOST_SPANS - 3, (1, 4)));
    let none = Spans::default();
    none.add(span);
    assert_eq!((none.waiting(), none.counts()), (0, (0, 0)), "a process that exports none keeps none");
}
