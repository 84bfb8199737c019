//! `tongguan push`: plays a partner, with its body, its deadline and its retries.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use callback::examples::{self, Example};
use clap::Args;
use config::{Config, Connection};
use partners::Partner;
use simulators::Sender;
use simulators::partner::Next;
use simulators::pushes;

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Push this example, or `all`; without it, list the examples
    example: Option<String>,
    /// Push the bytes of this file, or of standard input (`-`), instead of the example's body
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Push through this connection [default: the partner's first]
    #[arg(long)]
    connection: Option<String>,
    /// Push to the partner's callback URL without an action, instead of the action's own URL
    #[arg(long)]
    callback: bool,
    /// Send this Content-Type header
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// Retry at once, without the partner's pause between two tries
    #[arg(long)]
    fast: bool,
}

/// Pushes, and prints the partner's reading of the answers.
pub(crate) async fn run(config: &Config, push: Push) -> anyhow::Result<ExitCode> {
    let Some(name) = &push.example else {
        say!("examples, each with its partner:")?;
        for example in examples::all() {
            say!("  {:<18} {}", example.name, example.partner)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let chosen = if name == "all" {
        examples::all()
    } else {
        let example = examples::find(name);
        vec![example.ok_or_else(|| anyhow::anyhow!("there is no example {name:?}; `tongguan push` lists them"))?]
    };
    let mut taken = true;
    for example in chosen {
        taken &= one(config, &push, &example).await?;
    }
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn one(config: &Config, push: &Push, example: &Example) -> anyhow::Result<bool> {
    let connection = connection(config, push, example.partner)?;
    let Some(key) = connection.keys.first() else {
        anyhow::bail!("the connection {} has no key to push with", connection.id);
    };
    let body = match &push.file {
        Some(file) => crate::call::input(file)?,
        None => example.body.to_vec(),
    };
    let suffix = if push.callback { "" } else { example.suffix };
    let path = pushes::path(example.partner, connection.id.as_str(), key.expose(), suffix);
    let mut sender = Sender::new(example.partner, &format!("http://{}", config.listen))?;
    let wait = async |time: Duration| {
        let waits = if push.fast { "would wait" } else { "waits" };
        let _ = say!("  the partner {waits} {} s before it tries again", time.as_secs());
        if !push.fast {
            tokio::time::sleep(time).await;
        }
    };
    // The exit code has the result, even if the output's reader has gone.
    let _ = say!("{} pushes {} ({} bytes) through {}", example.partner, example.name, body.len(), connection.id);
    let last = sender
        .play(&path, &push.content_type, body, wait, |n, attempt| {
            let took = attempt.took.as_secs_f64() * 1e3;
            match &attempt.answered {
                Ok(answer) => {
                    let _ =
                        say!("  try {n}: {} {} in {took:.1} ms", answer.status, String::from_utf8_lossy(&answer.body));
                }
                Err(silence) => {
                    let _ = say!("  try {n}: {silence} after {took:.1} ms");
                }
            }
        })
        .await;
    let _ = match last.verdict {
        Next::GivenUp(reason) => say!("  the partner gives up: {reason}"),
        Next::Taken | Next::Again(_) => say!("  the partner takes it as delivered"),
    };
    Ok(last.verdict == Next::Taken)
}

/// The connection to push through.
fn connection<'a>(config: &'a Config, push: &Push, partner: Partner) -> anyhow::Result<&'a Connection> {
    let mut of_partner = config.connections.values().filter(|connection| connection.partner == partner);
    let found = match &push.connection {
        Some(id) => of_partner.find(|connection| connection.id.as_str() == id),
        None => of_partner.next(),
    };
    found.ok_or_else(|| match &push.connection {
        Some(id) => anyhow::anyhow!("--connection: {id} is no connection of {partner} in the configuration"),
        None => anyhow::anyhow!("the configuration has no connection of {partner}"),
    })
}
