//! The check of evidence files. It reads nothing but the files: neither a configuration nor the hub's data.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use evidence::{Digest, MOST_FILE, Part, together};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The files: all parts of one evidence, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The head that the hub gave for the last part, as `GET /audit?action=evidence` has it
    #[arg(long, value_name = "SHA256")]
    head: Option<Digest>,
}

/// Checks the files, each by itself and all of them together.
pub(crate) fn run(verify: &Verify) -> anyhow::Result<ExitCode> {
    let mut parts = Vec::new();
    let mut is_whole = true;
    for path in &verify.files {
        match read(path) {
            Ok(part) => {
                is_whole &= part.findings.is_empty();
                tell(path, &part)?;
                parts.push(part);
            }
            Err(error) => {
                is_whole = false;
                say!("{}: not checked: {error:#}", path.display())?;
            }
        }
    }
    for finding in together(&parts) {
        is_whole = false;
        say!("{finding}")?;
    }
    if let Some(head) = verify.head {
        let last = parts.iter().max_by_key(|part| part.about.as_ref().map_or(0, |about| about.part));
        if last.is_none_or(|last| last.head != head) {
            is_whole = false;
            say!("another head: the files are not those that the hub gave the head {head} for")?;
        }
    }
    say!("{}", if is_whole { "the evidence is whole" } else { "the evidence is NOT whole" })?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> anyhow::Result<Part> {
    let mut bytes = Vec::new();
    // One byte more than is taken shows that there are more.
    File::open(path)?.take(MOST_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Part::read(&bytes)?)
}

/// Prints what a file is, and all that is wrong with it.
fn tell(path: &Path, part: &Part) -> std::io::Result<()> {
    let path = path.display();
    let state = if part.findings.is_empty() { "whole" } else { "NOT whole" };
    match &part.about {
        Some(about) => {
            let key = about.keys.first().map_or("?", String::as_str);
            let (number, of) = (about.part, if about.last { ", the last" } else { "" });
            let limited = if about.limited { ", which sees some connections only" } else { "" };
            let (made, by, hub) = (&about.made, &about.by, &about.hub);
            say!("{path}: {state}: part {number}{of}, {} entries, {key}", part.entries)?;
            say!("  made {made} by the key {by}{limited}, with version {hub} of the hub")?;
        }
        None => say!("{path}: {state}: {} entries", part.entries)?,
    }
    say!("  head {}", part.head)?;
    for finding in &part.findings {
        say!("  {finding}")?;
    }
    Ok(())
}
