//! Paths of the functions' binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::template::Deployed;

/// Names the folder of the binaries that are to be run, such as `.aws-sam/build` or `target/release`.
pub const BOOTSTRAPS: &str = "TONGGUAN_BOOTSTRAPS";

/// A folder of binaries: `<logical id>/bootstrap` as `sam build` leaves them, `<function>/bootstrap`, or `<function>` as
/// cargo does.
#[derive(Clone, Debug)]
pub struct Bootstraps(PathBuf);

impl Bootstraps {
    /// In that folder.
    #[must_use]
    pub const fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// In the folder that [`BOOTSTRAPS`] names, if it does; from the repository's own folder on, where it is relative.
    #[must_use]
    pub fn named() -> Option<Self> {
        std::env::var_os(BOOTSTRAPS).map(|folder| Self(root().join(folder)))
    }

    /// Release builds: those that are named, those of `sam build`, or cargo's.
    #[must_use]
    pub fn release() -> Self {
        let sam = root().join(".aws-sam/build");
        Self::named().unwrap_or_else(|| Self(if sam.is_dir() { sam } else { root().join("target/release") }))
    }

    /// Folder of cargo's binaries, next to the running test; the named ones are built first. `cargo test` itself builds none
    /// of them: they have no tests, and belong to no package that has. With the features of the whole workspace, only crates
    /// are compiled that the tests have compiled already.
    pub fn built(functions: &[&str]) -> anyhow::Result<Self> {
        let test = std::env::current_exe()?;
        let folder = test.parent().and_then(Path::parent).context("the tests are in no folder of cargo's")?;
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--workspace"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        build.args(functions.iter().flat_map(|function| ["--bin", function]));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        // Cargo's variables for the tests would make it run build scripts again.
        for (name, _) in std::env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|own| name.to_string_lossy().starts_with(own)) {
                build.env_remove(name);
            }
        }
        let done = build.output().context("running cargo")?;
        ensure!(done.status.success(), "cargo cannot build {functions:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(Self(folder.to_owned()))
    }

    /// The binary of a function.
    pub fn of(&self, function: &Deployed) -> anyhow::Result<PathBuf> {
        let Deployed { name, id, .. } = function;
        let places = [self.0.join(id).join("bootstrap"), self.0.join(name).join("bootstrap"), self.0.join(name)];
        let found = places.iter().find(|place| place.is_file());
        Ok(found.with_context(|| format!("no binary of {name} in {}", self.0.display()))?.clone())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
