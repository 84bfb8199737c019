//! Production on one machine: backups, the hold of a restored copy, moves, metrics, reloads, limits, and the service.

mod backup;
mod limits;
mod moving;
pub(crate) mod observe;
mod reload;
mod service;

use std::process::{Command, Output};

use crate::support::Plan;
use crate::support::process::TONGGUAN;

/// A command beside the hub of a plan, in a process of its own.
fn command(plan: &Plan, words: &[&str]) -> Command {
    let config = plan.folder().join("operator.toml");
    std::fs::write(&config, plan.text()).unwrap();
    let mut command = Command::new(TONGGUAN);
    command.arg("--config").arg(config).args(words);
    command
}

/// The output of a command that has to succeed.
fn done(plan: &Plan, words: &[&str]) -> String {
    let output = command(plan, words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", told(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The complaint of a command that has to fail.
fn refused(plan: &Plan, words: &[&str]) -> String {
    let output = command(plan, words).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{words:?}: {}", told(&output));
    String::from_utf8(output.stderr).unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
