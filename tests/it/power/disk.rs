//! The disk as a power cut leaves it, from the record of what was done to its files.
//!
//! Synced writes persist. Of unsynced ones any part may persist: none, some of them, half of one.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::load::Seeded;

/// One thing that happened, in the order of happening.
pub(super) enum Record {
    Write {
        file: String,
        at: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: String,
        size: usize,
    },
    Sync {
        file: String,
    },
    Unlink {
        file: String,
    },
    /// An answer with status 200 was about to leave to this port.
    Answer {
        port: u16,
    },
}

/// Reads the record; a last entry that is not whole is left out.
pub(super) fn read(log: &Path) -> Vec<Record> {
    let bytes = std::fs::read(log).unwrap();
    let mut records = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((head, tail)) = rest.split_at_checked(14) {
        let name = usize::from(head[1]);
        let size = u32::from_le_bytes(head[2..6].try_into().unwrap()) as usize;
        let offset = u64::from_le_bytes(head[6..14].try_into().unwrap());
        let Some((entry, next)) = tail.split_at_checked(name + size) else { break };
        let file = String::from_utf8(entry[..name].to_vec()).unwrap();
        let at = usize::try_from(offset).unwrap();
        records.push(match head[0] {
            b'W' => Record::Write { file, at, data: entry[name..].to_vec() },
            b'T' => Record::Truncate { file, size: at },
            b'S' => Record::Sync { file },
            b'U' => Record::Unlink { file },
            b'A' => Record::Answer { port: u16::try_from(offset).unwrap() },
            other => panic!("a record of kind {other}"),
        });
        rest = next;
    }
    records
}

/// Result of unsynced writes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsynced {
    Gone,
    /// Any of it is there, some only in part.
    Some(u64),
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
    Unlink,
}

#[derive(Clone, Default)]
struct File {
    durable: Option<Vec<u8>>,
    waiting: Vec<Change>,
}

/// The files of the folder.
#[derive(Clone, Default)]
pub(super) struct Disk(BTreeMap<String, File>);

impl Disk {
    pub(super) fn happens(&mut self, record: &Record) {
        let mut wait = |file: &String, change| self.0.entry(file.clone()).or_default().waiting.push(change);
        match record {
            Record::Write { file, at, data } => wait(file, Change::Write(*at, data.clone())),
            Record::Truncate { file, size } => wait(file, Change::Truncate(*size)),
            Record::Unlink { file } => wait(file, Change::Unlink),
            Record::Sync { file } => self.sync(file),
            Record::Answer { .. } => {}
        }
    }

    /// A file's changes become durable, and with them what was unlinked before: a file system writes its own journal in
    /// order.
    fn sync(&mut self, synced: &str) {
        for (name, file) in &mut self.0 {
            let all = file.waiting.len();
            let last = file.waiting.iter().rposition(|change| matches!(change, Change::Unlink));
            let count = if name == synced { all } else { last.map_or(0, |last| last + 1) };
            for change in file.waiting.drain(..count) {
                apply(&mut file.durable, &change);
            }
        }
    }

    /// Writes the files as a cut now leaves them.
    pub(super) fn write(&self, folder: &Path, unsynced: Unsynced) {
        std::fs::create_dir_all(folder).unwrap();
        for (name, file) in &self.0 {
            let mut content = file.durable.clone();
            if let Unsynced::Some(seed) = unsynced {
                let mut seeded = Seeded(seed);
                for change in &file.waiting {
                    match (seeded.below(3), change) {
                        (0, _) => {}
                        (1, Change::Write(at, data)) => {
                            // Disks write whole sectors.
                            let sectors = seeded.below(data.len() / 512 + 1);
                            apply(&mut content, &Change::Write(*at, data[..sectors * 512].to_vec()));
                        }
                        (_, change) => apply(&mut content, change),
                    }
                }
            }
            if let Some(content) = content.filter(|_| name != ".") {
                std::fs::write(folder.join(name), content).unwrap();
            }
        }
    }
}

fn apply(content: &mut Option<Vec<u8>>, change: &Change) {
    match change {
        Change::Write(at, data) => {
            let bytes = content.get_or_insert_default();
            bytes.resize(bytes.len().max(at + data.len()), 0);
            bytes[*at..at + data.len()].copy_from_slice(data);
        }
        Change::Truncate(size) => content.get_or_insert_default().resize(*size, 0),
        Change::Unlink => *content = None,
    }
}
