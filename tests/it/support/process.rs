//! A hub in a process of its own.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Plan, until};

/// A hub that runs until it is killed.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
}

/// `tongguan`, built for these tests.
pub(crate) const TONGGUAN: &str = env!("CARGO_BIN_EXE_tongguan-child");

impl Process {
    /// Starts a hub and waits until it listens; what it said where it ends instead.
    pub(crate) async fn start(plan: &Plan, variables: &[(&str, OsString)]) -> Result<Self, String> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let (config, log) = (plan.folder().join(format!("{run}.toml")), plan.folder().join(format!("{run}.log")));
        std::fs::write(&config, plan.text()).unwrap();
        let mut command = Command::new(TONGGUAN);
        command.arg("serve").arg("--config").arg(&config);
        command.env(telemetry::logs::FILTER, "info").envs(variables.iter().cloned());
        let output = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut this = Self { child: command.spawn().unwrap(), log, address: ([127, 0, 0, 1], 0).into() };
        let mut ended = false;
        until(async || {
            ended = this.child.try_wait().unwrap().is_some();
            ended || this.listens().is_some()
        })
        .await;
        match this.listens() {
            Some(address) if !ended => this.address = address,
            _ => return Err(this.log()),
        }
        Ok(this)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number in the system.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    fn listens(&self) -> Option<SocketAddr> {
        let log = self.log();
        let (_, rest) = log.split_once("the hub is listening address=")?;
        rest.split_once('\n')?.0.trim().parse().ok()
    }

    /// As by `kill -9`.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to end, without waiting for it.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal of that name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        until(async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
