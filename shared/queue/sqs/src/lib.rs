//! The queue on SQS, standard type. The only crate that names `aws-sdk-sqs`.
//!
//! Order and exactly-once do not matter: a hint is checked against what is stored before anything is done about it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{BuildError, SdkError};
use aws_sdk_sqs::operation::send_message_batch::{SendMessageBatchError, SendMessageBatchOutput};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures::future::join_all;
use queue::{Errand, Hint, LONGEST_DELAY, Queue, QueueError};

/// How many messages a batch takes, by SQS's API.
const BATCH: usize = 10;

/// How long a new connection may take.
const CONNECT: Duration = Duration::from_secs(1);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(2);

/// How often a batch is sent at the most. A batch that was taken and sent again makes hints that are stale.
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
}

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
    pub const fn new(client: Client, url: String, calls: Option<String>) -> Self {
        Self { client, url, calls }
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

    async fn send_batch(&self, url: &str, hints: &[Hint], seconds: i32) -> Result<(), QueueError> {
        let entries = hints.iter().enumerate().map(|(number, hint)| entry(number, hint, seconds));
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| QueueError::Unavailable(error.into()))?;
        let answer = self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
        judge(hints.len(), &answer.map_err(unavailable)?)
    }
}

fn entry(number: usize, hint: &Hint, seconds: i32) -> Result<SendMessageBatchRequestEntry, BuildError> {
    let entry = SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(hint.encode());
    entry.delay_seconds(seconds).build()
}

fn unavailable(error: SdkError<SendMessageBatchError>) -> QueueError {
    QueueError::Unavailable(Box::new(aws_sdk_sqs::Error::from(error)))
}

/// What is neither taken nor refused counts as refused.
fn judge(sent: usize, answer: &SendMessageBatchOutput) -> Result<(), QueueError> {
    let missing = sent.saturating_sub(answer.successful().len()).max(answer.failed().len());
    if missing == 0 {
        return Ok(());
    }
    let code = answer.failed().first().map_or("no answer", |failed| failed.code()).to_owned();
    Err(QueueError::Unavailable(Box::new(Refused { missing, sent, code })))
}

impl Queue for SqsQueue {
    /// In batches beside one another; all are sent, whatever becomes of any.
    async fn send(&self, hints: Vec<Hint>, delay: Duration) -> Result<(), QueueError> {
        // Whole seconds, and never too early.
        let delay = delay.min(LONGEST_DELAY).as_millis().div_ceil(1_000);
        let seconds = i32::try_from(delay).unwrap_or(i32::MAX);
        let (calls, others): (Vec<_>, Vec<_>) =
            hints.into_iter().partition(|hint| matches!(hint.errand, Errand::Call { .. }));
        let no_queue = if self.calls.is_none() && !calls.is_empty() {
            Err(QueueError::Unavailable(Box::new(NoQueue)))
        } else {
            Ok(())
        };
        let calls = self.calls.iter().flat_map(|url| calls.chunks(BATCH).map(move |batch| (url, batch)));
        let batches = others.chunks(BATCH).map(|batch| (&self.url, batch)).chain(calls);
        let batches: Vec<_> = batches.map(|(url, batch)| self.send_batch(url, batch, seconds)).collect();
        join_all(batches).await.into_iter().chain([no_queue]).collect()
    }
}
