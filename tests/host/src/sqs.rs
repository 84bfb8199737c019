//! SQS over HTTP, as far as the functions use it: they send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::queue::Queue;
use crate::serve::{self, Server, serve};

/// Content type of AWS JSON 1.0.
const JSON: &str = "application/x-amz-json-1.0";

/// Some queues behind one address.
pub(crate) struct Sqs {
    server: Server,
    queues: Arc<BTreeMap<String, Queue>>,
}

impl Sqs {
    pub(crate) async fn start(queues: BTreeMap<String, Queue>) -> anyhow::Result<Self> {
        let queues = Arc::new(queues);
        let server = serve({
            let queues = Arc::clone(&queues);
            move |request| {
                let queues = Arc::clone(&queues);
                async move { answer(&queues, request).await }
            }
        });
        Ok(Self { server: server.await?, queues })
    }

    /// Endpoint that the SDK uses as SQS.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The URL of a queue, where there is one of that name.
    pub(crate) fn url(&self, name: &str) -> Option<String> {
        self.queues.contains_key(name).then(|| format!("{}/000000000000/{name}", self.endpoint()))
    }

    pub(crate) fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.get(name)
    }
}

async fn answer(queues: &BTreeMap<String, Queue>, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?.to_owned();
    let body = request.into_body().collect().await.ok()?.to_bytes();
    if target != "AmazonSQS.SendMessageBatch" {
        return Some(refused("UnsupportedOperation"));
    }
    let body: Value = serde_json::from_slice(&body).ok()?;
    let Some(queue) = body["QueueUrl"].as_str().and_then(|url| queues.get(url.rsplit('/').next()?)) else {
        return Some(refused("QueueDoesNotExist"));
    };
    let entries = body["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Some(refused("EmptyBatchRequest"));
    }
    let taken = entries.iter().map(|entry| {
        let delay = Duration::from_secs(entry["DelaySeconds"].as_u64().unwrap_or_default());
        queue.send(entry["MessageBody"].as_str().unwrap_or_default(), delay);
        json!({"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": ""})
    });
    let taken = json!({"Successful": taken.collect::<Vec<_>>(), "Failed": []});
    Some(serve::json(200, JSON, taken.to_string()))
}

fn refused(code: &str) -> Response<Full<Bytes>> {
    let body = json!({"__type": format!("com.amazonaws.sqs#{code}"), "message": code});
    let mut response = serve::json(400, JSON, body.to_string());
    response.headers_mut().insert("x-amzn-query-error", HeaderValue::from_static("Sender"));
    response
}
