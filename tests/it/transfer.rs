//! Exports of one store, imported into another of either engine: all of it, once, or nothing.

use std::io::{BufReader, Cursor};
use std::time::Duration;

use hub::Utc;
use serde_json::Value;
use store::contract::{event_with, noise, one_of_each};
use store::{Placed, Store, Stored};
use store_sqlite::SqliteStore;
use transfer::{Checked, FileError, ImportError, State, check, export, import, state};

use crate::dynamodb::{Fault, emulated};

/// A time at which nothing of the contract's has expired.
const NOW: Utc = Utc(1_790_000_000_000_000);

async fn filled(store: &impl Store) {
    for item in one_of_each() {
        assert_eq!(store.put_stored(&item).await.unwrap(), Placed::New);
    }
}

async fn exported(store: &impl Store) -> Vec<u8> {
    let mut file = Vec::new();
    let exported = export(store, &mut file, NOW, "0").await.unwrap();
    assert_eq!(exported.unreadable, 0);
    assert!(transfer::agree(&exported.ledger, &store.ledger(NOW).await.unwrap()));
    file
}

fn checked(file: &[u8]) -> Result<Checked, FileError> {
    check(&mut BufReader::new(file), NOW)
}

async fn imported(store: &impl Store, file: &[u8]) -> Result<transfer::Imported, ImportError> {
    import(store, &mut Cursor::new(file), &checked(file).unwrap()).await
}

/// The lines of a file between its beginning and its end, in an order of their own, and the end without its digest.
fn lines(file: &[u8]) -> (Vec<String>, Value) {
    let mut lines: Vec<_> = std::str::from_utf8(file).unwrap().lines().map(ToOwned::to_owned).collect();
    let mut end: Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
    lines.remove(0);
    lines.sort();
    end["end"].as_object_mut().unwrap().remove("sha256");
    (lines, end)
}

