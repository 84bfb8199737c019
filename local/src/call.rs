//! `tongguan call`: asks the hub that runs for an operation, as the ERP does.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use config::{Config, Connection};
use http::Method;
use hub::call::Standing;
use hub::{ConnectionId, Role};
use partners::Partner;
use partners::operation::{self, Effect, Operation};
use serde::Deserialize;

use crate::erp::{self, Reply};
use crate::{first_run, indent};

/// Longest time for an answer, without the wait for a result: the hub's limit for a query.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// Call through this connection; without it, list every operation of every partner
    connection: Option<ConnectionId>,
    /// Call this operation; without it, list those of the connection's partner
    operation: Option<String>,
    /// Send this JSON file as the body; `-` is standard input [default: {}]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Send this file with the call
    #[arg(long, value_name = "FILE")]
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
}

/// Calls, or lists what can be called. The exit code tells the end: 0 for a success or a call that is on its way, 1 for a
/// failure, 2 for an ambiguous call.
pub(crate) async fn run(config: &Config, call: Call) -> anyhow::Result<ExitCode> {
    let Some(id) = &call.connection else {
        for partner in Partner::ALL {
            list(partner, config)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let connection = config.connections.get(id);
    let connection = connection.ok_or_else(|| anyhow::anyhow!("the configuration has no connection {id}"))?;
    let Some(name) = &call.operation else {
        list(connection.partner, config)?;
        return Ok(ExitCode::SUCCESS);
    };
    let operation = operation::find(connection.partner, name).ok_or_else(|| {
        let partner = connection.partner;
        anyhow::anyhow!("{partner} has no operation {name}; `tongguan call {id}` lists its operations")
    })?;
    if call.example {
        indent::print(operation.example)?;
        return Ok(ExitCode::SUCCESS);
    }
    make(config, connection, &operation, &call).await
}

async fn make(
    config: &Config,
    connection: &Connection,
    operation: &Operation<'_>,
    call: &Call,
) -> anyhow::Result<ExitCode> {
    let (content_type, body) = body(call)?;
    let mut headers = vec![("content-type".into(), content_type)];
    if operation.effect != Effect::Query {
        let key = call.key.clone().map_or_else(first_run::random_hex::<16>, Ok)?;
        // The key is needed to repeat the request, whatever the answer.
        tell!("idempotency key: {key}");
        headers.extend([("idempotency-key".into(), key), ("prefer".into(), format!("wait={}", call.wait))]);
    }
    let path = format!("/calls/{}/{}", connection.id, operation.name);
    let patience = PATIENCE + Duration::from_secs(call.wait);
    let key = erp::key(config, &connection.id, Role::Erp)?;
    let reply = erp::ask(config, key, (Method::POST, &path), headers, body, patience).await?;
    reply.print()?;
    Ok(end(operation, &reply))
}

/// The body's type and bytes; with a file, both in one form.
fn body(call: &Call) -> anyhow::Result<(String, Bytes)> {
    let json = match &call.file {
        None => b"{}".to_vec(),
        Some(file) => input(file)?,
    };
    let Some(enclosed) = &call.enclose else { return Ok(("application/json".to_owned(), json.into())) };
    let name =
        enclosed.file_name().and_then(|name| name.to_str()).context("--enclose: the file's name is not UTF-8")?;
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
pub(crate) fn input(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return read(file);
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

fn read(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| anyhow::anyhow!("cannot read {}: {error}", file.display()))
}

/// The members of a call that decide the exit code.
#[derive(Deserialize)]
struct Ended {
    state: Standing,
}

fn end(operation: &Operation<'_>, reply: &Reply) -> ExitCode {
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
fn list(partner: Partner, config: &Config) -> std::io::Result<()> {
    let of_partner = config.connections.values().filter(|connection| connection.partner == partner);
    let ids: Vec<_> = of_partner.clone().map(|connection| connection.id.as_str()).collect();
    let ids = if ids.is_empty() { "no connection".to_owned() } else { ids.join(", ") };
    say!("{partner} ({ids})")?;
    for row in operation::of(partner) {
        let effect = match row.effect {
            Effect::Query => "query",
            Effect::Command { repeatable: true } => "command, safe to repeat",
            Effect::Command { repeatable: false } => "command",
        };
        let deprecated = row.deprecated.map_or("", |_| " (deprecated)");
        say!("  {:<32} {effect:<24} {}{deprecated}", row.name, row.source)?;
        for connection in of_partner.clone() {
            if let Some(required) = connection.settings.required.get(row.name) {
                say!("  {:<32} {} requires {}", "", connection.id, required.join(", "))?;
            }
        }
    }
    Ok(())
}
