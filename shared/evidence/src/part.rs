//! The check of one file against its own manifest.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::manifest::{About, Digest, FORMAT, Manifest, Row};
use crate::order::moved;
use crate::unpack::{Content, MOST_UNPACKED, Refused, Zip};
use crate::{ABOUT, MANIFEST};

/// A difference between a file and its manifest, or within the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The entry has other bytes than the manifest says.
    Changed(String),
    /// The entry cannot be unpacked, for that reason.
    Unreadable(String, String),
    /// The entry is in the manifest and not in the file.
    Removed(String),
    /// The entry is in the file and not in the manifest.
    Added(String),
    /// The entry has another name than in the manifest.
    Renamed {
        /// Name in the manifest.
        from: String,
        /// Name in the file.
        to: String,
    },
    /// The entry is at another place than in the manifest.
    Moved(String),
    /// The chain does not follow at that entry of the manifest.
    Broken(String),
    /// The head is not the value of the chain at the last entry.
    Head,
    /// The facts cannot be read, for that reason.
    Facts(String),
    /// The manifest has another number of entries than the facts say.
    Count {
        /// Number of entries that the facts say.
        said: usize,
        /// Number of entries in the manifest.
        there: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(path) => write!(f, "changed: {path} has other bytes than when the file was made"),
            Self::Unreadable(path, why) => write!(f, "changed: {path} cannot be unpacked ({why})"),
            Self::Removed(path) => write!(f, "removed: {path} is in {MANIFEST} and not in the file"),
            Self::Added(path) => write!(f, "added: {path} is in the file and not in {MANIFEST}"),
            Self::Renamed { from, to } => write!(f, "renamed: {from} is called {to}"),
            Self::Moved(path) => write!(f, "moved: {path} is at another place than {MANIFEST} says"),
            Self::Broken(path) => write!(
                f,
                "chain broken at {path}: {MANIFEST} was edited here, or an entry was removed, added or moved before it"
            ),
            Self::Head => {
                write!(f, "chain broken at its head: entries at the end of {MANIFEST} or the head were edited")
            }
            Self::Facts(why) => write!(f, "unreadable: {ABOUT} ({why})"),
            Self::Count { said, there } => {
                write!(f, "entries missing: {ABOUT} says {said} entries, and {MANIFEST} has {there}")
            }
        }
    }
}

/// A file that was read, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its facts, where they can be read.
    pub about: Option<About>,
    /// The head of the part before, as the manifest says.
    pub previous: Option<Digest>,
    /// Its own head, as the manifest says.
    pub head: Digest,
    /// Number of entries in the manifest.
    pub entries: usize,
    /// All that is wrong with it; nothing where it is whole.
    pub findings: Vec<Finding>,
}

impl Part {
    /// Reads a file and compares it with its manifest.
    pub fn read(bytes: &[u8]) -> Result<Self, Refused> {
        let zip = Zip::open(bytes)?;
        let mut left = MOST_UNPACKED;
        let mut contents = HashMap::new();
        for entry in &zip.entries {
            let keep = entry.path == MANIFEST || entry.path == ABOUT;
            contents.insert(entry.path.as_str(), zip.content(entry, keep, &mut left)?);
        }
        let manifest = manifest(contents.get(MANIFEST))?;
        let order: Vec<&str> =
            zip.entries.iter().map(|entry| entry.path.as_str()).filter(|path| *path != MANIFEST).collect();
        let mut findings = differences(&manifest.entries, &order, &contents);
        findings.extend(chain(&manifest));
        let about = match contents.get(ABOUT).map(facts) {
            None => {
                if manifest.entries.iter().all(|row| row.path != ABOUT) {
                    findings.push(Finding::Facts("there is no such entry".to_owned()));
                }
                None
            }
            Some(Ok(about)) => Some(about),
            Some(Err(why)) => {
                findings.push(Finding::Facts(why));
                None
            }
        };
        if let Some(about) = &about
            && about.entries != manifest.entries.len()
        {
            findings.push(Finding::Count { said: about.entries, there: manifest.entries.len() });
        }
        let Manifest { previous, head, entries, .. } = manifest;
        Ok(Self { about, previous, head, entries: entries.len(), findings })
    }
}

