//! A query: sent at once and answered with the partner's answer, unchanged. It fails fast instead of waiting. Data that a
//! push would bring as well is kept first.

use std::time::Duration;

use bytes::Bytes;
use config::Connection;
use hub::breaker::{AttemptReport, Permit};
use hub::delivery::Outcome;
use hub::{Secret, Utc};
use outbound::Sent;
use partners::Json;
use partners::operation::enclosure::Enclosure;
use partners::operation::{Fault, Judgement, Operation};
use queue::Queue;
use store::Store;
use tokio::time::{Instant, timeout, timeout_at};

use super::exchange::{Ask, Exchange, Unready, exchange, outcome, ready};
use super::found::keep_queried;
use super::gate::{Gate, Turn};
use super::token::Refusal;
use super::turnstile::Limits;
use super::wire::list;
use crate::Courier;
use crate::lines::line_name;

/// Shortest limit of a query's wait for its connection's limits; longer where the connection's timeout leaves the time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest duration of a query, including its wait for the limits, a file, a token and a second attempt. A gateway times out a
/// little later, and the answer would be lost.
pub(crate) const LONGEST: Duration = Duration::from_secs(25);

/// A partner's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The partner's body, unchanged.
    pub body: Bytes,
}

/// Reason why a query has no result.
#[derive(Clone, Debug)]
pub enum Unanswered {
    /// Nothing was sent: the request or the configuration lacks something.
    Faulty(Vec<Fault>),
    /// Nothing was sent: the partner has been failing and is left alone for a while.
    Open(Duration),
    /// Nothing was sent: the connection's rate is used up, or its places are.
    Paced(Duration),
    /// Nothing was sent: this process cannot, for a reason of its own.
    Here(String),
    /// Nothing was sent, or there was no answer.
    NoAnswer(String),
    /// The partner answered, and not with success.
    Refused {
        /// Judgement of the answer.
        verdict: Judgement,
        /// The partner's answer, unchanged.
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
        /// The partner's answer, unchanged, where it is that to the query itself.
        answer: Option<Answer>,
    },
}

impl Unanswered {
    /// Whether the partner may have been asked. Nothing was sent otherwise, and the question may be asked again soon.
    pub(crate) const fn is_sent(&self) -> bool {
        match self {
            Self::Faulty(_) | Self::Open(_) | Self::Paced(_) | Self::Here(_) => false,
            Self::NoAnswer(_) | Self::Refused { .. } | Self::Credentials { .. } => true,
        }
    }

    /// The reason for the log: without the partner's texts, which may hold what no log should.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Faulty(faults) => list(faults),
            Self::Open(_) => "the partner's circuit is open".to_owned(),
            Self::Paced(_) => "calls use the connection's rate or concurrency".to_owned(),
            Self::Here(text) | Self::NoAnswer(text) => text.clone(),
            Self::Refused { verdict, answer } => match verdict {
                Judgement::Refused { code, .. }
                | Judgement::Busy { code, .. }
                | Judgement::Exception { code, .. }
                | Judgement::TokenExpired { code, .. } => {
                    format!("answered with status {} and code {code}", answer.status)
                }
                Judgement::Success | Judgement::Unreadable { .. } => {
                    format!("answered with status {}, and a body without a judgement", answer.status)
                }
            },
            Self::Credentials { code, status, .. } => {
                format!("the partner refuses the credentials with status {status} and code {code}")
            }
        }
    }
}

/// Asks a partner, once; a token that it turns away is replaced and the question repeated.
pub async fn ask<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    operation: &Operation<'_>,
    body: &Json<'_>,
    file: Option<&Enclosure>,
) -> Result<Answer, Unanswered> {
    let end = Instant::now() + LONGEST;
    let ask = Ask { connection, operation, body, file };
    if let Some(open) = open(courier, ask) {
        return Err(open);
    }
    let gate = courier.lines.gate(connection);
    let patience = PATIENCE.max(LONGEST.saturating_sub(connection.timeout));
    let in_line = gate.query(&courier.context.clock, limits(connection), patience);
    match timeout(patience, in_line).await {
        Err(_) => Err(Unanswered::Paced(PATIENCE)),
        Ok(Err(moment)) => Err(Unanswered::Paced(moment.since(courier.now()))),
        Ok(Ok(turn)) => {
            let answer = in_turn(courier, ask, &gate, turn, end).await?;
            keep_queried(courier, ask, &answer.body).await;
            Ok(answer)
        }
    }
}

