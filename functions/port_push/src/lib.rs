//! 1datatech 港区推送 v2: what a port knows of a bill or a container, a full snapshot each time.
//!
//! One event a push. A subscription is identified by port area, type, number and, where it was passed, import or export
//! (3.2.3), and so is the subject. The answer is due within 500 ms.

pub mod view;

use hub::action::{Action, Example, Fact, Push, Reading, unknown};
use hub::milestone::DatedMilestone;
use hub::{Milestone, Utc};
use partners::onedata::{self, bill, containers, envelopes, is_released, keys, results};
use partners::{Json, Partner};

use view::Envelope;

/// The webhook of `/ports`; its events are `onedata.ports`, and `onedata.unknown` for another kind of data.
pub const ACTION: Action = Action {
    name: "port_push",
    partners: &[Partner::OneData],
    suffix: "ports",
    about: "港区 port data; `onedata.unknown` where `dataType` names other data",
    subjects: &["port", "bl", "container", "entry"],
    examples: &[Example { name: "port_push", body: include_bytes!("../examples/port_push.json") }],
    read,
};

/// The `dataType` of port data (inferred from the sibling pages, which list it). A query's answer has none.
const PORTS: &str = "2";

/// Another `dataType` is another kind of data, a carrier's or an airline's, whatever its shape and path. Any other JSON is
/// kept as port data: the page that describes a push is not public.
fn read(push: &Push<'_>) -> Reading {
    let body = push.body;
    let other = |envelope: &Json<'_>| Envelope::of(envelope).data_type.is_some_and(|data_type| data_type != PORTS);
    if envelopes(body).iter().any(other) {
        return unknown(push);
    }
    let results: Vec<_> = results(body).collect();
    let keys = keys(&results);
    let keys = keys.iter().map(|(kind, value)| (*kind, Some(value.as_ref())));
    let milestone = is_released(&results).then_some(Milestone::Released);
    let released = milestone.zip(released_at(&results)).map(|(milestone, at)| DatedMilestone { milestone, at });
    let refreshed = envelopes(body).iter().filter_map(|envelope| Envelope::of(envelope).refresh_time);
    Fact::new(onedata::PORTS, body, keys)
        .at(milestone)
        .occurred(refreshed)
        .with_dated(released.into_iter().collect())
        .alone()
}

