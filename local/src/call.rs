//! `tongguan call`: asks a hub for an operation, as the ERP does.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::{Args, ValueHint};
use hub::call::Standing;
use hub::{ConnectionId, Role};
use partners::Partner;
use partners::operation::Effect;
use serde::Deserialize;

use crate::offers::{Callable, Offered, callable};
use crate::place::Place;
use crate::source::{Asked, Reply, print_object};
use crate::{ahead, first_run, indent, offers};

/// Longest time for an answer, without the wait for a result: the hub's limit for a query.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// Call through this connection; without it, list every operation of every partner
    connection: Option<ConnectionId>,
    /// Call this operation; without it, list those of the connection's partner
    operation: Option<String>,
    /// Send this JSON file as the body; `-` is standard input [default: {}]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Send this file with the call, up to 100 MiB
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    enclose: Option<PathBuf>,
    /// Use this idempotency key; the same key again means the same call [default: a new one]
    #[arg(long)]
    key: Option<String>,
    /// Wait up to this many seconds for the result of a command, at most 25
    #[arg(long, default_value_t = 10)]
    wait: u64,
    /// Print an example of the operation's body, and call nothing
    #[arg(long)]
    example: bool,
    /// Print the answer in one line
    #[arg(long)]
    json: bool,
}

/// Calls, or lists what can be called. The exit code tells the end: 0 for a success or a call that is on its way, 1 for a
/// failure, 2 for an ambiguous call.
pub(crate) async fn run(place: &Place, call: Call) -> anyhow::Result<ExitCode> {
    let Some(id) = &call.connection else {
        let callable = callable(place, None).await?;
        let known = callable.iter().map(|one| one.partner.as_str()).filter(|id| Partner::from_id(id).is_none());
        let described: BTreeSet<_> = known.collect();
        for id in Partner::ALL.map(Partner::id).into_iter().chain(described) {
            list(id, &callable)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let callable = callable(place, Some(id)).await?;
    let Some(connection) = callable.first() else { bail!("the configuration has no connection {id}") };
    let partner = connection.partner.clone();
    let Some(name) = &call.operation else {
        list(&partner, &callable)?;
        return Ok(ExitCode::SUCCESS);
    };
    let operation = callable.into_iter().find_map(|connection| connection.operation(name)).ok_or_else(|| {
        anyhow::anyhow!("{partner} has no operation {name}; `tongguan call {id}` lists its operations")
    })?;
    if call.example {
        indent::print(&operation.example)?;
        return Ok(ExitCode::SUCCESS);
    }
    make(place, id, &operation, &call).await
}

async fn make(place: &Place, connection: &ConnectionId, operation: &Offered, call: &Call) -> anyhow::Result<ExitCode> {
    let hub = place.running(Role::Erp, |_| Ok(connection.clone()))?;
    let large = match &call.enclose {
        Some(enclosed) if ahead::goes_ahead(enclosed)? => Some(enclosed),
        Some(_) | None => None,
    };
    let (content_type, body) = if let Some(enclosed) = large {
        match ahead::send(&hub, enclosed, name_of(enclosed)?).await? {
            Ok(id) => ("application/json".to_owned(), ahead::named(&own(call)?, &id)?),
            Err(problem) => return Err(problem.into()),
        }
    } else {
        body(call)?
    };
    let asked =
        Asked::post(&["calls", connection.as_str(), &operation.name], body).header("content-type", content_type);
    let asked = if operation.effect == Effect::Query {
        asked
    } else {
        let key = call.key.clone().map_or_else(first_run::random_hex::<16>, Ok)?;
        // The key is needed to repeat the request, whatever the answer.
        tell!("idempotency key: {key}");
        asked.header("idempotency-key", key).header("prefer", format!("wait={}", call.wait))
    };
    let patience = PATIENCE + Duration::from_secs(call.wait);
    let reply = hub.ask_for(&asked, patience).await?;
    if let Some(problem) = hub.refusal(&reply) {
        return Err(problem.into());
    }
    // What is wrong with a call is answered in members for a program, too.
    print_object(&reply.body, call.json)?;
    Ok(end(operation, &reply))
}

/// The fields of the call.
fn own(call: &Call) -> anyhow::Result<Vec<u8>> {
    match &call.file {
        None => Ok(b"{}".to_vec()),
        Some(file) => input(file),
    }
}

fn name_of(enclosed: &Path) -> anyhow::Result<&str> {
    enclosed.file_name().and_then(|name| name.to_str()).context("--enclose: the file's name is not UTF-8")
}

/// The body's type and bytes; with a file, both in one form.
fn body(call: &Call) -> anyhow::Result<(String, Bytes)> {
    let json = own(call)?;
    let Some(enclosed) = &call.enclose else { return Ok(("application/json".to_owned(), json.into())) };
    let name = name_of(enclosed)?;
    let boundary = first_run::random_hex::<16>()?;
    let quoted = name.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let form = [
        format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"body\"\r\ncontent-type: application/json\r\n\r\n"
        )
        .as_bytes(),
        &json,
        format!("\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename*=UTF-8''{quoted}\r\n\r\n")
            .as_bytes(),
        &read(enclosed)?,
        format!("\r\n--{boundary}--\r\n").as_bytes(),
    ]
    .concat();
    Ok((format!("multipart/form-data; boundary={boundary}"), form.into()))
}

/// The bytes of a file; of standard input for `-`.
pub(crate) fn input(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return read(file);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))
}

/// The members of a call that decide the exit code.
#[derive(Deserialize)]
struct Ended {
    state: Standing,
}

fn end(operation: &Offered, reply: &Reply) -> ExitCode {
    if reply.status >= 400 {
        return ExitCode::FAILURE;
    }
    if operation.effect == Effect::Query {
        return ExitCode::SUCCESS;
    }
    serde_json::from_slice::<Ended>(&reply.body).map_or(ExitCode::FAILURE, |call| code(call.state))
}

/// The exit code of a call's state.
pub(crate) fn code(state: Standing) -> ExitCode {
    match state {
        Standing::Queued | Standing::Succeeded => ExitCode::SUCCESS,
        Standing::Failed | Standing::Cancelled => ExitCode::FAILURE,
        Standing::Ambiguous => ExitCode::from(2),
    }
}

/// Prints the partner's operations, one per line.
fn list(partner: &str, callable: &[Callable]) -> std::io::Result<()> {
    let of_partner = || callable.iter().filter(|connection| connection.partner == partner);
    let ids: Vec<_> = of_partner().map(|connection| connection.id.as_str()).collect();
    say!("{partner} ({})", if ids.is_empty() { "no connection".to_owned() } else { ids.join(", ") })?;
    let table = Partner::from_id(partner).filter(|_| ids.is_empty()).map(offers::of).unwrap_or_default();
    for row in of_partner().next().map_or(&table, |connection| &connection.operations) {
        let effect = match row.effect {
            Effect::Query => "query",
            Effect::Command { repeatable: true } => "command, safe to repeat",
            Effect::Command { repeatable: false } => "command",
        };
        let deprecated = if row.is_deprecated { " (deprecated)" } else { "" };
        say!("  {:<32} {effect:<24} {}{deprecated}", row.name, row.source)?;
        for connection in of_partner() {
            let own = connection.operations.iter().find(|own| own.name == row.name && !own.requires.is_empty());
            if let Some(own) = own {
                say!("  {:<32} {} requires {}", "", connection.id, own.requires.join(", "))?;
            }
        }
    }
    Ok(())
}
