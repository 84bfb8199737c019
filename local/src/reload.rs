//! A changed configuration is taken while the hub runs, or refused as a whole: SIGHUP, or `tongguan reload`.
//!
//! The hub tells what became of it in a file of the data folder, for the command that asked for it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use config::Config;
use hub::printable::Line;
use serde::{Deserialize, Serialize};
use store_sqlite::{OpenError, SqliteStore};
use tokio::time::{Instant, sleep};

use crate::out;
use crate::place::Place;

/// Name of the file with the number of the hub's process.
const PROCESS: &str = "hub.pid";

/// Name of the file with the latest result.
const RESULT: &str = "reload.json";

/// Longest time for which the command waits for the hub.
const LONGEST: Duration = Duration::from_secs(30);

/// Interval at which the command looks for the result.
const LOOK: Duration = Duration::from_millis(50);

/// Have the running hub take the configuration
#[derive(Debug, Args)]
pub(crate) struct Reload {
    /// Print one JSON object in one line
    #[arg(long)]
    json: bool,
}

/// Result of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Number of the reload in this process, from 1.
    pub(crate) number: u64,
    /// Whether it was taken.
    pub(crate) taken: bool,
    /// Keys whose change counts from the next start.
    #[serde(default)]
    pub(crate) at_next_start: Vec<String>,
    /// Why it was refused.
    #[serde(default)]
    pub(crate) why: String,
}

/// Keeps the old value of a key, and its name where the value was to change.
fn fixed<T: PartialEq + Clone>(kept: &mut Vec<String>, name: &str, old: &T, new: &mut T) {
    if old != new {
        kept.push(name.to_owned());
        new.clone_from(old);
    }
}

/// Keeps what cannot change while a hub runs; the names of the keys that were to.
pub(crate) fn keep(old: &Config, new: &mut Config) -> Vec<String> {
    let mut kept = Vec::new();
    fixed(&mut kept, "listen", &old.listen, &mut new.listen);
    fixed(&mut kept, "inbox", &old.inbox, &mut new.inbox);
    fixed(&mut kept, "data_dir", &old.data_dir, &mut new.data_dir);
    fixed(&mut kept, "sweep_every", &old.sweep_every, &mut new.sweep_every);
    fixed(&mut kept, "metrics_listen", &old.metrics_listen, &mut new.metrics_listen);
    fixed(&mut kept, "log_format", &old.logs_json, &mut new.logs_json);
    fixed(&mut kept, "server", &old.server, &mut new.server);
    kept
}

/// Notes the number of this process, for the command.
pub(crate) fn begin(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(RESULT));
    note(&folder.join(PROCESS), std::process::id().to_string().as_bytes());
}

/// Removes what was noted for the command.
pub(crate) fn end(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(PROCESS));
    let _ = std::fs::remove_file(folder.join(RESULT));
}

/// Tells the log and the command what became of a configuration.
pub(crate) fn tell(folder: &Path, outcome: &Outcome) {
    let Outcome { taken, at_next_start, why, .. } = outcome;
    if *taken {
        tracing::info!("the changed configuration is in use");
    } else {
        telemetry::metrics::emit(telemetry::system_clock()(), &refused());
        tracing::error!(why, "the configuration was refused; the one before it stays in use");
    }
    if !at_next_start.is_empty() {
        let keys = at_next_start.join(", ");
        tracing::warn!(keys, "the change of these keys counts from the next start");
    }
    note(&folder.join(RESULT), serde_json::to_string(outcome).unwrap_or_default().as_bytes());
}

fn refused() -> telemetry::metrics::Sample {
    let values = vec![(telemetry::metrics::Metric::ConfigurationRefused, 1.0)];
    telemetry::metrics::Sample { values, ..Default::default() }
}

/// Writes a small file whole or not at all. Without it the hub works as well, only the command does not hear of it.
fn note(path: &Path, content: &[u8]) {
    let part = path.with_extension("part");
    let written = std::fs::write(&part, content).and_then(|()| std::fs::rename(&part, path));
    if let Err(error) = written {
        tracing::warn!(file = %path.display(), %error, "a note for `tongguan reload` could not be written");
    }
}

/// `tongguan reload`: checks the configuration, and has the running hub take it.
pub(crate) async fn run(place: &Place, Reload { json: in_json }: Reload) -> anyhow::Result<ExitCode> {
    // With its mistakes the hub would refuse it, too.
    let folder = place.read()?.data_dir;
    match SqliteStore::lock(&folder) {
        Err(OpenError::Busy(_)) => {}
        Ok(_) => bail!("no hub uses the data folder {}: it reads the configuration when it starts", folder.display()),
        Err(error) => return Err(error.into()),
    }
    let number = std::fs::read_to_string(folder.join(PROCESS)).ok().and_then(|text| text.trim().parse().ok());
    let number = number.context("the hub is not known to run here yet: try again, or send it SIGHUP")?;
    let result = folder.join(RESULT);
    let before = read(&result);
    hang_up(number)?;
    let began = Instant::now();
    let outcome = loop {
        if let Some(outcome) = read(&result).filter(|outcome| before.as_ref() != Some(outcome)) {
            break outcome;
        }
        if began.elapsed() > LONGEST {
            bail!("the hub has not answered within {LONGEST:?}: see its log");
        }
        sleep(LOOK).await;
    };
    if in_json {
        out::json(&serde_json::to_string(&outcome)?)?;
    } else if outcome.taken {
        say!("the hub uses the configuration")?;
        for key in &outcome.at_next_start {
            say!("the change of {key} counts from the next start")?;
        }
    } else {
        tell!("the hub keeps the configuration it has: {}", Line(&outcome.why));
    }
    Ok(if outcome.taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(result: &PathBuf) -> Option<Outcome> {
    serde_json::from_slice(&std::fs::read(result).ok()?).ok()
}

#[cfg(unix)]
fn hang_up(number: i32) -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};
    let process = Pid::from_raw(number).context("the number of the hub's process is 0")?;
    kill_process(process, Signal::HUP).context("the hub could not be asked: run the command as the hub's user")
}

#[cfg(not(unix))]
fn hang_up(_: i32) -> anyhow::Result<()> {
    bail!("this system has no signals: restart the hub")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(head: &str) -> Config {
        let key = "k".repeat(32);
        let text =
            format!("{head}\n[[connections]]\nid = \"a\"\npartner = \"xhq\"\nkeys = [\"{key}\"]\napp_id = \"a\"\n");
        Config::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
    }

    #[test]
    fn what_a_running_hub_cannot_change_is_kept_and_named() {
        let old = config("listen = \"127.0.0.1:1\"\nretention_days = 3");
        let mut new = config("listen = \"127.0.0.1:2\"\nsweep_every = \"1m\"\n[server]\nconnections = 99");
        assert_eq!(keep(&old, &mut new), ["listen", "sweep_every", "server"]);
        assert_eq!((new.listen, new.sweep_every, new.server), (old.listen, old.sweep_every, old.server));
        assert_ne!(new.connections[&"a".into()].retention, old.connections[&"a".into()].retention);
        let mut same = config("listen = \"127.0.0.1:1\"\nretention_days = 3");
        assert_eq!(keep(&old, &mut same), Vec::<String>::new());
    }
}
