//! A query: what the partner says, or why it says nothing.

use api::Problem;
use api::contract::{Members, Original};
use bytes::Bytes;
use config::Connection;
use courier::Courier;
use courier::call::{Answer, Unanswered, ask};
use http::{Response, StatusCode};
use partners::Json;
use partners::operation::enclosure::Enclosure;
use partners::operation::{Judgement, Operation};
use queue::Queue;
use store::Store;

use crate::incomplete;
use crate::traced::Asked;

pub(crate) async fn answer<S: Store, Q: Queue>(
    courier: &Courier<S, Q>,
    (connection, operation): (&Connection, &Operation<'_>),
    body: &Json<'_>,
    file: Option<&Enclosure>,
    traced: Option<Asked<'_>>,
) -> Result<Response<Bytes>, Problem> {
    let began = courier.context.now();
    let answer = ask(courier, connection, operation, body, file).await;
    let asked = ((began, courier.context.now()), status(&answer), answer.is_ok());
    let told = told(connection, operation, answer);
    if let Some(traced) = traced {
        traced.queried(&courier.context, asked, &told);
    }
    told
}

/// HTTP status of the partner's answer, where it gave one.
const fn status(answer: &Result<Answer, Unanswered>) -> Option<u16> {
    match answer {
        Ok(answer) | Err(Unanswered::Refused { answer, .. }) => Some(answer.status),
        Err(Unanswered::Credentials { status, .. }) => Some(*status),
        Err(
            Unanswered::Faulty(_)
            | Unanswered::Open(_)
            | Unanswered::Paced(_)
            | Unanswered::Here(_)
            | Unanswered::NoAnswer(_),
        ) => None,
    }
}

/// The answer for the ERP.
fn told(
    connection: &Connection,
    operation: &Operation<'_>,
    answer: Result<Answer, Unanswered>,
) -> Result<Response<Bytes>, Problem> {
    let answer = answer.map_err(|why| problem(connection, why))?;
    // A partner that a file describes may answer in XML.
    if operation.told.is_some() && answer.body.trim_ascii_start().starts_with(b"<") {
        return Ok(api::answered(StatusCode::OK, "application/xml", answer.body));
    }
    Ok(api::raw(StatusCode::OK, answer.body))
}

fn problem(connection: &Connection, why: Unanswered) -> Problem {
    let partner = connection.partner;
    match why {
        Unanswered::Faulty(faults) => incomplete(&faults),
        Unanswered::Open(wait) => {
            let detail = format!("{partner} has been failing and is left alone for a while; nothing was sent");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "circuit-open", detail).retry_after(wait)
        }
        Unanswered::Paced(wait) => {
            let detail = "the connection's rate or concurrency is used up; nothing was sent";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail).retry_after(wait)
        }
        Unanswered::Here(text) => {
            tracing::error!(function = crate::NAME, connection = %connection.id, why = text, "a query cannot be sent by this process");
            let detail = "the hub cannot send anything at the moment; repeat the query later";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
        Unanswered::NoAnswer(text) => {
            Problem::new(StatusCode::BAD_GATEWAY, "no-answer", format!("{partner} did not answer: {text}"))
        }
        Unanswered::Refused { verdict, answer } => refused(connection, verdict, &answer),
        Unanswered::Credentials { text, code, status, answer } => {
            let detail = format!("{partner} refuses the credentials of this connection: {text}");
            let problem = Problem::new(StatusCode::BAD_GATEWAY, "credentials-refused", detail);
            // A token's answer is none of the query.
            let answer = answer.map(|answer| Original::of(&String::from_utf8_lossy(&answer.body)));
            problem.with(Members { code: Some(code), partner_status: Some(status), answer, ..Members::default() })
        }
    }
}

fn refused(connection: &Connection, verdict: Judgement, answer: &Answer) -> Problem {
    let partner = connection.partner;
    let (problem, code, text) = match verdict {
        Judgement::Refused { code, text } => {
            let detail = format!("{partner} refused: {text}");
            (Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "partner-refused", detail), code, text)
        }
        Judgement::Busy { code, text } => {
            let detail = format!("{partner} did not take it up now; the same query may be repeated later");
            (Problem::new(StatusCode::SERVICE_UNAVAILABLE, "partner-busy", detail), code, text)
        }
        Judgement::Exception { code, text } => {
            let detail = format!("the system of {partner} failed on the query; the same query may be repeated later");
            (Problem::new(StatusCode::SERVICE_UNAVAILABLE, "partner-busy", detail), code, text)
        }
        Judgement::TokenExpired { code, text } => {
            let detail = format!("{partner} turns the token away; the same query may be repeated");
            (Problem::new(StatusCode::SERVICE_UNAVAILABLE, "partner-busy", detail), code, text)
        }
        Judgement::Unreadable { text } => {
            let detail = format!("the answer of {partner} cannot be read");
            (Problem::new(StatusCode::BAD_GATEWAY, "unreadable", detail), answer.status.to_string(), text)
        }
        Judgement::Success => {
            let detail = "a success was taken for a refusal";
            (Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", detail), String::new(), String::new())
        }
    };
    problem.with(Members {
        code: Some(code),
        text: Some(text),
        partner_status: Some(answer.status),
        answer: Some(Original::of(&String::from_utf8_lossy(&answer.body))),
        ..Members::default()
    })
}