/// The time at which the last container was released, by its 海放时间 `customsClearanceTime`, which some ports alone give.
fn released_at(results: &[&Json<'_>]) -> Option<Utc> {
    let containers = results.iter().flat_map(|result| containers(bill(result)));
    let times = containers.map(|container| container.field("customsClearanceTime").and_then(Utc::parse));
    times.collect::<Option<Vec<_>>>()?.into_iter().max()
}

#[cfg(test)]
mod tests {
    use hub::Alias;

    use super::view::{Bill, Container, Declaration, Subscription, bill, containers, declarations, plans};
    use super::*;

    const FOUND: &str = include_str!("../../../tests/fixtures/1datatech_port_query_found.json");
    const NOT_FOUND: &str = include_str!("../../../tests/fixtures/1datatech_port_query_not_found.json");
    const SUBSCRIBED: &str = include_str!("../../../tests/fixtures/1datatech_port_query_subscribed.json");

    const ASKED: &str = r#""carrierCd":"CNTAO","subType":1,"subNo":"225201002""#;
    const BILL: &str = r#""blNo":"B1","containerInfoList":[
        {"containerNo":"C1","customsClearanceFlag":"Y","declareInfoList":[{"customsDeclarationNo":"422720230000151453"}]},
        {"containerNo":"C2","customsClearanceFlag":"Y","declareInfoList":[{"customsDeclarationNo":422720230000151453}]}]"#;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    fn aliases(fact: &Fact) -> Vec<&str> {
        fact.aliases.iter().map(Alias::as_str).collect()
    }

    #[test]
    fn the_querys_answer_reads_as_a_push() {
        let fact = fact(FOUND);
        assert_eq!((fact.kind.as_str(), fact.subject.as_str()), ("onedata.ports", "port:CNTAO:1:225201002:E"));
        let containers = ["container:MMAU1429062", "container:MMAU1429993", "container:MMAU1430295"];
        let aliases = aliases(&fact);
        assert_eq!(aliases[..3], ["bl:225201002", containers[0], "entry:422720230000151453"]);
        assert!(containers.iter().all(|container| aliases.contains(container)));
        assert_eq!(fact.milestone, Some(Milestone::Released));
    }

    #[test]
    fn last_containers_release_is_the_time_of_the_release() {
        let container = |time: &str| format!(r#"{{"customsClearanceFlag":"Y","customsClearanceTime":{time}}}"#);
        let push = |containers: &[String]| {
            let data = format!(r#"{{{ASKED},"containerInfoList":[{}]}}"#, containers.join(","));
            let fact = fact(&format!(r#"{{"refreshTime":"2023-07-21 10:00:00","dataType":2,"data":{data}}}"#));
            let refreshed = fact.occurred.map(|time| time.to_string());
            assert_eq!(refreshed.as_deref(), Some("2023-07-21T02:00:00.000000Z"));
            fact.dated.into_iter().map(|dated| (dated.milestone, dated.at.to_string())).collect::<Vec<_>>()
        };
        let (early, late) = (container(r#""2023-02-26 06:55:00""#), container(r#""2023-02-27 06:55:00""#));
        let released = (Milestone::Released, "2023-02-26T22:55:00.000000Z".to_owned());
        assert_eq!(push(&[early.clone(), late.clone(), early.clone()]), [released]);
        assert_eq!(push(&[early, container("null")]), [], "some ports give none");
        assert_eq!(push(&[late, r#"{"customsClearanceFlag":"N"}"#.to_owned()]), []);
    }

    #[test]
    fn without_a_result_the_subscription_is_all_there_is() {
        for body in [NOT_FOUND, SUBSCRIBED] {
            let fact = fact(body);
            assert_eq!(fact.subject.as_str(), "port:CNTAO:1:225201002:E");
            assert_eq!((aliases(&fact), fact.milestone), (vec!["bl:225201002"], None));
        }
    }

    #[test]
    fn result_is_read_from_object_or_array_data() {
        for data in [
            format!(r#"{{{ASKED},"resultData":{{{BILL}}}}}"#),
            format!(r"{{{ASKED},{BILL}}}"),
            format!(r#"{{{ASKED},"resultData":null,{BILL}}}"#),
            format!(r#"[{{{ASKED},"resultData":{{{BILL}}}}}]"#),
            format!(r"[null,{{{ASKED},{BILL}}}]"),
        ] {
            let body =
                format!(r#"{{"customerId":"1","refreshTime":"2023-07-21 10:00:00","dataType":2,"data":{data}}}"#);
            let fact = fact(&body);
            assert_eq!(fact.subject.as_str(), "port:CNTAO:1:225201002", "{body}");
            let all = ["bl:225201002", "bl:B1", "container:C1", "entry:422720230000151453", "container:C2"];
            assert_eq!((aliases(&fact), fact.milestone), (all.to_vec(), Some(Milestone::Released)), "{body}");
        }
    }

    #[test]
    fn a_container_subscription_names_its_container() {
        for sub_type in ["\"2\"", "2", "2.0"] {
            let asked = format!(r#""carrierCd":"CNSHK","subType":{sub_type},"subNo":"C1","importAndExportFlag":"I""#);
            let fact = fact(&format!(r#"{{"data":{{{asked}}}}}"#));
            assert_eq!((fact.subject.as_str(), aliases(&fact)), ("port:CNSHK:2:C1:I", vec!["container:C1"]));
        }
    }

    #[test]
    fn further_results_are_aliases_of_the_first() {
        let second = r#"{"carrierCd":"CNSHK","subType":2,"subNo":"C9"}"#;
        let fact = fact(&format!(r#"{{"data":[{{{ASKED}}},{second}]}}"#));
        assert_eq!(fact.subject.as_str(), "port:CNTAO:1:225201002");
        assert_eq!(aliases(&fact), ["port:CNSHK:2:C9", "bl:225201002", "container:C9"]);
    }

    #[test]
    fn incomplete_subscription_gives_no_subject() {
        assert_eq!(fact(r#"{"data":{"carrierCd":"","subType":1,"subNo":"B1"}}"#).subject.as_str(), "bl:B1");
        for body in ["{}", r#"{"data":null}"#, r#"{"data":[]}"#, r#"{"data":"x","success":false,"code":500}"#] {
            let fact = fact(body);
            assert!(fact.subject.as_str().starts_with("push:") && fact.milestone.is_none(), "{body}");
        }
    }

    #[test]
    fn released_only_when_every_container_is() {
        for (containers, milestone) in [
            (r#"{"customsClearanceFlag":"Y"}"#, Some(Milestone::Released)),
            (r#"{"customsClearanceFlag":"Y"},{"customsClearanceFlag":"N"}"#, None),
            (r#"{"customsClearanceFlag":"Y"},{"customsClearanceFlag":""}"#, None),
            (r#"{"customsClearanceFlag":"Y"},{"customsClearance":"放行"}"#, None),
            ("", None),
        ] {
            let body = format!(r#"{{"data":{{{ASKED},"resultData":{{"containerInfoList":[{containers}]}}}}}}"#);
            assert_eq!(fact(&body).milestone, milestone, "{containers}");
        }
        let list = format!(r#"{{"data":{{{ASKED},"resultData":{{"containerInfoList":null}}}}}}"#);
        assert_eq!(fact(&list).milestone, None);
    }

    #[test]
    fn the_example_reads_with_its_own_types() {
        let json = Json::parse(FOUND.as_bytes()).unwrap();
        assert_eq!((Envelope::of(&json).success, Envelope::of(&json).data_type), (Some("true"), None));
        let result = results(&json).next().unwrap();
        assert_eq!(
            (Subscription::of(result).result_code, result.get("extraInfo").unwrap().is_object()),
            (Some("2"), true)
        );
        let bill = bill(result);
        assert_eq!((Bill::of(bill).import_and_export, Bill::of(bill).bkg_no), (Some("E"), None));
        assert_eq!(containers(bill).count(), 4);
        let first = containers(bill).next().unwrap();
        let container = Container::of(first);
        assert_eq!(container.loadship_time, Some("2023-02-25 18:40:00"));
        assert_eq!((container.import_and_export, container.container_pieces), (Some("外贸"), Some("105.000")));
        assert_eq!((container.atd, container.bl_no, plans(first).count()), (None, None, 0));
        let entry = Declaration::of(declarations(first).next().unwrap());
        assert_eq!((entry.weight, entry.import_and_export), (Some("108480.0"), None));
    }

    #[test]
    fn the_loading_time_goes_by_two_names() {
        let json = Json::parse(br#"{"loadshipTime":"2023-02-25 18:40:00","containerPieces":105}"#).unwrap();
        let container = Container::of(&json);
        assert_eq!((container.loadship_time, container.container_pieces), (Some("2023-02-25 18:40:00"), Some("105")));
    }

    /// Air freight that came to this path was told as released at the port.
    #[test]
    fn another_kind_of_data_is_unknown() {
        for (data_type, kind, milestone) in [
            ("2", "onedata.ports", Some(Milestone::Released)),
            (r#""2""#, "onedata.ports", Some(Milestone::Released)),
            ("2.0", "onedata.ports", Some(Milestone::Released)),
            ("4.0", "onedata.unknown", None),
            ("null", "onedata.ports", Some(Milestone::Released)),
            ("4", "onedata.unknown", None),
            (r#""8""#, "onedata.unknown", None),
            ("99", "onedata.unknown", None),
        ] {
            let fact = fact(&format!(r#"{{"dataType":{data_type},"data":{{{ASKED},{BILL}}}}}"#));
            assert_eq!((fact.kind.as_str(), fact.milestone), (kind, milestone), "{data_type}");
        }
    }

    /// Regression: an array was malformed, though the schema is unknown.
    #[test]
    fn an_array_is_read_as_envelopes_or_results() {
        for body in [
            format!(r"[{{{ASKED},{BILL}}}]"),
            format!(r#"[{{"dataType":2,"data":{{{ASKED},{BILL}}}}},null]"#),
            format!(r#"[7,{{"data":[{{{ASKED},"resultData":{{{BILL}}}}}]}}]"#),
        ] {
            let fact = fact(&body);
            assert_eq!((fact.kind.as_str(), fact.element), ("onedata.ports", false), "{body}");
            assert_eq!(fact.subject.as_str(), "port:CNTAO:1:225201002", "{body}");
            assert!(aliases(&fact).contains(&"container:C2"), "{body}");
            assert_eq!(fact.milestone, Some(Milestone::Released), "{body}");
        }
        assert_eq!(fact(r#"[{"dataType":8,"data":{}},{}]"#).kind.as_str(), "onedata.unknown");
        for body in ["[]", "[7]", "\"x\"", "null", "7"] {
            assert_eq!(fact(body).kind.as_str(), "onedata.ports", "{body}");
        }
    }
}
