//! Data of a partner's answer besides success: data that a push would bring as well, and the partner's own name of the
//! shipment.

use std::time::Duration;

use config::Connection;
use hub::Alias;
use inbound::keep;
use inbound::receive::Lost;
use outbound::Sent;
use partners::operation::Operation;
use partners::pulled::Answered;
use partners::{Json, operation};
use queue::Queue;
use store::Store;
use telemetry::metrics::{self, Dimension, Metric, Sample};
use tokio::time::timeout;

use super::exchange::{Ask, Exchange};
use crate::{Courier, files};

/// The longest that the ERP waits for its query's answer to be kept. Its own time for an answer, a gateway's, is a little more
/// than this and the longest query.
const KEEPING: Duration = Duration::from_secs(3);

/// Keeps the data that the answer to a question of the hub's own brings.
pub(crate) async fn keep_answer<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    operation: &Operation<'_>,
    body: &Json<'_>,
    answer: &[u8],
) -> Result<(), Lost> {
    keep(courier, Ask { connection, operation, body, file: None }, answer).await
}

/// Keeps the data that an answer brings as if the partner had pushed it.
pub(super) async fn keep<S: Store, Q: Queue>(courier: &Courier<S, Q>, ask: Ask<'_>, answer: &[u8]) -> Result<(), Lost> {
    if !ask.operation.brings_events() && !ask.operation.links {
        return Ok(());
    }
    // XML of a described partner is read as the JSON of its elements, as its pushes are.
    let answer = if ask.operation.told.is_some() { operation::as_json(answer) } else { answer.into() };
    // A success that is neither has nothing of a push, and names no file.
    let Ok(answer) = Json::parse(&answer) else { return Ok(()) };
    let (context, connection) = (&courier.context, ask.connection);
    Box::pin(files::begin_answered(context, connection, ask.operation, ask.body, &answer)).await.map_err(Lost::from)?;
    let (asked, settings) = (ask.body, &ask.connection.settings);
    let findings = ask.operation.brought(&Answered { asked, answer: &answer, settings });
    if findings.is_empty() {
        return Ok(());
    }
    let keys = operation::subject(ask.operation, asked);
    let one = if let [(kind, value)] = keys.as_slice() { Some(Alias::new(kind, value)) } else { None };
    // Boxed: most answers bring nothing, and each attempt would have room for it.
    let keeping = Box::pin(keep::keep(&courier.context, ask.connection, &courier.reader, findings, one.as_ref()));
    let new = keeping.await?;
    tracing::debug!(connection = %ask.connection.id, operation = ask.operation.name, new, "the data of an answer is kept");
    Ok(())
}

/// Keeps the data that the answer to a query brings, before the ERP is answered. It is answered all the same where that fails
/// or takes too long; then the log and a metric say so, and the query can be repeated.
pub(super) async fn keep_queried<S: Store, Q: Queue>(courier: &Courier<S, Q>, ask: Ask<'_>, answer: &[u8]) {
    let why = match timeout(KEEPING, keep(courier, ask, answer)).await {
        Ok(Ok(())) => return,
        Ok(Err(lost)) => telemetry::logs::chain(&lost),
        Err(_) => format!("the store did not take it within {} seconds", KEEPING.as_secs()),
    };
    let connection = &ask.connection.id;
    tracing::error!(
        %connection, operation = ask.operation.name, error = why,
        "the data of an answer was passed on and not kept as events; repeat the query"
    );
    let sample = Sample::of(Dimension::Connection, connection, vec![(Metric::AnswersNotKept, 1.0)]);
    metrics::emit(courier.now(), &sample);
}

/// The business keys that the answer gives the subject of a call.
pub(super) fn learned(ask: Ask<'_>, exchange: &Exchange) -> Vec<Alias> {
    let Sent::Answered { body, .. } = &exchange.sent else { return Vec::new() };
    let json = if ask.operation.gives_serial { Json::parse(body).ok() } else { None };
    let learned = json.map(|json| operation::learned(ask.operation, &json)).unwrap_or_default();
    learned.into_iter().map(|(kind, value)| Alias::new(kind, &value)).collect()
}
