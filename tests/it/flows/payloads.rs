//! Pushes of unusual size, shape and spelling: they are read as far as they can be, found by their keys, and delivered.

use partners::Partner;
use serde_json::Value;
use tongguan::Hub;

use crate::support::http::api;
use crate::support::{API_KEY, Plan, connection, erp, push, settled, taken, within};

/// The events that a key leads to.
async fn found(hub: &Hub, partner: Partner, key: &str) -> Vec<Value> {
    let path = format!("/events/{}/{}", connection(partner), key.replace('%', "%25"));
    let answer = api(hub.address(), "GET", &path, API_KEY, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()["items"].as_array().unwrap().clone()
}

/// Regression: a lone surrogate in the JSON of a string cost milestone and lookup, one in a member's name made the whole
/// push malformed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_surrogate_costs_neither_lookup_nor_milestone() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").endpoint("raw", &erp, "format = \"raw\"").start().await;
    let bodies = [
        r#"{"action":"single_receipt","orderOutNo":"L1","paramJson":"{\"channel\":\"R\",\"entryId\":\"E1\",\"note\":\"x\ud83d\"}"}"#,
        r#"{"action":"single_receipt","orderOutNo":"L2","\ude00":1,"paramJson":{"channel":"R","entryId":"E2","\ud83d":"\u0000"}}"#,
    ];
    for (body, n) in bodies.into_iter().zip(1..) {
        taken(&hub, Partner::Xhq, "", body).await;
        let got = within(erp.received(2 * n)).await;
        settled(&hub).await;
        for key in [format!("order:L{n}"), format!("entry:E{n}")] {
            let events = found(&hub, Partner::Xhq, &key).await;
            assert_eq!((events.len(), &events[0]["milestone"]), (1, &"cleared".into()), "{key}");
        }
        let latest = &got[2 * (n - 1)..];
        assert!(latest.iter().any(|got| got.body == body.as_bytes()), "raw is what came");
        let data = format!("\"data\":{body}");
        assert!(latest.iter().any(|got| String::from_utf8_lossy(&got.body).contains(&data)), "data is what came");
    }
}

/// Regression: a push in GBK was found by none of its keys.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_in_gbk_is_malformed_but_found() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let body = [
        &br#"{"action":"single_receipt","orderOutNo":"G1","paramJson":{"channel":"R","note":""#[..],
        b"\xd2\xd1\xbd\xe1\xb9\xd8\x95\x5c\"}}",
    ]
    .concat();
    assert_eq!(push(&hub, Partner::Xhq, "", body.clone()).await.status, 400);
    let got = within(erp.received(1)).await.remove(0);
    let event: Value = serde_json::from_slice(&got.body).unwrap();
    assert!(event["data_base64"].is_string() && event["malformed"].is_string(), "{event}");
    assert_eq!((&event["type"], &event["milestone"]), (&"xhq.malformed".into(), &"cleared".into()));
    assert_eq!(found(&hub, Partner::Xhq, "order:G1").await.len(), 1);
}

/// Regression: events of a key of more than 256 bytes were kept under a cut one, and the whole one found nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_key_finds_its_events_whole_or_as_printed() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    for length in [255, 256, 257, 300, 3_000] {
        let (order, bill) = ("o".repeat(length), "b".repeat(length));
        let body = format!(r#"{{"action":"single_receipt","orderOutNo":"{order}","billNo":"{bill}"}}"#);
        taken(&hub, Partner::Xhq, "", body).await;
        settled(&hub).await;
        for key in [format!("order:{order}"), format!("bl:{bill}")] {
            let events = found(&hub, Partner::Xhq, &key).await;
            assert_eq!(events.len(), 1, "{length}");
            let printed = events[0]["subject"].as_str().unwrap();
            assert_eq!(found(&hub, Partner::Xhq, printed).await, events, "{length}");
            let path = format!("/events/xhq-sh/order:{order}/{}", events[0]["id"].as_str().unwrap());
            assert_eq!(api(hub.address(), "GET", &path, API_KEY, "").await.status, 200, "{length}");
        }
    }
}

/// Regression: an array was refused where nobody knows the schema, and XHQ documents no repetition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_json_is_taken_where_no_schema_is_known() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let xhq = ["fee_push", "ai_data", "bonded_list", "import_node", ""];
    let paths = xhq.map(|suffix| (Partner::Xhq, suffix)).into_iter();
    let paths = paths.chain(["ports", ""].map(|suffix| (Partner::OneData, suffix)));
    let mut told = 0;
    for (partner, suffix) in paths {
        let kind = match (partner, suffix) {
            (_, "") => format!("{partner}.unknown"),
            (_, suffix) => format!("{partner}.{suffix}"),
        };
        for body in [format!(r#"[{{"at":"{suffix}"}}]"#), format!("[\"{suffix}\",1.10]"), format!("\"{suffix}\"")] {
            taken(&hub, partner, suffix, body.clone()).await;
            told += 1;
            let got = within(erp.received(told)).await.pop().unwrap();
            let text = String::from_utf8_lossy(&got.body).into_owned();
            assert!(text.contains(&format!("\"type\":\"{kind}\"")), "{text}");
            assert!(text.contains(&format!("\"data\":{body}}}")) && !text.contains("malformed"), "{text}");
        }
    }
}

/// Regression: more than 500 waybills became one event that no bill found, at no milestone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bill_of_an_enormous_push_finds_it() {
    let erp = erp().await;
    let hub = Plan::new().endpoint("erp", &erp, "").start().await;
    let waybill = |n: usize| {
        let receipt = r#"{"statusCd":"PAS","noticeDate":"2025-03-03T00:00:00"}"#;
        format!(r#"{{"id":{n},"blNo":"BIG{n}","customsStatus":[{receipt}]}}"#)
    };
    for (count, left_out) in [(600, 0), (1_200, 400)] {
        let body = format!("[{}]", (0..count).map(waybill).collect::<Vec<_>>().join(","));
        let before = erp.count();
        taken(&hub, Partner::TrackingEyes, "customs_status", body.clone()).await;
        let got = within(erp.received(before + 1)).await.pop().unwrap();
        settled(&hub).await;
        let event: Value = serde_json::from_slice(&got.body).unwrap();
        assert_eq!(event["milestone"], "released");
        assert_eq!(event["keysleftout"].as_u64().unwrap_or(0), left_out);
        assert!(String::from_utf8_lossy(&got.body).ends_with(&format!("\"data\":{body}}}")));
        for n in [0, count / 2, count - 1] {
            let events = found(&hub, Partner::TrackingEyes, &format!("bl:BIG{n}")).await;
            assert!(events.iter().any(|listed| listed["id"] == event["id"]), "BIG{n} of {count}");
        }
    }
}
