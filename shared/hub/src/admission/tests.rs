use super::*;

const ECHO: Action = Action {
    name: "echo",
    partners: &[Partner::TrackingEyes],
    suffix: "echo",
    about: "",
    subjects: &[],
    examples: &[],
    read: |push| match push.body.elements() {
        Some(elements) => Reading::Facts(
            elements.iter().map(|e| Fact { element: true, ..Fact::new("t.e", e, [("bl", e.field("bl"))]) }).collect(),
        ),
        None => Fact::new("t.e", push.body, [("bl", push.body.field("bl"))]).alone(),
    },
};

fn arrival(body: &'static str, encoding: Option<&str>) -> Arrival {
    arrived(&ECHO, &Bytes::from_static(body.as_bytes()), encoding)
}

fn arrived(action: &Action, body: &Bytes, encoding: Option<&str>) -> Arrival {
    let (connection, settings) = ("c".into(), Settings::default());
    let origin = Origin { connection: &connection, partner: Partner::TrackingEyes, settings: &settings };
    read(action, origin, body, encoding)
}

fn events(arrival: Arrival) -> Vec<Event> {
    let event = |draft: Draft| {
        let id = identity::by_content(&"c".into(), &draft.subject, draft.content);
        draft.event(&"c".into(), id, Utc(7), false, "application/json", Duration::from_mins(1))
    };
    arrival.drafts.into_iter().map(event).collect()
}

#[test]
fn one_fact_keeps_the_whole_body_and_several_keep_their_parts() {
    let one = events(arrival(" {\"bl\":\"B1\", \"n\":1.10}\n", None));
    assert_eq!(
        (&one[0].body[..], &one[0].data()[..]),
        (&b" {\"bl\":\"B1\", \"n\":1.10}\n"[..], &b"{\"bl\":\"B1\", \"n\":1.10}"[..])
    );
    let two = events(arrival("[ {\"bl\":\"B1\"} , {\"bl\":\"B2\"} ]", None));
    assert_eq!((&two[0].data()[..], &two[1].data()[..]), (&b"[{\"bl\":\"B1\"}]"[..], &b"[{\"bl\":\"B2\"}]"[..]));
}

#[test]
fn an_element_is_the_same_event_alone_and_among_others() {
    let (alone, among) = (arrival("[{\"bl\":\"B1\"}]", None), arrival("[{\"bl\":\"B0\"},{\"bl\":\"B1\"}]", None));
    assert_eq!(alone.drafts[0].content, among.drafts[1].content);
}

#[test]
fn an_enormous_push_is_one_event() {
    let body: Vec<String> = (0..=MOST_EVENTS).map(|n| format!("{{\"bl\":\"B{n}\"}}")).collect();
    let body = Bytes::from(format!("[{}]", body.join(",")));
    let arrival = arrived(&ECHO, &body, None);
    assert_eq!(events(arrival).iter().map(|event| event.data().into_owned()).collect::<Vec<_>>(), [body.to_vec()]);
}

/// An enormous push of so many bills at these milestones, in turn.
fn enormous(bills: usize, milestones: &'static str) -> Event {
    const STATED: Action = Action {
        read: |push| {
            let fact = |e: &Json<'_>| {
                let milestone = (e.field("at") == Some("r")).then_some(Milestone::Released);
                let keys = [("bl", e.field("bl")), ("waybill", e.field("id"))];
                Fact { element: true, ..Fact::new("t.e", e, keys).at(milestone) }
            };
            Reading::Facts(push.body.elements().unwrap_or_default().iter().map(fact).collect())
        },
        ..ECHO
    };
    let at = |n: usize| milestones.chars().nth(n % milestones.len()).unwrap();
    let one = |n: usize| format!(r#"{{"bl":"B{n}","id":{n},"at":"{}"}}"#, at(n));
    let body = Bytes::from(format!("[{}]", (0..bills).map(one).collect::<Vec<_>>().join(",")));
    let mut events = events(arrived(&STATED, &body, None));
    assert_eq!(events.len(), 1);
    events.remove(0)
}

/// Regression: of more than 500 waybills no bill was found.
#[test]
fn an_enormous_push_is_found_by_its_keys() {
    let event = enormous(600, "r");
    assert!(event.key.subject.as_str().starts_with("push:"));
    assert_eq!((event.meta.aliases.len(), event.meta.keys_left_out), (1_200, 0));
    for key in ["bl:B0", "bl:B599", "waybill:599"] {
        assert!(event.meta.aliases.contains(&Alias::from(key)), "{key}");
    }
    assert_eq!(event.meta.milestone, Some(Milestone::Released));
    let mixed = enormous(1_500, "rrn");
    assert_eq!((mixed.meta.aliases.len(), mixed.meta.keys_left_out), (MOST_KEYS, 1_000));
    assert!((0..1_500).all(|n| mixed.meta.aliases.contains(&Alias::new("bl", &format!("B{n}")))), "bills first");
    assert_eq!(mixed.meta.milestone, None);
}

