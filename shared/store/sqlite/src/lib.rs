//! The store on one machine: SQLite, embedded, one file that the ordinary `sqlite3` tool reads.
//!
//! One thread writes and groups every commit that is waiting into one sync (`writer`), so an acknowledgement survives a
//! power cut and costs a fraction of a disk sync. Reads go through a connection of their own and never wait for writes.
//! Several processes may use one file: the command line works while the hub runs.

mod audit;
mod backup;
mod codec;
mod compact;
mod counts;
mod engine;
mod files;
mod folder;
mod pulls;
mod reads;
mod recent;
mod recent_records;
mod schema;
mod space;
mod stored;
mod worker;
mod writes;

pub use backup::CopyError;
pub use compact::{CompactError, Compacted};
pub use engine::{Due, FILE, OpenError, Recent, SqliteStore};
pub use space::Space;
