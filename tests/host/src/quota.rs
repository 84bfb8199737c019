//! A part of a core, as a small Lambda has it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// Lambda hands processor time out in periods of 20 ms. The longer they are, the more a start gets done before it first
/// has to wait.
const PERIOD_MICROS: u32 = 20_000;

/// A quarter of a core: its microseconds in a period.
const QUARTER_MICROS: u32 = PERIOD_MICROS / 4;

/// Folders of the control groups of version 2, and of the processor's of version 1.
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu"];

/// A control group whose processes share a part of a core. It is taken away with this value, once they have ended.
#[derive(Debug)]
pub struct Quota {
    group: PathBuf,
}

impl Quota {
    /// A quarter of a core. The error says why there is none on this machine.
    pub fn quarter() -> anyhow::Result<Self> {
        let [unified, processor] = ROOTS.map(Path::new);
        let controllers = fs::read_to_string(unified.join("cgroup.controllers")).unwrap_or_default();
        let limits = if controllers.split_whitespace().any(|controller| controller == "cpu") {
            // Refused where the root group is not ours to divide.
            let divide = unified.join("cgroup.subtree_control");
            fs::write(&divide, "+cpu").with_context(|| format!("writing {}", divide.display()))?;
            (unified, vec![("cpu.max", format!("{QUARTER_MICROS} {PERIOD_MICROS}"))])
        } else {
            ensure!(processor.join("cpu.cfs_quota_us").exists(), "no control group of the processor is mounted");
            let limits = [("cpu.cfs_period_us", PERIOD_MICROS), ("cpu.cfs_quota_us", QUARTER_MICROS)];
            (processor, limits.map(|(name, micros)| (name, micros.to_string())).to_vec())
        };
        let group = limits.0.join(format!("tongguan-host-{}", std::process::id()));
        fs::create_dir_all(&group).with_context(|| format!("making {}", group.display()))?;
        let this = Self { group };
        for (name, value) in limits.1 {
            fs::write(this.group.join(name), value).with_context(|| format!("writing {name}"))?;
        }
        Ok(this)
    }

    /// The file that takes the ids of its processes.
    pub(crate) fn members(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Refused while a process is in it.
        let _ = fs::remove_dir(&self.group);
    }
}
