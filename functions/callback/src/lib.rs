//! The URL that takes everything a partner sends, and the catalogue of webhooks.
//!
//! The action of a push comes from its partner's profile ([`partners::profile::Pushes::action`]). The push is read by the
//! library of its own action, in this process. What is no known action is kept as `<partner>.unknown`, never refused,
//! whatever JSON it is: some actions have no documented schema.

pub mod examples;

use hub::action::{Action, Example, Push, Reading, unknown};
use partners::Partner;
use partners::profile::Telling;

/// The webhook of the bare URL; its events are those of all the others, and `<partner>.unknown`.
pub const ACTION: Action = Action {
    name: "callback",
    partners: &[Partner::Xhq, Partner::TrackingEyes, Partner::OneData],
    suffix: "",
    about: "every push of a partner, told apart by `action` or by shape",
    subjects: &[],
    examples: &[
        Example { name: "callback", body: include_bytes!("../examples/callback.json") },
        Example { name: "unknown", body: include_bytes!("../examples/unknown.json") },
    ],
    read,
};

/// Every webhook there is, this one last.
pub const ACTIONS: [Action; 14] = [
    syn_status::ACTION,
    send_data::ACTION,
    single_receipt::ACTION,
    msg_notice::ACTION,
    electronic_ledger::ACTION,
    fee_push::ACTION,
    ai_data::ACTION,
    bonded_list::ACTION,
    import_node::ACTION,
    import_partner::ACTION,
    customs_status::ACTION,
    rate_push::ACTION,
    port_push::ACTION,
    ACTION,
];

/// The webhooks of a port that serves them all: those of the built-in partners, and that of configured ones.
pub const SERVED: [Action; 15] = {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, own] = ACTIONS;
    [partner::ACTION, a, b, c, d, e, f, g, h, i, j, k, l, m, own]
};

