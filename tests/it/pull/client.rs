//! The client of the ERP's guide, run as it is printed.

use std::process::{Command, Stdio};

use partners::Partner;

use super::endpoint;
use crate::support::{API_KEY, Plan, events, settled, status, taken};

/// Most lines of the client.
const LINES: usize = 30;

/// The client in a document: the block of Python that acknowledges.
fn client(document: &str) -> &str {
    let blocks = document.split("```python\n").skip(1).map(|behind| behind.split_once("```").unwrap().0);
    blocks.into_iter().find(|block| block.contains("acknowledge")).expect("a client")
}

#[test]
fn client_is_the_same_in_both_languages_and_short() {
    let english = client(include_str!("../../../docs/erp.md"));
    assert_eq!(english, client(include_str!("../../../docs/zh-CN/erp.md")));
    assert!(english.lines().count() <= LINES, "{} lines", english.lines().count());
}

/// Python's own library alone; on a machine without Python there is nothing to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_of_the_guide_handles_each_event() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("there is no python3");
        return;
    }
    let hub = Plan::new().table(&endpoint("erp", "")).start().await;
    let program = client(include_str!("../../../docs/erp.md"));
    let mut child = Command::new("python3")
        .args(["-u", "-c", program])
        .env("HUB", format!("http://{}", hub.address()))
        .env("API_KEY", API_KEY)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    for order in 0..120 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("O-{order}"), 61)).await;
    }
    let tally = settled(&hub).await;
    assert_eq!((tally.accepted, tally.delivered), (120, 120));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    let output = String::from_utf8(output).unwrap();
    for item in events(&hub.context().store).await {
        assert!(output.contains(&item.key.id.to_string()), "{output}");
    }
}
