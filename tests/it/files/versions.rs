//! Files beside a version that does not know them.

use std::time::Duration;

use hub::files::record::{Source, begun};
use hub::files::{File, Files, State};
use hub::{EventId, EventKey, EventType, Utc};
use store::Store as _;
use store_sqlite::SqliteStore;

use crate::dynamodb::emulated;
use crate::rolling::last_version;

const NOW: Utc = Utc(1_790_000_000_000_000);

/// The last version would neither do anything with them nor come across them, whether they are waited for or given up: it reads
/// them as an event that nobody wants, and both engines keep them apart from its lists.
#[tokio::test]
async fn last_version_has_nothing_to_do_with_files() {
    let event = EventKey { connection: "xhq-sh".into(), subject: "order:S1".into(), id: EventId([7; 24]) };
    let kind = EventType::from("xhq.single_receipt");
    for (state, due) in [(State::Waiting, Some(NOW)), (State::Expired, None)] {
        let file = File { state, due, ..File::new("releaseNotice".to_owned(), "http://a/1".to_owned(), NOW) };
        let files = Files { by: kind.clone(), event: Some(event.id), entries: vec![file], left_out: 0, unknown: None };
        let record = begun(Source::Event(&event, &kind), files, NOW, Duration::from_hours(24));
        let work: last_version::Work = last_version::read(&serde_json::to_vec(&record.work).unwrap());
        assert!(work.accepted == 1 && work.deliveries.is_empty() && work.call.is_none() && work.index_by.is_none());
        let _: last_version::Meta = last_version::read(&serde_json::to_vec(&record.event.meta).unwrap());

        let (store, emulator) = emulated().await;
        store.admit(&record.event, &record.work, None).await.unwrap();
        let items = emulator.items();
        let [item] = items.as_slice() else { panic!("{items:?}") };
        let place = item["h"]["S"].as_str().unwrap();
        assert!(!place.starts_with(['D', 'E', 'F', 'G', 'W']), "its lists begin with these: {place}");

        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path()).unwrap();
        store.admit(&record.event, &record.work, None).await.unwrap();
        let db = rusqlite::Connection::open(folder.path().join("tongguan.db")).unwrap();
        let stored: Option<i64> = db.query_row("SELECT due FROM work", [], |row| row.get(0)).unwrap();
        assert_eq!(stored.is_some(), due.is_some());
        let a_thousand_years = NOW.after(Duration::from_hours(24 * 365 * 1_000)).0;
        assert!(stored.is_none_or(|due| due > a_thousand_years), "what is due for it is not due for a while");
    }
}
