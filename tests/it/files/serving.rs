//! Files of a running hub: fetched from real servers, and served.

use std::time::Duration;

use courier::{Fetched, fetch};
use hub::files::FileHash;
use partners::Partner;
use serde_json::Value;
use simulators::api::Xhq;
use simulators::api::{FILE, Fault};
use simulators::erp::Reply;
use tongguan::Hub;

use crate::support::canned::Canned;
use crate::support::http::{Reply as Answer, api};
use crate::support::{API_KEY, Plan, Time, courier, taken, until, within};

const LIMITED: &str = "api-key-that-sees-only-trackingeyes-0123";

fn plan(more: &str) -> Plan {
    let files = format!("partner = \"xhq\"\nfiles = true\n{more}\n");
    let limited =
        format!("[[api_keys]]\nid = \"eyes\"\nkey = \"{LIMITED}\"\nconnections = [\"eyes\"]\nrole = \"viewer\"");
    Plan::new().changed("partner = \"xhq\"\n", &files).table(&limited)
}

async fn partner() -> Xhq {
    Xhq::start(([127, 0, 0, 1], 0).into(), telemetry::system_clock(), "app", "bgh").await.unwrap()
}

async fn push(hub: &Hub, order: &str, url: &str) {
    let body = format!(
        r#"{{"action":"single_receipt","orderOutNo":"{order}","paramJson":{{"channel":"P","releaseNotice":"{url}"}}}}"#
    );
    taken(hub, Partner::Xhq, "single_receipt", body).await;
    let store = &hub.context().store;
    let subject = vec![("xhq-sh".into(), format!("order:{order}").as_str().into())];
    until(async || !store::files_of(store, subject.clone(), hub.context().now()).await.unwrap().is_empty()).await;
}

async fn get(hub: &Hub, key: &str, path: &str) -> Answer {
    api(hub.address(), "GET", path, key, "").await
}

async fn json(hub: &Hub, path: &str) -> Value {
    let answer = get(hub, API_KEY, path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

async fn fetched(hub: &Hub) -> Fetched {
    within(fetch(&courier(hub))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_is_opened_after_its_link_died() {
    let (xhq, time) = (partner().await, Time::now());
    let hub = plan("allow_private_files = true").start_at(&time).await;
    let url = xhq.file("S1", "放行");
    push(&hub, "S1", &url).await;
    assert_eq!(fetched(&hub).await, Fetched { tried: 1, kept: 1, lost: 0 });
    xhq.behave(Fault::Http(Reply::of(404)).always().on(FILE));

    let shipment = json(&hub, "/shipments/order:S1").await;
    let file = &shipment["files"][0];
    assert_eq!((&file["field"], &file["state"]), (&"releaseNotice".into(), &"kept".into()), "{shipment}");
    assert_eq!((&file["by"], &file["subject"]), (&"xhq.single_receipt".into(), &"order:S1".into()));
    assert_eq!(file["event"], shipment["items"][0]["id"]);
    let event = json(&hub, &format!("/events/xhq-sh/order:S1/{}", file["event"].as_str().unwrap())).await;
    assert_eq!((&event["files"][0]["hash"], &event["files"][0]["url"]), (&file["hash"], &url.as_str().into()));
    assert_eq!(event["event"]["data"]["paramJson"]["releaseNotice"], url.as_str(), "the payload is untouched");

    let answer = get(&hub, API_KEY, &format!("/files/{}", file["hash"].as_str().unwrap())).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.starts_with(b"%PDF-") && file["size"] == answer.body.len());
    for header in [
        "content-type: application/pdf",
        "content-disposition: attachment; filename=",
        "x-content-type-options: nosniff",
        "content-security-policy: sandbox",
        "cache-control: private, no-store",
    ] {
        assert!(answer.head.contains(header), "{header}: {}", answer.head);
    }
    hub.stop().await;
}

/// Of what it may not see and of what is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn key_of_another_connection_finds_no_file() {
    let (xhq, time) = (partner().await, Time::now());
    let hub = plan("allow_private_files = true").start_at(&time).await;
    push(&hub, "S1", &xhq.file("S1", "a")).await;
    fetched(&hub).await;
    let shipment = json(&hub, "/shipments/order:S1").await;
    let there = shipment["files"][0]["hash"].as_str().unwrap().to_owned();
    let answers = [there.clone(), FileHash::of(b"").to_string(), "0".to_owned()].map(|hash| format!("/files/{hash}"));
    let mut told = Vec::new();
    for path in &answers {
        let answer = get(&hub, LIMITED, path).await;
        assert_eq!(answer.status, 404);
        told.push(answer.json());
    }
    assert!(told.windows(2).all(|two| two[0] == two[1]), "{told:?}");
    assert_eq!(get(&hub, API_KEY, &answers[0]).await.status, 200);
    assert_eq!(get(&hub, "nobody", &answers[0]).await.status, 401);
    let list = get(&hub, LIMITED, "/files?state=lost").await.json();
    assert_eq!(list["items"], Value::Array(vec![]));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_address_is_not_called_unless_allowed() {
    let (xhq, time) = (partner().await, Time::now());
    let hub = plan("").start_at(&time).await;
    push(&hub, "S1", &xhq.file("S1", "a")).await;
    push(&hub, "S2", "http://[::ffff:127.0.0.1]/1.pdf").await;
    assert_eq!(fetched(&hub).await, Fetched { tried: 2, kept: 0, lost: 2 });
    assert!(xhq.requests().is_empty());
    let lost = json(&hub, "/files?state=lost").await;
    let items = lost["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    for item in items {
        assert_eq!((&item["state"], &item["connection"]), (&"refused".into(), &"xhq-sh".into()));
        assert!(item["detail"].as_str().unwrap().contains("allow_private_files"), "{item}");
    }
    assert_eq!(json(&hub, "/files?state=waiting").await["items"], Value::Array(vec![]));
    assert_eq!(get(&hub, API_KEY, "/files").await.status, 400);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_file_is_told_in_its_entry() {
    let (xhq, time) = (partner().await, Time::now());
    let hub = plan("allow_private_files = true").start_at(&time).await;
    let endless = Canned::start().await;
    endless.answer(
        [b"HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\n\r\n%PDF-".to_vec(), vec![b' '; 101 << 20]].concat(),
    );
    let short = Canned::start().await;
    short.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n%PDF-half".to_vec());
    xhq.behave(Fault::Rubbish.always().on(FILE));
    push(&hub, "PAGE", &xhq.file("PAGE", "a")).await;
    push(&hub, "LARGE", &format!("{}/1.pdf", endless.url())).await;
    push(&hub, "SHORT", &format!("{}/1.pdf", short.url())).await;
    assert_eq!(fetched(&hub).await, Fetched { tried: 3, kept: 0, lost: 1 });
    let entry = async |order: &str| json(&hub, &format!("/shipments/order:{order}")).await["files"][0].clone();
    let (page, large, short) = (entry("PAGE").await, entry("LARGE").await, entry("SHORT").await);
    assert!(page["detail"].as_str().unwrap().contains("HTML"), "{page}");
    assert_eq!((&large["state"], &large["tries"]), (&"too_large".into(), &1.into()), "{large}");
    assert!(short["state"] == "waiting" && short["hash"].is_null() && !short["detail"].is_null(), "{short}");
    // A passing page: the file itself comes later.
    xhq.recover();
    time.pass(Duration::from_mins(2));
    assert_eq!(fetched(&hub).await.kept, 1);
    assert_eq!(entry("PAGE").await["state"], "kept");
    hub.stop().await;
}
