//! Writes the fixtures of this version anew, where `TONGGUAN_WRITE_FIXTURES` is set.

use hub::ledger::Tally;
use queue::Hint;
use serde_json::{Value, json};
use store_sqlite::SqliteStore;

use super::side::Side;
use super::{calls, folder, pushes};
use crate::dynamodb::{Emulator, emulated};

const WRITE: &str = "TONGGUAN_WRITE_FIXTURES";

/// One value a line, so that a change can be read.
fn write(name: &str, values: impl Iterator<Item = Value>) {
    let lines: Vec<String> = values.map(|value| value.to_string()).collect();
    std::fs::write(folder().join("this_version").join(name), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}

fn write_items(name: &str, emulator: &Emulator) {
    let mut items = emulator.items();
    items.sort_by_key(|item| (item["PK"].to_string(), item["SK"].to_string()));
    write(name, items.into_iter());
}

fn write_messages(name: &str, left: &[(&str, Hint)]) {
    write(name, left.iter().map(|(of, hint)| json!({"message": hint.encode(), "of": of})));
}

/// All of a database in one file.
fn write_database(name: &str, of: &std::path::Path) {
    let file = folder().join("this_version").join(name);
    let _ = std::fs::remove_file(&file);
    let db = rusqlite::Connection::open(of.join("tongguan.db")).unwrap();
    db.execute("VACUUM INTO ?1", [file.to_str().unwrap()]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fixtures_of_this_version_are_written_where_that_is_asked_for() {
    if std::env::var_os(WRITE).is_none() {
        return;
    }
    std::fs::create_dir_all(folder().join("this_version")).unwrap();
    std::fs::copy(folder().join("last_version/tongguan.toml"), folder().join("this_version/tongguan.toml")).unwrap();
    let (store, emulator) = emulated().await;
    let left = pushes::left(&Side::new(store)).await;
    write_items("items.json", &emulator);
    write_messages("messages.json", &left);
    let data = tempfile::tempdir().unwrap();
    let side = Side::new(SqliteStore::open(data.path()).unwrap());
    assert_eq!(pushes::left(&side).await, left, "the same on either engine");
    assert!(side.ledger().await.values().all(Tally::balanced));
    drop(side);
    write_database("tongguan.db", data.path());

    let (store, emulator) = emulated().await;
    let left = calls::left(&calls::side(store)).await;
    write_items("calls.json", &emulator);
    write_messages("call_messages.json", &left);
    let data = tempfile::tempdir().unwrap();
    let side = calls::side(SqliteStore::open(data.path()).unwrap());
    assert_eq!(calls::left(&side).await, left, "the same on either engine");
    drop(side);
    write_database("calls.db", data.path());
}