/// Unpacked entries by their paths.
type Contents<'p> = HashMap<&'p str, Result<Content, String>>;

/// The one member that every form has.
#[derive(serde::Deserialize)]
struct Form {
    format: u32,
}

fn manifest(found: Option<&Result<Content, String>>) -> Result<Manifest, Refused> {
    let found = found.ok_or(Refused::NoManifest)?;
    let whole = match found {
        Ok(content) => content.whole.as_deref().ok_or_else(|| Refused::Manifest("it is too large".to_owned()))?,
        Err(why) => return Err(Refused::Manifest(why.clone())),
    };
    let unread = |error: serde_json::Error| Refused::Manifest(error.to_string());
    let Form { format } = serde_json::from_slice(whole).map_err(unread)?;
    if format != FORMAT {
        return Err(Refused::Form(format));
    }
    let manifest: Manifest = serde_json::from_slice(whole).map_err(unread)?;
    let mut paths = HashSet::new();
    match manifest.entries.iter().find(|row| !paths.insert(row.path.as_str())) {
        Some(row) => Err(Refused::Manifest(format!("it names {} twice", row.path))),
        None => Ok(manifest),
    }
}

fn facts(found: &Result<Content, String>) -> Result<About, String> {
    let content = found.as_ref().map_err(Clone::clone)?;
    let whole = content.whole.as_deref().ok_or_else(|| "it is too large".to_owned())?;
    serde_json::from_slice(whole).map_err(|error| error.to_string())
}

/// Differences between the manifest's entries and those of the file.
fn differences(rows: &[Row], order: &[&str], contents: &Contents<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let places: HashMap<&str, usize> = rows.iter().enumerate().map(|(place, row)| (row.path.as_str(), place)).collect();
    let mut added: Vec<&str> = order.iter().copied().filter(|path| !places.contains_key(path)).collect();
    for row in rows {
        match contents.get(row.path.as_str()) {
            Some(Err(why)) => findings.push(Finding::Unreadable(row.path.clone(), why.clone())),
            Some(Ok(content)) if content.digest == row.sha256 && content.size == row.size => {}
            Some(Ok(_)) => findings.push(Finding::Changed(row.path.clone())),
            None => {
                let is_same = |path: &&str| {
                    let content = contents.get(path).and_then(|content| content.as_ref().ok());
                    content.is_some_and(|content| content.digest == row.sha256)
                };
                findings.push(match added.iter().position(is_same) {
                    Some(at) => Finding::Renamed { from: row.path.clone(), to: added.remove(at).to_owned() },
                    None => Finding::Removed(row.path.clone()),
                });
            }
        }
    }
    findings.extend(added.into_iter().map(|path| Finding::Added(path.to_owned())));
    let known: Vec<(&str, usize)> =
        order.iter().filter_map(|path| places.get(path).map(|place| (*path, *place))).collect();
    let out = moved(&known.iter().map(|(_, place)| *place).collect::<Vec<_>>());
    findings.extend(out.into_iter().filter_map(|at| known.get(at)).map(|(path, _)| Finding::Moved((*path).to_owned())));
    findings
}

/// Where the chain of a manifest does not follow. Each value is held against the one before it, so that one edit is one finding.
fn chain(manifest: &Manifest) -> Vec<Finding> {
    let (mut before, mut findings) = (manifest.previous.unwrap_or_default(), Vec::new());
    for row in &manifest.entries {
        if before.followed_by(&row.path, row.sha256) != row.chain {
            findings.push(Finding::Broken(row.path.clone()));
        }
        before = row.chain;
    }
    if before != manifest.head {
        findings.push(Finding::Head);
    }
    findings
}
