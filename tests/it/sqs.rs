//! The SQS queue, on an emulator in process.

use std::future::ready;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use hub::{EventId, EventKey, Subject};
use queue::{Hint, Job, LONGEST_DELAY, Queue as _, QueueError};
use queue_sqs::SqsQueue;
use serde_json::{Value, json};
use winterbaume_core::MockAws;
use winterbaume_sqs::SqsService;

use crate::support::until;

fn client(http: SharedHttpClient) -> aws_sdk_sqs::Client {
    queue_sqs::client(&host::sdk_config(http))
}

fn mock() -> SharedHttpClient {
    SharedHttpClient::new(MockAws::builder().with_service(SqsService::new()).build().http_client())
}

fn emulated() -> aws_sdk_sqs::Client {
    client(mock())
}

/// The URL of a queue of its own.
async fn url(client: &aws_sdk_sqs::Client) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("hints-{}-{}", telemetry::system_clock()().0, MADE.fetch_add(1, Ordering::Relaxed));
    client.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

/// A queue of its own, and its URL.
async fn made(client: &aws_sdk_sqs::Client) -> (SqsQueue, String) {
    let url = url(client).await;
    (SqsQueue::new(client.clone(), url.clone(), None), url)
}

fn hints(count: u32) -> Vec<Hint> {
    let hint = |claim| {
        let subject = Subject::new("order", "通关 1");
        let key = EventKey { connection: "xhq-sh".into(), subject, id: EventId([1; 24]) };
        Hint { key, job: Job::Deliver { endpoint: "erp".into(), claim } }
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

/// Promises of any stand-in for SQS.
pub(crate) async fn hints_arrive_however_many_there_are(client: aws_sdk_sqs::Client) {
    for count in [0, 1, 10, 37] {
        let (queue, url) = made(&client).await;
        queue.send(hints(count), Duration::ZERO).await.unwrap();
        let mut arrived = received(&client, &url).await;
        arrived.sort_by_key(|hint| match &hint.job {
            Job::Deliver { claim, .. } => *claim,
            Job::Call { .. } | Job::Index => u32::MAX,
        });
        assert_eq!(arrived, hints(count));
    }
}

/// Likewise. Workers for ERPs and for partners wait for none but their own.
pub(crate) async fn calls_have_a_queue_of_their_own(client: aws_sdk_sqs::Client) {
    let (url, calls) = (url(&client).await, url(&client).await);
    let key = hints(1).remove(0).key;
    let of = |job| Hint { key: key.clone(), job };
    let (call, other) = (of(Job::Call { claim: 3 }), of(Job::Index));
    let queue = SqsQueue::new(client.clone(), url.clone(), Some(calls.clone()));
    queue.send(vec![call.clone(), other.clone()], Duration::ZERO).await.unwrap();
    assert_eq!(
        (received(&client, &url).await, received(&client, &calls).await),
        (vec![other.clone()], vec![call.clone()])
    );
    // Without a queue for calls, sending reports it and sends the other hints.
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
async fn missing_queue_is_reported() {
    a_queue_that_is_missing_is_unavailable(emulated()).await;
}

/// A queue whose SQS answers with status and body, by a function of the request's body; without an answer, the connection
/// is refused. And how many requests came.
fn playing(answer: impl Fn(&str) -> Option<(u16, String)> + Send + Sync + 'static) -> (SqsQueue, Arc<Mutex<usize>>) {
    let requests = Arc::<Mutex<usize>>::default();
    let counted = Arc::clone(&requests);
    let client = client(host::in_process(move |_, body| {
        *counted.lock().unwrap() += 1;
        ready(answer(&body).ok_or_else(|| ConnectorError::io("connection refused".into())))
    }));
    (SqsQueue::new(client, "https://sqs.us-east-1.amazonaws.com/1/hints".to_owned(), None), requests)
}

fn canned(answer: Option<&'static str>) -> (SqsQueue, Arc<Mutex<usize>>) {
    playing(move |_| answer.map(|body| (200, body.to_owned())))
}

/// Answer of SQS to a batch; without support for groups it refuses the messages with one.
fn answered(body: &str, knows_groups: bool) -> Value {
    let request: Value = serde_json::from_str(body).unwrap();
    let entries = request["Entries"].as_array().unwrap();
    let (failed, taken): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| !knows_groups && entry.get("MessageGroupId").is_some());
    let taken = taken.iter().map(|entry| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"}));
    let failed = failed.iter().map(|entry| {
        json!({"Id": entry["Id"], "SenderFault": true, "Code": "InvalidParameterValue", "Message": "not for this queue"})
    });
    json!({"Successful": taken.collect::<Vec<_>>(), "Failed": failed.collect::<Vec<_>>()})
}

/// All destinations share a queue: without a group, the hints of a slow one held up those of the others.
#[tokio::test]
async fn each_message_names_whom_its_hint_waits_for() {
    let groups = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&groups);
    let (queue, _) = playing(move |body| {
        let request: Value = serde_json::from_str(body).unwrap();
        let entries = request["Entries"].as_array().unwrap();
        seen.lock().unwrap().extend(entries.iter().map(|entry| entry["MessageGroupId"].as_str().unwrap().to_owned()));
        Some((200, answered(body, true).to_string()))
    });
    let mut sent = hints(2);
    sent.push(Hint { key: sent[0].key.clone(), job: Job::Index });
    queue.send(sent, Duration::ZERO).await.unwrap();
    assert_eq!(*groups.lock().unwrap(), ["erp", "erp", "xhq-sh"]);
}

/// Once, and then all that follows is sent without: no hint is lost to a queue that knows no groups.
#[tokio::test]
async fn where_groups_are_refused_hints_are_sent_without() {
    let whole = |body: &str| {
        if body.contains("MessageGroupId") {
            return Some((400, json!({"__type": "com.amazonaws.sqs#InvalidParameterValue"}).to_string()));
        }
        Some((200, answered(body, false).to_string()))
    };
    let each = |body: &str| Some((200, answered(body, false).to_string()));
    for (queue, requests) in [playing(whole), playing(each)] {
        queue.send(hints(3), Duration::ZERO).await.unwrap();
        assert_eq!(*requests.lock().unwrap(), 2);
        queue.clone().send(hints(3), Duration::ZERO).await.unwrap();
        assert_eq!(*requests.lock().unwrap(), 3);
    }
}

/// The first connection took longer than the answer could wait, and every hint after it began another.
#[tokio::test(start_paused = true)]
async fn messages_are_sent_after_the_caller_stops_waiting() {
    let client = client(SharedHttpClient::new(Slow(mock())));
    let (queue, url) = made(&client).await;
    assert!(tokio::time::timeout(SLOW / 4, queue.send(hints(1), Duration::ZERO)).await.is_err());
    tokio::time::sleep(SLOW).await;
    assert_eq!(received(&client, &url).await, hints(1));
}

/// Time that a slow SQS takes for a request.
const SLOW: Duration = Duration::from_millis(400);

/// SQS, to which requests come late.
#[derive(Clone, Debug)]
struct Slow(SharedHttpClient);

impl HttpClient for Slow {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(SlowConnector(self.0.http_connector(settings, parts)))
    }
}

#[derive(Clone, Debug)]
struct SlowConnector(SharedHttpConnector);

impl HttpConnector for SlowConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = self.0.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(SLOW).await;
            connector.call(request).await
        })
    }
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
async fn unanswered_message_counts_as_refused() {
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
