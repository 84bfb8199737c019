//! Answers of ERPs to deliveries, byte by byte as real servers send them.

use std::io::Write as _;
use std::time::Duration;

use hub::delivery::State;
use partners::Partner;

use crate::support::canned::Canned;
use crate::support::{Plan, Time, attempted, delivery, secret, status, taken};

/// A gzip stream of that text.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// An answer of that status, these header lines and that body.
pub(crate) fn answer(status: u16, lines: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} x\r\n{lines}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// `{"state":false,"msg":"失败"}` in GBK.
pub(crate) const GBK: &[u8] = b"{\"state\":false,\"msg\":\"\xca\xa7\xb0\xdc\"}";

/// Regression: a refusal that was compressed, in GBK, cut off or behind an odd header counted as delivered or as no answer.
#[tokio::test]
async fn raw_answer_is_judged_by_its_text() {
    let (canned, time) = (Canned::start().await, Time::now());
    let endpoint = format!(
        "[[endpoints]]\nid = \"erp\"\nurl = \"{}/events\"\nallow_private = true\nformat = \"raw\"\nsecrets = [\"{}\"]\n\
         retry = [\"1h\"]\nconcurrency = 1\n",
        canned.url(),
        secret(1)
    );
    let hub = Plan::new().table(&endpoint).start_at(&time).await;
    let (yes, no) = (&br#"{"state":true,"msg":""}"#[..], &br#"{"state":false}"#[..]);
    let cut = gzip(yes)[..20].to_vec();
    let cases = [
        (answer(200, "content-encoding: gzip\r\n", &gzip(yes)), State::Delivered),
        (answer(200, "content-encoding: gzip\r\n", &gzip(no)), State::Pending),
        (answer(200, "", &gzip(no)), State::Pending),
        (answer(200, "content-type: application/json; charset=gbk\r\n", GBK), State::Pending),
        (answer(200, "", GBK), State::Pending),
        (answer(200, "x-a : b\r\nset-cookie: a=\u{1}\r\n", yes), State::Delivered),
        (answer(200, "x-a: b\r\n c\r\n", no), State::Pending),
        (answer(200, "content-encoding: gzip\r\n", &cut), State::Pending),
        (answer(200, "content-encoding: br\r\n", b"\x0b\x07\x80{\"state\":true}\x03"), State::Pending),
        (answer(200, "", &yes[..12]), State::Pending),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"state\":true}".to_vec(), State::Pending),
        (answer(200, "", b""), State::Delivered),
    ];
    for (n, (bytes, state)) in cases.into_iter().enumerate() {
        canned.answer(bytes.clone());
        let order = format!("A{n}");
        taken(&hub, Partner::Xhq, "syn_status", status(&order, 61)).await;
        attempted(&hub, &format!("order:{order}"), "erp", 1).await;
        let (_, delivery) = delivery(&hub, &format!("order:{order}"), "erp").await;
        assert_eq!(delivery.state, state, "{} {delivery:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(canned.count(), n + 1, "one attempt each");
    }
}

/// Regression: the wait that a date in an obsolete form asks for was not kept, and a redirect did not say where to.
#[tokio::test]
async fn dates_and_redirects_of_an_erp_are_understood() {
    let (canned, time) = (Canned::start().await, Time::now());
    let endpoint = format!(
        "[[endpoints]]\nid = \"erp\"\nurl = \"{}/events\"\nallow_private = true\nsecrets = [\"{}\"]\nretry = [\"1m\"]\n",
        canned.url(),
        secret(1)
    );
    let hub = Plan::new().table(&endpoint).start_at(&time).await;
    canned.answer(answer(503, "retry-after: Fri Nov  6 08:50:07 2076\r\n", b""));
    taken(&hub, Partner::Xhq, "syn_status", status("D", 61)).await;
    attempted(&hub, "order:D", "erp", 1).await;
    let (_, waiting) = delivery(&hub, "order:D", "erp").await;
    assert!(waiting.progress.due >= hub.context().now().after(Duration::from_hours(12)), "{waiting:?}");

    canned.answer(answer(308, "location: https://erp.example/new?key=s3cret\r\n", b"<html>moved</html>"));
    taken(&hub, Partner::Xhq, "syn_status", status("R", 61)).await;
    attempted(&hub, "order:R", "erp", 1).await;
    let (_, moved) = delivery(&hub, "order:R", "erp").await;
    let detail = &moved.progress.attempts[0].detail;
    assert!(detail.contains("https://erp.example/new") && !detail.contains("s3cret"), "{detail}");
    assert_eq!((moved.state, moved.progress.attempts[0].status), (State::Pending, Some(308)));
}
