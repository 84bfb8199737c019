//! The operations of a file: the requests that their examples become, and the reading of the answers.

use config::Connection;
use hub::action::Action;
use hub::{admission, configured};
use partners::Json;
use partners::operation::{self, Attempt, Operation, as_json};
use partners::pulled::Answered;

use super::{body, event, secrets, shown};

/// A stand-in for what is random or asked for.
const SOMETHING: &str = "try";

/// Shows the request of an operation's example, and how the answer of its file is read.
pub(super) fn one(connection: &Connection, row: &Operation<'_>) -> anyhow::Result<()> {
    say!("")?;
    say!("call {}", row.name)?;
    let Ok(asked) = Json::parse(row.example.as_bytes()) else { return Ok(()) };
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
    if let Ok(request) = operation::prepare(row, &asked, &attempt) {
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
    for (kind, value) in operation::subject(row, &asked) {
        say!("  about      {kind}:{value}")?;
    }
    let Some((status, text)) = row.told.and_then(|told| told.answer.as_ref()) else {
        say!("  answer     none in the file: give `answer`, so that its reading is tried")?;
        return Ok(());
    };
    say!("  answer     {status} is a success: {}", body(text))?;
    let json = as_json(text.as_bytes());
    let Ok(json) = Json::parse(&json) else { return Ok(()) };
    for brought in row.brought(&Answered { asked: &asked, answer: &json, settings: &connection.settings }) {
        // What an answer brings names its action.
        let action = Action { name: brought.action.unwrap_or_default(), ..configured::action("") };
        let arrival = admission::read(&action, connection.origin(), &brought.body.into(), None);
        for draft in arrival.drafts {
            say!("  brings")?;
            for line in shown(&event(connection, draft)) {
                say!("{line}")?;
            }
        }
    }
    Ok(())
}
