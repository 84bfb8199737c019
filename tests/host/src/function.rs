//! A function and its instances: started when they are needed, one event at a time each, thrown away when they fail.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::instance::{Instance, Running};
use crate::quota::Quota;

/// Settings that a function is started with.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name, as in the catalogue: `syn_status`.
    pub name: String,
    /// The binary.
    pub bootstrap: PathBuf,
    /// Its variables, besides those that Lambda sets.
    pub environment: Vec<(String, String)>,
    /// After which an invocation is killed.
    pub timeout: Duration,
    /// Most instances at once.
    pub instances: usize,
    /// File of everything that it prints.
    pub log: PathBuf,
    /// Share of a core for each instance; all of it where there is none.
    pub quota: Option<Arc<Quota>>,
}

/// An invocation that was answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Answer of the function.
    pub body: Bytes,
    /// A process was started for it.
    pub cold: bool,
    /// From the call, and so from the start of a cold instance's process, to the answer.
    pub took: Duration,
    /// The process that answered.
    pub pid: u32,
}

/// A function. Its processes end with the last of its copies.
#[derive(Clone)]
pub struct Function(Arc<Shared>);

struct Shared {
    spec: Spec,
    /// Places for those that may still start or work.
    free: Semaphore,
    idle: Mutex<Vec<Instance>>,
    running: Running,
}

/// A signal of the kernel's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// At once and for good, as for want of memory.
    Kill,
    /// As a process that aborts itself.
    Abort,
    /// It stands still.
    Stop,
}

impl Function {
    /// A function without any instance yet.
    #[must_use]
    pub fn new(spec: Spec) -> Self {
        let free = Semaphore::new(spec.instances);
        Self(Arc::new(Shared { spec, free, idle: Mutex::default(), running: Arc::default() }))
    }

    /// Settings that it was started with.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// Has a free instance work on an event, or a new one where there is none. The work goes on if nobody waits for it
    /// any longer, as on Lambda.
    pub async fn invoke(&self, event: impl Into<Bytes>) -> Result<Answer, Failure> {
        let (shared, event) = (Arc::clone(&self.0), event.into());
        let work = tokio::spawn(async move { invoke(&shared, event).await });
        work.await.unwrap_or_else(|error| Err(Failure::Ended(error.to_string())))
    }

    /// Ends the instances that are free: the next event meets a cold start.
    pub fn cool(&self) {
        self.idle().clear();
    }

    /// The processes that run now, busy or free.
    #[must_use]
    pub fn processes(&self) -> BTreeSet<u32> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends all its processes a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let name = match signal {
            Signal::Kill => "-KILL",
            Signal::Abort => "-ABRT",
            Signal::Stop => "-STOP",
        };
        let processes: Vec<String> = self.processes().iter().map(u32::to_string).collect();
        ensure!(!processes.is_empty(), "{} does not run", self.0.spec.name);
        let kill = format!("kill {name} {}", processes.join(" "));
        let done = std::process::Command::new("sh").args(["-c", &kill]).status().context("running kill")?;
        ensure!(done.success(), "{kill}: {done}");
        Ok(())
    }

    /// Everything that its processes have printed.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.0.spec.log).unwrap_or_default()).into_owned()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An idle instance that ends before it has fetched the event costs nobody an answer: another works on it.
async fn invoke(shared: &Shared, event: Bytes) -> Result<Answer, Failure> {
    let _place = shared.free.try_acquire().map_err(|_| Failure::Throttled)?;
    let begun = Instant::now();
    let idle = || {
        let mut idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain_mut(Instance::is_alive);
        idle.pop()
    };
    while let Some(mut instance) = idle() {
        let answer = instance.invoke(event.clone(), shared.spec.timeout).await;
        if !matches!(answer, Err(Failure::Ended(_))) || instance.has_fetched() {
            return done(shared, instance, answer, begun, false);
        }
    }
    let mut instance = Instance::start(&shared.spec, Arc::clone(&shared.running)).await?;
    let answer = instance.invoke(event, shared.spec.timeout).await;
    done(shared, instance, answer, begun, true)
}

/// Keeps the instance for the next event, where it is still of use.
fn done(
    shared: &Shared,
    instance: Instance,
    answer: Result<Bytes, Failure>,
    begun: Instant,
    cold: bool,
) -> Result<Answer, Failure> {
    let (took, pid) = (begun.elapsed(), instance.pid());
    if matches!(answer, Ok(_) | Err(Failure::Reported(_))) {
        shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
    }
    answer.map(|body| Answer { body, cold, took, pid })
}

/// The resident memory of a process at its highest, in megabytes.
pub fn resident(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kilobytes: f64 = line.split_whitespace().next().context("an empty VmHWM")?.parse()?;
    Ok(kilobytes / 1024.0)
}
