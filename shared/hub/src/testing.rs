//! For the tests of the webhook functions: what an action finds in a body.

#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "a test that fails says why")]

use partners::Json;
use partners::operation::Settings;

use crate::Alias;
use crate::action::{Action, Fact, Push, Reading};
use crate::identity::Identity;

/// Reads a body as the action does when its first partner pushes it.
#[must_use]
pub fn reading(action: &Action, body: &str) -> Reading {
    let json = Json::parse(body.as_bytes()).expect("the body is JSON");
    let partner = *action.partners.first().expect("an action has a partner");
    (action.read)(&Push { partner, body: &json, settings: &Settings::default() })
}

/// The facts that the action finds in a body.
#[must_use]
pub fn facts(action: &Action, body: &str) -> Vec<Fact> {
    match reading(action, body) {
        Reading::Facts(facts) => facts,
        Reading::Malformed(reason) => panic!("{reason}"),
    }
}

/// The one fact that the action finds in a body.
#[must_use]
pub fn fact(action: &Action, body: &str) -> Fact {
    let mut facts = facts(action, body);
    assert_eq!(facts.len(), 1, "one fact in {body}");
    facts.remove(0)
}

/// Checks that an action of XHQ's whose document lost its fields takes any JSON as one event, and other JSON besides.
pub fn takes_any_json(action: &Action, others: &[&str]) {
    let kind = format!("xhq.{}", action.name);
    for body in ["{}", "[]", "\"x\"", "null", "7", "[[],7,{}]"].iter().chain(others) {
        let fact = fact(action, body);
        assert_eq!((fact.kind.as_str(), fact.milestone, fact.element), (kind.as_str(), None, false), "{body}");
        assert_eq!(fact.identity, Identity::Content, "{body}");
        assert!(fact.subject.as_str().starts_with("push:"), "{body}");
    }
}

/// Checks that such an action finds the keys that XHQ's other pushes have, in an object and in an array.
pub fn finds_keys_of_other_pushes(action: &Action) {
    let order = fact(action, r#"{"orderNo":"A22060714485586949","orderOutNo":1906651379888427008,"billNo":""}"#);
    assert_eq!(order.subject.as_str(), "order:1906651379888427008");
    assert_eq!(order.aliases, [Alias::new("serial", "A22060714485586949")]);
    assert_eq!(fact(action, r#"{"orderOutNo":null,"billNo":"B1"}"#).subject.as_str(), "bl:B1");
    let several = fact(action, r#"[{"billNo":"B1"},{"orderOutNo":"SO-2","billNo":"B1"},7]"#);
    assert_eq!(several.subject.as_str(), "bl:B1");
    assert_eq!(several.aliases, [Alias::new("order", "SO-2")]);
}