/// Regression: a body with one byte that is no UTF-8 was found by none of its keys.
#[test]
fn a_broken_body_is_found_by_the_keys_that_can_be_read() {
    let bodies: [&'static [u8]; 5] = [
        b"{\"bl\":\"B1\",\"note\":\"\xb7\xc5\xd0\xd0\"}",
        // The second byte of a character in GBK may be a backslash.
        b"{\"note\":\"\x95\x5c\",\"bl\":\"B1\"}",
        // Cut within a character.
        b"{\"bl\":\"B1\",\"note\":\"\xe6\x94\"}",
        b"{\"bl\":\"B1\",\"note\":\"a\nb\tc\"}",
        b"{\"bl\":\"B1\",\"note\":\"\x00\"}",
    ];
    for body in bodies {
        let arrival = arrived(&ECHO, &Bytes::from_static(body), None);
        assert!(arrival.malformed.is_some());
        let event = events(arrival).remove(0);
        assert_eq!((event.key.subject.as_str(), &event.body[..]), ("bl:B1", body));
        assert_eq!((event.meta.kind.as_str(), &event.meta.data), ("trackingeyes.malformed", &Data::Opaque));
    }
    for body in [&b"{\"bl\":\"\xb7\xc5\"}"[..], b"{\"bl\":\"B1\"", b"\xff\xfe{", b"[\xb7\xc5"] {
        let arrival = arrived(&ECHO, &Bytes::from_static(body), None);
        assert!(events(arrival)[0].key.subject.as_str().starts_with("malformed:"));
    }
}

#[test]
fn an_element_twice_in_one_push_is_one_event() {
    assert_eq!(arrival("[{\"bl\":\"B1\"},{\"bl\": \"B1\"}]", None).drafts.len(), 1);
}

#[test]
fn unreadable_body_is_stored_with_the_reason() {
    let gzip = "\u{1f}gzipped";
    for (body, encoding) in [("action=syn_status&code=61", None), (gzip, Some("gzip")), ("", None)] {
        let arrival = arrival(body, encoding);
        assert!(arrival.malformed.is_some());
        let event = events(arrival).remove(0);
        assert_eq!((&event.data()[..], event.meta.kind.as_str()), (body.as_bytes(), "trackingeyes.malformed"));
        assert_eq!(event.meta.encoding.as_deref(), encoding);
    }
}

/// Regression: `Content-Encoding: UTF-8`, a charset, made good JSON malformed.
#[test]
fn json_is_read_whatever_its_coding_is_called() {
    for encoding in ["UTF-8", "none", "", "identity, Identity", "utf8", " GBK ", "gzip", "br, gzip", "nonsense"] {
        let arrival = arrival("{\"bl\":\"B1\"}", Some(encoding));
        assert_eq!(arrival.malformed, None, "{encoding}");
        assert_eq!(events(arrival)[0].meta.encoding, None, "{encoding}: the bytes are not coded");
    }
}

#[test]
fn a_charset_is_no_coding_of_what_cannot_be_read() {
    let event = events(arrival("a=b", Some("UTF-8"))).remove(0);
    assert!(event.meta.encoding.is_none() && event.meta.malformed.unwrap().contains("not JSON"));
}

/// Regression: 200,000 bytes of `Content-Encoding` stood in the answer, the log and the stored event.
#[test]
fn a_long_coding_is_repeated_in_part() {
    let long = "x".repeat(200_000);
    let arrival = arrival("a=b", Some(&long));
    assert!(arrival.malformed.as_ref().unwrap().len() < 200, "{:?}", arrival.malformed);
    assert!(events(arrival)[0].meta.encoding.as_ref().unwrap().len() <= 128);
}

#[test]
fn deliveries_go_to_whom_they_interest() {
    let route = |endpoint: &str, types: &str| Route {
        endpoint: endpoint.into(),
        connections: vec![crate::routes::Pattern::new("*".to_owned())],
        types: vec![crate::routes::Pattern::new(types.to_owned())],
        pull: false,
    };
    let event = events(arrival("{\"bl\":\"B1\"}", None)).remove(0);
    let routed = work(&event, &[route("a", "t.*"), route("b", "x.*")], Duration::from_secs(30), false);
    assert_eq!((routed.accepted, routed.deliveries.len(), routed.tally().balanced()), (1, 1, true));
    let unrouted = work(&event, &[], Duration::from_secs(30), false);
    assert_eq!((unrouted.tally().unrouted, unrouted.tally().balanced(), unrouted.due()), (1, true, None));
    let watched = work(&event, &[], Duration::from_secs(30), true);
    assert_eq!(watched.index_by, Some(event.meta.received.after(Duration::from_secs(30))), "its watch is to begin");
}
