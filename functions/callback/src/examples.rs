//! An example of every push the partners' documents describe.
//!
//! TrackingEyes' and 1datatech's rates are their documents' own examples, byte for byte. 1datatech prints no port push:
//! its printed port answer stands in the envelope its other pushes share (4.10). XHQ prints no bodies: these are built
//! from its field tables, and where a table is lost from the order number alone.

use partners::Partner;

use crate::ACTIONS;

/// One example, and where it is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its name: the action as the partner spells it, else the webhook function's.
    pub name: &'static str,
    /// The partner that pushes it.
    pub partner: Partner,
    /// The last segment of the path that it is pushed to; empty for the URL that accepts every action.
    pub suffix: &'static str,
    /// The JSON that is pushed.
    pub body: &'static [u8],
}

/// Every example: each webhook function at least once.
#[must_use]
pub fn all() -> Vec<Example> {
    let of = |(action, partner): (hub::action::Action, Partner)| {
        let own = action.examples.iter();
        own.map(move |own| Example { name: own.name, partner, suffix: action.suffix, body: own.body })
    };
    ACTIONS.into_iter().filter_map(|action| Some((action, *action.partners.first()?))).flat_map(of).collect()
}

/// The example of that name.
#[must_use]
pub fn find(name: &str) -> Option<Example> {
    all().into_iter().find(|example| example.name == name)
}

#[cfg(test)]
mod tests {
    use partners::Json;

    use super::*;

    #[test]
    fn every_example_is_json_and_has_its_own_name() {
        for example in all() {
            let json = Json::parse(example.body).unwrap();
            assert_eq!(json.is_object(), example.partner != Partner::TrackingEyes, "{}", example.name);
            assert_eq!(find(example.name), Some(example));
        }
    }

    #[test]
    fn the_documented_examples_are_the_documents_own() {
        let documented = |file: &str| std::fs::read(format!("../../tests/fixtures/{file}")).unwrap();
        assert_eq!(find("customs_status").unwrap().body, documented("trackingeyes_push.json"));
        assert_eq!(find("rate_push").unwrap().body, documented("1datatech_rate_push.json"));
        let answer = documented("1datatech_port_query_found.json");
        let (push, answer): (serde_json::Value, serde_json::Value) = (
            serde_json::from_slice(find("port_push").unwrap().body).unwrap(),
            serde_json::from_slice(&answer).unwrap(),
        );
        assert_eq!(push["data"], answer["data"][0]);
    }

    #[test]
    fn every_webhook_has_an_example() {
        assert!(ACTIONS.iter().all(|action| !action.examples.is_empty()));
    }
}
