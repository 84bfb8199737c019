//! `tongguan calls`: what became of the ERP's calls, and decisions about them.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use hub::call::{self, Standing};
use hub::printable::Word;
use hub::{EventId, Role, Utc};
use serde::Deserialize;

use crate::call::code;
use crate::list::{self, Form, Span};
use crate::out;
use crate::place::Place;
use crate::source::{Access, Asked, Source, print_object};
use crate::times::Zone;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Calls {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Show one call: its state, every attempt that is kept, the partner's answer
    Show(Call),
    /// Cancel a queued call that is not being sent; the hub must be running
    Cancel(Call),
    /// Send a queued call now, if it waits for a retry, an open circuit, its turn or the partner's Retry-After; the hub must be
    /// running
    Retry {
        #[command(flatten)]
        call: Call,
        /// Send it; without --go, only print whether it can be sent
        #[arg(long)]
        go: bool,
    },
    /// Decide about an ambiguous call; the hub must be running
    Resolve {
        #[command(flatten)]
        call: Call,
        /// Decision: `retry` sends it again, `done` counts it as succeeded
        decision: Decision,
    },
}

#[derive(Debug, Args)]
struct Call {
    /// Id of the call, 48 hex digits
    id: EventId,
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decision {
    Retry,
    Done,
}

#[derive(Debug, Args)]
struct List {
    /// List only calls about this order, bill, declaration, container or other number, with its kind (order:S1, serial:...) or
    /// without
    number: Option<String>,
    /// List only calls of this connection
    #[arg(long)]
    connection: Option<String>,
    /// List only calls of this operation
    #[arg(long)]
    operation: Option<String>,
    /// List only calls in this state
    #[arg(long, value_parser = ["queued", "succeeded", "failed", "ambiguous", "cancelled"])]
    state: Option<String>,
    #[command(flatten)]
    span: Span,
    #[command(flatten)]
    form: Form,
}

/// A call of the list.
#[derive(Deserialize)]
struct Row {
    accepted: String,
    connection: String,
    operation: String,
    subject: String,
    state: String,
    id: String,
}

impl Row {
    fn line(&self, zone: Zone) -> String {
        let Self { accepted, connection, operation, subject, state, id } = self;
        let (accepted, connection, operation) = (zone.reprint(accepted), Word(connection), Word(operation));
        format!("{accepted} {connection} {operation} {} {} {}", Word(subject), Word(state), Word(id))
    }
}

/// The member of a call that decides the exit code.
#[derive(Deserialize)]
struct Ended {
    state: Standing,
}

/// Lists calls; shows one; decides about one.
pub(crate) async fn run(place: &Place, calls: Calls) -> anyhow::Result<ExitCode> {
    match calls.one {
        None => list(place, calls.list).await,
        Some(One::Show(Call { id, json })) => {
            let source = place.source(Access::Read).await?;
            let answer = match source.answer(&Asked::get(&["calls", &id.to_string()])).await? {
                Err(problem) if problem.is_missing() => anyhow::bail!("call {id} does not exist, or has expired"),
                answer => answer?,
            };
            print_object(&answer, json)?;
            Ok(code(serde_json::from_slice::<Ended>(&answer)?.state))
        }
        Some(One::Resolve { call, decision }) => {
            let decision = match decision {
                Decision::Retry => r#"{"decision":"retry"}"#,
                Decision::Done => r#"{"decision":"done"}"#,
            };
            decide(place, &call, "resolve", decision).await
        }
        Some(One::Cancel(call)) => decide(place, &call, "cancel", "").await,
        Some(One::Retry { call, go }) => {
            let body = if go { r#"{"dry_run":false}"# } else { r#"{"dry_run":true}"# };
            let done = decide(place, &call, "retry", body).await?;
            if !go {
                out::note("the call would be sent now; add --go to do it");
            }
            Ok(done)
        }
    }
}

/// Asks the hub that runs for a change of a call.
async fn decide(place: &Place, call: &Call, what: &str, body: &'static str) -> anyhow::Result<ExitCode> {
    let id = call.id;
    let hub = place.running(Role::Operator, |config| {
        let key = call::find(config.connections.keys(), id);
        key.map(|key| key.connection).ok_or_else(|| anyhow::anyhow!("there is no call {id}"))
    })?;
    let answer = Source::Hub(hub).answer(&Asked::post(&["calls", &id.to_string(), what], body)).await??;
    print_object(&answer, call.json)?;
    Ok(ExitCode::SUCCESS)
}

async fn list(place: &Place, list: List) -> anyhow::Result<ExitCode> {
    let (source, zone) = (place.source(Access::Read).await?, place.times());
    let List { number, connection, operation, state, span, form } = list;
    // The hub lists open calls alone where nothing else is asked for.
    let is_narrowed = number.is_some() || state.is_some() || span.since.is_some() || span.until.is_some();
    let asked = Asked::get(&["calls"])
        .with("number", number)
        .with("connection", connection)
        .with("operation", operation)
        .with("state", state);
    let asked = if is_narrowed { span.of(asked, zone) } else { asked.with("since", Some(Utc(0))) };
    list::print(&source, asked, form, |row: &Row| row.line(zone), "no call matches").await?;
    Ok(ExitCode::SUCCESS)
}
