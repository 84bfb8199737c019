//! The partner and the ERP over real sockets, played against each other.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use hub::Utc;
use hub::signature::{SigningKey, signatures};
use partners::Partner;
use simulators::erp::{Behaviour, Erp, Reply};
use simulators::partner::{Next, Sender, Silence};
use simulators::pushes;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Base URL of an ERP that stands in for a hub: its answers serve as a hub's.
fn base(hub: &Erp) -> String {
    format!("http://{}", hub.address())
}

#[tokio::test]
async fn a_taken_push_is_pushed_once_and_the_connection_is_kept() {
    let hub = Erp::start(ANY_PORT, vec![]).await.unwrap();
    hub.behave(Behaviour::Answers(Reply::saying(r#"{"state":true,"msg":""}"#)));
    let mut xhq = Sender::new(Partner::Xhq, &base(&hub)).unwrap();
    let (path, body) = (pushes::path(Partner::Xhq, "sh", "key", "single_receipt"), pushes::receipt(1));
    for _ in 0..3 {
        let done = xhq.push(&path, "application/json", body.clone()).await;
        assert_eq!(done.verdict, Next::Taken);
    }
    let got = hub.received(3).await;
    assert_eq!((got.len(), &got[0].body[..], got[2].path.as_str()), (3, &body[..], path.as_str()));
    assert_eq!(hub.most_under_way(), 1);
}

#[tokio::test]
async fn onedata_tries_four_times_two_minutes_apart() {
    let hub = Erp::start(ANY_PORT, vec![]).await.unwrap();
    hub.behave(Behaviour::Answers(Reply::of(503)));
    let mut onedata = Sender::new(Partner::OneData, &base(&hub)).unwrap();
    let waits = Mutex::new(vec![]);
    let mut numbers = vec![];
    let wait = async |span| waits.lock().unwrap().push(span);
    let done = onedata.play("/", "application/json", "{}", wait, |number, _| numbers.push(number)).await;
    assert!(matches!(done.verdict, Next::GivenUp(_)));
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(*waits.lock().unwrap(), [Duration::from_mins(2); 3]);
    assert_eq!(hub.count(), 4);
}

#[tokio::test]
async fn onedata_takes_no_late_answer_and_the_next_try_is_clean() {
    let hub = Erp::start(ANY_PORT, vec![]).await.unwrap();
    hub.behave(Behaviour::Slow(Duration::from_secs(5)));
    let mut onedata = Sender::new(Partner::OneData, &base(&hub)).unwrap();
    let wait = async |_| hub.behave(Behaviour::Takes);
    let mut tries = vec![];
    let done =
        onedata.play("/", "application/json", "{}", wait, |_, one| tries.push(format!("{:?}", one.answered))).await;
    assert_eq!(done.verdict, Next::Taken);
    assert!(tries.len() == 2 && tries[0].contains("Late(500ms)"), "{tries:?}");
}

#[tokio::test]
async fn a_hub_that_is_down_or_gone_gives_no_answer() {
    let hub = Erp::start(ANY_PORT, vec![]).await.unwrap();
    let mut xhq = Sender::new(Partner::Xhq, &base(&hub)).unwrap();
    xhq.push("/", "application/json", "{}").await.answered.unwrap();
    hub.behave(Behaviour::Down);
    for _ in 0..2 {
        let down = xhq.push("/", "application/json", "{}").await;
        assert!(matches!(down.answered, Err(Silence::Broken(_))), "{down:?}");
    }
    hub.behave(Behaviour::Takes);
    xhq.push("/", "application/json", "{}").await.answered.unwrap();
    drop(hub);
    let gone = async {
        // The port closes when the dropped task is next scheduled.
        while !matches!(xhq.push("/", "application/json", "{}").await.answered, Err(Silence::Unreachable(_))) {}
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
}

#[tokio::test]
async fn a_delivery_is_read_and_its_signature_checked() {
    let keys = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
        .map(|secret| SigningKey::new(secret).unwrap());
    let erp = Erp::start(ANY_PORT, vec![keys[1].clone()]).await.unwrap();
    let body = r#"{"specversion":"1.0","id":"e1","type":"xhq.syn_status","subject":"order:1","data":{}}"#;
    let at = Utc(1_764_000_000_000_000);
    let both = signatures(&keys, "e1", at, body.as_bytes());
    let (first, _) = both.split_once(' ').unwrap();
    for signature in [both.as_str(), first, ""] {
        post(&erp, at, signature, body).await;
    }
    let got = tokio::time::timeout(Duration::from_secs(5), erp.received(3)).await.unwrap();
    assert_eq!(got.iter().map(|one| one.signed).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!((got[0].id.as_str(), got[0].kind.as_deref()), ("e1", Some("xhq.syn_status")));
    assert_eq!((got[0].subject.as_deref(), &got[0].body[..]), (Some("order:1"), body.as_bytes()));
}

/// Regression: the ERP checked signatures with the signer that had made them.
#[tokio::test]
async fn signatures_are_checked_by_the_reference_implementation() {
    let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let erp = Erp::start(ANY_PORT, vec![key.clone()]).await.unwrap();
    let at = Utc(1_614_265_330_000_000);
    let webhook = standardwebhooks::Webhook::new(key.expose()).unwrap();
    let body = r#"{"test": 2432232314}"#;
    let signature = webhook.sign("e1", at.seconds(), body.as_bytes()).unwrap();
    assert_eq!(signature, key.sign("e1", at, body.as_bytes()));
    post(&erp, at, &signature, body).await;
    post(&erp, at, &signature, "{}").await;
    // The hub's signature over bytes that are no text.
    let bytes = b"\x1f\x8b\xff";
    let over_bytes = key.sign("e1", at, bytes);
    post_bytes(&erp, at, &over_bytes, bytes).await;
    post_bytes(&erp, at, &signature, bytes).await;
    let got = tokio::time::timeout(Duration::from_secs(5), erp.received(4)).await.unwrap();
    assert_eq!(got.iter().map(|one| one.signed).collect::<Vec<_>>(), [true, false, true, false]);
}

#[tokio::test]
async fn a_flapping_erp_fails_by_delivery_or_by_request() {
    let erp = Erp::start(ANY_PORT, vec![]).await.unwrap();
    erp.behave(Behaviour::FailsFirst(2, Reply::of(429).retry_after(7)));
    for _ in 0..3 {
        post(&erp, Utc(0), "", "{}").await;
    }
    erp.behave(Behaviour::FailsEvery(2, Reply::saying(r#"{"state":false}"#)));
    let last = post(&erp, Utc(0), "", "{}").await + &post(&erp, Utc(0), "", "{}").await;
    assert!(last.contains(r#"{"state":false}"#));
    let answered: Vec<_> = erp.received(5).await.into_iter().map(|one| one.answered.unwrap()).collect();
    assert_eq!(answered, [429, 429, 200, 200, 200]);
}

#[tokio::test]
async fn a_watched_erp_shows_and_does_not_keep() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let erp = Erp::watched(ANY_PORT, vec![], move |one| tell.send(one.id.clone()).unwrap()).await.unwrap();
    post(&erp, Utc(0), "", "{}").await;
    assert_eq!(told.recv().await.unwrap(), "e1");
    assert_eq!((erp.received(1).await.len(), erp.count()), (0, 1));
}

async fn post(erp: &Erp, at: Utc, signature: &str, body: &str) -> String {
    post_bytes(erp, at, signature, body.as_bytes()).await
}

/// Delivers `e1` on a connection of its own and returns the whole answer.
#[allow(clippy::unwrap_used, reason = "called by tests only")]
async fn post_bytes(erp: &Erp, at: Utc, signature: &str, body: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(erp.address()).await.unwrap();
    let request = format!(
        "POST /events HTTP/1.1\r\nhost: erp\r\nconnection: close\r\nwebhook-id: e1\r\nwebhook-timestamp: {}\r\n\
         webhook-signature: {signature}\r\ncontent-type: application/cloudevents+json; charset=utf-8\r\n\
         content-length: {}\r\n\r\n",
        at.seconds(),
        body.len(),
    );
    stream.write_all(&[request.as_bytes(), body].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
