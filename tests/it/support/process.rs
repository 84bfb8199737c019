//! A hub in a process of its own.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Plan, until};

/// A hub that runs until it is killed.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
    /// Text in the log before the address.
    before: &'static str,
}

/// `tongguan`, built for these tests.
pub(crate) const TONGGUAN: &str = env!("CARGO_BIN_EXE_tongguan-child");

/// Text in the log before the address that a hub listens on.
pub(crate) const LISTENING: &str = "the hub is listening address=";

impl Process {
    /// Starts a hub and waits until it listens; what it said where it ends instead.
    pub(crate) async fn start(plan: &Plan, variables: &[(&str, OsString)]) -> Result<Self, String> {
        Self::start_with(plan, variables, LISTENING).await
    }

    /// The same, with the text in its log that the address follows.
    pub(crate) async fn start_with(
        plan: &Plan,
        variables: &[(&str, OsString)],
        before: &'static str,
    ) -> Result<Self, String> {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let (config, log) = (plan.folder().join(format!("{run}.toml")), plan.folder().join(format!("{run}.log")));
        std::fs::write(&config, plan.text()).unwrap();
        Self::start_by(&config, log, variables, before).await
    }

    /// Starts a hub that reads from a terminal.
    pub(crate) async fn start_at_terminal(plan: &Plan, terminal: File) -> Result<Self, String> {
        let (config, log) = (plan.folder().join("terminal.toml"), plan.folder().join("terminal.log"));
        std::fs::write(&config, plan.text()).unwrap();
        Self::begin(&config, log, &[], (LISTENING, terminal.into())).await
    }

    /// The same by a configuration file that is there.
    pub(crate) async fn start_by(
        config: &Path,
        log: PathBuf,
        variables: &[(&str, OsString)],
        before: &'static str,
    ) -> Result<Self, String> {
        Self::begin(config, log, variables, (before, Stdio::null())).await
    }

    async fn begin(
        config: &Path,
        log: PathBuf,
        variables: &[(&str, OsString)],
        (before, input): (&'static str, Stdio),
    ) -> Result<Self, String> {
        let mut command = Command::new(TONGGUAN);
        command.arg("serve").arg("--config").arg(config);
        command.env(telemetry::logs::FILTER, "info").envs(variables.iter().cloned());
        let output = File::create(&log).unwrap();
        command.stdin(input).stdout(output.try_clone().unwrap()).stderr(output);
        let mut this = Self { child: command.spawn().unwrap(), log, address: ([127, 0, 0, 1], 0).into(), before };
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
        let (_, rest) = log.split_once(self.before)?;
        rest.split_once(['\n', '"'])?.0.trim().parse().ok()
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