/// Asks a partner, once, for the hub itself: it waits for nothing, and nothing is sent where a call of the ERP's would have to
/// wait for it. The data that the answer brings is the caller's to keep.
pub(crate) async fn ask_aside<S: Store, Q>(
    courier: &Courier<S, Q>,
    connection: &Connection,
    operation: &Operation<'_>,
    body: &Json<'_>,
) -> Result<Answer, Unanswered> {
    let ask = Ask { connection, operation, body, file: None };
    if let Some(open) = open(courier, ask) {
        return Err(open);
    }
    let gate = courier.lines.gate(connection);
    match gate.aside(limits(connection), courier.now()) {
        None => Err(Unanswered::Paced(Duration::ZERO)),
        Some(turn) => in_turn(courier, ask, &gate, turn, Instant::now() + LONGEST).await,
    }
}

/// That the circuit is open.
fn open<S, Q>(courier: &Courier<S, Q>, ask: Ask<'_>) -> Option<Unanswered> {
    let line = courier.lines.to(&line_name(ask.connection), ask.connection.concurrency);
    let reopens = line.closed_until(ask.operation.name, courier.now())?;
    Some(Unanswered::Open(reopens.since(courier.now())))
}

const fn limits(connection: &Connection) -> Limits {
    Limits { concurrency: connection.concurrency, rate: connection.rate }
}

/// Asks a partner in a turn at its connection, until `end` at the latest.
async fn in_turn<S: Store, Q>(
    courier: &Courier<S, Q>,
    ask: Ask<'_>,
    gate: &Gate,
    mut turn: Turn<'_>,
    end: Instant,
) -> Result<Answer, Unanswered> {
    let Ask { connection, operation, .. } = ask;
    let context = &courier.context;
    let line = courier.lines.to(&line_name(connection), connection.concurrency);
    let closed = |reopens: Utc| Unanswered::Open(reopens.since(courier.now()));
    let permit = match line.permit(&context.store, operation.name, courier.now()).await {
        Permit::Wait(reopens) => return Err(closed(reopens)),
        permit @ (Permit::Go | Permit::Probe) => permit,
    };
    let began = courier.now();
    let result = timeout_at(end, answered(courier, ask, gate)).await.unwrap_or_else(|_| {
        let text = format!(
            "no answer within {} seconds, including the waits for the rate limit, the token and the file",
            LONGEST.as_secs()
        );
        Err(Unready::Later { text, outcome: Outcome::NoAnswer, retry_after: None, said: None })
    });
    let outcome = outcome(&result);
    if !matches!(outcome, Outcome::Impossible | Outcome::Unsent) {
        turn.used();
    }
    drop(turn);
    let status = result.as_ref().ok().and_then(|made| made.sent.status());
    let over = courier.now();
    let (event, took) = (courier.lines.query_id(), over.since(began));
    let tried = AttemptReport { kind: operation.name, event, outcome, status, took };
    // The ERP waits for this answer: commands that wait are brought forward when the first of them succeeds.
    line.report(&context.store, permit, &tried, over).await;
    tracing::debug!(connection = %connection.id, operation = operation.name, status, "a query was sent");
    match result {
        Ok(Exchange {
            sent: Sent::Answered { status, body, .. }, verdict: Some(verdict), refuses_credentials, ..
        }) => {
            let answer = Answer { status, body };
            match verdict {
                Judgement::Success => Ok(answer),
                Judgement::Refused { code, text } if refuses_credentials => {
                    Err(Unanswered::Credentials { text, code, status, answer: Some(answer) })
                }
                Judgement::Refused { .. }
                | Judgement::Busy { .. }
                | Judgement::Exception { .. }
                | Judgement::TokenExpired { .. }
                | Judgement::Unreadable { .. } => Err(Unanswered::Refused { verdict, answer }),
            }
        }
        Ok(made) => Err(Unanswered::NoAnswer(made.detail())),
        Err(Unready::Later { text, .. }) => Err(Unanswered::NoAnswer(text)),
        Err(Unready::Refused { text, refusal: Refusal { code, status }, .. }) => {
            Err(Unanswered::Credentials { text, code, status, answer: None })
        }
        Err(Unready::Here(text) | Unready::Exhausted(text)) => Err(Unanswered::Here(text)),
        Err(Unready::Never(faults) | Unready::Unknown(faults)) => Err(Unanswered::Faulty(faults)),
    }
}

/// Sends the query and returns the partner's answer. A token that the partner rejects is replaced once.
async fn answered<S: Store, Q>(courier: &Courier<S, Q>, ask: Ask<'_>, gate: &Gate) -> Result<Exchange, Unready> {
    let (mut spent, mut obtained): (Option<Secret>, _) = (None, None);
    loop {
        let ready = ready(courier, ask, gate, spent.as_ref(), &mut obtained).await?;
        let made = exchange(courier, ask, ready.request, &ready.unread).await?;
        if made.is_expired() && spent.is_none() && ready.token.is_some() {
            spent = ready.token;
            continue;
        }
        return Ok(made.with_credentials(courier, ask.connection, gate, spent.is_some()).await);
    }
}
