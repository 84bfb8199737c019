//! `[[watches]]`.

use std::time::Duration;

use hub::action::Fact;
use hub::{Alias, Event, EventId, EventKey, Milestone, Subject, Utc};

use super::*;
use crate::Watching;

const HOUR: Duration = Duration::from_hours(1);

/// A document with one connection of each partner and a watch.
fn document(watch: &str) -> String {
    format!("{}\n[[watches]]\n{watch}\n", FULL.split("[[endpoints]]").next().unwrap())
}

fn only(watch: &str) -> Watching {
    let text = document(watch);
    let mut config = read(&text).unwrap_or_else(|mistakes| panic!("{watch}\n{mistakes:#?}"));
    config.watches.remove(0)
}

fn event(kind: &str, subject: &str, aliases: &[&str]) -> Event {
    let json = partners::Json::parse(b"{}").unwrap();
    let fact = Fact::new(kind, &json, []);
    let meta = hub::event::Meta {
        content_type: String::new(),
        data: hub::event::Data::Opaque,
        aliases: aliases.iter().map(|alias| Alias::from(*alias)).collect(),
        ..hub::event::Meta::json(fact.kind, Utc(0), Utc(1), 0)
    };
    let key = EventKey { connection: "xhq-sh".into(), subject: Subject::from(subject), id: EventId([0; 24]) };
    Event { key, meta, body: Vec::new().into() }
}

#[test]
fn defaults_of_a_watch_are_the_partners_documented_ones() {
    let watch = only("connection = \"xhq-sh\"\nsilence = \"1h\"");
    assert_eq!((watch.silence, watch.longest, watch.asks.is_none()), (HOUR, HOUR * 24 * 90, true));
    assert_eq!(watch.until, [Milestone::Cleared, Milestone::Withdrawn]);
    let asking = only("connection = \"xhq-sh\"\nsilence = \"1h\"\nask = \"actionDataRow\"");
    assert_eq!(asking.rules().every, Some(HOUR), "as often as it is silent");
    let ports = only("connection = \"rates\"\nsilence = \"1h\"\nask = \"port_query_v2\"\nevery = \"6h\"\nfor = \"2d\"");
    assert_eq!((ports.rules().every, ports.longest, ports.until), (Some(HOUR * 6), HOUR * 48, vec![]));
    let until = only("connection = \"te\"\nsilence = \"1h\"\nuntil = [\"released\"]").until;
    assert_eq!(until, [Milestone::Released]);
}

#[test]
fn each_rule_of_a_watch_has_its_mistake() {
    let cases = [
        ("", "connection: is missing: add connection = \"xhq-sh\""),
        ("", "silence: is missing: add silence = \"24h\""),
        ("connection = \"xhq-sg\"", "connection: is no connection: did you mean xhq-sh?"),
        ("connection = \"te\"\nsilence = \"1s\"", "silence: must be between 1m and 90d"),
        ("@\ntypes = [\"xgq.*\"]", "types[0]: matches no event and no command"),
        ("@\ntypes = [\"watch.silent\"]", "types[0]: is the hub's own event and no news of a shipment"),
        ("@\ntypes = []", "types: must hold at least one"),
        (
            "@\nask = \"actionDataRows\"",
            "ask: is no operation that a shipment is asked for by: did you mean actionDataRow?",
        ),
        ("@\nask = \"port_query_v2\"", "ask: must be one of actionDataRow"),
        ("connection = \"yw\"\nask = \"x\"", "ask: must be left out: yanwen has nothing to be asked"),
        ("@\nevery = \"1h\"", "every: is how often the partner is asked: add ask, or remove it"),
        ("@\nuntil = [\"cleard\"]", "until[0]: is no milestone: did you mean cleared?"),
        ("@\nuntil = [\"done\"]", "until[0]: must be one of order_accepted, prepared"),
        ("@\nfor = \"91d\"", "for: must be between 1m and 90d"),
        ("@\nuntix = 1", "untix: is not a known key: did you mean until?"),
    ];
    for (watch, told) in cases {
        let mistakes = mistakes(&document(&watch.replace('@', "connection = \"xhq-sh\"\nsilence = \"1h\"")));
        assert!(
            mistakes.iter().any(|mistake| mistake.contains(&format!("watches[0].{told}"))),
            "{watch}: {mistakes:?}"
        );
    }
}

