//! TrackingEyes 云当: customs status on request, and its subscription at a path that its public documents lost.

use partners::operation::Encoding;
use serde_json::json;
use simulators::api::TrackingEyes;

use super::Row;
use super::exchange::{call, call_at, lonely, problem};
use crate::calls::{Desk, SECRET};
use crate::support::Time;

const OURS: &str = "leave it out: it comes from the connection";

/// Both.
pub(super) const ROWS: &[Row] = &[
    Row {
        encoding: Encoding::Query,
        query: &["companyCode", "token", "billId"],
        required: &["billId"],
        wrong: &[
            ("billId", r#"{"id":1}"#, "billId", "must be a JSON array of texts"),
            ("billId", "[[]]", "billId[0]", "must be a text"),
            ("orgCode", "{}", "orgCode", "must be a text"),
            ("companyCode", r#""x""#, "companyCode", OURS),
            ("token", r#""x""#, "token", OURS),
        ],
        ..Row::new("eyes", "customs_status_download", "/api/customsStatus/download")
    },
    Row {
        query: &["companyCode", "token"],
        body: Some(r#"[{"blNo":"B-1","localKey":1906651379888427008}]"#),
        ..Row::new("eyes", "subscribe", "/api/customsStatus/subscribe")
    },
];

#[tokio::test]
async fn waybills_are_queried_by_either_list_with_whole_ids() {
    let desk = Desk::new().await;
    for ids in [r#""1906651379888427008,2""#, r#"[1906651379888427008,"2"]"#] {
        let reply =
            call(&desk, "eyes", "customs_status_download", &format!(r#"{{"billId":{ids},"orgCode":"上海 1"}}"#)).await;
        let ids: Vec<_> = reply.json()["result"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, ["1906651379888427008", "2"]);
        let sent = desk.eyes.requests().pop().unwrap();
        assert_eq!((sent.param("companyCode"), sent.param("orgCode")), (Some("COMPANY"), Some("上海 1")));
        assert_eq!((sent.param("billId"), sent.wrong.clone()), (Some("1906651379888427008,2"), None));
        let said = format!("{}{}", reply.head, String::from_utf8_lossy(&reply.body));
        assert!(!said.contains(sent.param("token").unwrap()) && !said.contains(SECRET), "{said}");
    }
    assert_eq!(desk.eyes.token_requests(), 1);
    // The token's request alone carries the secret, in its body.
    assert_eq!(desk.eyes.requests()[0].json(), json!({"companyCode": "COMPANY", "secret": SECRET}));
}

#[tokio::test]
async fn repeated_subscription_fails_with_a_partial_warning() {
    let desk = Desk::new().await;
    let body = r#"[ {"blNo":"B-1","rate":1.10,"localKey":1906651379888427008} ]"#;
    assert_eq!(call(&desk, "eyes", "subscribe", body).await.json()["state"], "succeeded");
    let both = r#"[{"blNo":"B-1"},{"blNo":"B-2"}]"#;
    let failed = call(&desk, "eyes", "subscribe", both).await.json();
    assert_eq!((&failed["state"], &failed["answer"]["body"]["code"]), (&"failed".into(), &300.into()), "{failed}");
    let results = failed["answer"]["body"]["result"].as_array().unwrap();
    assert_eq!((&results[0]["itemCode"], &results[1]["itemCode"]), (&300.into(), &200.into()));
    let detail = failed["attempts"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("refused: 300 warning") && detail.contains("may have half succeeded"), "{detail}");
    let sent = desk.eyes.requests_for("subscribe");
    assert_eq!((&sent[0].body[..], sent.len()), (body.as_bytes(), 2));
}

#[tokio::test]
async fn without_its_path_a_subscription_is_sent_nowhere() {
    let eyes = TrackingEyes::start(([127, 0, 0, 1], 0).into(), Time::now().clock(), "COMPANY", SECRET).await.unwrap();
    let connection = format!(
        "[[connections]]\nid = \"eyes\"\npartner = \"trackingeyes\"\nkeys = [\"{}\"]\nbase_url = \"{}\"\n\
         allow_private = true\ncompany_code = \"COMPANY\"\nsecret = \"{SECRET}\"",
        crate::support::key("eyes"),
        eyes.url()
    );
    let (_plan, hub) = lonely(&connection).await;
    let reply = call_at(&hub, "/calls/eyes/subscribe", r#"[{"blNo":"B-1"}]"#).await;
    let problem = problem(&reply, 500, "connection-incomplete");
    assert_eq!(problem["errors"][0]["field"], "paths.subscribe", "{problem}");
    assert_eq!((eyes.count(), eyes.token_requests()), (0, 0));
}
