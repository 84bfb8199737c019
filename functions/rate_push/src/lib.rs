//! 1datatech 运价结果实时推送 (3.3): the sailing offers found for a batch of rate queries.
//!
//! One event a push. A batch comes in many pushes (one a sub-task, or pages of 50 rows) that no number tells apart, so
//! equal content is the same event and the batch is the subject. The answer is due within 500 ms.

pub mod view;

use hub::action::{Action, Example, Fact, Push, Reading, object};
use partners::Partner;

use view::RatePush;

/// The webhook of `/rates`; its events are `onedata.rates`.
pub const ACTION: Action = Action {
    name: "rate_push",
    partners: &[Partner::OneData],
    suffix: "rates",
    about: "运价 rates",
    subjects: &["batch"],
    examples: &[Example { name: "rate_push", body: include_bytes!("../examples/rate_push.json") }],
    read,
};

fn read(push: &Push<'_>) -> Reading {
    object(push, |body| {
        let refreshed = body.list("data").iter().filter_map(|row| row.field("refreshTime"));
        let keys = [("batch", RatePush::of(body).batch_no)];
        Fact::new("onedata.rates", body, keys).occurred(refreshed).alone()
    })
}

#[cfg(test)]
mod tests {
    use partners::Json;
    use partners::operation::Settings;

    use super::view::{Demurrage, Row, Transit, costs, demurrages, rows, transits};
    use super::*;

    const SAMPLE: &str = include_str!("../../../tests/fixtures/1datatech_rate_push.json");

    fn facts(body: &str) -> Vec<Fact> {
        hub::testing::facts(&ACTION, body)
    }

    #[test]
    fn a_push_is_one_event_about_its_batch() {
        let facts = facts(SAMPLE);
        assert_eq!((facts.len(), facts[0].kind.as_str()), (1, "onedata.rates"));
        assert_eq!(facts[0].subject.as_str(), "batch:2e173271ba614879b9184ca3966eacdb");
        assert!(facts[0].aliases.is_empty() && facts[0].milestone.is_none() && !facts[0].element);
    }

    #[test]
    fn latest_refresh_of_its_rows_is_the_time_of_a_push() {
        let time = |rows: &str| {
            let fact = facts(&format!(r#"{{"batchNo":"1","data":{rows}}}"#)).remove(0);
            fact.occurred.map(|time| time.to_string())
        };
        let rows =
            r#"[{"refreshTime":"2023-07-21 11:00:00"},{"refreshTime":"2023-07-21 10:00:00"},{"refreshTime":null},7]"#;
        assert_eq!(time(rows).as_deref(), Some("2023-07-21T03:00:00.000000Z"));
        assert_eq!(time(r#"[{"refreshTime":"?"}]"#), None);
    }

    #[test]
    fn a_push_without_batch_or_rows_is_kept() {
        for body in [r#"{"data":null}"#, r#"{"batchNo":"","data":[]}"#, r#"{"batchNo":null,"data":{},"tenantId":1}"#] {
            assert!(facts(body)[0].subject.as_str().starts_with("push:"), "{body}");
        }
        assert_eq!(facts(r#"{"batchNo":1906651379888427008}"#)[0].subject.as_str(), "batch:1906651379888427008");
    }

    #[test]
    fn the_example_reads_with_its_own_types() {
        let json = Json::parse(SAMPLE.as_bytes()).unwrap();
        assert_eq!(RatePush::of(&json).tenant_id, Some("201719"));
        let rows: Vec<_> = rows(&json).collect();
        assert_eq!(rows.len(), 2);
        let row = Row::of(rows[0]);
        assert_eq!((row.task_id, row.have_position, row.transit_number), (Some("163579"), Some("1"), Some("1")));
        assert_eq!((row.total_cost, row.trip_time, row.remark), (Some("714.00"), Some("43"), None));
        assert_eq!(row.original_pol_port_cd, Some("Shanghai,CHINA(CNSHA)"));
        let ports: Vec<_> = transits(rows[0]).collect();
        assert_eq!(ports[0].transit_port_code, Some("MYPKG"));
        assert_eq!(transits(rows[1]).count(), 0, "null though there is a transit port");
        let prices: Vec<_> = costs(rows[0]).filter_map(|cost| cost.price).collect();
        assert_eq!(prices, ["700.00", "44", "20", "705", "30", "990", "14"]);
        assert!(
            costs(rows[0]).any(|cost| cost.cost_detail.is_none()) && costs(rows[0]).all(|cost| cost.unit.is_none())
        );
        assert_eq!(demurrages(rows[0]).count(), 0);
    }

    #[test]
    fn fields_are_read_whatever_their_types_and_spelling_are() {
        let json = Json::parse(
            br#"{"havePosition":"1","transitNumber":null,"totalCost":714.00,"tripTime":43,"orginPolPortCd":"CNSHA",
                 "transitPortList":[null,{"voyage":7}],"demurrageList":[{"dayNum":"5","price":1.10}],"new":[]}"#,
        )
        .unwrap();
        let row = Row::of(&json);
        assert_eq!((row.have_position, row.transit_number, row.total_cost), (Some("1"), None, Some("714")));
        assert_eq!((row.trip_time, row.original_pol_port_cd), (Some("43"), Some("CNSHA")));
        assert_eq!(transits(&json).collect::<Vec<_>>(), [Transit { voyage: Some("7"), ..Transit::default() }]);
        let demurrage = Demurrage { day_num: Some("5"), price: Some("1.10"), ..Demurrage::default() };
        assert_eq!(demurrages(&json).collect::<Vec<_>>(), [demurrage]);
    }

    #[test]
    fn body_that_is_no_object_is_malformed() {
        let json = Json::parse(b"[]").unwrap();
        let reading = (ACTION.read)(&Push { partner: Partner::OneData, body: &json, settings: &Settings::default() });
        assert!(matches!(reading, Reading::Malformed(_)));
    }
}
