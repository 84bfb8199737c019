//! DynamoDB and SQS in this process, which count what is asked of them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::result::ConnectorError;
use dynoxide::types::{Item, item_size, write_capacity_units};
use dynoxide::{Database, DynoxideError};
use queue::Hint;
use serde_json::{Value, json};

/// Bytes that SQS counts as one request.
const CHUNK: usize = 64 * 1024;

/// Bytes that DynamoDB counts in storage for an item, besides its own.
const OVERHEAD: usize = 100;

/// Requests to AWS since the last reading.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) writes: f64,
    pub(crate) reads: f64,
    pub(crate) queue: f64,
    pub(crate) requests: u32,
    /// Hints that were put on the queue.
    pub(crate) hints: Vec<Hint>,
}

/// AWS.
#[derive(Clone)]
pub(crate) struct Aws {
    database: Arc<Database>,
    asked: Arc<Mutex<Asked>>,
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Aws {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let database = Database::memory().map_err(|error| anyhow!("{error}"))?;
        Ok(Self { database: Arc::new(database), asked: Arc::default() })
    }

    /// Configuration of the SDK's clients.
    pub(crate) fn config(&self) -> SdkConfig {
        let aws = self.clone();
        host::sdk_config(host::in_process(move |target, body| aws.clone().answer(target, body)))
    }

    /// Requests since the last reading.
    pub(crate) fn take(&self) -> Asked {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of items, and the bytes that DynamoDB stores for them.
    pub(crate) fn stored(&self, table: &str) -> anyhow::Result<(usize, usize)> {
        let scan = json!({"TableName": table, "ConsistentRead": true}).to_string();
        let page = host::carry_out(&self.database, "Scan", &scan).map_err(|error| anyhow!("{error}"))?;
        let page: Value = serde_json::from_str(&page)?;
        anyhow::ensure!(page.get("LastEvaluatedKey").is_none(), "more is stored than one page has");
        let items: Vec<Item> = serde_json::from_value(page["Items"].clone())?;
        Ok((items.len(), items.iter().map(|item| item_size(item) + OVERHEAD).sum()))
    }

    fn count(&self, count: impl FnOnce(&mut Asked)) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.requests += 1;
        count(&mut asked);
    }

    async fn answer(self, target: String, body: String) -> host::Answered {
        // On a thread of its own: the emulator waits for its lock without giving way to other tasks.
        let answer = tokio::task::spawn_blocking(move || match target.split_once('.') {
            Some(("AmazonSQS", "SendMessageBatch")) => self.sqs(&body),
            Some((_, operation)) => self.dynamo(operation, &body),
            None => self.dynamo("", &body),
        });
        let answer = answer.await.map_err(|error| ConnectorError::other(error.into(), None))?;
        answer.map_err(|error| ConnectorError::other(error.into(), None))
    }

    /// Carries out an operation of DynamoDB and counts what that reports itself.
    fn dynamo(&self, operation: &str, body: &str) -> Result<(u16, String), serde_json::Error> {
        let mut request: Value = serde_json::from_str(body)?;
        let measured = !["CreateTable", "DescribeTable", "UpdateTimeToLive"].contains(&operation);
        if measured {
            request["ReturnConsumedCapacity"] = "TOTAL".into();
        }
        let answer = host::carry_out(&self.database, operation, &request.to_string());
        if !measured {
            return Ok(answer.map_or_else(|error| refusal(&error), |answer| (200, answer)));
        }
        let writes = !["GetItem", "BatchGetItem", "Query", "Scan"].contains(&operation);
        let answer = match answer {
            Ok(answer) => answer,
            // A condition that does not hold costs what the item in the way would have.
            Err(error) => {
                if let DynoxideError::ConditionalCheckFailedException(_, item) = &error {
                    let units = item.as_ref().map_or(1.0, |item| write_capacity_units(item_size(item)));
                    self.count(|asked| asked.writes += units);
                }
                return Ok(refusal(&error));
            }
        };
        let reported: Value = serde_json::from_str(&answer)?;
        let units = units(&reported["ConsumedCapacity"]);
        self.count(|asked| if writes { asked.writes += units } else { asked.reads += units });
        Ok((200, answer))
    }

    /// Takes a batch of messages.
    fn sqs(&self, body: &str) -> Result<(u16, String), serde_json::Error> {
        let batch: Value = serde_json::from_str(body)?;
        let entries: Vec<_> = batch["Entries"].as_array().into_iter().flatten().collect();
        let messages: Vec<_> = entries.iter().filter_map(|entry| entry["MessageBody"].as_str()).collect();
        let bytes: usize = messages.iter().map(|message| message.len()).sum();
        let chunks = u32::try_from(bytes.div_ceil(CHUNK).max(1)).unwrap_or(u32::MAX);
        self.count(|asked| {
            asked.queue += f64::from(chunks);
            asked.hints.extend(messages.iter().filter_map(|message| Hint::decode(message).ok()));
        });
        let taken: Vec<_> = entries
            .iter()
            .map(|entry| json!({"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": ""}))
            .collect();
        Ok((200, json!({"Successful": taken, "Failed": []}).to_string()))
    }
}

fn refusal(error: &DynoxideError) -> (u16, String) {
    (error.status_code(), error.to_json())
}

/// The units of one table, or of each of several.
fn units(reported: &Value) -> f64 {
    let of = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or_default();
    reported.as_array().map_or_else(|| of(reported), |tables| tables.iter().map(of).sum())
}