fn sqlite() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SqliteStore::open(folder.path()).unwrap(), folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_goes_to_the_other_engine_and_back_unchanged() {
    let ((first, _one), (last, _two), (table, _)) = (sqlite(), sqlite(), emulated().await);
    filled(&first).await;
    let from_sqlite = exported(&first).await;
    let done = imported(&table, &from_sqlite).await.unwrap();
    assert_eq!(done.new.all(), u64::try_from(one_of_each().len()).unwrap());
    let from_table = exported(&table).await;
    assert_eq!(lines(&from_sqlite), lines(&from_table));
    imported(&last, &from_table).await.unwrap();
    assert_eq!(lines(&from_sqlite), lines(&exported(&last).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_import_changes_nothing() {
    let ((first, _one), (copy, _two), (table, _)) = (sqlite(), sqlite(), emulated().await);
    filled(&first).await;
    let file = exported(&first).await;
    repeated(&copy, &file).await;
    repeated(&table, &file).await;
}

async fn repeated(store: &impl Store, file: &[u8]) {
    imported(store, file).await.unwrap();
    // The hub has gone on since: what it has done stays, and what it has done away with does not come back.
    let key = event_with(store::contract::key("xhq-sh", "order:S1", 2), NOW, noise(1, 1)).key;
    let mut work = store.inspect(&key, NOW).await.unwrap().unwrap().work;
    work.version += 1;
    work.deliveries[0].state = hub::delivery::State::Delivered;
    store.settle(&key, &work).await.unwrap();
    let before = lines(&exported(store).await);
    let again = imported(store, file).await.unwrap();
    assert_eq!((again.new.all(), again.same.all(), again.other.all()), (0, 0, 0));
    assert_eq!(lines(&exported(store).await), before);
    assert_eq!(state(store, &checked(file).unwrap()).await.unwrap(), State::Done);
}

/// Events are stored in the order of their reception, on which the lists of SQLite rely.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_events_are_listed_by_their_reception() {
    let ((copy, _folder), (table, _)) = (sqlite(), emulated().await);
    for n in 0..60_u32 {
        let key = store::contract::key("xhq-sh", &format!("order:S{n}"), n);
        let event = event_with(key, Utc(NOW.0 + i64::from(n) * 1_000_000), noise(10, 1));
        table.admit(&event, &hub::Work { accepted: 1, ..hub::Work::default() }, None).await.unwrap();
    }
    imported(&copy, &exported(&table).await).await.unwrap();
    let received: Vec<_> =
        copy.after(0, 100, NOW).await.unwrap().iter().map(|found| found.item.meta.received).collect();
    assert!(received.len() == 60 && received.is_sorted(), "{received:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_as_it_was_written_is_refused() {
    let (store, _folder) = sqlite();
    filled(&store).await;
    let file = exported(&store).await;
    assert_eq!(checked(&file).unwrap().kinds.all(), 17);
    for end in (0..file.len()).step_by(20_011).chain([file.len() - 1]) {
        let refused = checked(&file[..end]).unwrap_err();
        assert!(matches!(refused, FileError::Cut(_) | FileError::Foreign), "cut at {end}: {refused}");
    }
    let begin = file.iter().position(|byte| *byte == b'\n').unwrap();
    for place in (begin + 1..file.len() - 1).step_by(20_021) {
        let mut changed = file.clone();
        changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
        if changed != file {
            checked(&changed).expect_err("a changed byte is noticed");
        }
    }
    let text = String::from_utf8(file.clone()).unwrap();
    let broken = text.replacen("{\"alias\"", "{\"alais\"", 1);
    let told = checked(broken.as_bytes()).unwrap_err().to_string();
    assert!(told.contains("line ") && told.contains("is damaged"), "{told}");
    let short = text.lines().enumerate().filter(|(n, _)| *n != 3).map(|(_, line)| format!("{line}\n"));
    let told = checked(short.collect::<String>().as_bytes()).unwrap_err().to_string();
    assert!(told.contains("not as many things"), "{told}");
    let told = checked(format!("{text}more").as_bytes()).unwrap_err().to_string();
    assert!(told.contains("behind its end"), "{told}");
    let other = text.replacen("\"version\":1", "\"version\":2", 1);
    assert!(matches!(checked(other.as_bytes()).unwrap_err(), FileError::Version(2)));
    for foreign in ["", "\n", "PK\u{3}\u{4}\n", "{\"a\":1}\n", "[]\n"] {
        assert!(matches!(checked(foreign.as_bytes()).unwrap_err(), FileError::Foreign), "{foreign:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_with_other_events_is_left_alone() {
    let ((first, _one), (table, _)) = (sqlite(), emulated().await);
    filled(&first).await;
    let file = exported(&first).await;
    // What a stack notes and counts by itself is no event.
    assert!(table.put_note("configuration", "{}", 0).await.unwrap());
    assert_eq!(state(&table, &checked(&file).unwrap()).await.unwrap(), State::Fresh);
    let key = store::contract::key("xhq-sh", "order:S9", 9);
    table.admit(&event_with(key, NOW, noise(10, 1)), &hub::Work::default(), None).await.unwrap();
    let before = lines(&exported(&table).await);
    assert!(matches!(imported(&table, &file).await, Err(ImportError::NotEmpty)));
    assert_eq!(lines(&exported(&table).await), before);

    let (other, _two) = sqlite();
    imported(&other, &file).await.unwrap();
    let more = Stored::Note { name: "more".to_owned(), value: String::new() };
    first.put_stored(&more).await.unwrap();
    let file = exported(&first).await;
    assert!(matches!(imported(&other, &file).await, Err(ImportError::Another)));
}

/// Wherever an import is broken off, by a failure or by the end of its process, its repetition completes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_broken_off_is_completed() {
    let (first, _folder) = sqlite();
    filled(&first).await;
    let file = exported(&first).await;
    for ms in [0, 1, 3, 10, 30] {
        let (table, emulator) = emulated().await;
        let broken = tokio::time::timeout(Duration::from_millis(ms), imported(&table, &file)).await;
        drop(broken);
        emulator.always(Fault::Denied);
        assert!(imported(&table, &file).await.is_err());
        emulator.always(Fault::None);
        imported(&table, &file).await.unwrap();
        assert_eq!(lines(&exported(&table).await), lines(&file), "broken off after {ms} ms");
    }
}

/// A change by another process between two halves of an import is told, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_during_an_import_is_told() {
    let ((first, _one), (copy, _two)) = (sqlite(), sqlite());
    filled(&first).await;
    let file = exported(&first).await;
    let sha256 = checked(&file).unwrap().sha256;
    assert!(copy.put_note(transfer::NOTE, &format!(r#"{{"export":"{sha256}","done":false}}"#), 0).await.unwrap());
    let Some(Stored::Event(mut record)) = one_of_each().pop() else { panic!("the last is an event") };
    record.work.version += 1;
    copy.put_stored(&Stored::Event(record)).await.unwrap();
    let told = imported(&copy, &file).await.unwrap_err();
    assert!(matches!(told, ImportError::Changed(other) if other.events == 1), "{told}");
}

/// Things that cannot be read are left out and counted, and the rest is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_events_are_counted_and_left_out() {
    let (first, folder) = sqlite();
    filled(&first).await;
    first.tidy().await.unwrap();
    let db = rusqlite::Connection::open(folder.path().join(store_sqlite::FILE)).unwrap();
    db.execute("UPDATE events SET body = x'00' WHERE n = (SELECT min(n) FROM events)", []).unwrap();
    let mut file = Vec::new();
    let exported = export(&first, &mut file, NOW, "0").await.unwrap();
    assert_eq!((exported.unreadable, exported.kinds.events), (1, 7));
    assert!(!transfer::agree(&exported.ledger, &first.ledger(NOW).await.unwrap()), "the loss shows");
    assert_eq!(checked(&file).unwrap().unreadable, 1);
}
