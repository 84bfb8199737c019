//! The processes of a run: what is measured, the load and the ERP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use simulators::pushes;

use crate::load::{API_KEY, Load, Loaded};

/// A process that ends with this value.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        Ok(Self(command.stdin(Stdio::null()).spawn().with_context(|| format!("starting {name}"))?))
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(asked.success(), "kill -TERM failed");
        let begun = Instant::now();
        while self.0.try_wait()?.is_none() {
            if begun.elapsed() > Duration::from_secs(20) {
                bail!("it does not end when asked to");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// User and system time of all its threads, in seconds.
    #[allow(clippy::cast_precision_loss, reason = "ticks stay far below 2^52")]
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        // Linux shows ticks of a hundredth of a second, whatever the kernel's own.
        Ok(ticks(&std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?)? as f64 / 100.0)
    }

    /// Resident memory now and at its highest, in megabytes.
    pub(crate) fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        Ok((megabytes(&status, "VmRSS:")?, megabytes(&status, "VmHWM:")?))
    }
}

/// `utime` and `stime` of /proc/PID/stat; the name before them may hold blanks and parentheses.
fn ticks(stat: &str) -> anyhow::Result<u64> {
    let (_, fields) = stat.rsplit_once(')').context("not a stat line")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || anyhow::Ok(fields.next().context("a short stat line")?.parse::<u64>()?);
    Ok(ticks()? + ticks()?)
}

fn megabytes(status: &str, name: &str) -> anyhow::Result<f64> {
    let line = status.lines().find(|line| line.starts_with(name)).with_context(|| format!("no {name}"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1).with_context(|| format!("an empty {name}"))?.parse()?;
    Ok(kilobytes / 1024.0)
}

/// System under measurement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum System {
    /// The hub's binary.
    Hub(PathBuf),
    /// The limit it is held against.
    Bare,
}

/// System under measurement, running.
pub(crate) struct Running {
    pub process: Process,
    pub address: SocketAddr,
    /// From its start to its first answer.
    pub startup: Duration,
}

/// Inbound key and signing secret of a hub that lives for one measurement.
const KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

impl System {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Hub(_) => "tongguan",
            Self::Bare => "bare receiver",
        }
    }

    /// The path that receipts are pushed to.
    pub(crate) fn path() -> String {
        pushes::path(partners::Partner::Xhq, "bench", KEY, "single_receipt")
    }

    /// Starts it with its data in `dir`, delivering to `erp`, or nowhere; in the order of each subject, where it can.
    pub(crate) fn start(&self, dir: &Path, erp: Option<SocketAddr>, ordered: bool) -> anyhow::Result<Running> {
        std::fs::create_dir_all(dir)?;
        let address = free()?;
        let command = match self {
            Self::Hub(binary) => return hub(binary, dir, |address| configuration(dir, address, erp, ordered)),
            Self::Bare => {
                let mut command = this()?;
                command.arg("bare").arg("--listen").arg(address.to_string()).arg("--dir").arg(dir);
                if let Some(erp) = erp {
                    command.arg("--deliver").arg(erp.to_string());
                }
                command
            }
        };
        begin(command, dir, address).with_context(|| format!("starting {}", self.name()))
    }
}

/// Starts the hub on a configuration, which is made for the address it is given.
pub(crate) fn hub(
    binary: &Path,
    dir: &Path,
    configuration: impl FnOnce(SocketAddr) -> String,
) -> anyhow::Result<Running> {
    std::fs::create_dir_all(dir)?;
    let address = free()?;
    let config = dir.join("tongguan.toml");
    std::fs::write(&config, configuration(address))?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(config);
    begin(command, dir, address)
}