#[test]
fn question_needs_the_credentials_of_its_operation() {
    let text =
        format!("{}[[watches]]\nconnection = \"xhq-sh\"\nsilence = \"1h\"\nask = \"actionDataRow\"\n", with("", ""));
    let mistakes = mistakes(&text);
    assert!(mistakes[0].starts_with("watches[0].ask: needs app_id, which connection xhq-sh lacks"), "{mistakes:?}");
}

#[test]
fn first_watch_that_fits_counts_and_own_events_fit_none() {
    let text = document(
        "connection = \"xhq-sh\"\nsilence = \"1h\"\ntypes = [\"xhq.upload\"]\n[[watches]]\nconnection = \"xhq-sh\"\nsilence = \"2h\"",
    );
    let config = read(&text).unwrap();
    let silence = |connection: &str, kind: &str| {
        config.watching(&connection.into(), &kind.into()).map(|watching| watching.silence / 3600)
    };
    assert_eq!(silence("xhq-sh", "xhq.upload"), Some(Duration::from_secs(1)));
    assert_eq!(silence("xhq-sh", "xhq.syn_status"), Some(Duration::from_secs(2)));
    assert_eq!(
        (silence("te", "xhq.upload"), silence("xhq-sh", "watch.silent"), silence("xhq-sh", "call.failed")),
        (None, None, None)
    );
}

#[test]
fn shipments_of_an_event_are_those_that_can_be_asked_for() {
    let silent = only("connection = \"xhq-sh\"\nsilence = \"1h\"");
    let asking = only("connection = \"xhq-sh\"\nsilence = \"1h\"\nask = \"actionDataRow\"");
    let named =
        |watch: &Watching, event: &Event| watch.shipments(event).iter().map(ToString::to_string).collect::<Vec<_>>();
    let order = event("xhq.single_receipt", "order:S1", &["bl:B1"]);
    assert_eq!(
        (named(&silent, &order), named(&asking, &order)),
        (vec!["order:S1".to_owned()], vec!["order:S1".to_owned()])
    );
    let bill = event("xhq.single_receipt", "bl:B1", &["entry:E1"]);
    assert_eq!((named(&silent, &bill), named(&asking, &bill)), (vec!["bl:B1".to_owned()], vec![]));
    for subject in ["push:1", "malformed:1"] {
        assert_eq!(named(&silent, &event("xhq.unknown", subject, &[])), [] as [String; 0]);
    }
    let mut cleared = order;
    cleared.meta.milestone = Some(Milestone::Cleared);
    assert_eq!(named(&silent, &cleared), [] as [String; 0], "nothing is expected of it");

    let ports = only("connection = \"rates\"\nsilence = \"1h\"\nask = \"port_query_v2\"");
    let call = event("onedata.port_query_v2", "call:0", &["port:CNTAO:1:A", "port:CNTAO:1:B", "bl:A"]);
    assert_eq!(named(&ports, &call), ["port:CNTAO:1:A:E", "port:CNTAO:1:B:E"], "each subscription");
    assert_eq!(named(&silent, &call), ["port:CNTAO:1:A"]);
}

/// Regression: a second watch that never counts was accepted without a word.
#[test]
fn watch_behind_one_that_has_all_its_types_is_warned_of() {
    let second = |types: &str| {
        let own = "connection = \"xhq-sh\"\nsilence = \"1h\"";
        let config = read(&document(&format!("{own}\n[[watches]]\n{own}\n{types}"))).unwrap();
        config.warnings().iter().any(|warning| warning.starts_with("watches[1] never begins: watches[0]"))
    };
    assert!(second("") && second("types = [\"xhq.upload\"]"));
    let apart = document(
        "connection = \"xhq-sh\"\nsilence = \"1h\"\ntypes = [\"xhq.upload\"]\n[[watches]]\nconnection = \"xhq-sh\"\nsilence = \"2h\"",
    );
    assert!(!read(&apart).unwrap().warnings().iter().any(|warning| warning.contains("never begins")));
}

