//! `tongguan push`: plays a partner, with its body, its deadline and its retries.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use callback::examples;
use clap::Args;
use config::{Config, Connection};
use hub::slip::nearest;
use partners::Partner;
use partners::configured::{ALL_ACTIONS, PushTable, SamplePush};
use simulators::partner::Next;
use simulators::{Sender, pushes};

const JSON: &str = "application/json";

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
    /// Push to the partner's URL of all actions, instead of the action's own URL
    #[arg(long)]
    callback: bool,
    /// Send this Content-Type header [default: the partner's, application/json for most]
    #[arg(long)]
    content_type: Option<String>,
    /// Retry at once, without the partner's pause between two tries
    #[arg(long)]
    fast: bool,
}

/// One push that can be played.
struct Chosen {
    /// Its name: of a partner that the configuration describes, `<partner>.<example>`.
    name: String,
    /// Type of its event, where a described partner's action says it.
    event_type: Option<String>,
    partner: Partner,
    suffix: String,
    body: Vec<u8>,
}

/// Every push that can be played: the documents' examples, and those of the partners that the configuration describes.
fn all(config: &Config) -> Vec<Chosen> {
    let built_in = examples::all().into_iter().map(|example| Chosen {
        name: example.name.to_owned(),
        event_type: None,
        partner: example.partner,
        suffix: example.suffix.to_owned(),
        body: example.body.to_vec(),
    });
    let described = config.partners.iter().flat_map(|partner| {
        let examples = partner.push_table().into_iter().flat_map(PushTable::examples);
        examples.map(move |(row, example)| (*partner, row, example))
    });
    let described = described.map(|(partner, row, example)| Chosen {
        name: format!("{partner}.{}", example.name),
        event_type: Some(row.event_type.clone()),
        partner,
        suffix: row.suffix.clone().unwrap_or_else(|| ALL_ACTIONS.to_owned()),
        body: example.body.trim().as_bytes().to_vec(),
    });
    built_in.chain(described).collect()
}

/// Pushes, and prints the partner's reading of the answers.
pub(crate) async fn run(config: &Config, push: Push) -> anyhow::Result<ExitCode> {
    let all = all(config);
    let Some(name) = &push.example else {
        say!("examples, each with its partner:")?;
        for example in all {
            say!("  {:<18} {}", example.name, example.partner)?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let remedy = remedy(name, &all);
    let chosen: Vec<_> = if name == "all" {
        let connected = |example: &Chosen| {
            !example.partner.is_configured() || config.connections.values().any(|one| one.partner == example.partner)
        };
        all.into_iter().filter(connected).collect()
    } else {
        all.into_iter().filter(|example| example.name == *name).collect()
    };
    anyhow::ensure!(!chosen.is_empty(), "there is no example {name:?}{remedy}");
    let mut taken = true;
    for example in chosen {
        taken &= one(config, &push, &example).await?;
    }
    Ok(if taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The examples that may be meant by a name that is no example's: its partner is left out or added, it is an action's, or it has a slip.
fn remedy(name: &str, all: &[Chosen]) -> String {
    let ends = |full: &str, end: &str| full.split_once('.').is_some_and(|(_, own)| own == end);
    let is_meant = |one: &&Chosen| {
        let kind = one.event_type.as_deref().unwrap_or_default();
        ends(&one.name, name) || ends(kind, name) || kind == name || ends(name, &one.name)
    };
    let meant: Vec<_> = all.iter().filter(is_meant).map(|one| one.name.as_str()).collect();
    let near = || nearest(name, all.iter().map(|one| one.name.as_str()));
    let meant = if meant.is_empty() { near().into_iter().collect() } else { meant };
    match meant.split_last() {
        None => "; `tongguan push` lists them".to_owned(),
        Some((only, [])) => format!(": did you mean {only}?"),
        Some((last, others)) => format!(": did you mean {} or {last}?", others.join(", ")),
    }
}

/// The push as it goes over the wire: the body as it is, or of a described partner in its notation and signed.
fn outgoing(connection: &Connection, document: Vec<u8>) -> anyhow::Result<SamplePush> {
    let Some(table) = connection.partner.push_table() else {
        return Ok(SamplePush { content_type: JSON, headers: Vec::new(), query: String::new(), body: document });
    };
    let text = String::from_utf8(document).map_err(|_| anyhow::anyhow!("a push must be UTF-8"))?;
    let credential = |name: &str| connection.credentials.get(name).map(hub::Secret::expose);
    let now_ms = telemetry::system_clock()().0 / 1000;
    table.sample(&text, &credential, now_ms).map_err(|_| {
        let id = &connection.id;
        anyhow::anyhow!(
            "the connection {id} or the push lacks something that its partner signs: look at verify in its file"
        )
    })
}

async fn one(config: &Config, push: &Push, example: &Chosen) -> anyhow::Result<bool> {
    let connection = connection(config, push, example.partner)?;
    let Some(key) = connection.keys.first() else {
        anyhow::bail!("the connection {} has no key to push with", connection.id);
    };
    let document = match &push.file {
        Some(file) => crate::call::input(file)?,
        None => example.body.clone(),
    };
    let outgoing = outgoing(connection, document)?;
    let content_type = push.content_type.as_deref().unwrap_or(outgoing.content_type);
    let all = if example.partner.is_configured() { ALL_ACTIONS } else { "" };
    let suffix = if push.callback { all } else { &example.suffix };
    let path = pushes::path(example.partner, connection.id.as_str(), key.expose(), suffix);
    let path = if outgoing.query.is_empty() { path } else { format!("{path}?{}", outgoing.query) };
    let sender = Sender::new(example.partner, &format!("http://{}", config.listen))?;
    let mut sender = sender.with_headers(outgoing.headers);
    let wait = async |time: Duration| {
        let waits = if push.fast { "would wait" } else { "waits" };
        let _ = say!("  the partner {waits} {} s before it tries again", time.as_secs());
        if !push.fast {
            tokio::time::sleep(time).await;
        }
    };
    // The exit code has the result, even if the output's reader has gone.
    let size = outgoing.body.len();
    let _ = say!("{} pushes {} ({size} bytes) through {}", example.partner, example.name, connection.id);
    let last = sender
        .play(&path, content_type, outgoing.body, wait, |n, attempt| {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: the bare name of an example was unknown, and its partner had to be guessed.
    #[test]
    fn unknown_example_is_answered_by_those_that_are_meant() {
        let files = r#"partner_files = ["../examples/partners/kuaidi100.toml"]"#;
        let all = all(&Config::parse(files).unwrap());
        for (name, remedy_of_it) in [
            ("polling", ": did you mean kuaidi100.polling?"),
            ("subscription", ": did you mean kuaidi100.polling, kuaidi100.abort or kuaidi100.cleared?"),
            ("kuaidi100.subscription", ": did you mean kuaidi100.polling, kuaidi100.abort or kuaidi100.cleared?"),
            ("kuaidi100.poling", ": did you mean kuaidi100.polling?"),
            ("xhq.syn_status", ": did you mean syn_status?"),
            ("syn_statsu", ": did you mean syn_status?"),
            ("nothing.like.it", "; `tongguan push` lists them"),
        ] {
            assert_eq!(remedy(name, &all), remedy_of_it, "{name}");
        }
    }
}
