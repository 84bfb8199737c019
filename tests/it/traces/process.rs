//! Logs, metrics and reloads of a hub in a process of its own.

use partners::Partner;
use serde_json::Value;
use simulators::erp::{Behaviour, Reply};

use super::{collector, only, spans, table};
use crate::production::observe::{free, has, metrics};
use crate::support::http::{exchange, request};
use crate::support::process::Process;
use crate::support::{Plan, erp, hook, status, until, within};

async fn push(process: &Process, order: &str) {
    let path = hook(Partner::Xhq, "syn_status");
    let reply = exchange(process.address(), request("POST", &path, "", status(order, 61).as_bytes())).await.unwrap();
    assert_eq!(reply.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_name_the_trace_and_metrics_count_spans() {
    let (erp, collector, address) = (erp().await, collector().await, free());
    erp.behave(Behaviour::FailsFirst(1, Reply::of(500)));
    let plan = Plan::new()
        .top(&format!("log_format = \"json\"\nmetrics_listen = \"{address}\""))
        .endpoint("erp", &erp, "retry = [\"1h\"]")
        .table(&table(&collector));
    let variable = (telemetry::logs::FILTER, "info,inbound=debug".into());
    let process = Process::start_with(&plan, &[variable], "\"address\":\"").await.unwrap();
    push(&process, "SO-7").await;
    within(erp.received(1)).await;
    let all = spans(&collector, 3).await;
    let trace = only(&all, "deliver").trace.clone();
    let line = |text: &str| {
        let log = process.log();
        let line =
            log.lines().find(|line| line.contains(text)).map(|line| serde_json::from_str::<Value>(line).unwrap());
        line.map(|line| line["span"]["trace_id"].as_str().unwrap_or_default().to_owned())
    };
    until(async || line("a delivery has not succeeded yet").is_some()).await;
    assert_eq!(line("a delivery has not succeeded yet").unwrap(), trace);
    assert_eq!(line("push answered").unwrap(), trace);
    until(async || has(&metrics(address).await, "tongguan_spans_exported_total 3")).await;
    assert!(has(&metrics(address).await, "tongguan_spans_dropped_total 0"));
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reload_begins_moves_and_ends_traces() {
    let (erp, first, second) = (erp().await, collector().await, collector().await);
    let plan = Plan::new().endpoint("erp", &erp, "");
    let mut hub = plan.start().await;
    let mut number = 0;
    let mut pushed = async |hub: &tongguan::Hub| {
        number += 1;
        crate::support::taken(hub, Partner::Xhq, "syn_status", status(&format!("S{number}"), 61)).await;
        let got = within(erp.received(number)).await;
        super::traceparent(got.last().unwrap())
    };
    assert_eq!(pushed(&hub).await, "");
    assert_eq!(hub.take(plan.clone().table(&table(&first)).config()).await, Vec::<String>::new());
    assert!(pushed(&hub).await.ends_with("-01"));
    spans(&first, 3).await;
    hub.take(plan.clone().table(&table(&second)).config()).await;
    assert!(pushed(&hub).await.ends_with("-01"));
    spans(&second, 3).await;
    hub.take(plan.config()).await;
    assert_eq!(pushed(&hub).await, "");
    hub.stop().await;
    assert_eq!((first.spans().len(), second.spans().len()), (3, 3));
}
