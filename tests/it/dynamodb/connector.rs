//! An HTTP connector that answers in process, with the faults that a test sets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::ConnectorError;
use dynoxide::Database;
use host::carry_out;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Delay of a late request: longer than the time that is waited for a first attempt.
pub(crate) const LATE: Duration = Duration::from_millis(400);

/// Fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// It never arrives.
    Lost,
    /// It is carried out, and the answer never arrives.
    AnswerLost,
    /// It is carried out, and no answer comes while anybody waits.
    AnswerLate,
    /// It arrives late, as over a connection that takes long to open.
    Late,
    /// DynamoDB has no capacity.
    Throttled,
    /// The role may not do it.
    Denied,
    /// Another transaction is at the same item.
    Conflict,
    /// DynamoDB fails inside, after it was carried out.
    Internal,
}

/// DynamoDB in process.
#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    database: Arc<Held>,
    faults: Arc<Mutex<Faults>>,
}

struct Held(Database);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Database")
    }
}

#[derive(Debug, Default)]
struct Faults {
    /// For the next requests, in order.
    next: VecDeque<Fault>,
    /// For all after them.
    always: Option<Fault>,
    /// The requests that came.
    seen: Vec<Seen>,
}

/// A request, as a role is held against it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its name.
    pub(crate) operation: String,
    /// The partition keys of the items that it reads or writes by key, or queries in the table.
    pub(crate) partitions: Vec<String>,
}

impl Seen {
    fn new(operation: &str, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let puts = body["TransactItems"].as_array().into_iter().flatten().map(|item| &item["Put"]["Item"]);
        let keys = [&body["Item"], &body["Key"]].into_iter().chain(puts);
        let keys = keys.filter_map(|key| key["PK"]["S"].as_str());
        let queried = body["ExpressionAttributeValues"][":p"]["S"].as_str().filter(|_| operation == "Query");
        let partitions = keys.chain(queried).map(ToOwned::to_owned).collect();
        Self { operation: operation.to_owned(), partitions }
    }
}

impl Emulator {
    pub(crate) fn new() -> Self {
        Self { database: Arc::new(Held(Database::memory().unwrap())), faults: Arc::default() }
    }

    pub(crate) fn http_client(&self) -> SharedHttpClient {
        let emulator = self.clone();
        host::in_process(move |target, body| {
            let operation = target.split('.').next_back().unwrap_or_default().to_owned();
            let fault = emulator.fault(&operation, body.as_bytes());
            emulator.clone().carry_out(operation, body, fault)
        })
    }

    /// Carries out a request with a fault.
    async fn carry_out(self, operation: String, body: String, fault: Fault) -> host::Answered {
        let lost = || ConnectorError::io("connection reset".into());
        match fault {
            Fault::Late => sleep(LATE).await,
            Fault::Lost => return Err(lost()),
            Fault::Throttled => return Ok(refusal("ProvisionedThroughputExceededException", 400, &json!({}))),
            Fault::Denied => return Ok(refusal("AccessDeniedException", 400, &json!({}))),
            Fault::Conflict if operation == "TransactWriteItems" => {
                let reasons = json!([{"Code": "TransactionConflict"}, {"Code": "None"}]);
                let reasons = json!({"CancellationReasons": reasons});
                return Ok(refusal("TransactionCanceledException", 400, &reasons));
            }
            Fault::Conflict => return Ok(refusal("TransactionConflictException", 400, &json!({}))),
            Fault::None | Fault::AnswerLost | Fault::AnswerLate | Fault::Internal => {}
        }
        let answer = self.answer(&operation, body.as_bytes()).await;
        match fault {
            Fault::AnswerLost => Err(lost()),
            Fault::AnswerLate => std::future::pending().await,
            Fault::Internal => Ok(refusal("InternalServerError", 500, &json!({}))),
            Fault::None | Fault::Lost | Fault::Late | Fault::Throttled | Fault::Denied | Fault::Conflict => Ok(answer),
        }
    }