/// Regression: without `ask` a command about several shipments began the watch of its first key alone, whatever that was.
#[test]
fn command_about_several_shipments_begins_the_watch_of_each() {
    let ports = only("connection = \"xhq-sh\"\nsilence = \"1h\"");
    let named = |aliases: &[&str]| {
        let call = event("xhq.lcl_task", "call:0123", aliases);
        ports.shipments(&call).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(named(&["bl:B1", "order:S1", "order:S2"]), ["order:S1", "order:S2"]);
    assert_eq!(named(&["bl:B1", "container:C1"]), ["bl:B1"], "none that its partner's shipments go by");
}

/// A document with a described partner, whose operation `ask` may need more than its key, and a watch at it.
fn described(needs: &str, watch: &str) -> String {
    format!(
        r#"
[[partners]]
id = "acme"
push.answers = {{ accepted = {{ body = "1" }}, unavailable = {{ body = "2" }} }}
push.actions = [{{ name = "status", keys = [{{ kind = "bl", at = "/b" }}], example = '{{"b":1,"s":9}}', milestones = {{ at = "/s", of = {{ "9" = "released" }} }} }}]

[partners.token]
path = "/token"
token = "/token"
life_seconds = 60

[[partners.operations]]
name = "book"
effect = "command"
path = "/book"
success = {{ http = [200] }}
example = '{{"b":"1"}}'

[[partners.operations]]
name = "ask"
effect = "query"
path = "/ask"
success = {{ http = [200] }}
credentials = [{{ header = "Authorization", token = true }}]
keys = [{{ kind = "bl", at = "no" }}]
fields = [{{ name = "no", need = "required" }}{needs}]
brings = {{ action = "status" }}
example = '{{"no":"1","com":"x"}}'

[[connections]]
id = "acme-sh"
partner = "acme"
keys = ["inbound-key-of-a-described-partner-01"]
base_url = "https://acme.example.com"

[[watches]]
connection = "acme-sh"
silence = "1h"
{watch}
"#
    )
}

#[test]
fn described_partner_is_watched_and_asked() {
    let text = described("", "types = [\"acme.status\", \"acme.book\"]\nask = \"ask\"\nuntil = [\"released\"]");
    let config = read(&text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let watch = &config.watches[0];
    assert_eq!((watch.until.as_slice(), config.noted.len()), (&[Milestone::Released][..], 0), "{:?}", config.noted);
    let following = watch.asks.unwrap().following;
    assert_eq!((following.key, following.news), ("bl", "acme.status"));
    assert_eq!(following.body.of(&["B1", "B2"], 0).as_deref(), Some(r#"{"no":"B1"}"#));
    assert_eq!(following.body.of(&[], 0), None);
    let found = watch.shipments(&event("acme.status", "bl:B1", &[]));
    assert_eq!(found, [Subject::from("bl:B1")]);
    assert!(watch.begins_with(&"acme-sh".into(), &"acme.book".into()));
}

#[test]
fn what_a_watch_of_a_described_partner_lacks_is_said() {
    let mistakes = mistakes(&described(", { name = \"com\", need = \"required\" }", "ask = \"ask\""));
    let told =
        "watches[0].ask: must be left out: acme has no operation to ask by, which brings an action, has one of keys";
    assert!(mistakes.iter().any(|mistake| mistake.contains(told)), "{mistakes:?}");
    let config = read(&described("", "types = [\"acme.*\"]")).unwrap();
    let told = "is at a partner whose file names no end: give until";
    assert!(config.noted.iter().any(|noted| noted.to_string().contains(told)), "{:?}", config.noted);
}
