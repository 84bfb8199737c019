//! `[disk]`: least free space of the local hub's disk.

use super::reader::{Item, Table};

/// Least free space of the disk that holds the local hub's data, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Below this the operators are told.
    pub warn_below: u64,
    /// Below this nothing new is taken.
    pub refuse_below: u64,
}

const MEGABYTE: u64 = 1024 * 1024;

impl Default for Disk {
    fn default() -> Self {
        Self { warn_below: 1024 * MEGABYTE, refuse_below: 128 * MEGABYTE }
    }
}

pub(super) fn read(mut table: Table<'_>) -> Option<Disk> {
    let usual = Disk::default();
    let size = |item: &Item<'_>| Some(u64::from(item.integer()?) * MEGABYTE);
    let warn_below = table.or("warn_below_mb", usual.warn_below, size);
    let refuse_below = table.or("refuse_below_mb", usual.refuse_below, size);
    table.close(&[]);
    Some(Disk { warn_below: warn_below?, refuse_below: refuse_below? })
}
