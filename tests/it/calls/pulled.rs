//! Data in partners' answers: events like those of pushes, without duplicates of them.

use std::time::Duration;

use serde_json::{Value, json};
use store::Store as _;

use crate::calls::Desk;
use crate::support::http::{Reply, exchange, request};
use crate::support::{self, key, ledger, until};

const ID: u64 = 1_906_651_379_888_427_009;
const STATUS: &str = "trackingeyes.customs_status";
const RECEIPT: &str = "xhq.single_receipt";
const RATES: &str = "onedata.rates";
const COMPLETE: &str = "onedata.rates_complete";

/// A waybill as it is pushed.
fn waybill(code: &str, more: &Value) -> Value {
    let mut waybill = json!({
        "id": ID, "entryId": "", "blNo": "B1", "localKey": "K1", "extendNo": "", "endId": "0", "subscribeStatus": "S",
        "customsStatus": [{"statusCd": code, "noticeDate": "2026-03-13T12:35:32", "entryId": "", "note": "放行"}],
    });
    waybill.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    waybill
}

pub(super) async fn push(desk: &Desk, path: &str, body: &Value) -> Reply {
    let (partner, rest) = path.split_once('/').unwrap();
    let (connection, suffix) = rest.split_once('/').unwrap();
    let path = format!("/hooks/{partner}/{connection}/{}/{suffix}", key(connection));
    let bytes = request("POST", &path, "content-type: application/json\r\n", body.to_string().as_bytes());
    let reply = exchange(desk.hub.address(), bytes).await.expect("an answer");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

async fn push_waybill(desk: &Desk, waybill: &Value) {
    push(desk, "trackingeyes/eyes/customs_status", &json!([waybill])).await;
}

/// Asks for the waybill, whose answer is the partner's.
async fn download(desk: &Desk) -> Value {
    let reply = desk.call("eyes", "customs_status_download", "", &format!(r#"{{"billId":"{ID}"}}"#)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// The events of that type that the ERP has got, once everything is delivered; the ledger balances.
pub(super) async fn events(desk: &Desk, kind: &str) -> Vec<Value> {
    desk.quiet().await;
    let stored = support::events(&desk.hub.context().store).await;
    let stored = stored.iter().filter(|listed| listed.meta.kind.as_str() == kind).count();
    let told = desk.told(kind);
    assert_eq!(told.len(), stored, "{told:?}");
    assert!(ledger(&desk.hub.context().store).await.balanced());
    told
}

pub(super) async fn stop(desk: Desk) {
    desk.hub.stop().await;
}

#[tokio::test]
async fn download_after_its_push_is_no_event() {
    for more in [json!({}), json!({"extendNo": "ours", "endId": 77}), json!({"id": ID.to_string(), "extendNo": null})] {
        let desk = Desk::new().await;
        let waybill = waybill("PAS", &more);
        push_waybill(&desk, &waybill).await;
        desk.eyes.publish(&waybill);
        for _ in 0..2 {
            download(&desk).await;
        }
        let events = events(&desk, STATUS).await;
        assert_eq!((events.len(), events[0].get("origin")), (1, None), "{more}");
        stop(desk).await;
    }
}

#[tokio::test]
async fn push_after_its_download_is_no_event() {
    for more in [json!({}), json!({"extendNo": "ours", "endId": 77}), json!({"id": ID.to_string(), "extendNo": null})] {
        let desk = Desk::new().await;
        let waybill = waybill("PAS", &more);
        desk.eyes.publish(&waybill);
        let answer = download(&desk).await;
        for _ in 0..2 {
            push_waybill(&desk, &waybill).await;
        }
        download(&desk).await;
        let events = events(&desk, STATUS).await;
        assert_eq!(events.len(), 1, "{more}");
        let event = &events[0];
        assert_eq!((&event["origin"], &event["subject"]), (&"pulled".into(), &"bl:B1".into()));
        assert_eq!((&event["milestone"], &event["data"]), (&"released".into(), &answer["result"]));
        // Known by the same keys as a push.
        for key in [format!("waybill:{ID}"), "key:K1".to_owned()] {
            until(async || desk.get(&format!("/events/eyes/{key}")).await.json()["items"][0]["type"] == STATUS).await;
        }
        stop(desk).await;
    }
}

#[tokio::test]
async fn changed_row_is_an_event_in_either_order() {
    let desk = Desk::new().await;
    let steps = ["EDC", "CPI", "PAS", "CLR"];
    for (n, code) in steps.into_iter().enumerate() {
        let waybill = waybill(code, &json!({"extendNo": "ours"}));
        desk.eyes.publish(&waybill);
        if n % 2 == 0 {
            push_waybill(&desk, &waybill).await;
            download(&desk).await;
        } else {
            download(&desk).await;
            push_waybill(&desk, &waybill).await;
        }
        assert_eq!(events(&desk, STATUS).await.len(), n + 1, "{code}");
    }
    let origins: Vec<_> = events(&desk, STATUS).await.iter().map(|event| event.get("origin").is_some()).collect();
    assert_eq!(origins, [false, true, false, true]);
    stop(desk).await;
}

/// Two pushes that differ in what a download does not show are two events, as ever.
#[tokio::test]
async fn pushes_are_compared_as_a_whole() {
    let desk = Desk::new().await;
    for extend in ["", "a", "b", "a"] {
        push_waybill(&desk, &waybill("PAS", &json!({"extendNo": extend}))).await;
    }
    assert_eq!(events(&desk, STATUS).await.len(), 3);
    stop(desk).await;
}

#[tokio::test]
async fn concurrent_downloads_and_pushes_are_one_event() {
    let desk = Desk::new().await;
    let waybill = waybill("PAS", &json!({}));
    desk.eyes.publish(&waybill);
    let both = async || futures::join!(download(&desk), push_waybill(&desk, &waybill));
    futures::future::join_all((0..8).map(|_| both())).await;
    assert_eq!(events(&desk, STATUS).await.len(), 1);
    stop(desk).await;
}

#[tokio::test]
async fn hostile_answer_is_passed_on_and_kept() {
    let desk = Desk::new().await;
    let hostile = [
        (json!("later"), "trackingeyes.malformed"),
        (json!([7, {"blNo": "B1"}]), "trackingeyes.malformed"),
        (json!([[[]]]), "trackingeyes.malformed"),
        (json!(7), "trackingeyes.malformed"),
        (json!({"blNo": {"a": 1}, "customsStatus": "x"}), STATUS),
        (json!([{"x": "y".repeat(300_000)}]), "trackingeyes.unknown"),
    ];
    for (n, (result, kind)) in hostile.into_iter().enumerate() {
        desk.eyes.break_downloads(Some(result.clone()));
        for _ in 0..2 {
            assert_eq!(download(&desk).await["result"], result);
        }
        let stored = support::events(&desk.hub.context().store).await;
        assert_eq!(
            (stored.len(), stored.iter().filter(|one| one.meta.kind.as_str() == kind).count() > 0),
            (n + 1, true)
        );
    }
    let waybills: Vec<_> = (0..600).map(|n| json!({"id": n.to_string(), "blNo": format!("B{n}")})).collect();
    for (result, found) in [(Value::Null, 6), (json!([]), 6), (json!(""), 6), (json!(waybills), 7)] {
        desk.eyes.break_downloads(Some(result));
        download(&desk).await;
        assert_eq!(support::events(&desk.hub.context().store).await.len(), found);
    }
    assert!(ledger(&desk.hub.context().store).await.balanced());
    stop(desk).await;
}

/// Rows of `actionDataRow`.
pub(super) async fn history(desk: &Desk, data: Value) {
    desk.xhq.history(data.clone());
    let body = r#"{"action":"single_receipt","orderOutNo":"S1"}"#;
    let reply = desk.call("xhq", "actionDataRow", "", body).await;
    assert_eq!((reply.status, &reply.json()["data"]), (200, &data));
}

#[tokio::test]
async fn receipts_of_an_answer_are_those_that_were_pushed() {
    let desk = Desk::new().await;
    let receipt = |channel: &str| json!({"action": "single_receipt", "orderOutNo": "S1", "paramJson": {"channel": channel, "entryId": "E1"}});
    push(&desk, "xhq/xhq/single_receipt", &receipt("L")).await;
    history(&desk, json!([receipt("P"), receipt("L")])).await;
    push(&desk, "xhq/xhq/", &receipt("P")).await;
    history(&desk, json!([receipt("R"), receipt("P"), receipt("L")])).await;
    let events = events(&desk, RECEIPT).await;
    let told: Vec<_> = events.iter().map(|event| (event["milestone"].clone(), event.get("origin").is_some())).collect();
    let expected = [("accepted", false), ("released", true), ("cleared", true)];
    assert_eq!(told.len(), 3);
    assert!(expected.iter().all(|(milestone, pulled)| told.contains(&((*milestone).into(), *pulled))), "{told:?}");
    stop(desk).await;
}

/// The whole history of an order is no news each time it is asked for.
#[tokio::test]
async fn statuses_of_an_answer_are_kept_once() {
    let desk = Desk::new().await;
    let status = |code: u32| json!({"action": "syn_status", "orderOutNo": "S1", "code": code, "msg": "m"});
    push(&desk, "xhq/xhq/syn_status", &status(61)).await;
    for _ in 0..3 {
        history(&desk, json!([status(61), status(63), status(64)])).await;
    }
    assert_eq!(events(&desk, "xhq.syn_status").await.len(), 3);
    // The last of the answer is the latest.
    push(&desk, "xhq/xhq/syn_status", &status(64)).await;
    assert_eq!(events(&desk, "xhq.syn_status").await.len(), 3);
    stop(desk).await;
}

#[tokio::test]
async fn rows_without_an_action_are_what_the_configuration_says() {
    let row = json!({"billNo": "B1", "paramJson": {"channel": "P"}});
    let desk = Desk::new().await;
    history(&desk, json!([row])).await;
    history(&desk, json!({"list": [row]})).await;
    let unknown = events(&desk, "xhq.unknown").await;
    let subjects: Vec<_> = unknown.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    // About what was asked where it has no key of its own.
    assert_eq!((subjects.len(), subjects.contains(&"bl:B1"), subjects.contains(&"order:S1")), (2, true, true));
    stop(desk).await;

    let xhq = "answers = { actionDataRow = { rows = \"/data/list\", action = \"single_receipt\" } }\n";
    let desk = Desk::with(crate::calls::Making { xhq, ..Default::default() }).await;
    push(
        &desk,
        "xhq/xhq/single_receipt",
        &json!({"action": "single_receipt", "billNo": "B1", "paramJson": {"channel": "P"}}),
    )
    .await;
    history(&desk, json!({"list": [row, {"billNo": "B1", "paramJson": {"channel": "R"}}]})).await;
    let receipts = events(&desk, RECEIPT).await;
    assert_eq!((receipts.len(), &receipts[1]["milestone"]), (2, &"cleared".into()));
    assert_eq!(receipts[1]["data"]["action"], "single_receipt", "as it would be pushed");
    stop(desk).await;
}

/// A row of rates as it is pushed.
fn row(n: usize) -> Value {
    json!({"taskId": n, "originalPolPortCd": "CNSHA", "totalCost": "714.00", "voyage": format!("V{n}")})
}

async fn page(desk: &Desk, number: usize, size: usize) {
    let body = format!(r#"{{"batchNo":"b-1","pageNum":{number},"pageSize":{size}}}"#);
    let reply = desk.call("onedata", "result_query", "", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn pages_make_a_batch_complete_once() {
    let desk = Desk::new().await;
    desk.onedata.rate("b-1", &(0..5).map(row).collect::<Vec<_>>());
    for number in [3, 1, 1, 3] {
        page(&desk, number, 2).await;
    }
    assert_eq!((events(&desk, RATES).await.len(), events(&desk, COMPLETE).await.len()), (2, 0));
    for number in [2, 3, 2, 1] {
        page(&desk, number, 2).await;
    }
    // The same once more as a whole.
    page(&desk, 1, 100).await;
    let pages = events(&desk, RATES).await;
    let complete = events(&desk, COMPLETE).await;
    assert_eq!((pages.len(), complete.len()), (3, 1));
    assert_eq!((&complete[0]["subject"], &complete[0]["origin"]), (&"batch:b-1".into(), &"pulled".into()));
    let (data, by_row) = (&complete[0]["data"], |n: u64| {
        let is_it = |page: &&Value| page["data"]["data"][0]["taskId"] == n;
        pages.iter().find(is_it).unwrap()["id"].clone()
    });
    let held = [(0, 2), (2, 2), (4, 1)]
        .map(|(before, count)| json!({"before": before, "count": count, "events": [by_row(before)]}));
    assert_eq!(*data, json!({"batchNo": "b-1", "total": 5, "pages": held}));
    // The rows are as they came.
    assert_eq!(pages[0]["data"]["data"][0]["orginPolPortCd"], "CNSHA");
    stop(desk).await;
}

#[tokio::test]
async fn pages_asked_for_at_once_complete_a_batch_once() {
    let desk = Desk::new().await;
    desk.onedata.rate("b-1", &(0..12).map(row).collect::<Vec<_>>());
    futures::future::join_all((0..24).map(|n| page(&desk, n % 12 + 1, 1))).await;
    assert_eq!((events(&desk, RATES).await.len(), events(&desk, COMPLETE).await.len()), (12, 1));
    stop(desk).await;
}

#[tokio::test]
async fn equal_rows_of_a_batch_are_counted() {
    let desk = Desk::new().await;
    desk.onedata.rate("b-1", &[row(0), row(0), row(0)]);
    for number in [1, 2, 3, 2] {
        page(&desk, number, 1).await;
    }
    assert_eq!((events(&desk, RATES).await.len(), events(&desk, COMPLETE).await.len()), (3, 1));
    stop(desk).await;
}

#[tokio::test]
async fn rates_that_were_pushed_are_not_pulled_again() {
    let desk = Desk::new().await;
    for n in 0..3 {
        push(&desk, "onedata/onedata/rates", &json!({"batchNo": "b-1", "data": [row(n)], "tenantId": 7})).await;
    }
    desk.onedata.rate("b-1", &(0..3).map(row).collect::<Vec<_>>());
    page(&desk, 1, 100).await;
    let pushed = events(&desk, RATES).await;
    let complete = events(&desk, COMPLETE).await;
    assert_eq!((pushed.len(), complete.len()), (3, 1));
    let mut held: Vec<_> = complete[0]["data"]["pages"][0]["events"].as_array().unwrap().clone();
    let mut ids: Vec<_> = pushed.iter().map(|event| event["id"].clone()).collect();
    held.sort_by_key(ToString::to_string);
    ids.sort_by_key(ToString::to_string);
    assert_eq!(held, ids);
    // It has grown since.
    desk.onedata.rate("b-1", &(0..4).map(row).collect::<Vec<_>>());
    page(&desk, 1, 100).await;
    page(&desk, 1, 100).await;
    assert_eq!((events(&desk, RATES).await.len(), events(&desk, COMPLETE).await.len()), (4, 2));
    stop(desk).await;
}

#[tokio::test]
async fn rates_of_another_shape_are_kept_as_they_came() {
    let desk = Desk::new().await;
    for (n, data) in
        [json!("later"), json!({"resultData": {"a": 1}}), json!([1]), json!({"batchNo": "b-1", "resultData": 7})]
            .into_iter()
            .enumerate()
    {
        desk.onedata.break_rates(Some(data));
        page(&desk, 1, 100).await;
        page(&desk, 1, 100).await;
        let stored = support::events(&desk.hub.context().store).await;
        assert_eq!(stored.len(), n + 1, "{stored:?}");
        assert!(stored.iter().all(|one| one.meta.pulled.is_some()));
    }
    stop(desk).await;
}

#[tokio::test]
async fn port_data_that_was_pushed_is_not_pulled_again() {
    let desk = Desk::new().await;
    let query = async |key: &str| {
        // What was told last is told by its time.
        desk.time.pass(Duration::from_secs(1));
        let id = desk.command("onedata", "port_query_v2", key, &super::port("B")).await;
        desk.stands(&id, "succeeded").await["answer"]["body"]["data"][0].clone()
    };
    let push_found = async |found: &Value, time: &str| {
        desk.time.pass(Duration::from_secs(1));
        let body = json!({"customerId": "1", "refreshTime": time, "dataType": 2, "data": found});
        push(&desk, "onedata/onedata/ports", &body).await;
    };
    query("subscribe").await;
    desk.onedata.arrive("B");
    let flag = |flag: &str| desk.onedata.change("B", "/containerInfoList/0/customsClearanceFlag", flag);
    flag("N");
    let first = query("1").await;
    flag("Y");
    let second = {
        let mut second = first.clone();
        second["resultData"]["containerInfoList"][0]["customsClearanceFlag"] = "Y".into();
        second
    };
    push_found(&second, "2026-01-02 00:00:00").await;
    query("2").await;
    assert_eq!(events(&desk, "onedata.ports").await.len(), 2, "the push has told it");
    // Back to what was pulled first: news, though the hub pulled nothing else since.
    flag("N");
    query("3").await;
    query("4").await;
    assert_eq!(events(&desk, "onedata.ports").await.len(), 3);
    stop(desk).await;
}

#[tokio::test]
async fn one_event_of_an_answer_is_found_whole() {
    let desk = Desk::new().await;
    desk.eyes.publish(&waybill("PAS", &json!({})));
    download(&desk).await;
    let stored = support::events(&desk.hub.context().store).await;
    let record = desk.hub.context().store.load(&stored[0].key, desk.hub.context().now()).await.unwrap().unwrap();
    let row: Value = serde_json::from_slice(&record.event.data()).unwrap();
    assert_eq!((row[0]["id"].as_str(), row[0].get("endId")), (Some(ID.to_string().as_str()), None), "as it came");
    let path = format!("/events/eyes/bl:B1/{}", stored[0].key.id);
    assert_eq!(desk.get(&path).await.json()["event"]["origin"], "pulled");
    stop(desk).await;
}
