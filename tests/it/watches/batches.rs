//! Batches of rates with several pages, of which pushes are lost.

use std::time::Duration;

use hub::watch::End;
use serde_json::{Value, json};
use store::Store;
use store_sqlite::SqliteStore;

use super::engines::{Side, on_both_engines};
use crate::calls::{Desk, Making};
use crate::dynamodb::emulated;
use crate::support::http::{exchange, request};
use crate::support::{events, key, within};

const HOUR: Duration = Duration::from_hours(1);
const BATCH: &str = "batch:b-1";
const RATES: &str = "onedata.rates";
const COMPLETE: &str = "onedata.rates_complete";

/// A watch that asks for the batches of a connection.
fn watch(connection: &str) -> String {
    format!("[[watches]]\nconnection = \"{connection}\"\nsilence = \"1h\"\nask = \"result_query\"\n")
}

/// A connection with one call a minute, and its watch.
fn paced() -> String {
    let key = key("paced");
    format!(
        "[[connections]]\nid = \"paced\"\npartner = \"onedata\"\nkeys = [\"{key}\"]\nrate = {{ calls = 1, per = \"1m\" }}\n\
         base_url = \"https://onedata.example\"\n[connections.signature]\nparts = [\"body\"]\nhash = \"md5\"\n\
         send = [{{ part = \"signature\", header = \"sign\" }}]\n{}",
        watch("paced")
    )
}

fn row(n: usize) -> Value {
    json!({"taskId": n, "totalCost": "714.00"})
}

/// The push of the first row.
fn first() -> String {
    json!({"batchNo": "b-1", "data": [row(0)], "tenantId": 7}).to_string()
}

/// The answer with a page of a batch.
fn page(number: usize, total: usize) -> Value {
    let rows: Vec<_> = (0..total).map(row).skip((number - 1) * 500).take(500).collect();
    json!({"success": true, "code": 200, "data": {"batchNo": "b-1", "total": total, "resultData": rows}})
}

/// The numbers of the pages that were asked for.
fn pages<S: Store>(side: &Side<S>) -> Vec<u64> {
    side.asked().iter().map(|asked| asked["pageNum"].as_u64().unwrap()).collect()
}

/// The end of the batch's watch.
async fn ended<S: Store>(side: &Side<S>, connection: &str) -> Option<End> {
    let watch = side.watch_of(connection, BATCH).await.unwrap();
    watch.ended.map(|ended| ended.why)
}

/// Regression: the first page alone was asked for, so that a longer batch was never complete and reported as silent.
#[tokio::test]
async fn all_pages_of_a_batch_with_lost_pushes_are_asked_for() {
    let watch = watch("onedata");
    let desk = Desk::with(Making { last: &watch, ..Making::default() }).await;
    desk.onedata.rate("b-1", &(0..1_200).map(row).collect::<Vec<_>>());
    let path = format!("/hooks/onedata/onedata/{}/rates", key("onedata"));
    let push = request("POST", &path, "content-type: application/json\r\n", first().as_bytes());
    assert_eq!(exchange(desk.hub.address(), push).await.unwrap().status, 200);
    desk.hears(RATES, 1).await;
    desk.quiet().await;
    for _ in 0..4 {
        desk.time.pass(HOUR);
        within(sweep::handle(&desk.courier())).await.unwrap();
        desk.hears(COMPLETE, 1).await;
        desk.quiet().await;
    }
    let stored = events(&desk.hub.context().store).await;
    let of = |kind| stored.iter().filter(|listed| listed.meta.kind.as_str() == kind).count();
    let times = [RATES, COMPLETE, "watch.silent"].map(of);
    assert_eq!(times, [4, 1, 0], "a push and three pages");
    let complete = &desk.told(COMPLETE)[0];
    assert_eq!((&complete["subject"], &complete["data"]["total"]), (&BATCH.into(), &1_200.into()));
    assert_eq!(desk.onedata.wrongs(), [] as [String; 0]);
    desk.hub.stop().await;
}

on_both_engines! {
    look_asks_for_a_limited_number_of_pages_and_the_next_goes_on(&super::watch("ports"));
    page_without_a_turn_is_asked_for_by_the_next_look(&super::paced());
    batch_that_shrinks_is_asked_for_from_its_first_page(&super::watch("ports"));
}

async fn look_asks_for_a_limited_number_of_pages_and_the_next_goes_on<S: Store>(side: Side<S>) {
    side.push("ports", "rate_push", &first()).await;
    for number in 1..=22 {
        side.answers(Some(page(number, 10_900)));
    }
    side.pass(HOUR);
    let look = side.look().await;
    assert_eq!((look.asked, look.reported, pages(&side)), (1, 0, (1..=20).collect()));
    side.pass(HOUR);
    side.look().await;
    assert_eq!((pages(&side), ended(&side, "ports").await), ((1..=22).collect(), Some(End::Complete)));
    side.tally().await;
}

async fn page_without_a_turn_is_asked_for_by_the_next_look<S: Store>(side: Side<S>) {
    side.push("paced", "rate_push", &first()).await;
    for number in 1..=3 {
        assert_eq!(ended(&side, "paced").await, None);
        side.answers(Some(page(number, 1_200)));
        side.pass(HOUR);
        let look = side.look().await;
        assert_eq!((look.asked, look.reported), (1, 0), "page {number}");
    }
    assert_eq!((pages(&side), ended(&side, "paced").await), (vec![1, 2, 3], Some(End::Complete)));
    assert!(side.silences().is_empty());
}

async fn batch_that_shrinks_is_asked_for_from_its_first_page<S: Store>(side: Side<S>) {
    side.push("ports", "rate_push", &first()).await;
    side.answers(Some(page(1, 1_200)));
    side.answers(None);
    side.pass(HOUR);
    side.look().await;
    assert_eq!(pages(&side), [1, 2], "the second is not answered");
    for number in [2, 1] {
        side.answers(Some(page(number, 400)));
    }
    side.pass(HOUR);
    side.look().await;
    assert_eq!((pages(&side), ended(&side, "ports").await), (vec![1, 2, 2, 1], Some(End::Complete)));
}
