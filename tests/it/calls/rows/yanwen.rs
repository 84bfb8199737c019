//! Yanwen 燕文: the master waybill's fields, and every other method as it is given.

use serde_json::{Value, json};
use simulators::api::{Fault, Yanwen};

use super::Row;
use super::exchange::{call, call_at, edited, invalid, lonely, problem};
use crate::calls::{Desk, SECRET, waybill};
use crate::support::Time;

const fn row(operation: &'static str) -> Row {
    let query = &["user_id", "method", "format", "timestamp", "sign", "version"];
    Row { query, ..Row::new("yanwen", operation, "/api/order") }
}

/// 65 characters.
const LONG: &str = r#""12345678901234567890123456789012345678901234567890123456789012345""#;

const WHOLE: &str = "must be a whole number";

/// A row for each method whose name is documented.
pub(super) const ROWS: &[Row] = &[
    Row {
        required: &[
            "mawbNo",
            "version",
            "channelId",
            "importPort",
            "exportPort",
            "weight",
            "chargeableWeight",
            "country",
            "transportType",
            "etdTimeZone",
            "etd",
            "etaTimeZone",
            "eta",
            "bagQuantity",
            "parcelQuantity",
            "bagList",
            "bagList[0].bagNo",
        ],
        wrong: &[
            ("mawbNo", LONG, "mawbNo", "at most 64"),
            ("version", r#""V1.0""#, "version", WHOLE),
            ("channelId", r#""-1""#, "channelId", WHOLE),
            ("importPort", LONG, "importPort", "at most 16"),
            ("exportPort", LONG, "exportPort", "at most 16"),
            ("weight", r#""20.5""#, "weight", WHOLE),
            ("weight", "20.5", "weight", WHOLE),
            ("chargeableWeight", r#""1e3""#, "chargeableWeight", WHOLE),
            ("country", r#""FRANCE""#, "country", "at most 4"),
            ("transportType", r#""4""#, "transportType", "must be one of 1, 2, 3"),
            ("flightNo", r#""""#, "flightNo", "must be given when transportType is 1"),
            ("flightNo", LONG, "flightNo", "at most 16"),
            ("transportType", "2", "scacBill", "must be given when transportType is 2"),
            ("transportType", r#""2""#, "vesselName", "must be given when transportType is 2"),
            ("transportType", r#""2""#, "voyageNumber", "must be given when transportType is 2"),
            ("transportType", r#""2""#, "containerNumber", "must be given when transportType is 2"),
            ("transportType", r#""2""#, "sealNumber", "must be given when transportType is 2"),
            ("scacBill", LONG, "scacBill", "at most 35"),
            ("vesselName", LONG, "vesselName", "at most 35"),
            ("voyageNumber", LONG, "voyageNumber", "at most 35"),
            ("containerNumber", LONG, "containerNumber", "at most 35"),
            ("sealNumber", LONG, "sealNumber", "at most 35"),
            ("etdTimeZone", r#""+8""#, "etdTimeZone", "+08:00"),
            ("etaTimeZone", r#""Asia/Shanghai""#, "etaTimeZone", "+08:00"),
            ("etd", r#""2023-05-17T10:10:00""#, "etd", "yyyy-MM-dd HH:mm:ss"),
            ("eta", r#""2023-02-29 10:10:00""#, "eta", "yyyy-MM-dd HH:mm:ss"),
            ("bagQuantity", r#""many""#, "bagQuantity", WHOLE),
            ("parcelQuantity", "-1", "parcelQuantity", WHOLE),
            ("bagList", r#""bagNo001""#, "bagList", "must be a JSON array of objects"),
            ("bagList[0].bagNo", LONG, "bagList[0].bagNo", "at most 64"),
        ],
        ..row("s3.mawb.create")
    },
    row("express.overseas.manifest.create"),
    row("express.order.create"),
    row("express.order.get"),
    row("express.order.getlist"),
    row("express.order.cancel"),
    row("express.order.label.get"),
    row("express.channel.getlist"),
    row("common.country.getlist"),
    row("common.warehouse.getlist"),
];

const SEA: [&str; 5] = ["scacBill", "vesselName", "voyageNumber", "containerNumber", "sealNumber"];

/// The example with these fields in place of its own.
fn changed(number: &str, changes: &[(&str, Value)]) -> String {
    changes.iter().fold(waybill(number), |body, (path, value)| edited(&body, path, Some(value.clone())))
}

#[tokio::test]
async fn transport_kind_has_its_fields_others_are_sent_blank() {
    let desk = Desk::new().await;
    let sea: Vec<_> = SEA.iter().map(|name| (*name, json!(format!("{name}-1")))).collect();
    let sea = [&[("transportType", json!("2")), ("flightNo", json!(""))][..], &sea].concat();
    for missing in SEA {
        let body = edited(&changed("M-0", &sea), missing, None);
        invalid(
            &call(&desk, "yanwen", "s3.mawb.create", &body).await,
            missing,
            "must be given when transportType is 2",
        );
    }
    assert_eq!(desk.yanwen.count(), 0);
    let bare = |body: String| ["flightNo"].iter().chain(&SEA).fold(body, |body, name| edited(&body, name, None));
    let air = edited(&bare(waybill("M-1")), "flightNo", Some("ANA962".into()));
    let by_sea = edited(&changed("M-2", &sea), "flightNo", None);
    let truck = bare(changed("M-3", &[("transportType", json!(3))]));
    for (body, given) in [(air, vec!["flightNo"]), (by_sea, SEA.to_vec()), (truck, vec![])] {
        let reply = call(&desk, "yanwen", "s3.mawb.create", &body).await;
        assert_eq!(reply.json()["state"], "succeeded", "{}", reply.json());
        let sent = desk.yanwen.requests().pop().unwrap();
        assert_eq!(sent.wrong, None);
        for name in ["flightNo"].iter().chain(&SEA) {
            assert_eq!(sent.json()[name] != "", given.contains(name), "{name}: {}", sent.json());
        }
    }
}

#[tokio::test]
async fn numbers_are_sent_as_strings_and_nothing_else_is_touched() {
    let desk = Desk::new().await;
    let body = r#"{ "mawbNo" : "M 1", "version": 906651379888427009,"channelId":1646,"importPort":"CDG","exportPort":"CAN","weight":0020000,"chargeableWeight":"21000","country":"FR","transportType":1,"flightNo":"ANA\u0039\\ \"62","etdTimeZone":"-03:30","etd":"2023-05-17 10:10:00","eta":"2023-05-17 16:00:00","etaTimeZone":"+14:00","bagQuantity":50,"parcelQuantity":1000,
        "bagList":[{"bagNo":"bag No","weight":1.10}],"lost":1.10}"#;
    // JSON knows no leading zeros.
    invalid(&call(&desk, "yanwen", "s3.mawb.create", body).await, "body", "");
    let reply = call(&desk, "yanwen", "s3.mawb.create", &body.replace("0020000", "20000")).await;
    assert_eq!(reply.json()["state"], "succeeded", "{}", reply.json());
    let sent = desk.yanwen.requests().pop().unwrap();
    let expected = r#"{"mawbNo":"M 1","version":"906651379888427009","channelId":"1646","importPort":"CDG","exportPort":"CAN","weight":"20000","chargeableWeight":"21000","country":"FR","transportType":"1","flightNo":"ANA\u0039\\ \"62","etdTimeZone":"-03:30","etd":"2023-05-17 10:10:00","eta":"2023-05-17 16:00:00","etaTimeZone":"+14:00","bagQuantity":"50","parcelQuantity":"1000","bagList":[{"bagNo":"bag No","weight":1.10}],"lost":1.10,"scacBill":"","vesselName":"","voyageNumber":"","containerNumber":"","sealNumber":""}"#;
    assert_eq!((String::from_utf8_lossy(&sent.body).as_ref(), sent.wrong), (expected, None));
}

#[tokio::test]
async fn method_without_a_row_is_a_command_with_unchanged_body() {
    let desk = Desk::new().await;
    for (method, body) in [
        ("s3.bag.close", r#"[1.10,"700.00",1906651379888427008,null,"",{"user_id":"u","sign":"s"}]"#),
        ("s3.mawb.cancel", r#"{"mawbNo":7,"b":"\u4e2d","a":1e2}"#),
        ("s3.text", r#""a  b""#),
        ("s3.none", "null"),
        ("s3.words", r#"{"名":"燕文 \"物流\" é 😀"}"#),
    ] {
        let reply = call(&desk, "yanwen", method, body).await;
        assert_eq!(reply.json()["state"], "succeeded", "{}", reply.json());
        let sent = desk.yanwen.requests().pop().unwrap();
        assert_eq!((sent.param("method"), &sent.body[..], sent.wrong.clone()), (Some(method), body.as_bytes(), None));
    }
    // A method of no family belongs to no operation.
    for method in ["mawb.create", "s3.", "s3.a%2Fb", "s4.mawb.create"] {
        let problem = problem(&call(&desk, "yanwen", method, "{}").await, 404, "unknown-operation");
        assert!(problem["detail"].as_str().unwrap().contains("s3.mawb.create"), "{problem}");
    }
    assert_eq!(desk.yanwen.count(), 5);
}

#[tokio::test]
async fn positive_code_is_refusal_negative_code_is_ambiguous() {
    let desk = Desk::new().await;
    for (numbers, name) in [(false, "text"), (true, "number")] {
        desk.yanwen.numeric_codes(numbers);
        desk.yanwen.behave(Fault::Code(1001, "主单号已存在"));
        let failed = call(&desk, "yanwen", "s3.mawb.create", &waybill(&format!("{name}-1"))).await.json();
        assert_eq!(failed["state"], "failed", "{failed}");
        assert_eq!(failed["attempts"][0]["detail"], "refused: 1001 主单号已存在");
        assert_eq!(failed["answer"]["body"]["code"].is_number(), numbers);
        let refused = problem(&call(&desk, "yanwen", "express.order.get", "{}").await, 422, "partner-refused");
        assert_eq!((&refused["code"], &refused["text"]), (&"1001".into(), &"主单号已存在".into()));

        desk.yanwen.behave(Fault::Code(-1, "系统异常"));
        let unknown = call(&desk, "yanwen", "s3.mawb.create", &waybill(&format!("{name}-2"))).await.json();
        assert_eq!(unknown["state"], "ambiguous", "{unknown}");
        assert_eq!(unknown["attempts"][0]["detail"], "its system failed: -1 系统异常");
        let busy = problem(&call(&desk, "yanwen", "express.order.get", "{}").await, 503, "partner-busy");
        assert_eq!((&busy["code"], &busy["answer"]["success"]), (&"-1".into(), &false.into()));
        desk.yanwen.recover();
        assert_eq!(call(&desk, "yanwen", "express.order.get", "{}").await.json()["code"].is_number(), numbers);
    }
}

#[tokio::test]
async fn plain_text_signature_refusal_is_shown() {
    let yanwen = Yanwen::start(([127, 0, 0, 1], 0).into(), Time::now().clock(), "100000", "another").await.unwrap();
    let connection = format!(
        "[[connections]]\nid = \"yanwen\"\npartner = \"yanwen\"\nbase_url = \"{}\"\nallow_private = true\n\
         user_id = \"100000\"\napi_token = \"{SECRET}\"",
        yanwen.url()
    );
    let (_plan, hub) = lonely(&connection).await;
    let text = "签名错误,请检查apitoken及签名规则";
    let failed = call_at(&hub, "/calls/yanwen/s3.mawb.create", &waybill("M-1")).await.json();
    assert_eq!((&failed["state"], &failed["answer"]["body"]), (&"failed".into(), &text.into()), "{failed}");
    assert_eq!((&failed["answer"]["status"], yanwen.count()), (&401.into(), 1));
    let detail = failed["attempts"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("refused: 401 {text}; check api_token, user_id")), "{detail}");
    let refused = problem(&call_at(&hub, "/calls/yanwen/express.order.get", "{}").await, 502, "credentials-refused");
    assert_eq!((&refused["code"], &refused["answer"]), (&"401".into(), &text.into()));
    assert!(refused["detail"].as_str().unwrap().contains("check api_token, user_id"), "{refused}");
}
