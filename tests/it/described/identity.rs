//! Identity of described partners' events.

use std::time::Duration;

use futures::future::join_all;

use super::{partner, push, read};
use crate::support::{Plan, Time, events, key};

const PARTNER: &str = r#"
[[partners]]
id = "acme"
[partners.push.answers]
accepted = { body = '{"ok":true}' }
unavailable = { body = '{"ok":false}' }
[[partners.push.actions]]
name = "status"
suffix = "status"
when = { at = "/type", is = ["status"] }
keys = [{ kind = "order", at = "/no" }]
identity = "message"
example = '{"type":"status","no":"1"}'
[[partners.push.actions]]
name = "track"
suffix = "track"
when = { at = "/type", is = ["track", "trace"] }
each = "/rows"
keys = [{ kind = "waybill", at = "/no" }]
identity = { without = ["$/sent", "/at", "/more/*/n"] }
example = '{"type":"track","sent":1,"rows":[{"no":"1","at":2}]}'
"#;

fn contents(body: &str) -> Vec<String> {
    let arrival = read(partner(PARTNER), "track", body);
    arrival.drafts.iter().map(|draft| format!("{} {}", draft.subject.as_str(), draft.content)).collect()
}

#[test]
fn volatile_values_do_not_count_and_all_others_do() {
    let one = contents(r#"{"sent":1,"rows":[{"no":"1","at":2,"more":[{"n":1,"m":2}],"x":"a"}]}"#);
    for same in [
        r#"{"sent":2,"rows":[{"no":"1","at":2,"more":[{"n":1,"m":2}],"x":"a"}]}"#,
        r#"{"rows":[{"no":"1","at":{"a":[]},"more":[{"n":9,"m":2}],"x":"a"}]}"#,
        "{ \"rows\" : [ { \"x\":\"\\u0061\",\"no\":\"1\",\"more\":[{\"m\":2}] } ] }",
    ] {
        assert_eq!(contents(same), one, "{same}");
    }
    for other in [
        r#"{"sent":1,"rows":[{"no":"1","at":2,"more":[{"n":1,"m":3}],"x":"a"}]}"#,
        r#"{"sent":1,"rows":[{"no":"1","at":2,"more":[{"n":1,"m":2}],"x":"b"}]}"#,
        r#"{"sent":1,"y":1,"rows":[{"no":"1","at":2,"more":[{"n":1,"m":2}],"x":"a"}]}"#,
    ] {
        assert_ne!(contents(other), one, "{other}");
    }
    let several = contents(r#"{"sent":5,"rows":[{"no":"2"},{"no":"1","at":2,"more":[{"n":1,"m":2}],"x":"a"}]}"#);
    assert_eq!((several.len(), &several[1]), (2, &one[0]), "alone as among others");
    assert_eq!(contents(r#"{"rows":[{"at":1}]}"#), contents(r#"{"sent":1,"rows":[{"at":2}]}"#), "without a key too");
}

#[test]
fn action_is_told_by_its_path_and_by_what_it_says() {
    let partner = partner(PARTNER);
    let kind = |suffix: &str, body: &str| read(partner, suffix, body).drafts[0].kind.to_string();
    for (suffix, body, expected) in [
        ("push", r#"{"type":"status","no":"1"}"#, "acme.status"),
        ("push", r#"{"type":"trace"}"#, "acme.track"),
        ("push", r#"{"no":"1"}"#, "acme.unknown"),
        ("push", r#"{"type":"other","no":"1"}"#, "acme.unknown"),
        ("status", r#"{"no":"1"}"#, "acme.status"),
        ("status", r#"{"type":"track","no":"1"}"#, "acme.unknown"),
        ("track", r#"{"rows":[]}"#, "acme.track"),
        ("track", r#"{"rows":{"no":"1"}}"#, "acme.track"),
        ("track", "[]", "acme.malformed"),
        ("track", "7", "acme.malformed"),
        ("track", "{", "acme.malformed"),
    ] {
        assert_eq!(kind(suffix, body), expected, "{suffix} {body}");
    }
    assert_eq!(read(partner, "push", r#"{"type":"other","no":"1"}"#).drafts[0].subject.as_str(), "order:1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn described_message_is_one_event_within_the_window() {
    let time = Time::now();
    let connection = format!(
        "[[connections]]\nid = \"acme\"\npartner = \"acme\"\nkeys = [\"{}\"]\nrepeat_window = \"1m\"\n",
        key("acme")
    );
    let hub = Plan::bare().table(PARTNER).table(&connection).start_at(&time).await;
    let (one, other) = (r#"{"no":"1","code":61}"#, r#"{"no":"1","code":63}"#);
    for (body, count) in [(one, 1), (other, 2), (one, 3)] {
        join_all((0..16).map(|_| push(&hub, "acme", "status", "", body.as_bytes()))).await;
        assert_eq!(events(&hub.context().store).await.len(), count);
    }
    time.pass(Duration::from_mins(2));
    assert_eq!(push(&hub, "acme", "status", "", one.as_bytes()).await.status, 200);
    let kept = events(&hub.context().store).await;
    assert_eq!((kept.len(), kept[3].meta.possible_repeat), (4, true));
}
