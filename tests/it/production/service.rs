//! The hub as a service of systemd, and the configuration that it is begun with.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::Parser as _;
use tongguan::cli::Cli;

use super::TONGGUAN;
use crate::support::Plan;
use crate::support::process::Process;

/// Tells what a hub has said to the manager, up to a text.
fn told(socket: &UnixDatagram, until: &str) -> String {
    let (mut all, mut bytes) = (String::new(), [0; 4096]);
    while !all.contains(until) {
        let length = socket.recv(&mut bytes).unwrap();
        all += std::str::from_utf8(&bytes[..length]).unwrap();
        all.push('\n');
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn service_manager_hears_of_start_life_and_end() {
    let plan = Plan::new();
    let path = plan.folder().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let variables = [("NOTIFY_SOCKET", path.into()), ("WATCHDOG_USEC", "200000".into())];
    let mut process = Process::start(&plan, &variables).await.unwrap();
    let said = tokio::task::block_in_place(|| told(&socket, "WATCHDOG=1"));
    assert!(said.starts_with("READY=1\nSTATUS=receiving at 127.0.0.1:"), "{said}");
    tokio::task::block_in_place(|| told(&socket, "WATCHDOG=1"));
    process.terminate();
    tokio::task::block_in_place(|| told(&socket, "STOPPING=1"));
    assert!(process.ended().await.success());
}

#[test]
fn units_run_commands_that_there_are() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/systemd");
    let unit = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (service, backup) = (unit("tongguan.service"), unit("tongguan-backup.service"));
    let commands: Vec<_> = service.lines().chain(backup.lines()).filter(|line| line.starts_with("Exec")).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let (_, words) = command.split_once('=').unwrap();
        Cli::try_parse_from(words.split(' ')).unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    let has = |unit: &str, line: &str| assert!(unit.lines().any(|own| own == line), "{line}");
    for line in ["Type=notify", "WatchdogSec=60s", "StateDirectory=tongguan"] {
        has(&service, line);
    }
    // Both are the same user, to whom systemd gives the folder of the data.
    for line in ["DynamicUser=yes", "User=tongguan", "ProtectSystem=strict", "NoNewPrivileges=yes"] {
        has(&service, line);
        has(&backup, line);
    }
}

#[test]
fn configuration_for_production_is_written_once_and_sound() {
    let plan = Plan::bare();
    let config = plan.folder().join("new.toml");
    let config = config.to_str().unwrap();
    let words =
        ["--config", config, "init", "--connection", "xhq=xhq-sh", "--endpoint", "erp=https://erp.example.com/events"];
    let run = |words: &[&str]| Command::new(TONGGUAN).args(words).stdin(Stdio::null()).output().unwrap();
    let asks = super::told(&run(&["--config", config, "init"]));
    assert!(asks.contains("--connection PARTNER"), "nobody is asked without a terminal: {asks}");
    let output = run(&words);
    assert!(output.status.success(), "{}", super::told(&output));
    let said = run(&["--config", config, "check-config"]);
    assert!(said.status.success() && super::told(&said).contains("is sound: 1 connection, 1 endpoint"), "{said:?}");
    let before = std::fs::read(config).unwrap();
    assert!(!run(&words).status.success());
    assert_eq!(std::fs::read(config).unwrap(), before, "it is not overwritten");
    assert_eq!(std::fs::metadata(config).unwrap().permissions().mode() & 0o077, 0);
}
