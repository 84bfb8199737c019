//! For the tests of the webhook functions: what an action finds in a body.

#![allow(clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "a test that fails says why")]

use partners::Json;
use partners::operation::Settings;

use crate::action::{Action, Fact, Push, Reading};

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
