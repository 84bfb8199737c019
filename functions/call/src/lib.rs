//! `call`: what the ERP asks of a partner. A command is stored before it is answered and sent by the queue; a query goes
//! straight through and is answered with what the partner says.
//!
//! | request | answer |
//! |---|---|
//! | `POST /calls/<connection>/<operation>` with `Idempotency-Key` | a command: 202, `Location` and the call; with `Prefer: wait=N` 200 and the call when it ends in time |
//! | the same, a query | 200 and the partner's answer as it came |
//! | `POST /uploads` with `{"name","content_type","bytes","sha256"}` | 201 with an id, and where the content of the file goes |
//! | Lambda Invoke with `{"path":"/uploads","body":{...}}` | `{"status","body"}` of the same |
//! | Lambda Invoke with `{"connection","operation","idempotency_key","wait","body","file"}` | `{"status","location","body"}` of the same |
//!
//! `Authorization: Bearer <key>` with one of the configuration's `api_keys`; who may invoke the function needs none. Errors
//! are RFC 9457 problems.

mod command;
mod query;
mod request;
mod traced;
pub mod uploads;

use std::time::Duration;

use api::contract::{Members, Mistake};
use api::{Caller, Problem, Route, Router};
use bytes::Bytes;
use config::Connection;
use courier::Courier;
use http::{Response, StatusCode};
use hub::trace::Place;
use hub::{ConnectionId, Role};
use partners::Json;
use partners::operation::enclosure::Enclosure;
use partners::operation::{self, Attempt, Effect, Fault, File, Operation};
use partners::sentence::sentence;
use queue::Queue;
use store::Store;

pub use request::Apart;
use traced::Asked;

/// The function's name: folder, crate, binary, log and metric name.
pub const NAME: &str = "call";

/// The largest body that is taken, in bytes: what a Lambda function can be invoked with.
pub const MAX_BODY: usize = 6 * 1024 * 1024;

/// Remedy for a body that is larger.
const LARGER: &str = "send a large file ahead: POST /uploads, PUT it there, and name it in the call as file.upload";

/// A request for an operation, by HTTP or by invocation.
pub(crate) struct OperationRequest {
    connection: String,
    operation: String,
    /// The idempotency key.
    key: Option<String>,
    /// Longest wait of the answer for the result.
    wait: Duration,
    /// Prefix of `Location`: relative to the request's URL, or a path for an invocation.
    calls: String,
    /// The operation's body: the ERP's JSON unchanged, which may describe a file; empty where there is none.
    body: String,
    /// The file, where it did not come within the body.
    file: Option<Enclosure>,
    /// The ERP's span that it belongs to.
    caller: Option<Place>,
}

/// The route of the function. A gateway wants one name for what may stand in a place: here `name` is a connection.
#[must_use]
pub fn router<S: Store, Q: Queue>() -> Router<Courier<S, Q>> {
    let route = Route::post("/calls/{name}/{operation}", Role::Erp, |courier: &Courier<S, Q>, routed| {
        Box::pin(async move {
            let caller = routed.caller;
            let asked = request::read(routed).await?;
            caller.connection(&asked.connection)?;
            answer(courier, caller, asked).await
        })
    });
    let uploads = Route::post("/uploads", Role::Erp, |courier: &Courier<S, Q>, routed| {
        Box::pin(async move { uploads::begin(&courier.context, routed).await })
    });
    Router::keyed(NAME, MAX_BODY, |courier| &courier.context.config, vec![route, uploads]).for_larger(LARGER)
}

/// Answers one direct invocation, which says a call in JSON.
pub async fn invoke<S: Store, Q: Queue>(courier: &Courier<S, Q>, event: &[u8]) -> Response<Bytes> {
    if request::is_of_path(event) {
        return router().invoke(courier, event).await;
    }
    let caller = api::invoker(&courier.context.config);
    // Boxed: a call has room for its file and its token.
    let result = Box::pin(async { answer(courier, caller, request::read_invocation(event)?).await });
    result.await.unwrap_or_else(|problem: Problem| problem.answer(NAME))
}

