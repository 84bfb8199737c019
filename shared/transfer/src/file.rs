//! The file of an export on a disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use hub::Utc;
use store::Store;

use crate::check::{Checked, FileError, check};
use crate::export::{ExportError, Exported, export};

/// End of the name of a file that is being written.
const PARTIAL: &str = ".partial";

fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    partial.into()
}

/// Exports to a new file, which only its owner can read, and which has its name when it is whole and durable.
pub async fn export_to<S: Store>(store: &S, path: &Path, at: Utc, program: &str) -> Result<Exported, ExportError> {
    if path.exists() {
        return Err(ExportError::Exists(path.display().to_string()));
    }
    let partial = partial(path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::new(options.open(&partial)?);
    let exported = export(store, &mut file, at, program).await?;
    file.flush()?;
    file.get_ref().sync_all()?;
    fs::rename(&partial, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(folder)?;
    Ok(exported)
}

/// Makes the names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// A file that is whole, open for an import.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: BufReader<File>,
    /// Its content.
    pub checked: Checked,
}

/// Opens and checks a file.
pub fn open(path: &Path, now: Utc) -> Result<Opened, FileError> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let checked = check(&mut file, now)?;
    Ok(Opened { file, checked })
}
