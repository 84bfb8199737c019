//! The SQS queue, on an emulator in process.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hub::{EventId, EventKey, Subject};
use queue::{Errand, Hint, LONGEST_DELAY, Queue as _, QueueError};
use queue_sqs::SqsQueue;
use winterbaume_core::MockAws;
use winterbaume_sqs::SqsService;

use crate::support::until;

fn client(http: SharedHttpClient) -> aws_sdk_sqs::Client {
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(MockAws::builder().build().credentials_provider())
        .http_client(http)
        .build();
    queue_sqs::client(&config)
}

fn emulated() -> aws_sdk_sqs::Client {
    client(MockAws::builder().with_service(SqsService::new()).build().http_client())
}

/// The URL of a queue of its own.
async fn url(client: &aws_sdk_sqs::Client) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("hints-{}-{}", runtime::system_clock()().0, MADE.fetch_add(1, Ordering::Relaxed));
    client.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

/// A queue of its own, and its URL.
async fn made(client: &aws_sdk_sqs::Client) -> (SqsQueue, String) {
    let url = url(client).await;
    (SqsQueue::new(client.clone(), url.clone(), None), url)
}

fn hints(count: u32) -> Vec<Hint> {
    let hint = |turn| {
        let subject = Subject::new("order", "通关 1");
        let key = EventKey { connection: "xhq-sh".into(), subject, id: EventId([1; 24]) };
        Hint { key, errand: Errand::Deliver { endpoint: "erp".into(), turn } }
    };
    (0..count).map(hint).collect()
}

async fn received(client: &aws_sdk_sqs::Client, url: &str) -> Vec<Hint> {
    let mut hints = Vec::new();
    loop {
        let batch = client.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        if batch.messages().is_empty() {
            return hints;
        }
        hints.extend(batch.messages().iter().map(|message| Hint::decode(message.body().unwrap()).unwrap()));
    }
}

/// What must hold on anything that plays SQS.
pub(crate) async fn hints_arrive_however_many_there_are(client: aws_sdk_sqs::Client) {
    for count in [0, 1, 10, 37] {
        let (queue, url) = made(&client).await;
        queue.send(hints(count), Duration::ZERO).await.unwrap();
        let mut arrived = received(&client, &url).await;
        arrived.sort_by_key(|hint| match &hint.errand {
            Errand::Deliver { turn, .. } => *turn,
            Errand::Call { .. } | Errand::Index => u32::MAX,
        });
        assert_eq!(arrived, hints(count));
    }
}

/// Likewise. Workers for ERPs and for partners wait for none but their own.
pub(crate) async fn calls_have_a_queue_of_their_own(client: aws_sdk_sqs::Client) {
    let (url, calls) = (url(&client).await, url(&client).await);
    let key = hints(1).remove(0).key;
    let of = |errand| Hint { key: key.clone(), errand };
    let (call, other) = (of(Errand::Call { turn: 3 }), of(Errand::Index));
    let queue = SqsQueue::new(client.clone(), url.clone(), Some(calls.clone()));
    queue.send(vec![call.clone(), other.clone()], Duration::ZERO).await.unwrap();
    assert_eq!(
        (received(&client, &url).await, received(&client, &calls).await),
        (vec![other.clone()], vec![call.clone()])
    );
    // Who has none tells so, and sends the others.
    let queue = SqsQueue::new(client.clone(), url.clone(), None);
    assert!(matches!(queue.send(vec![call, other.clone()], Duration::ZERO).await, Err(QueueError::Unavailable(_))));
    assert_eq!(received(&client, &url).await, [other]);
}

/// Likewise. A part of a second counts as all of it.
pub(crate) async fn a_hint_for_later_arrives_no_earlier(client: aws_sdk_sqs::Client) {
    let (queue, url) = made(&client).await;
    let sent = Instant::now();
    queue.send(hints(1), Duration::from_millis(1)).await.unwrap();
    let mut arrived = Vec::new();
    until(async || {
        arrived = received(&client, &url).await;
        !arrived.is_empty()
    })
    .await;
    assert!(sent.elapsed() >= Duration::from_millis(900), "{:?}", sent.elapsed());
    assert_eq!(arrived, hints(1));
}

