//! The check of evidence files. It reads nothing but the files: neither a configuration nor the hub's data.

use std::fs::{File, create_dir_all, read_dir, remove_file, rename};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use evidence::contents::Sink;
use evidence::{Contents, Digest, MOST_FILE, Part, together};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The files: all parts of one evidence, in any order
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The head that the hub gave for the last part, as `GET /audit?action=evidence` has it
    #[arg(long, value_name = "SHA256")]
    head: Option<Digest>,
    /// Write the kept files of the shipment to this folder, each under its SHA-256
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
}

/// Checks the files, each by itself and all of them together.
pub(crate) fn run(verify: &Verify) -> anyhow::Result<ExitCode> {
    let mut parts = Vec::new();
    let mut order = Vec::new();
    let mut is_whole = true;
    for path in &verify.files {
        match bytes(path).and_then(|bytes| Ok(Part::read(&bytes)?)) {
            Ok(part) => {
                is_whole &= part.findings.is_empty();
                tell(path, &part)?;
                order.push((part.about.as_ref().map_or(0, |about| about.part), path));
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
    order.sort();
    is_whole &= contents(&order, verify.extract.as_deref())?;
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

fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is taken shows that there are more.
    File::open(path)?.take(MOST_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts the contents of files together, one part after another, and checks them. Whether all are whole.
fn contents(parts: &[(u32, &PathBuf)], to: Option<&Path>) -> anyhow::Result<bool> {
    if let Some(folder) = to {
        create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let (mut contents, mut writer) = (Contents::default(), Writer { folder: to, open: None });
    for (_, path) in parts {
        contents.add(&bytes(path)?, &mut writer)?.context("a file cannot be written out")?;
    }
    drop(writer);
    let (whole, findings) = contents.finish();
    if let Some(folder) = to {
        named(folder, &whole)?;
    }
    if !whole.is_empty() {
        let where_to = to.map(|folder| format!(", written to {}", folder.display())).unwrap_or_default();
        say!("{} files of the shipment are whole{where_to}", whole.len())?;
    }
    for finding in &findings {
        say!("{finding}")?;
    }
    Ok(findings.is_empty())
}

/// End of the name of a file until its hash is checked.
const UNCHECKED: &str = ".unchecked";

/// Gives the files that are whole their names; the others go.
fn named(folder: &Path, whole: &[Digest]) -> anyhow::Result<()> {
    for entry in read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(UNCHECKED)) else { continue };
        let hash = name.split('.').next().and_then(|hash| hash.parse::<Digest>().ok());
        match hash.filter(|hash| whole.contains(hash)) {
            Some(_) => rename(&path, folder.join(name))?,
            None => remove_file(&path)?,
        }
    }
    Ok(())
}

/// Writes content to a folder.
struct Writer<'f> {
    folder: Option<&'f Path>,
    open: Option<(String, File)>,
}

impl Sink for Writer<'_> {
    type Error = std::io::Error;

    fn take(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let Some(folder) = self.folder else { return Ok(()) };
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let path = folder.join(format!("{name}{UNCHECKED}"));
            // Content goes on in the next part.
            let file = File::options().create(true).append(true).open(path)?;
            self.open = Some((name.to_owned(), file));
        }
        self.open.as_mut().map_or(Ok(()), |(_, file)| file.write_all(bytes))
    }
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
