//! Metrics for Prometheus, and the log in JSON.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use partners::Partner;
use serde_json::Value;
use simulators::erp::Behaviour;
use simulators::partner::Next;
use telemetry::metrics::Metric;
use telemetry::prometheus;

use crate::support::http::{Reply, exchange, request};
use crate::support::process::Process;
use crate::support::{API_KEY, APP_ID, Plan, erp, hook, key, secret, status, until, within};

/// An address that was free a moment ago.
pub(crate) fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn get(address: SocketAddr, path: &str) -> Reply {
    exchange(address, request("GET", path, "", b"")).await.unwrap()
}

async fn post(address: SocketAddr, path: &str) {
    assert_eq!(exchange(address, request("POST", path, "", b"{}")).await.unwrap().status, 404);
}

pub(crate) async fn metrics(address: SocketAddr) -> String {
    let reply = get(address, "/metrics").await;
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body).unwrap()
}

pub(crate) fn has(text: &str, line: &str) -> bool {
    text.lines().any(|own| own == line)
}

async fn pushed(process: &Process, path: &str, body: &str, expected: Next) {
    let mut sender = simulators::Sender::new(Partner::Xhq, &format!("http://{}", process.address())).unwrap();
    until(async || sender.push(path, "application/json", body.to_owned()).await.verdict == expected).await;
}

/// Names of metrics in a text, without the endings of a histogram's series.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("tongguan_") || word.starts_with("process_"));
    let plain = |word: &str| {
        let end = ["_bucket", "_sum", "_count"].into_iter().find_map(|end| word.strip_suffix(end));
        end.unwrap_or(word).to_owned()
    };
    ours.map(plain).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_what_happens_and_nothing_that_senders_choose() {
    let erp = erp().await;
    let address = free();
    let plan = Plan::new().top(&format!("metrics_listen = \"{address}\"\nsweep_every = \"1s\"")).endpoint(
        "erp",
        &erp,
        "retry = [\"1h\"]",
    );
    let process = Process::start(&plan, &[]).await.unwrap();
    let text = metrics(address).await;
    for metric in Metric::ALL {
        assert!(text.contains(&format!("# TYPE {} ", prometheus::name(metric))), "{metric:?}");
    }
    let accepted = "tongguan_accepted_total{partner=\"xhq\",connection=\"xhq-sh\"}";
    assert!(
        has(&text, &format!("{accepted} 0")) && has(&text, "tongguan_delivered_total{endpoint=\"erp\"} 0"),
        "{text}"
    );

    let path = hook(Partner::Xhq, "syn_status");
    pushed(&process, &path, &status("S1", 61), Next::Taken).await;
    within(erp.received(1)).await;
    until(async || has(&metrics(address).await, "tongguan_delivered_total{endpoint=\"erp\"} 1")).await;
    pushed(&process, &path, &status("S1", 61), Next::Taken).await;
    for n in 0..5 {
        let guess = format!("/hooks/xhq/guess-{n}/{}{n}/syn_status", key("xhq-sh"));
        post(process.address(), &guess).await;
    }
    erp.behave(Behaviour::Down);
    pushed(&process, &path, &status("S2", 61), Next::Taken).await;
    let mut text = String::new();
    until(async || {
        text = metrics(address).await;
        text.contains("tongguan_due{connection=\"xhq-sh\"} ")
    })
    .await;
    for line in [
        "tongguan_duplicate_total{partner=\"xhq\",connection=\"xhq-sh\"} 1",
        "tongguan_ack_margin_percent_count{partner=\"xhq\",connection=\"xhq-sh\"} 3",
        "tongguan_on_hold 0",
        "tongguan_disk_refusing 0",
        "tongguan_failed{connection=\"xhq-sh\"} 0",
    ] {
        assert!(has(&text, line), "{line}\n{text}");
    }
    assert!(!text.contains("guess") && !text.contains("that-nobody-may-see"), "{text}");
    assert!(names(&text).contains("process_resident_memory_bytes"), "{text}");
    assert_eq!(get(address, "/events").await.status, 404);
    assert_eq!(get(process.address(), "/metrics").await.status, 404, "not where partners push");

    for file in ["alerts.yaml", "grafana.json"] {
        let used = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/observe").join(file);
        let used = std::fs::read_to_string(used).unwrap();
        let unknown: Vec<_> = names(&used).difference(&names(&text)).cloned().collect();
        assert!(unknown.is_empty() && names(&used).len() > 15, "{file}: {unknown:?}");
    }
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_in_json_is_an_object_a_line_without_secrets() {
    let erp = erp().await;
    let plan = Plan::new().top("log_format = \"json\"").endpoint("erp", &erp, "retry = []");
    let process = Process::start_with(&plan, &[], "\"address\":\"").await.unwrap();
    let path = hook(Partner::Xhq, "syn_status");
    erp.behave(Behaviour::Down);
    pushed(&process, &path, &status("S1", 61), Next::Taken).await;
    post(process.address(), &format!("/hooks/xhq/xhq-sh/{}wrong/syn_status", key("xhq-sh"))).await;
    until(async || {
        let log = process.log();
        log.contains("has failed for good") && log.contains("push refused")
    })
    .await;
    let log = process.log();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for member in ["timestamp", "level", "target", "message"] {
            assert!(line[member].is_string(), "{member}: {line}");
        }
    }
    for hidden in [API_KEY, APP_ID, &key("xhq-sh"), &secret(1)] {
        assert!(!log.contains(hidden), "{log}");
    }
    process.kill();
}
