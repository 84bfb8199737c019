//! The operations of a file: the requests that their examples become, and the reading of the answers.

use config::Connection;
use hub::action::Action;
use hub::admission;
use partners::Json;
use partners::operation::{self, Attempt, Judgement, Operation, as_json};
use partners::pulled::Answered;

use super::{Found, body, event, secrets, shown};

/// A stand-in for what is random or asked for.
const SOMETHING: &str = "try";

/// Shows the request of an operation's example, and how the answer of its file is read.
pub(super) fn one(connection: &Connection, row: &Operation<'_>, found: &mut Found) -> anyhow::Result<()> {
    say!("")?;
    say!("call {}", row.name)?;
    let Ok(asked) = Json::parse(row.example.as_bytes()) else { return Ok(found.mistake("the example is no JSON")?) };
    let credentials = secrets(connection);
    let attempt = Attempt {
        settings: &connection.settings,
        credentials: &|name| credentials.get(name).copied(),
        token: Some(SOMETHING),
        now_ms: super::NOW_MS.unsigned_abs(),
        nonce: SOMETHING,
        boundary: SOMETHING,
        file: None,
    };
    match operation::prepare(row, &asked, &attempt) {
        Ok(request) => {
            let base = connection.base_url.as_ref().map_or("<base_url>", |url| url.as_str());
            say!("  request    {} {}", request.method.as_str(), body(&request.url(base)))?;
            if let Some(kind) = &request.content_type {
                say!("             Content-Type: {kind}")?;
            }
            for header in &request.headers {
                say!("             {}: {}", header.name, header.value)?;
            }
            if !request.body.is_empty() {
                say!("             {}", body(&String::from_utf8_lossy(&request.body)))?;
            }
        }
        Err(faults) => {
            for fault in faults {
                found.mistake(&format!("the example cannot be sent: {fault}"))?;
            }
        }
    }
    for (kind, value) in operation::subject(row, &asked) {
        say!("  about      {kind}:{value}")?;
    }
    let Some((status, text)) = row.told.and_then(|told| told.answer.as_ref()) else {
        say!("  answer     none in the file: give `answer`, so that its reading is tried")?;
        return Ok(());
    };
    match operation::read(row, &connection.settings, *status, text.as_bytes()) {
        Judgement::Success => say!("  answer     {status} is a success: {}", body(text))?,
        other @ (Judgement::Refused { .. }
        | Judgement::Busy { .. }
        | Judgement::Exception { .. }
        | Judgement::TokenExpired { .. }
        | Judgement::Unreadable { .. }) => found.mistake(&format!("its answer is no success: {other:?}"))?,
    }
    let json = as_json(text.as_bytes());
    let Ok(json) = Json::parse(&json) else { return Ok(()) };
    for brought in row.brought(&Answered { asked: &asked, answer: &json, settings: &connection.settings }) {
        let action = Action { name: brought.action.unwrap_or_default(), ..callback::ACTION };
        let arrival = admission::read(&action, connection.origin(), &brought.body.into(), None);
        if let Some(why) = arrival.malformed {
            found.mistake(&format!("what it brings is malformed: {why}"))?;
            continue;
        }
        for draft in arrival.drafts {
            say!("  brings")?;
            for line in shown(&event(connection, draft)) {
                say!("{line}")?;
            }
        }
    }
    Ok(())
}
