//! `tongguan calls`: what became of the ERP's calls. Reads the store's file, and works while the hub runs.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use config::Config;
use http::Method;
use hub::call::{self, Call, Standing};
use hub::printable::Word;
use hub::{Alias, ConnectionId, EventId, Role};
use serde::Deserialize;
use serde_json::Value;
use store::{Listed, Store as _};
use store_sqlite::SqliteStore;

use crate::call::code;
use crate::commands::{now, subjects, word};
use crate::{erp, filter, indent, out, times};

/// Number of items that are read at once.
const PAGE: usize = 200;

/// Timeout for the hub's answer to a decision.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Calls {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, Subcommand)]
enum One {
    /// Show one call: its state, every attempt that is kept, the partner's answer
    Show {
        /// Id of the call, 48 hex digits
        id: EventId,
    },
    /// Cancel a queued call that is not being sent; the hub must be running
    Cancel {
        /// The id, 48 hex digits
        id: EventId,
    },
    /// Send a queued call now, if it waits for a retry, an open circuit, its turn or the partner's Retry-After; the hub must be
    /// running
    Retry {
        /// Id of the call, 48 hex digits
        id: EventId,
        /// Send it; without --go, only print whether it can be sent
        #[arg(long)]
        go: bool,
    },
    /// Decide about an ambiguous call; the hub must be running
    Resolve {
        /// Id of the call, 48 hex digits
        id: EventId,
        /// Decision: `retry` sends it again, `done` counts it as succeeded
        decision: Decision,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decision {
    Retry,
    Done,
}

#[derive(Debug, Args)]
struct Filter {
    /// List only calls of this connection
    #[arg(long)]
    connection: Option<ConnectionId>,
    /// List only calls about this subject, by any of its keys: order:S1, serial:A22060714485586949, mawb:...
    #[arg(long, value_name = "KIND:VALUE")]
    subject: Option<String>,
    /// List only calls in this state: queued, succeeded, failed, ambiguous, cancelled
    #[arg(long, value_parser = standing)]
    state: Option<Standing>,
    /// List at most this many
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

fn standing(text: &str) -> Result<Standing, String> {
    let read = Standing::deserialize(Value::from(text));
    read.map_err(|_| "must be queued, succeeded, failed, ambiguous or cancelled".to_owned())
}

/// Lists calls, the latest first; shows one; decides about one.
pub(crate) async fn run(config: &Config, calls: Calls, times: times::Print) -> anyhow::Result<ExitCode> {
    match calls.one {
        None => {
            let store = SqliteStore::reading(&config.data_dir)?;
            filter::check_connection(config, &store, calls.filter.connection.as_ref()).await?;
            list(&store, &calls.filter, times).await
        }
        Some(One::Show { id }) => {
            let found = SqliteStore::reading(&config.data_dir)?.find(id, now()).await?;
            let found = found.as_ref().and_then(|record| Some((record, record.work.call.as_ref()?)));
            let (record, call) = found.ok_or_else(|| anyhow::anyhow!("call {id} does not exist, or has expired"))?;
            let view = serde_json::to_string(&call::view(&record.event.key, &record.event.meta, call))?;
            let printed =
                indent::print(&view).and_then(|()| indent::print(&String::from_utf8_lossy(&record.event.data())));
            out::unless_closed(printed)?;
            Ok(code(call.standing))
        }
        Some(One::Resolve { id, decision }) => {
            let decision = match decision {
                Decision::Retry => r#"{"decision":"retry"}"#,
                Decision::Done => r#"{"decision":"done"}"#,
            };
            ask(config, id, "resolve", decision).await
        }
        Some(One::Cancel { id }) => ask(config, id, "cancel", "").await,
        Some(One::Retry { id, go }) => {
            let code =
                ask(config, id, "retry", if go { r#"{"dry_run":false}"# } else { r#"{"dry_run":true}"# }).await?;
            if !go && code == ExitCode::SUCCESS {
                out::note("the call would be sent now; add --go to do it");
            }
            Ok(code)
        }
    }
}

/// Asks the hub that runs for a change of a call.
async fn ask(config: &Config, id: EventId, what: &str, body: &'static str) -> anyhow::Result<ExitCode> {
    let connection = call::find(config.connections.keys(), id).map(|key| key.connection);
    let connection = connection.ok_or_else(|| anyhow::anyhow!("there is no call {id}"))?;
    let key = erp::key(config, &connection, Role::Operator)?;
    let path = format!("/calls/{id}/{what}");
    let headers = vec![("content-type".into(), "application/json".to_owned())];
    let reply = erp::ask(config, key, (Method::POST, &path), headers, body.into(), PATIENCE).await?;
    reply.print()?;
    Ok(if reply.status < 400 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn list(store: &SqliteStore, filter: &Filter, times: times::Print) -> anyhow::Result<ExitCode> {
    let mut shown = 0;
    if let Some(subject) = &filter.subject {
        let mut items = Vec::new();
        for (connection, subject) in subjects(store, filter.connection.as_ref(), subject).await? {
            items.extend(store.timeline(&connection, &subject, now()).await?);
        }
        if items.is_empty() {
            let (text, might) = filter::unknown_key(subject);
            tell!("{text}");
            return Ok(if might { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        items.sort_by_key(|item| std::cmp::Reverse((item.meta.received, item.key.id)));
        for call in items.iter().filter_map(|item| wanted(filter, item)).take(filter.limit) {
            print(call, times)?;
            shown += 1;
        }
    } else {
        let mut position = i64::MAX;
        while shown < filter.limit {
            let page = store.before(position, PAGE, now()).await?;
            let Some(last) = page.last() else { break };
            position = last.position;
            for call in page.iter().filter_map(|recent| wanted(filter, &recent.item)).take(filter.limit - shown) {
                print(call, times)?;
                shown += 1;
            }
        }
    }
    if shown == 0 {
        tell!("no call matches");
    }
    Ok(ExitCode::SUCCESS)
}

/// The call that an item is, where it is one that was asked for.
fn wanted<'i>(filter: &Filter, item: &'i Listed) -> Option<(&'i Listed, &'i Call)> {
    let call = item.work.call.as_ref()?;
    let wanted = filter.connection.as_ref().is_none_or(|connection| item.key.connection == *connection)
        && filter.state.is_none_or(|state| call.standing == state);
    wanted.then_some((item, call))
}

fn print((item, call): (&Listed, &Call), times: times::Print) -> std::io::Result<()> {
    let Listed { key, meta, .. } = item;
    let subject = meta.aliases.first().map_or(key.subject.as_str(), Alias::as_str);
    let state = word(call.standing);
    let (received, connection, operation) = (times(meta.received), Word(&key.connection), Word(&call.operation));
    say!("{received} {connection} {operation} {} {state} {}", Word(subject), key.id)
}
