//! Files of a backup: each under the hash of its content, copied once, whole and durable.

use std::collections::HashSet;
use std::fs;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use hub::files::FileHash;

/// Result of copying files.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    /// Number of files that were not there before.
    pub(crate) new: usize,
    /// Files whose content is not that of their name: they are left out.
    pub(crate) damaged: Vec<FileHash>,
}

/// Makes a folder for its owner alone, where it is missing.
pub(crate) fn make(folder: &Path) -> anyhow::Result<()> {
    let mut maker = DirBuilder::new();
    maker.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    maker.create(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Writes a new file for its owner alone, durably.
pub(crate) fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> anyhow::Result<()> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot sync {}", folder.display()))?;
    Ok(())
}

/// The files in a folder, by their hashes; none where it is missing.
pub(crate) fn hashes(folder: &Path) -> anyhow::Result<Vec<FileHash>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read the folder {}", folder.display()))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<FileHash>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Copies the files of one folder that another lacks; all of them, and what was copied.
pub(crate) fn copy_files(from: &Path, to: &Path) -> anyhow::Result<(Vec<FileHash>, Copied)> {
    let (mut all, there) = (hashes(from)?, hashes(to)?);
    let there: HashSet<_> = there.into_iter().collect();
    let mut copied = Copied::default();
    if !all.is_empty() {
        make(to)?;
    }
    let mut gone = HashSet::new();
    for hash in all.iter().filter(|hash| !there.contains(hash)) {
        match copy_file(hash, from, to)? {
            Copy::Made => copied.new += 1,
            Copy::Damaged => copied.damaged.push(*hash),
            Copy::Gone => _ = gone.insert(*hash),
        }
    }
    if copied.new > 0 {
        sync(to)?;
    }
    gone.extend(&copied.damaged);
    all.retain(|hash| !gone.contains(hash));
    Ok((all, copied))
}

/// Result of one copy.
pub(crate) enum Copy {
    Made,
    Damaged,
    /// The hub has removed it meanwhile: nothing names it any more.
    Gone,
}

/// Copies a file, and gives it its name when it is whole.
pub(crate) fn copy_file(hash: &FileHash, from: &Path, to: &Path) -> anyhow::Result<Copy> {
    let source = from.join(hash.to_string());
    let content = match fs::read(&source) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Copy::Gone),
        content => content.with_context(|| format!("cannot read {}", source.display()))?,
    };
    if FileHash::of(&content) != *hash {
        return Ok(Copy::Damaged);
    }
    let part = to.join(format!("{hash}.part"));
    write(&part, &content)?;
    let modified = fs::metadata(&source).and_then(|found| found.modified());
    if let Ok(modified) = modified {
        // The hub removes what is old and that nothing names.
        let _ = OpenOptions::new().write(true).open(&part).and_then(|file: File| file.set_modified(modified));
    }
    let name = to.join(hash.to_string());
    fs::rename(&part, &name).with_context(|| format!("cannot name {}", name.display()))?;
    Ok(Copy::Made)
}

/// Removes the files of a folder that are not named.
pub(crate) fn remove_unnamed<'h>(folder: &Path, named: impl Iterator<Item = &'h FileHash>) -> anyhow::Result<()> {
    let named: HashSet<_> = named.collect();
    for hash in hashes(folder)?.iter().filter(|hash| !named.contains(hash)) {
        fs::remove_file(folder.join(hash.to_string()))?;
    }
    Ok(())
}
