//! `tongguan partner new`: a commented skeleton of a partner's file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};

/// The skeleton, with `NAME` in place of the partner's id.
const SKELETON: &str = include_str!("skeleton.toml");

/// Writes the skeleton of that partner beside the user, unless there is such a file.
pub(super) fn write(name: &str) -> anyhow::Result<ExitCode> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    ensure!(is_plain && (2..=24).contains(&name.len()), "NAME must be 2 to 24 of the characters a-z and 0-9");
    ensure!(partners::Partner::from_id(name).is_none(), "{name} is a partner that the hub has built in");
    let path = format!("{name}.toml");
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!("{path} is there already: nothing is written"),
        Err(error) => return Err(error).with_context(|| format!("cannot write {path}")),
    };
    file.write_all(SKELETON.replace("NAME", name).as_bytes()).with_context(|| format!("cannot write {path}"))?;
    say!("{path} is written: fill it in from the partner's document, then `tongguan partner try {path}`")?;
    Ok(ExitCode::SUCCESS)
}
