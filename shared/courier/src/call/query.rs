//! A query: straight through, with the answer as it came. It fails fast instead of waiting.

use std::time::Duration;

use bytes::Bytes;
use hub::breaker::Permit;
use hub::delivery::Outcome;
use hub::{EventId, Secret};
use outbound::Sent;
use partners::Json;
use partners::operation::enclosure::Enclosure;
use partners::operation::{Fault, Operation, Verdict};
use runtime::config::Connection;
use store::Store;
use tokio::time::{sleep, timeout};

use super::exchange::{Ask, Exchange, Unready, exchange, ready};
use super::token::Refusal;
use super::{Gate, line_name};
use crate::Courier;

/// How long a query waits for one of its connection's places.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits for its connection's rate. Commands book no further ahead than half of that.
const PACE: Duration = Duration::from_secs(2);

/// How long a query may take with all that belongs to it, a file, a token and a second attempt: a gateway gives up a
/// little later, and then nobody would learn anything.
const LONGEST: Duration = Duration::from_secs(25);

/// A partner's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, as it came.
    pub body: Bytes,
}

/// Why a query has no result.
#[derive(Clone, Debug)]
pub enum Unanswered {
    /// Nothing was sent: the request or the configuration lacks something.
    Faulty(Vec<Fault>),
    /// Nothing was sent: the partner has been failing and is left alone for a while.
    Open(Duration),
    /// Nothing was sent: the connection's rate is used up, or its places are.
    Paced(Duration),
    /// Nothing was sent, or there was no answer.
    NoAnswer(String),
    /// The partner answered, and not with success.
    Refused {
        /// What it means.
        verdict: Verdict,
        /// The answer as it came.
        answer: Answer,
    },
    /// The partner refuses the connection's credentials.
    Credentials {
        /// Its words, and what to do.
        text: String,
        /// Its code as printed; the HTTP status where there is none.
        code: String,
        /// The HTTP status.
        status: u16,
        /// The answer as it came, where it is the query's own.
        answer: Option<Answer>,
    },
}

/// Asks a partner, once; a token that it turns away is replaced and the question repeated.
pub async fn ask<S: Store, Q>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    operation: &Operation<'_>,
    body: &Json<'_>,
    file: Option<&Enclosure>,
) -> Result<Answer, Unanswered> {
    let context = &courier.context;
    let gate = courier.lines.gate(connection);
    let Ok(place) = timeout(PATIENCE, gate.place()).await else { return Err(Unanswered::Paced(PATIENCE)) };
    let wait = gate.pace(connection.rate, context.now(), PACE).map_err(Unanswered::Paced)?;
    if !wait.is_zero() {
        sleep(wait).await;
    }
    let line = courier.lines.to(&line_name(connection), connection.concurrency);
    let permit = match line.permit(&context.store, context.now()).await {
        Permit::Wait(reopens) => return Err(Unanswered::Open(reopens.since(context.now()))),
        permit @ (Permit::Go | Permit::Probe) => permit,
    };
    let ask = Ask { connection, operation, body, file };
    let result = timeout(LONGEST, answered(courier, ask, &gate)).await.unwrap_or_else(|_| {
        let text = format!("no answer within {} seconds, with the token and the file", LONGEST.as_secs());
        Err(Unready::Later { text, outcome: Outcome::NoAnswer, retry_after: None })
    });
    drop(place);
    let outcome = match &result {
        Ok(made) => made.outcome(),
        Err(Unready::Later { outcome, .. }) => *outcome,
        Err(Unready::Refused { .. }) => Outcome::Delivered,
        Err(Unready::Never(_) | Unready::Unknown(_)) => Outcome::Impossible,
    };
    line.report(&context.store, (permit, passing(courier), outcome), context.now()).await;
    let status = result.as_ref().ok().and_then(|made| made.sent.status());
    tracing::debug!(connection = %connection.id, operation = operation.name, status, "asked");
    match result {
        Ok(Exchange { sent: Sent::Answered { status, body, .. }, verdict: Some(verdict), refuses_credentials }) => {
            let answer = Answer { status, body };
            match verdict {
                Verdict::Success => Ok(answer),
                Verdict::Refused { code, text } if refuses_credentials => {
                    Err(Unanswered::Credentials { text, code, status, answer: Some(answer) })
                }
                Verdict::Refused { .. }
                | Verdict::Busy { .. }
                | Verdict::Exception { .. }
                | Verdict::TokenExpired { .. }
                | Verdict::Unreadable { .. } => Err(Unanswered::Refused { verdict, answer }),
            }
        }
        Ok(made) => Err(Unanswered::NoAnswer(made.detail())),
        Err(Unready::Later { text, .. }) => Err(Unanswered::NoAnswer(text)),
        Err(Unready::Refused { text, refusal: Refusal { code, status } }) => {
            Err(Unanswered::Credentials { text, code, status, answer: None })
        }
        Err(Unready::Never(faults) | Unready::Unknown(faults)) => Err(Unanswered::Faulty(faults)),
    }
}

/// What the partner says; a token that it turns away is replaced once.
async fn answered<S: Store, Q>(courier: &Courier<S, Q>, ask: Ask<'_>, gate: &Gate) -> Result<Exchange, Unready> {
    let mut spent: Option<Secret> = None;
    loop {
        let ready = ready(courier, ask, gate, spent.as_ref()).await?;
        let made = exchange(courier, ask, ready.request).await;
        if made.is_expired() && spent.is_none() && ready.token.is_some() {
            spent = ready.token;
            continue;
        }
        return Ok(made.with_credentials(courier, ask.connection, gate, spent.is_some()).await);
    }
}

/// An id for the circuit's count of failures. Each query is another one.
fn passing<S, Q>(courier: &Courier<S, Q>) -> EventId {
    let mut id = [0; 24];
    id.iter_mut().zip(crate::nonce(courier).bytes()).for_each(|(to, from)| *to = from);
    EventId(id)
}