    /// Does this to the next requests, one each.
    pub(crate) fn next(&self, faults: &[Fault]) {
        self.faults.lock().unwrap().next.extend(faults);
    }

    /// Does this to every request from now on.
    pub(crate) fn always(&self, fault: Fault) {
        self.faults.lock().unwrap().always = Some(fault);
    }

    /// The operations that came since the last time.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen_whole().into_iter().map(|seen| seen.operation).collect()
    }

    /// The same with their partition keys.
    pub(crate) fn seen_whole(&self) -> Vec<Seen> {
        std::mem::take(&mut self.faults.lock().unwrap().seen)
    }

    /// The sizes of the items, in bytes as DynamoDB counts them.
    pub(crate) fn item_sizes(&self) -> Vec<usize> {
        self.items().iter().map(item_size).collect()
    }

    /// Takes the first item away whose sort key begins like this.
    pub(crate) fn remove_first(&self, sort: &str) {
        let items = self.items();
        let begins = |item: &&Value| item["SK"]["S"].as_str().unwrap().starts_with(sort);
        let item = items.iter().find(begins).unwrap();
        let key = json!({"TableName": super::TABLE, "Key": {"PK": item["PK"], "SK": item["SK"]}});
        carry_out(&self.database.0, "DeleteItem", &key.to_string()).unwrap();
    }

    /// Puts an item in place of the one with its keys, as another process may.
    pub(crate) fn put(&self, item: &Value) {
        carry_out(&self.database.0, "PutItem", &json!({"TableName": super::TABLE, "Item": item}).to_string()).unwrap();
    }

    /// Makes the work of so many events unreadable.
    pub(crate) fn spoil(&self, count: usize) {
        let events = self.items().into_iter().filter(|item| item["SK"]["S"].as_str().unwrap().starts_with("E#"));
        for mut item in events.take(count) {
            item["w"] = json!({"B": "B3g="});
            self.put(&item);
        }
    }

    /// The items of the table.
    pub(crate) fn items(&self) -> Vec<Value> {
        let (mut items, mut scan) = (Vec::new(), json!({"TableName": super::TABLE, "ConsistentRead": true}));
        loop {
            let page = carry_out(&self.database.0, "Scan", &scan.to_string()).unwrap();
            let mut page: Value = serde_json::from_str(&page).unwrap();
            items.append(page["Items"].as_array_mut().unwrap());
            match page.get("LastEvaluatedKey") {
                None => return items,
                Some(key) => scan["ExclusiveStartKey"] = key.clone(),
            }
        }
    }

    /// The status and body of an answer, without any fault. `target` is as in `X-Amz-Target`.
    pub(crate) async fn answer(&self, target: &str, body: &[u8]) -> (u16, String) {
        let operation = target.split('.').next_back().unwrap_or_default().to_owned();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let database = Arc::clone(&self.database);
        // On a thread of its own: the emulator waits for its lock without giving way to other tasks.
        let answer = tokio::task::spawn_blocking(move || carry_out(&database.0, &operation, &body)).await.unwrap();
        answer.map_or_else(|error| (error.status_code(), error.to_json()), |body| (200, body))
    }

    fn fault(&self, operation: &str, body: &[u8]) -> Fault {
        let mut faults = self.faults.lock().unwrap();
        faults.seen.push(Seen::new(operation, body));
        let next = faults.next.pop_front();
        next.or(faults.always).unwrap_or(Fault::None)
    }
}

/// Names and values; a number takes a byte for two digits and one more.
fn item_size(item: &Value) -> usize {
    let value = |value: &Value| {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        let text = value.as_str().unwrap();
        match kind.as_str() {
            "N" => text.len().div_ceil(2) + 1,
            "B" => text.len() / 4 * 3,
            _ => text.len(),
        }
    };
    item.as_object().unwrap().iter().map(|(name, attribute)| name.len() + value(attribute)).sum()
}

fn refusal(name: &str, status: u16, more: &Value) -> (u16, String) {
    let mut body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "told to"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (status, body.to_string())
}
