//! The queue on SQS, standard type. The only crate that names `aws-sdk-sqs`.
//!
//! Order and exactly-once do not matter: a hint is checked against what is stored before anything is done about it.
//!
//! Each message names whom its hint waits for as its group, which makes the queue a fair one: while the hints of a
//! destination that is slow fill the workers, those of others come first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{BuildError, ProvideErrorMetadata as _, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use futures::future::join_all;
use queue::{Destination, Hint, Job, LONGEST_DELAY, Queue, QueueError};

/// Most messages of a batch, by SQS's API.
const BATCH: usize = 10;

/// Timeout of a new connection.
const CONNECT: Duration = Duration::from_secs(1);

/// Timeout of one attempt.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Most attempts at a batch. A batch that was accepted and sent again makes hints that are stale.
const ATTEMPTS: u32 = 2;

/// A client for [`SqsQueue`], with every attempt bounded.
#[must_use]
pub fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    let config = aws_sdk_sqs::config::Builder::from(config)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts)
        .build();
    Client::from_conf(config)
}

/// The queues: calls to partners have one of their own, so that ERPs and partners wait for workers apart.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
    calls: Option<String>,
    /// SQS has refused messages for their groups.
    ungrouped: Arc<AtomicBool>,
}

/// Error code with which SQS refuses a parameter it does not know.
const INVALID: &str = "InvalidParameterValue";

/// There is no queue for a hint; the sweeper does without.
#[derive(Debug, thiserror::Error)]
#[error("no queue for calls is configured")]
struct NoQueue;

/// SQS took a batch, but not all of it.
#[derive(Debug, thiserror::Error)]
#[error("{missing} of {sent} hints were not taken: {code}")]
struct Refused {
    missing: usize,
    sent: usize,
    /// SQS's code for the first of them.
    code: String,
}

impl SqsQueue {
    /// The queue at that URL, and the queue for calls where the function makes any, by a client as [`client`] makes it.
    #[must_use]
    pub fn new(client: Client, url: String, calls: Option<String>) -> Self {
        Self { client, url, calls, ungrouped: Arc::default() }
    }

    /// Opens the connection without sending anything, so that the first hint need not wait for it. SQS refuses an empty
    /// batch, which is as good an answer as any, and takes no permission beyond that to send.
    pub async fn warm(&self) -> Result<(), QueueError> {
        let sent = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(Vec::new())).send().await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(answer)) if answer.err().is_empty_batch_request() => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Sends a batch. Where SQS does not know fair queues it refuses the message groups: then this batch is sent without
    /// them, and so are all later ones.
    async fn send_batch(&self, url: &str, hints: &[Hint], seconds: i32) -> Result<(), QueueError> {
        let grouped = !self.ungrouped.load(Ordering::Relaxed);
        let answer = self.attempt(url, hints, seconds, grouped).await?;
        if !grouped || !refuses_groups(&answer) {
            return judge(hints.len(), &answer.map_err(unavailable)?);
        }
        self.ungrouped.store(true, Ordering::Relaxed);
        // One that was taken and is sent again makes a hint that is stale.
        judge(hints.len(), &self.attempt(url, hints, seconds, false).await?.map_err(unavailable)?)
    }

    async fn attempt(&self, url: &str, hints: &[Hint], seconds: i32, grouped: bool) -> Result<Sent, QueueError> {
        let entries = hints.iter().enumerate().map(|(number, hint)| entry(number, hint, seconds, grouped));
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| QueueError::Unavailable(error.into()))?;
        Ok(self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await)
    }
}

/// Answer of SQS to a batch.
type Sent = Result<SendMessageBatchOutput, SdkError<SendMessageBatchError>>;

/// SQS says so of the request or of each message.
fn refuses_groups(answer: &Sent) -> bool {
    let invalid = |code: &str| code.starts_with(INVALID);
    match answer {
        Ok(answer) => answer.failed().iter().map(BatchResultErrorEntry::code).any(invalid),
        Err(error) => error.code().is_some_and(invalid),
    }
}

fn entry(number: usize, hint: &Hint, seconds: i32, grouped: bool) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(hint.encode());
    entry.delay_seconds(seconds).set_message_group_id(grouped.then(|| group(hint))).build()
}

/// Message group of a hint: its destination. Names of the configuration have at most 64 letters, all of which SQS takes.
fn group(hint: &Hint) -> String {
    match hint.destination() {
        Destination::Endpoint(endpoint) => endpoint.to_string(),
        Destination::Connection(connection) => connection.to_string(),
        Destination::Store => hint.key.connection.to_string(),
    }
}

fn unavailable(error: SdkError<SendMessageBatchError>) -> QueueError {
    QueueError::Unavailable(Box::new(aws_sdk_sqs::Error::from(error)))
}

/// Result of a batch. A message that SQS neither accepted nor refused counts as refused.
fn judge(sent: usize, answer: &SendMessageBatchOutput) -> Result<(), QueueError> {
    let missing = sent.saturating_sub(answer.successful().len()).max(answer.failed().len());
    if missing == 0 {
        return Ok(());
    }
    let code = answer.failed().first().map_or("no answer", |failed| failed.code()).to_owned();
    Err(QueueError::Unavailable(Box::new(Refused { missing, sent, code })))
}

impl Queue for SqsQueue {
    /// Enough for a first connection.
    const HOLDS_UP: Duration = Duration::from_secs(1);

    /// Sends batches concurrently, each whether or not another fails. They go on when the caller has stopped waiting: if they were
    /// given up, each would take along the connection it is opening.
    async fn send(&self, hints: Vec<Hint>, delay: Duration) -> Result<(), QueueError> {
        // Whole seconds, and never too early.
        let delay = delay.min(LONGEST_DELAY).as_millis().div_ceil(1_000);
        let seconds = i32::try_from(delay).unwrap_or(i32::MAX);
        let (calls, others): (Vec<_>, Vec<_>) =
            hints.into_iter().partition(|hint| matches!(hint.job, Job::Call { .. }));
        let no_queue = if self.calls.is_none() && !calls.is_empty() {
            Err(QueueError::Unavailable(Box::new(NoQueue)))
        } else {
            Ok(())
        };
        let calls = self.calls.iter().flat_map(|url| calls.chunks(BATCH).map(move |batch| (url, batch)));
        let batches = others.chunks(BATCH).map(|batch| (&self.url, batch)).chain(calls);
        let batches: Vec<_> = batches
            .map(|(url, batch)| (self.clone(), url.clone(), batch.to_vec()))
            .map(|(queue, url, batch)| tokio::spawn(async move { queue.send_batch(&url, &batch, seconds).await }))
            .map(|sending| async { sending.await.map_err(|error| QueueError::Unavailable(error.into()))? })
            .collect();
        join_all(batches).await.into_iter().chain([no_queue]).collect()
    }
}
