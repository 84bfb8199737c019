//! Warnings about files of the hub that other users of this machine can read.

use std::path::Path;

use config::Config;

/// Warnings about the permissions of the data folder, and of the configuration's file where it holds secrets.
pub(crate) fn warnings(config: &Config, file: &Path) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.holds_secrets && lets_others(file, 0o6) {
        let file = file.display();
        warnings.push(format!(
            "others on this machine can read the configuration {file}, and secrets stand in it: chmod 600 it, or keep them \
             elsewhere ({{ env = \"NAME\" }} or {{ file = \"path\" }})"
        ));
    }
    if lets_others(&config.data_dir, 0o7) {
        let folder = config.data_dir.display();
        warnings.push(format!("others on this machine can look into the data folder {folder}: chmod 700 it"));
    }
    warnings
}

/// Whether a path has one of these permissions for those who are neither its owner nor of its group.
#[cfg(unix)]
pub(crate) fn lets_others(path: &Path, permissions: u32) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & permissions != 0)
}

#[cfg(not(unix))]
pub(crate) const fn lets_others(_: &Path, _: u32) -> bool {
    false
}