/// Starts something and waits until it answers.
fn begin(mut command: Command, dir: &Path, address: SocketAddr) -> anyhow::Result<Running> {
    let log = dir.join("log");
    let output = std::fs::File::options().create(true).append(true).open(&log)?;
    command.stdout(output.try_clone()?).stderr(output);
    let begun = Instant::now();
    let mut process = Process::spawn(&mut command)?;
    while !answers(address) {
        let ended = process.0.try_wait()?;
        if ended.is_some() || begun.elapsed() > Duration::from_mins(1) {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            bail!("nothing answers on {address} ({ended:?}); its log:\n{log}");
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(Running { process, address, startup: begun.elapsed() })
}

/// One XHQ connection, and the ERP on loopback.
pub(crate) fn configuration(dir: &Path, listen: SocketAddr, erp: Option<SocketAddr>, ordered: bool) -> String {
    let data = dir.join("data");
    let data = data.display();
    let connection = format!(
        "listen = \"{listen}\"\ndata_dir = \"{data}\"\n\n\
         [[connections]]\nid = \"bench\"\npartner = \"xhq\"\nkeys = [\"{KEY}\"]\napp_id = \"bench\"\n\n\
         [[api_keys]]\nid = \"erp\"\nkey = \"{API_KEY}\"\n",
    );
    // Left out where there is none: versions without the key are measured too.
    let order = if ordered { "order = \"subject\"\n" } else { "" };
    let endpoint = erp.map(|erp| {
        format!(
            "\n[[endpoints]]\nid = \"erp\"\nurl = \"http://{erp}/events\"\nsecrets = [\"{SECRET}\"]\n\
             connections = [\"*\"]\ntypes = [\"*\"]\nallow_private = true\n{order}",
        )
    });
    connection + &endpoint.unwrap_or_default()
}

/// The same with consumers that pull.
pub(crate) fn pulled(dir: &Path, listen: SocketAddr) -> String {
    configuration(dir, listen, None, false) + "\n[[endpoints]]\nid = \"erp\"\npull = true\n"
}

/// A port that was free a moment ago.
fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

fn answers(address: SocketAddr) -> bool {
    let mut first = [0];
    TcpStream::connect(address)
        .and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
            stream.read_exact(&mut first)
        })
        .is_ok()
}

fn this() -> anyhow::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// Starts the ERP; its address with it.
pub(crate) fn sink() -> anyhow::Result<(Process, SocketAddr)> {
    listener(&["sink"])
}

/// Starts a part of a measurement that prints its address first.
pub(crate) fn listener(words: &[&str]) -> anyhow::Result<(Process, SocketAddr)> {
    let mut process = Process::spawn(this()?.args(words).stdout(Stdio::piped()))?;
    let output = process.0.stdout.take().context("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().parse().with_context(|| format!("the address of {words:?}"))?;
    Ok((process, address))
}

/// Runs a load to its end.
pub(crate) fn load(load: &Load) -> anyhow::Result<Loaded> {
    let mut command = this()?;
    let what = clap::ValueEnum::to_possible_value(&load.what).context("nothing to send")?;
    command
        .arg("load")
        .arg("--what")
        .arg(what.get_name())
        .arg("--address")
        .arg(&load.address)
        .arg("--path")
        .arg(&load.path);
    command.arg("--connections").arg(load.connections.to_string()).arg("--seconds").arg(load.seconds.to_string());
    command.arg("--count").arg(load.count.to_string()).arg("--first").arg(load.first.to_string());
    if let Some(rate) = load.rate {
        command.arg("--rate").arg(rate.to_string());
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the load failed: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_tells_of_a_process_is_read() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 3 0 9 1 2";
        assert_eq!(ticks(stat).unwrap(), 200);
        let two = megabytes("Name:\tx\nVmRSS:\t  2048 kB\n", "VmRSS:").unwrap();
        assert!((two - 2.0).abs() < f64::EPSILON);
        assert!(megabytes("", "VmRSS:").is_err() && ticks("").is_err());
    }

    #[test]
    fn the_configuration_is_one_the_hub_takes() {
        let address = free().unwrap();
        for (erp, endpoints) in [(None, 0), (Some(address), 1)] {
            let text = configuration(Path::new("/d"), address, erp, true);
            let config = config::Config::parse(&text).unwrap();
            assert_eq!((config.listen, config.endpoints.len()), (address, endpoints));
        }
    }
}
