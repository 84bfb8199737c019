//! A store, written to a file.

use std::io::{self, Write};

use hub::{Hex, Utc};
use sha2::{Digest as _, Sha256};
use store::{Store, StoreError, Stored};

use crate::line::{Beginning, EXPORT, End, Ending, ledger, print};
use crate::{Kinds, Ledger, NOTE, VERSION, in_seconds};

/// Number of things that are read at once.
const PAGE: usize = 500;

/// Content of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Numbers of the things in the file.
    pub kinds: Kinds,
    /// Number of those that could not be read, and are not in it. The engine logs what they are.
    pub unreadable: u64,
    /// The ledger of what is in the file.
    pub ledger: Ledger,
}

/// Failure of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error("the store could not be read")]
    Store(#[from] StoreError),
    /// There is a file of that name.
    #[error("there is a file {0} already: name another one")]
    Exists(String),
    /// The file cannot be written.
    #[error("the export could not be written")]
    File(#[from] io::Error),
    /// Something has no JSON: a defect of the program.
    #[error("something stored could not be printed")]
    Print(#[from] serde_json::Error),
}

/// Writer that keeps a digest of what is written.
struct Digested<W> {
    to: W,
    digest: Sha256,
}

impl<W: Write> Digested<W> {
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        for part in [line, b"\n"] {
            self.digest.update(part);
            self.to.write_all(part)?;
        }
        Ok(())
    }
}

/// Writes all that a store keeps and that has not expired by `at`. What is exported while a hub works on it is of no one moment.
pub async fn export<S: Store>(store: &S, to: impl Write, at: Utc, program: &str) -> Result<Exported, ExportError> {
    let at = in_seconds(at);
    let mut to = Digested { to, digest: Sha256::new() };
    let beginning = Beginning { export: EXPORT.to_owned(), version: VERSION, at, program: program.to_owned() };
    to.line(&serde_json::to_vec(&beginning)?)?;
    let mut exported = Exported { kinds: Kinds::default(), unreadable: 0, ledger: Ledger::new() };
    let mut from = None;
    loop {
        let page = store.stored(from.as_deref(), PAGE, at).await?;
        exported.unreadable += u64::try_from(page.unreadable).unwrap_or(u64::MAX);
        for item in page.items {
            // What an import has noted about itself is not the hub's.
            if matches!(&item, Stored::Note { name, .. } if name == NOTE) {
                continue;
            }
            exported.kinds.add(&item);
            if let Stored::Event(record) = &item {
                let connection = record.event.key.connection.clone();
                *exported.ledger.entry(connection).or_default() += record.work.tally();
            }
            to.line(&print(item)?)?;
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let end = End {
        kinds: exported.kinds,
        unreadable: exported.unreadable,
        ledger: ledger(&exported.ledger),
        sha256: Hex(&to.digest.clone().finalize()).to_string(),
    };
    to.line(&serde_json::to_vec(&Ending { end })?)?;
    to.to.flush()?;
    Ok(exported)
}
