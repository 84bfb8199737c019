//! Failures of the disk under a hub: power cuts, and a disk that is full, broken or hanging.
//!
//! The hub is a process with a library between it and its files (`shim.c`), which `cc` makes from C: the build needs `cc`
//! anyway. On Linux only, where a library can be put in between.

#![cfg(target_os = "linux")]

mod cuts;
mod disk;
mod faults;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Plan;

/// Compiles the library into a plan's folder.
fn shim(folder: &Path) -> PathBuf {
    library(folder, "it/power/shim.c")
}

/// Compiles a library that stands between a hub and the system.
pub(crate) fn library(folder: &Path, source: &str) -> PathBuf {
    let library = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o"]);
    let done = compiler.arg(&library).arg(source).arg("-ldl").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    library
}

/// Environment that loads the library between a hub and its files. The log of their operations is `disk.log` in the plan's
/// folder, the switches are in `switches`.
fn between(plan: &Plan) -> Vec<(&'static str, OsString)> {
    let switches = plan.folder().join("switches");
    // SQLite opens its files by their real path.
    let folder = plan.folder().canonicalize().unwrap().join("data");
    std::fs::create_dir_all(&switches).unwrap();
    vec![
        ("LD_PRELOAD", shim(plan.folder()).into()),
        ("POWER_FOLDER", folder.into()),
        ("POWER_LOG", plan.folder().join("disk.log").into()),
        ("POWER_SWITCHES", switches.into()),
    ]
}
