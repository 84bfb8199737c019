//! Space of the database file: pages that nothing uses any more go back to the file system, a few in each commit.

use rusqlite::Connection;

/// Free pages that stay in the file for what comes next, as a share of the pages in use: one in so many.
const SHARE: u64 = 16;

/// Least number of free pages that stay: a megabyte.
const LEAST: u64 = 256;

/// `auto_vacuum` of a file whose free pages can be given back in steps.
const INCREMENTAL: i64 = 2;

/// Sizes of a database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All pages of the file.
    pub pages: u64,
    /// Pages that hold nothing.
    pub free: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Whether free pages can be given back in steps. Versions before this one made files for which `tongguan compact` is
    /// needed once.
    pub is_incremental: bool,
}

impl Space {
    /// Bytes of the pages that hold something.
    #[must_use]
    pub const fn used_bytes(self) -> u64 {
        self.pages.saturating_sub(self.free).saturating_mul(self.page_size)
    }

    /// Bytes of the pages that hold nothing.
    #[must_use]
    pub const fn free_bytes(self) -> u64 {
        self.free.saturating_mul(self.page_size)
    }

    /// Number of free pages beyond those that stay for what comes next.
    #[must_use]
    pub fn excess(self) -> u64 {
        let used = self.pages.saturating_sub(self.free);
        if self.is_incremental { self.free.saturating_sub((used / SHARE).max(LEAST)) } else { 0 }
    }
}

/// Sizes of the file of a connection.
pub(crate) fn space(db: &Connection) -> rusqlite::Result<Space> {
    let number = |pragma: &str| db.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let size = |pragma: &str| number(pragma).map(|number| u64::try_from(number).unwrap_or_default());
    Ok(Space {
        pages: size("PRAGMA page_count")?,
        free: size("PRAGMA freelist_count")?,
        page_size: size("PRAGMA page_size")?,
        is_incremental: number("PRAGMA auto_vacuum")? == INCREMENTAL,
    })
}

/// Gives up to `limit` free pages back, those that stay excepted; the sizes afterwards. The file is shorter once the log is
/// carried over.
pub(crate) fn shrink(db: &Connection, limit: u64) -> rusqlite::Result<Space> {
    let before = space(db)?;
    let pages = before.excess().min(limit);
    if pages == 0 {
        return Ok(before);
    }
    let mut vacuum = db.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut steps = vacuum.query([])?;
    // Each step gives one page back.
    while steps.next()?.is_some() {}
    drop(steps);
    drop(vacuum);
    space(db)
}