fn read(push: &Push<'_>) -> Reading {
    // A configured partner's push is read by its table before it comes here ([`hub::admission::read`]).
    let name = match push.partner.profile().pushes.map(|pushes| pushes.action) {
        Some(Telling::Code(action)) => action(push.body, push.settings),
        Some(Telling::Table(_)) | None => None,
    };
    let action = name.and_then(|name| ACTIONS.into_iter().find(|action| action.name == name));
    action.map_or_else(|| unknown(push), |action| (action.read)(push))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hub::identity::Identity;
    use partners::Json;
    use partners::operation::Settings;

    use super::*;

    const RATES: &str = include_str!("../../../tests/fixtures/1datatech_rate_push.json");
    const PORTS: &str = include_str!("../../../tests/fixtures/1datatech_port_query_found.json");
    const WAYBILLS: &str = include_str!("../../../tests/fixtures/trackingeyes_push.json");

    fn reading(action: &Action, partner: Partner, body: &str) -> Reading {
        let json = Json::parse(body.as_bytes()).unwrap();
        let fee_actions = vec!["order_fee".to_owned(), "syn_status".to_owned()];
        let settings = Settings { fee_actions, ..Settings::default() };
        (action.read)(&Push { partner, body: &json, settings: &settings })
    }

    fn kind(partner: Partner, body: &str) -> String {
        match reading(&ACTION, partner, body) {
            Reading::Facts(facts) => facts[0].kind.to_string(),
            Reading::Malformed(_) => "malformed".to_owned(),
        }
    }

    #[test]
    fn the_catalogue_has_every_webhook_once() {
        let names: HashSet<_> = ACTIONS.iter().map(|action| action.name).collect();
        let paths: HashSet<_> = ACTIONS.iter().map(|action| action.suffix).collect();
        assert_eq!((names.len(), paths.len()), (ACTIONS.len(), ACTIONS.len()));
        for action in ACTIONS {
            let suffix = match action.name {
                "callback" => "",
                "rate_push" => "rates",
                "port_push" => "ports",
                own => own,
            };
            assert_eq!(action.suffix, suffix);
            assert!(!action.partners.is_empty());
        }
        assert_eq!(ACTIONS.last().map(|action| action.name), Some("callback"));
    }

    #[test]
    fn xhqs_action_is_taken_to_the_letter() {
        for (action, expected) in [
            (r#""syn_status""#, "xhq.syn_status"),
            (r#""send_data""#, "xhq.send_data"),
            (r#""sendBgh_data""#, "xhq.sendBgh_data"),
            (r#""single_data""#, "xhq.single_data"),
            (r#""single_receipt""#, "xhq.single_receipt"),
            (r#""msg_notice""#, "xhq.msg_notice"),
            (r#""electronic_ledger""#, "xhq.electronic_ledger"),
            (r#""order_fee""#, "xhq.fee_push"),
            (r#""sendbgh_data""#, "xhq.unknown"),
            (r#""Syn_status""#, "xhq.unknown"),
            (r#"" syn_status""#, "xhq.unknown"),
            (r#""fee_push""#, "xhq.unknown"),
            (r#""bonded_list""#, "xhq.unknown"),
            (r#""""#, "xhq.unknown"),
            ("null", "xhq.unknown"),
            ("7", "xhq.unknown"),
            (r#"["syn_status"]"#, "xhq.unknown"),
        ] {
            let body = format!(r#"{{"action":{action},"orderOutNo":"SO-1"}}"#);
            assert_eq!(kind(Partner::Xhq, &body), expected, "{body}");
        }
        assert_eq!(kind(Partner::Xhq, r#"{"orderOutNo":"SO-1","code":61,"msg":""}"#), "xhq.unknown");
        for body in ["[]", "\"syn_status\"", "null"] {
            assert_eq!(kind(Partner::Xhq, body), "xhq.unknown", "{body}");
        }
    }

    #[test]
    fn only_events_without_time_or_id_use_latest_identity() {
        for (action, identity) in [
            ("syn_status", Identity::Message),
            ("msg_notice", Identity::Message),
            ("send_data", Identity::Content),
            ("single_receipt", Identity::Content),
            ("electronic_ledger", Identity::Content),
            ("order_fee", Identity::Content),
            ("new", Identity::Content),
        ] {
            let body = format!(r#"{{"action":"{action}","orderOutNo":"SO-1"}}"#);
            let Reading::Facts(facts) = reading(&ACTION, Partner::Xhq, &body) else { panic!("{body}") };
            assert_eq!(facts[0].identity, identity, "{body}");
        }
        for (partner, body) in [(Partner::TrackingEyes, WAYBILLS), (Partner::OneData, RATES), (Partner::OneData, PORTS)]
        {
            let Reading::Facts(facts) = reading(&ACTION, partner, body) else { panic!("{partner}") };
            assert!(facts.iter().all(|fact| fact.identity == Identity::Content), "{partner}");
        }
    }

    #[test]
    fn trackingeyes_action_follows_the_shape_of_waybills() {
        for (body, expected) in [
            (WAYBILLS, "trackingeyes.customs_status"),
            (r#"[{"x":1},{"id":"1"}]"#, "trackingeyes.customs_status"),
            (r#"{"blNo":"B1"}"#, "trackingeyes.customs_status"),
            (r#"{"customsStatus":[]}"#, "trackingeyes.customs_status"),
            ("[]", "trackingeyes.unknown"),
            (r#"[{"x":1}]"#, "trackingeyes.unknown"),
            (r#"{"x":1}"#, "trackingeyes.unknown"),
            (r#"[{"id":1},7]"#, "malformed"),
            ("[7]", "malformed"),
            ("7", "malformed"),
        ] {
            assert_eq!(kind(Partner::TrackingEyes, body), expected, "{body}");
        }
    }

    #[test]
    fn onedata_action_follows_the_envelope() {
        for (body, expected) in [
            (RATES, "onedata.rates"),
            (r#"{"batchNo":null,"data":[]}"#, "onedata.rates"),
            (PORTS, "onedata.ports"),
            (r#"{"dataType":2,"data":{}}"#, "onedata.ports"),
            (r#"{"dataType":"2"}"#, "onedata.ports"),
            (r#"{"data":{"subNo":"1"}}"#, "onedata.ports"),
            (r#"{"dataType":null,"data":[{"resultData":null}]}"#, "onedata.ports"),
            (r#"{"dataType":8,"data":{"subNo":"1"}}"#, "onedata.unknown"),
            (r#"{"data":[]}"#, "onedata.unknown"),
            ("{}", "onedata.unknown"),
            ("[]", "onedata.unknown"),
            ("7", "onedata.unknown"),
            (r#"[{"dataType":2.0,"data":{}}]"#, "onedata.ports"),
            (r#"[{"subNo":"1"}]"#, "onedata.ports"),
            (r#"[{"x":"1"}]"#, "onedata.unknown"),
        ] {
            assert_eq!(kind(Partner::OneData, body), expected, "{body}");
        }
    }

    #[test]
    fn a_push_is_the_same_here_and_on_its_own_path() {
        for (own, partner, body) in [
            (syn_status::ACTION, Partner::Xhq, r#"{"action":"syn_status","orderOutNo":"1","code":61}"#),
            (send_data::ACTION, Partner::Xhq, r#"{"action":"sendBgh_data","orderOutNo":"1","dataJson":"{}"}"#),
            (single_receipt::ACTION, Partner::Xhq, r#"{"action":"single_receipt","paramJson":{"channel":"P"}}"#),
            (fee_push::ACTION, Partner::Xhq, r#"{"action":"order_fee","orderOutNo":"1"}"#),
            (customs_status::ACTION, Partner::TrackingEyes, WAYBILLS),
            (rate_push::ACTION, Partner::OneData, RATES),
            (port_push::ACTION, Partner::OneData, PORTS),
            (port_push::ACTION, Partner::OneData, r#"{"dataType":8,"data":{"subNo":"1"}}"#),
        ] {
            let (here, there) = (reading(&ACTION, partner, body), reading(&own, partner, body));
            assert_eq!(format!("{here:?}"), format!("{there:?}"), "{body}");
        }
    }

    #[test]
    fn an_unknown_push_is_found_by_the_keys_it_has() {
        let Reading::Facts(facts) = reading(&ACTION, Partner::Xhq, r#"{"action":"new","orderNo":"A1","billNo":"B1"}"#)
        else {
            panic!("kept")
        };
        assert_eq!((facts[0].subject.as_str(), facts[0].milestone), ("bl:B1", None));
    }
}
