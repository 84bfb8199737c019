//! DynamoDB: the deployment's table in this process, over HTTP, with the behaviour that the test sets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::watch;

use crate::serve::{Server, json, serve};
use crate::template::Template;

/// Its name.
pub const TABLE: &str = "tongguan";

/// Behaviour towards requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Does it and answers at once.
    Prompt,
    /// Does it and answers after that long.
    Late(Duration),
    /// Does everything, and answers no write.
    Mute,
    /// Neither does anything nor answers.
    Deaf,
    /// Waits for another manner, and then does as that says.
    Held,
}

/// The table, which ends with this value.
pub struct Table {
    server: Server,
    shared: Arc<Shared>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("server", &self.server).finish_non_exhaustive()
    }
}

struct Shared {
    database: Database,
    manner: watch::Sender<Manner>,
    /// Number of requests left without an answer since the last change of manner.
    unanswered: watch::Sender<usize>,
}

impl Table {
    /// Makes the template's table, empty.
    pub async fn start(template: &Template) -> anyhow::Result<Self> {
        let database = Database::memory().map_err(|error| anyhow!("{error}"))?;
        let (status, made) = dispatch(&database, "CreateTable", &template.table(TABLE)?.to_string());
        anyhow::ensure!(status == 200, "the table is refused: {made}");
        let (manner, unanswered) = (watch::Sender::new(Manner::Prompt), watch::Sender::default());
        let shared = Arc::new(Shared { database, manner, unanswered });
        let server = serve({
            let shared = Arc::clone(&shared);
            move |request| answer(Arc::clone(&shared), request)
        });
        Ok(Self { server: server.await?, shared })
    }

    /// Endpoint that the SDK uses as DynamoDB.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Behaves so from the next request on; those that it is at keep their manner.
    pub fn behave(&self, manner: Manner) {
        self.shared.unanswered.send_replace(0);
        self.shared.manner.send_replace(manner);
    }

    /// Waits until a request has been left without an answer since the last change of manner; what it asked for is done
    /// by then where it is done at all. Put a timeout around it.
    pub async fn leaves_one_waiting(&self) {
        // The sender lives as long as `self`, so the wait ends by its condition only.
        let _ = self.shared.unanswered.subscribe().wait_for(|count| *count > 0).await;
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
    let target = request.headers().get("x-amz-target")?.to_str().ok()?.to_owned();
    let operation = target.split('.').next_back()?.to_owned();
    let body = String::from_utf8(request.into_body().collect().await.ok()?.to_bytes().to_vec()).ok()?;
    let manner = *shared.manner.subscribe().wait_for(|manner| *manner != Manner::Held).await.ok()?;
    if manner == Manner::Deaf {
        return never(&shared).await;
    }
    let writes = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"];
    let writes = writes.contains(&operation.as_str());
    let (status, body) = {
        let shared = Arc::clone(&shared);
        // On a thread of its own: the emulator waits for its lock without giving way to other tasks.
        tokio::task::spawn_blocking(move || dispatch(&shared.database, &operation, &body)).await.ok()?
    };
    match manner {
        Manner::Late(delay) => tokio::time::sleep(delay).await,
        Manner::Mute if writes => return never(&shared).await,
        Manner::Mute | Manner::Prompt | Manner::Deaf | Manner::Held => {}
    }
    Some(json(status, "application/x-amz-json-1.0", body))
}

async fn never<T>(shared: &Shared) -> T {
    shared.unanswered.send_modify(|count| *count += 1);
    std::future::pending().await
}

fn dispatch(database: &Database, operation: &str, body: &str) -> (u16, String) {
    carry_out(database, operation, body).map_or_else(|error| (error.status_code(), error.to_json()), |body| (200, body))
}

/// Carries out an operation of DynamoDB, by the name it has in `X-Amz-Target`: JSON in, JSON out.
pub fn carry_out(database: &Database, operation: &str, body: &str) -> Result<String, DynoxideError> {
    let malformed = |error: serde_json::Error| DynoxideError::SerializationException(error.to_string());
    macro_rules! operations {
        ($($name:literal => $method:ident,)*) => {
            match operation {
                $($name => {
                    let answer = database.$method(serde_json::from_str(body).map_err(malformed)?)?;
                    serde_json::to_string(&answer).map_err(malformed)
                })*
                _ => Err(DynoxideError::ValidationException(format!("{operation} is not emulated here"))),
            }
        };
    }
    operations! {
        "CreateTable" => create_table,
        "DescribeTable" => describe_table,
        "UpdateTimeToLive" => update_time_to_live,
        "PutItem" => put_item,
        "GetItem" => get_item,
        "UpdateItem" => update_item,
        "DeleteItem" => delete_item,
        "BatchGetItem" => batch_get_item,
        "BatchWriteItem" => batch_write_item,
        "TransactWriteItems" => transact_write_items,
        "Query" => query,
        "Scan" => scan,
    }
}
