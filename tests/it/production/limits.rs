//! One sender takes no place of others, however much it is allowed to send.

use partners::Partner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::observe::{free, has, metrics};
use crate::support::http::{exchange, request};
use crate::support::process::Process;
use crate::support::pushing::{is_answer, push, suffix};
use crate::support::{Plan, hook, until, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sender_with_its_share_in_progress_is_asked_to_repeat() {
    let address = free();
    let plan = Plan::new().top(&format!("metrics_listen = \"{address}\"")).table("[server]\nrequests_per_key = 1");
    let process = Process::start(&plan, &[]).await.unwrap();
    let bytes =
        |partner, name: &str| request("POST", &hook(partner, suffix(partner)), "", push(partner, name).as_bytes());
    let first = bytes(Partner::Xhq, "L1");
    let (begin, rest) = first.split_at(first.len() - 10);
    let mut stream = TcpStream::connect(process.address()).await.unwrap();
    stream.write_all(begin).await.unwrap();
    until(async || has(&metrics(address).await, "tongguan_requests_in_progress 1")).await;
    let refused = exchange(process.address(), bytes(Partner::Xhq, "L2")).await.unwrap();
    let text = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(is_answer(Partner::Xhq, 503, (refused.status, refused.body.as_slice())), "{text}");
    let other = exchange(process.address(), bytes(Partner::TrackingEyes, "L3")).await.unwrap();
    assert_eq!(other.status, 200);
    stream.write_all(rest).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(exchange(process.address(), bytes(Partner::Xhq, "L2")).await.unwrap().status, 200);
    let text = metrics(address).await;
    for line in ["tongguan_requests_refused_total 1", "tongguan_writes_waiting 0", "tongguan_body_budget_used_bytes 0"]
    {
        assert!(has(&text, line), "{line}: {text}");
    }
    assert!(text.contains("tongguan_connections "), "{text}");
    process.kill();
}
