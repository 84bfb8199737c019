//! A watch beside a version that does not know it.

use hub::watch::{Rules, Watch, begun};
use hub::{Subject, Utc};
use serde_json::Value;
use std::time::Duration;
use store::Store as _;
use store_sqlite::SqliteStore;

use crate::dynamodb::emulated;
use crate::rolling::last_version;

const NOW: Utc = Utc(1_790_000_000_000_000);
const RULES: Rules<'_> =
    Rules { silence: Duration::from_mins(1), every: None, until: &[], longest: Duration::from_hours(1) };

/// The last version would neither do anything with it nor come across it: it reads it as an event that nobody wants, and both
/// engines keep it apart from what is due.
#[tokio::test]
async fn last_version_has_nothing_to_do_with_a_watch() {
    let watch = Watch::new("xhq.syn_status".into(), NOW, &RULES);
    let record = begun(&"xhq-sh".into(), &Subject::new("order", "S1"), watch, Duration::from_hours(24));
    let work: last_version::Work = last_version::read(&serde_json::to_vec(&record.work).unwrap());
    assert!(work.accepted == 1 && work.deliveries.is_empty() && work.call.is_none() && work.index_by.is_none());
    let _: last_version::Meta = last_version::read(&serde_json::to_vec(&record.event.meta).unwrap());

    let (store, emulator) = emulated().await;
    store.admit(&record.event, &record.work, None).await.unwrap();
    let items = emulator.items();
    let [item] = items.as_slice() else { panic!("{items:?}") };
    let place = item["h"]["S"].as_str().unwrap();
    assert!(!place.starts_with(['D', 'E', 'F', 'G']), "its lists begin with these: {place}");

    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).unwrap();
    store.admit(&record.event, &record.work, None).await.unwrap();
    let db = rusqlite::Connection::open(folder.path().join("tongguan.db")).unwrap();
    let due: i64 = db.query_row("SELECT due FROM work", [], |row| row.get(0)).unwrap();
    assert!(due > NOW.after(Duration::from_hours(24 * 365 * 1_000)).0, "what is due for it is not due for a while");
    let stored: String = db.query_row("SELECT work FROM work", [], |row| row.get(0)).unwrap();
    let stored: Value = serde_json::from_str(&stored).unwrap();
    assert!(stored["watch"].is_object() && stored["deliveries"] == serde_json::json!([]));
}
