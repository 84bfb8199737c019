//! A command: stored, hinted at, answered; and waited for, where the ERP prefers that.

use std::time::Duration;

use api::Problem;
use api::contract::Members;
use bytes::Bytes;
use config::Connection;
use courier::Courier;
use http::header::{HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use hub::audit::{Action, Touched};
use hub::call::{self, Call, Standing};
use hub::{EventKey, Record};
use inbound::receive::hints;
use inbound::sequence;
use inbound::trail::{self, Actor};
use partners::Partner;
use partners::operation::Operation;
use partners::operation::enclosure::Enclosure;
use queue::Queue;
use serde_json::json;
use store::{Admitted, Listed, Store};
use tokio::time::{Instant, sleep, timeout};

use crate::traced::{Accepted, Asked};
use crate::uploads::{self, Begun};

/// The longest idempotency key, in characters.
const LONGEST_KEY: usize = 255;

/// Interval of the first looks for a result; it grows from there.
const FIRST_LOOK: Duration = Duration::from_millis(4);
const LAST_LOOK: Duration = Duration::from_millis(250);

/// RFC 7240: which preference was honoured.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A command that may be sent.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) by: Actor<'a>,
    pub(crate) connection: &'a Connection,
    pub(crate) operation: &'a Operation<'a>,
    pub(crate) body: &'a str,
    pub(crate) file: Option<&'a Enclosure>,
    /// The upload that is the file.
    pub(crate) upload: Option<&'a Begun>,
    /// The request, where it is traced.
    pub(crate) traced: Option<Asked<'a>>,
}

pub(crate) async fn answer<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    request: Request<'_>,
    key: Option<String>,
    wait: Duration,
    calls: &str,
) -> Result<Response<Bytes>, Problem> {
    let context = &courier.context;
    let Request { by, connection, operation, body, file, upload: _, traced } = request;
    let key = checked(key)?;
    let file = file.and_then(|file| serde_json::to_string(file).ok());
    let asked = call::Request { connection: &connection.id, operation, key: &key, body, file: file.as_deref() };
    let mut record = call::accepted(&asked, context.now(), context.config.sweep_every, connection.retention)
        .map_err(|error| Problem::field("body", error.to_string()))?;
    if let (Some(call), Some(traced)) = (&mut record.work.call, &traced) {
        call.traceparent = traced.traceparent();
    }
    let of_call = record.event.key.clone();
    let touched = Touched::event(of_call.clone());
    let told = json!({"connection": connection.id, "operation": operation.name, "idempotency_key": key});
    let begun = trail::begin(context, by, Action::Call, told).await.map_err(|error| Problem::store(&error))?;
    let accepted = accept(courier, request, record).await;
    // The wait for the result may be cut off; the command is accepted.
    begun.end(context, Problem::ended(&accepted, StatusCode::ACCEPTED), vec![touched]).await;
    let by_request = match &accepted {
        Ok((_, true)) => Accepted::Now,
        Ok((listed, false)) => Accepted::Earlier(listed.work.call.as_ref().and_then(Call::caller)),
        Err(_) => Accepted::Never,
    };
    let answered =
        async { respond(&waited(courier, accepted?.0, wait).await?, wait, calls, &courier.context.config.partners) }
            .await;
    if let Some(traced) = traced {
        traced.commanded(context, (&of_call, by_request), &answered);
    }
    answered
}

/// The command as it is stored: now (`true`), or by an earlier request with its key.
async fn accept<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    Request { connection, operation, upload, .. }: Request<'_>,
    record: Record,
) -> Result<(Listed, bool), Problem> {
    let context = &courier.context;
    if let Some(upload) = upload {
        let key = &record.event.key;
        let found = context.store.inspect(key, context.now()).await.map_err(|error| Problem::store(&error))?;
        if let Some(found) = found {
            // Its upload may be gone meanwhile.
            let Record { event, work } = record;
            return Ok((distinguished(&Listed { key: event.key, meta: event.meta, work }, found)?, false));
        }
        uploads::keep(context, upload, connection, &record).await?;
    }
    let accepted = sequence::accept(context, record).await.map_err(|error| Problem::store(&error))?;
    let (admitted, Record { event, work }) = accepted;
    let listed = Listed { key: event.key, meta: event.meta, work };
    match admitted {
        Admitted::New => {
            let id = &listed.key.id;
            tracing::debug!(function = crate::NAME, call = %id, connection = %connection.id, operation = operation.name, "accepted");
            let sent = timeout(Q::HOLDS_UP, context.queue.send(hints(&listed.key, &listed.work), Duration::ZERO)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::warn!(function = crate::NAME, call = %id, "queue message of a call not sent; the sweep sends the call");
            }
            Ok((listed, true))
        }
        Admitted::Duplicate | Admitted::Moved => Ok((same(courier, &listed).await?, false)),
    }
}