/// Likewise. What SQS would refuse as too long is left to the sweep.
pub(crate) async fn the_longest_delay_is_taken(client: aws_sdk_sqs::Client) {
    let (queue, url) = made(&client).await;
    for delay in [LONGEST_DELAY, 100 * LONGEST_DELAY] {
        queue.send(hints(1), delay).await.unwrap();
    }
    assert_eq!(received(&client, &url).await, []);
}

/// Likewise.
pub(crate) async fn warming_sends_nothing(client: aws_sdk_sqs::Client) {
    let (queue, url) = made(&client).await;
    queue.warm().await.unwrap();
    assert_eq!(received(&client, &url).await, []);
}

/// Likewise.
pub(crate) async fn a_queue_that_is_missing_is_unavailable(client: aws_sdk_sqs::Client) {
    let (_, url) = made(&client).await;
    let queue = SqsQueue::new(client, format!("{url}-other"), None);
    assert!(matches!(queue.send(hints(1), Duration::ZERO).await, Err(QueueError::Unavailable(_))));
}

#[tokio::test]
async fn hints_arrive() {
    hints_arrive_however_many_there_are(emulated()).await;
}

#[tokio::test]
async fn calls_and_deliveries_are_hinted_at_apart() {
    calls_have_a_queue_of_their_own(emulated()).await;
}

#[tokio::test]
async fn a_hint_can_wait() {
    a_hint_for_later_arrives_no_earlier(emulated()).await;
}

#[tokio::test]
async fn a_hint_can_wait_for_long() {
    the_longest_delay_is_taken(emulated()).await;
}

#[tokio::test]
async fn warming_is_harmless() {
    warming_sends_nothing(emulated()).await;
}

#[tokio::test]
async fn a_missing_queue_is_told() {
    a_queue_that_is_missing_is_unavailable(emulated()).await;
}

/// Answers every request alike, or not at all.
#[derive(Clone, Debug)]
struct Canned {
    answer: Option<&'static str>,
    requests: Arc<Mutex<usize>>,
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        *self.requests.lock().unwrap() += 1;
        HttpConnectorFuture::ready(match self.answer {
            Some(body) => Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body))),
            None => Err(ConnectorError::io("connection refused".into())),
        })
    }
}

fn canned(answer: Option<&'static str>) -> (SqsQueue, Arc<Mutex<usize>>) {
    let requests = Arc::default();
    let canned = Canned { answer, requests: Arc::clone(&requests) };
    let client = client(SharedHttpClient::new(canned));
    (SqsQueue::new(client, "https://sqs.us-east-1.amazonaws.com/1/hints".to_owned(), None), requests)
}

/// The caller may log it; nothing is lost by it, but nobody may believe that all is sent.
#[tokio::test]
async fn a_batch_that_is_taken_in_part_is_an_error() {
    let (queue, _) = canned(Some(
        r#"{"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"}],
            "Failed":[{"Id":"1","SenderFault":false,"Code":"InternalError"}]}"#,
    ));
    let error = queue.send(hints(2), Duration::ZERO).await.unwrap_err();
    let QueueError::Unavailable(cause) = error else { panic!("{error}") };
    assert_eq!(cause.to_string(), "1 of 2 hints were not taken: InternalError");
}

#[tokio::test]
async fn what_is_not_answered_for_was_not_taken() {
    let (queue, _) = canned(Some(r#"{"Successful":[]}"#));
    assert!(matches!(queue.send(hints(1), Duration::ZERO).await, Err(QueueError::Unavailable(_))));
}

/// One batch's trouble does not keep the others from being sent, and none is tried for ever.
#[tokio::test]
async fn an_outage_is_tried_twice_a_batch() {
    let (queue, requests) = canned(None);
    assert!(matches!(queue.send(hints(21), Duration::ZERO).await, Err(QueueError::Unavailable(_))));
    assert_eq!(*requests.lock().unwrap(), 6);
}
