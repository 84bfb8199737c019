//! `/health` says what a push would be answered.

use partners::Partner;
use rusqlite::Connection;
use tongguan::Hub;

use crate::support::http::{Reply, exchange, request};
use crate::support::{Plan, hook, status, taken, until};

async fn ask(hub: &Hub) -> Reply {
    exchange(hub.address(), request("GET", "/health", "", b"")).await.unwrap()
}

async fn push(hub: &Hub, order: &str) -> Reply {
    let body = status(order, 61);
    exchange(hub.address(), request("POST", &hook(Partner::Xhq, "syn_status"), "", body.as_bytes())).await.unwrap()
}

/// Regression: it said ok while every push was refused because another program held the write lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_says_that_another_program_holds_the_write_lock() {
    let plan = Plan::new();
    let hub = plan.start().await;
    assert_eq!(ask(&hub).await.status, 200);
    let other = Connection::open(plan.config().data_dir.join("tongguan.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    until(async || ask(&hub).await.status == 503).await;
    assert_eq!(push(&hub, "LOCKED").await.status, 503);
    other.execute_batch("ROLLBACK").unwrap();
    until(async || ask(&hub).await.status == 200).await;
    taken(&hub, Partner::Xhq, "syn_status", status("FREE", 61)).await;
}

/// Regression: pushes were acknowledged into a file that was removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_store_answers_negatively_and_health_says_so() {
    let plan = Plan::new();
    let hub = plan.start().await;
    let file = plan.config().data_dir.join("tongguan.db");
    std::fs::rename(&file, file.with_extension("aside")).unwrap();
    let refused = push(&hub, "GONE").await;
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(refused.status == 503 && text.contains(r#""state":false"#), "{text}");
    until(async || {
        let told = ask(&hub).await;
        told.status == 503 && String::from_utf8_lossy(&told.body).contains("removed or replaced")
    })
    .await;
    std::fs::rename(file.with_extension("aside"), &file).unwrap();
    until(async || ask(&hub).await.status == 200).await;
    taken(&hub, Partner::Xhq, "syn_status", status("BACK", 61)).await;
}
