//! Work that this version leaves, the same on either engine; where `TONGGUAN_WRITE_FIXTURES` is set, it is written as this
//! version's fixtures.

use std::path::{Path, PathBuf};

use hub::ledger::Tally;
use queue::Hint;
use serde_json::{Value, json};
use store_sqlite::SqliteStore;

use super::version::Version;
use super::{calls, folder, pushes};
use crate::dynamodb::{Emulator, emulated};

const WRITE: &str = "TONGGUAN_WRITE_FIXTURES";

/// Folder in which the fixtures are written, if at all.
struct Target(Option<PathBuf>);

impl Target {
    /// The folder of this version, where the variable is set.
    fn asked_for() -> Self {
        let this = std::env::var_os(WRITE).map(|_| folder().join("this_version"));
        if let Some(this) = &this {
            std::fs::create_dir_all(this).unwrap();
            std::fs::copy(folder().join("last_version/tongguan.toml"), this.join("tongguan.toml")).unwrap();
        }
        Self(this)
    }

    /// One value a line, so that a change can be read.
    fn values(&self, name: &str, values: impl Iterator<Item = Value>) {
        let lines: Vec<String> = values.map(|value| value.to_string()).collect();
        assert!(!lines.is_empty(), "{name}");
        if let Some(this) = &self.0 {
            std::fs::write(this.join(name), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
        }
    }

    fn items(&self, name: &str, emulator: &Emulator) {
        let mut items = emulator.items();
        items.sort_by_key(|item| (item["PK"].to_string(), item["SK"].to_string()));
        self.values(name, items.into_iter());
    }

    fn messages(&self, name: &str, left: &[(&str, Hint)]) {
        self.values(name, left.iter().map(|(of, hint)| json!({"message": hint.encode(), "of": of})));
    }

    /// All of a database in one file.
    fn database(&self, name: &str, of: &Path) {
        let Some(this) = &self.0 else { return };
        let file = this.join(name);
        let _ = std::fs::remove_file(&file);
        let db = rusqlite::Connection::open(of.join("tongguan.db")).unwrap();
        db.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_version_leaves_the_same_on_either_engine() {
    let to = Target::asked_for();
    let (store, emulator) = emulated().await;
    let left = pushes::left(&Version::new(store)).await;
    to.items("items.json", &emulator);
    to.messages("messages.json", &left);
    let data = tempfile::tempdir().unwrap();
    let side = Version::new(SqliteStore::open(data.path()).unwrap());
    assert_eq!(pushes::left(&side).await, left, "the same on either engine");
    assert!(side.ledger().await.values().all(Tally::balanced));
    drop(side);
    to.database("tongguan.db", data.path());

    let (store, emulator) = emulated().await;
    let left = Box::pin(calls::left(&calls::side(store))).await;
    to.items("calls.json", &emulator);
    to.messages("call_messages.json", &left);
    let data = tempfile::tempdir().unwrap();
    let side = calls::side(SqliteStore::open(data.path()).unwrap());
    assert_eq!(Box::pin(calls::left(&side)).await, left, "the same on either engine");
    drop(side);
    to.database("calls.db", data.path());
}