/// The key, as it may be.
fn checked(key: Option<String>) -> Result<String, Problem> {
    let remedy = "a command needs one: any text that is new for each request and the same when that is repeated";
    let key = key.filter(|key| !key.is_empty()).ok_or_else(|| Problem::field("Idempotency-Key", remedy))?;
    let length = key.chars().count();
    if length > LONGEST_KEY {
        let remedy = format!("must have at most {LONGEST_KEY} characters, not {length}: send a digest of it");
        return Err(Problem::field("Idempotency-Key", remedy));
    }
    if key.chars().any(char::is_control) {
        return Err(Problem::field("Idempotency-Key", "must have no control characters: percent-encode them"));
    }
    Ok(key)
}

/// The call that is there under the key, where it is the same request.
async fn same<S: Store, Q>(courier: &Courier<S, Q>, asked: &Listed) -> Result<Listed, Problem> {
    distinguished(asked, look(courier, &asked.key).await?)
}

/// The call that was found, where it is the one that is asked for.
fn distinguished(asked: &Listed, found: Listed) -> Result<Listed, Problem> {
    let digest = |listed: &Listed| listed.work.call.as_ref().map(|call| call.digest.clone()).unwrap_or_default();
    let (theirs, ours) = (digest(asked), digest(&found));
    if theirs == ours {
        return Ok(found);
    }
    let detail = "this key was used for another request: take a new key, or repeat the request as it was";
    let problem = Problem::new(StatusCode::CONFLICT, "idempotency-conflict", detail);
    let (call, digest, stored_digest) = (Some(found.key.id), Some(theirs), Some(ours));
    Err(problem.with(Members { call, digest, stored_digest, ..Members::default() }))
}

async fn look<S: Store, Q>(courier: &Courier<S, Q>, key: &EventKey) -> Result<Listed, Problem> {
    let found = courier.context.store.inspect(key, courier.context.now()).await;
    let gone = || Problem::missing("the call under this key has just expired; repeat the request");
    found.map_err(|error| Problem::store(&error))?.ok_or_else(gone)
}

fn is_queued(listed: &Listed) -> bool {
    listed.work.call.as_ref().is_some_and(|call| call.standing == Standing::Queued)
}

/// The call as it stands when it has ended, or when the wait is over.
async fn waited<S: Store, Q>(courier: &Courier<S, Q>, listed: Listed, wait: Duration) -> Result<Listed, Problem> {
    let until = Instant::now() + wait;
    let (mut listed, mut pause) = (listed, FIRST_LOOK);
    while is_queued(&listed) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(LAST_LOOK);
        listed = look(courier, &listed.key).await?;
    }
    Ok(listed)
}

fn respond(listed: &Listed, wait: Duration, calls: &str, described: &[Partner]) -> Result<Response<Bytes>, Problem> {
    let Some(call) = &listed.work.call else { return Err(Problem::missing("there is no such call")) };
    let status = if call.standing == Standing::Queued { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = api::json(status, &call::view(&listed.key, &listed.meta, call, described))?;
    let location = HeaderValue::try_from(format!("{calls}{}", listed.key.id));
    response.headers_mut().extend(location.map(|location| (LOCATION, location)));
    if !wait.is_zero() {
        let applied = HeaderValue::try_from(format!("wait={}", wait.as_secs()));
        response.headers_mut().extend(applied.map(|applied| (PREFERENCE_APPLIED, applied)));
    }
    Ok(response)
}
