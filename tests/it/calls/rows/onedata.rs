//! 1datatech 壹沓: port subscriptions, whose results are events like pushes, and the results of rate queries.

use serde_json::{Value, json};

use super::Row;
use super::exchange::call;
use crate::calls::{Desk, port};

/// Both.
pub(super) const ROWS: &[Row] = &[
    Row {
        wrong: &[
            ("[0].subType", r#""3""#, "[0].subType", "must be one of 1, 2"),
            ("[0].importAndExportFlag", r#""X""#, "[0].importAndExportFlag", "must be one of I, E"),
            ("[0].carrierCd", "[1]", "[0].carrierCd", "must be a text"),
        ],
        ..Row::new("onedata", "port_query_v2", "/ocean/api/port/query/v2")
    },
    Row {
        wrong: &[
            ("pageNum", r#""first""#, "pageNum", "must be a whole number"),
            ("pageSize", "501", "pageSize", "from 0 to 500"),
            ("batchNo", "{}", "batchNo", "must be a text"),
        ],
        ..Row::new("onedata", "result_query", "/freight/api/task/result_query")
    },
];

/// The results in the answer to a query about these numbers: code and number.
async fn query(desk: &Desk, numbers: &[&str]) -> (Value, Vec<(u64, String)>) {
    let items = numbers.iter().map(|number| json!({"subType": 1, "carrierCd": "CNTAO", "subNo": number}));
    let call = call(desk, "onedata", "port_query_v2", &items.collect::<Value>().to_string()).await.json();
    assert_eq!(call["state"], "succeeded", "{call}");
    let results = call["answer"]["body"]["data"].as_array().unwrap().iter();
    let told = |one: &Value| (one["resultCode"].as_u64().unwrap(), one["subNo"].as_str().unwrap().to_owned());
    let told = results.map(told).collect();
    (call, told)
}

#[tokio::test]
async fn each_subscription_has_a_result_and_is_an_event_once() {
    let desk = Desk::new().await;
    let of = |code: u64, number: &str| (code, number.to_owned());
    assert_eq!(query(&desk, &["A", "B"]).await.1, [of(1, "A"), of(1, "B")]);
    desk.onedata.arrive("B");
    let (call, results) = query(&desk, &["A", "B", "C"]).await;
    assert_eq!(results, [of(3, "A"), of(2, "B"), of(1, "C")]);
    let found = &call["answer"]["body"]["data"][1];
    let events = desk.hears("onedata.ports", 1).await;
    assert_eq!((&events[0]["subject"], &events[0]["source"]), (&"port:CNTAO:1:B:E".into(), &"onedata".into()));
    assert_eq!((&events[0]["data"], &events[0]["milestone"]), (&json!({"data": [found]}), &"released".into()));
    // Asked again, it is the same.
    assert_eq!(query(&desk, &["B"]).await.1, [of(2, "B")]);
    assert_eq!(query(&desk, &["B", "A"]).await.1, [of(2, "B"), of(3, "A")]);
    desk.onedata.arrive("C");
    query(&desk, &["C"]).await;
    let events = desk.hears("onedata.ports", 2).await;
    desk.quiet().await;
    assert_eq!((desk.told("onedata.ports").len(), &events[1]["subject"]), (2, &"port:CNTAO:1:C:E".into()));
    assert_eq!((desk.onedata.subscriptions(), desk.onedata.wrongs()), (3, Vec::<String>::new()));
}

/// A query's answer has no `refreshTime`, so that data which became again what it had been was taken for what was known.
#[tokio::test]
async fn query_result_equal_to_one_before_a_change_is_an_event() {
    let desk = Desk::new().await;
    query(&desk, &["B"]).await;
    desk.onedata.arrive("B");
    for (flag, milestone) in [("Y", "released".into()), ("N", Value::Null), ("Y", "released".into())] {
        desk.onedata.change("B", "/containerInfoList/0/customsClearanceFlag", flag);
        let before = desk.told("onedata.ports").len();
        query(&desk, &["B"]).await;
        query(&desk, &["B"]).await;
        assert_eq!(desk.hears("onedata.ports", before + 1).await[before]["milestone"], milestone);
        desk.quiet().await;
        assert_eq!(desk.told("onedata.ports").len(), before + 1);
    }
}

#[tokio::test]
async fn the_found_data_and_the_call_are_known_by_the_same_keys() {
    let desk = Desk::new().await;
    query(&desk, &["B"]).await;
    desk.onedata.arrive("B");
    let (call, _) = query(&desk, &["B"]).await;
    desk.hears("onedata.ports", 1).await;
    desk.quiet().await;
    for subject in ["port:CNTAO:1:B", "bl:B"] {
        let calls = desk.get(&format!("/calls?subject={subject}")).await.json();
        let ids: Vec<_> = calls["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert!(ids.len() == 2 && ids.contains(&&call["id"]), "{subject}: {calls}");
    }
    let events = desk.get("/events/onedata/bl:B").await.json();
    assert!(events.to_string().contains("onedata.ports"), "{events}");
}

#[tokio::test]
async fn extra_information_returns_the_latest_json_unchanged() {
    let desk = Desk::new().await;
    let extras =
        [r#"{"id":1906651379888427008,"list":[1,null,""],"rate":"700.00"}"#, r#""text""#, "[1,2]", "7", "null"];
    for extra in extras {
        let body = port("X").replace("}]", &format!(r#","extraInfo":{extra}}}]"#));
        let call = call(&desk, "onedata", "port_query_v2", &body).await.json();
        let expected: Value = serde_json::from_str(extra).unwrap();
        assert_eq!(call["answer"]["body"]["data"][0]["extraInfo"], expected, "{call}");
        assert_eq!(desk.onedata.requests().pop().unwrap().body, body.as_bytes());
    }
    assert_eq!(desk.onedata.subscriptions(), 1);
}

#[tokio::test]
async fn rates_come_by_the_page() {
    let desk = Desk::new().await;
    let page = async |number: usize| {
        let body = format!(r#"{{"batchNo":"b-1","pageNum":{number},"pageSize":1}}"#);
        call(&desk, "onedata", "result_query", &body).await.json()["data"].clone()
    };
    let first = page(1).await;
    let total = usize::try_from(first["total"].as_u64().unwrap()).unwrap();
    assert_eq!((first["resultData"].as_array().unwrap().len(), &first["batchNo"]), (1, &"b-1".into()));
    assert_eq!(page(total + 1).await["resultData"], json!([]));
    // Left out, the partner's own page counts.
    let whole = call(&desk, "onedata", "result_query", r#"{"batchNo":"b-1"}"#).await.json();
    assert_eq!(whole["data"]["resultData"].as_array().unwrap().len(), total);
    assert_eq!(desk.onedata.wrongs(), Vec::<String>::new());
    assert!(desk.calls().await.is_empty());
}