async fn answer<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    caller: Caller<'_>,
    asked: OperationRequest,
) -> Result<Response<Bytes>, Problem> {
    let config = &courier.context.config;
    let connection = config.connections.get(&ConnectionId::from(asked.connection.as_str()));
    let missing = "there is no such connection, or the key may not see it";
    let connection = connection.ok_or_else(|| Problem::missing(missing).unconfigured())?;
    let operation = operation::find(connection.partner, &asked.operation).ok_or_else(|| unknown(connection))?;
    let sent = match (asked.body.as_str(), operation.effect) {
        // Some queries need nothing.
        ("", Effect::Query) => "{}",
        ("", Effect::Command { .. }) => {
            let detail = format!("must be given: the fields of {} as JSON, {{}} where it has none", operation.name);
            return Err(Problem::field("body", detail));
        }
        (body, _) => body,
    };
    let body = Json::parse(sent.as_bytes()).map_err(|error| Problem::field("body", error.to_string()))?;
    let (text, enclosed) = operation::enclosure::take(&operation, &body).map_err(|faults| faulty(&faults))?;
    let file = match (asked.file, enclosed) {
        (Some(_), Some(_)) => return Err(Problem::field("file", "is given twice: beside the body and within it")),
        (file, enclosed) => file.or(enclosed),
    };
    let (file, upload) = match file {
        Some(file) => {
            let (file, upload) = uploads::named(&caller, file)?;
            (Some(file), upload)
        }
        None => (None, None),
    };
    let body = Json::parse(text.as_bytes()).map_err(|error| Problem::field("body", error.to_string()))?;
    check(connection, &operation, &body, file.as_ref())?;
    let traced = Asked::begin(&courier.context, asked.caller, (connection, &operation));
    match operation.effect {
        Effect::Query if upload.is_some() => {
            Err(Problem::field("file.upload", "goes with a command: give a query its file as base64 or url"))
        }
        Effect::Query => query::answer(courier, (connection, &operation), &body, file.as_ref(), traced).await,
        Effect::Command { .. } => {
            let (by, file, upload) = (caller.actor(), file.as_ref(), upload.as_ref());
            let request = command::Request { by, connection, operation: &operation, body: &text, file, upload, traced };
            command::answer(courier, request, asked.key, asked.wait, &asked.calls).await
        }
    }
}

fn unknown(connection: &Connection) -> Problem {
    let known: Vec<_> = operation::of(connection.partner).map(|row| row.name).collect();
    let detail = format!("{} offers no such operation; it offers {}", connection.partner, known.join(", "));
    Problem::new(StatusCode::NOT_FOUND, "unknown-operation", detail)
}

/// Everything that can be known to be wrong before anything is stored or sent: a trial of what an attempt will do, whose
/// result is thrown away.
fn check(
    connection: &Connection,
    operation: &Operation<'_>,
    body: &Json<'_>,
    file: Option<&Enclosure>,
) -> Result<(), Problem> {
    let mut faults = operation::check(operation, body);
    faults.extend(connection.settings.missing(operation, body));
    match file {
        Some(file) => faults.extend(file.check(operation)),
        None => faults.extend(operation::enclosure::missing(operation, body, &connection.settings)),
    }
    if !faults.is_empty() {
        return Err(faulty(&faults));
    }
    let placeholder = File { name: "file", content_type: "application/octet-stream" };
    let attempt = Attempt {
        settings: &connection.settings,
        credentials: &|name| connection.credentials.get(name).map(hub::Secret::expose),
        token: Some("token"),
        now_ms: 0,
        nonce: "nonce",
        boundary: "boundary",
        file: file.map(|_| placeholder),
    };
    match operation::prepare(operation, body, &attempt) {
        Ok(_) => Ok(()),
        Err(faults) if faults.iter().any(|fault| fault.field == "file") => Err(faulty(&faults)),
        Err(faults) => Err(incomplete(&faults).unconfigured()),
    }
}

/// 400: what is wrong with the request, the first fault by its field and all of them in `errors`.
#[must_use]
pub fn faulty(faults: &[Fault]) -> Problem {
    let first = faults.first();
    let field = first.map(|fault| fault.field.clone()).filter(|field| !field.is_empty());
    let detail = first.map_or("the request is not valid", |fault| fault.remedy.as_str());
    Problem::field(field.unwrap_or_else(|| "body".to_owned()), detail).with(errors(faults))
}

/// 500: what the connection's configuration lacks.
pub(crate) fn incomplete(faults: &[Fault]) -> Problem {
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    let detail = format!("the connection's configuration lacks something for this operation: {}", texts.join("; "));
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "connection-incomplete", detail).with(errors(faults))
}

fn errors(faults: &[Fault]) -> Members {
    // Both may repeat something of the request.
    let told = |fault: &Fault| Mistake { field: sentence(&fault.field), remedy: sentence(&fault.remedy) };
    Members { errors: Some(faults.iter().map(told).collect()), ..Members::default() }
}
