//! Files: due and listed apart from other work, and kept as long as something names them.

use std::slice::from_ref;

use hub::files::record::{Source, begun, content};
use hub::files::{File, FileHash, Files, State};
use hub::ledger::Tally;
use hub::{EventKey, EventType, Record, Utc, Work};

use super::{KEPT, NOW, admit, at, event, every_page, key, pending};
use crate::{Admitted, Aside, Failed, Pending, Settled, Store};

/// The files of an event, due at that time.
fn named(event: u32, due: Option<Utc>) -> Record {
    let (event, kind) = (key("xhq-sh", &format!("order:{event}"), event), EventType::from("xhq.single_receipt"));
    let file = File { due, ..File::new("releaseNotice".to_owned(), "http://a/1.pdf".to_owned(), NOW) };
    let files = Files { by: kind.clone(), event: Some(event.id), entries: vec![file], left_out: 0, unknown: None };
    begun(Source::Event(&event, &kind), files, NOW, KEPT)
}

/// The next version, in that state.
fn next(record: &Record, state: State, due: Option<Utc>) -> Work {
    let mut work = Work { version: record.work.version + 1, ..record.work.clone() };
    for file in work.files.iter_mut().flat_map(|files| &mut files.entries) {
        (file.state, file.due) = (state, due);
    }
    work
}

async fn begin(store: &impl Store, record: &Record) -> EventKey {
    assert_eq!(admit(store, &record.event, &record.work).await, Admitted::New);
    record.event.key.clone()
}

/// Neither hides the other, nor a watch, however much of it there is.
pub async fn files_are_due_apart_from_other_work(store: impl Store) {
    admit(&store, &event(1), &pending(at(-9))).await;
    let (first, second, later) = (named(1, Some(at(-20))), named(2, Some(at(-30))), named(3, Some(at(60))));
    let mut keys = Vec::new();
    for record in [&first, &second, &later] {
        keys.push(begin(&store, record).await);
    }
    assert_eq!(store.due(NOW, 10).await.unwrap(), [event(1).key]);
    assert_eq!(store.due_aside(Aside::Files, NOW, 10).await.unwrap(), [keys[1].clone(), keys[0].clone()]);
    assert_eq!(store.due_aside(Aside::Files, NOW, 1).await.unwrap(), [keys[1].clone()]);
    assert_eq!(store.due_aside(Aside::Watches, at(99), 10).await.unwrap(), []);
    assert_eq!(store.ahead_aside(Aside::Watches, at(-99), 10).await.unwrap(), []);
    assert_eq!(store.ahead_aside(Aside::Files, at(-21), 10).await.unwrap(), [keys[2].clone(), keys[0].clone()]);
    assert_eq!(store.ahead(NOW, 10).await.unwrap(), []);
    assert_eq!(store.settle(&keys[1], &next(&second, State::Kept, None)).await.unwrap(), Settled::Done);
    assert_eq!(store.settle(&keys[1], &next(&second, State::Kept, None)).await.unwrap(), Settled::Stale);
    assert_eq!(store.due_aside(Aside::Files, NOW, 10).await.unwrap(), [keys[0].clone()]);
    // The furthest that a time can be.
    let far = next(&first, State::Waiting, Some(Utc(i64::MAX)));
    assert_eq!(store.settle(&keys[0], &far).await.unwrap(), Settled::Done);
    assert_eq!(store.ahead_aside(Aside::Files, at(60), 10).await.unwrap(), [keys[0].clone()]);
    assert_eq!(store.ahead_aside(Aside::Watches, NOW, 10).await.unwrap(), []);
}

/// Until none is waited for; then those that were given up are in a list of their own.
pub async fn files_are_listed_while_waited_for_and_once_given_up(store: impl Store) {
    admit(&store, &event(100), &pending(at(-9))).await;
    let (mut waiting, mut lost) = (Vec::new(), Vec::new());
    for n in 0..30 {
        let record = named(n, Some(at(i64::from(n))));
        let key = begin(&store, &record).await;
        let settled = match n % 3 {
            0 => next(&record, State::Kept, None),
            1 => {
                lost.push(key.clone());
                next(&record, State::Expired, None)
            }
            _ => {
                waiting.push(key);
                continue;
            }
        };
        assert_eq!(store.settle(&key, &settled).await.unwrap(), Settled::Done);
    }
    waiting.sort();
    lost.sort();
    for limit in [1, 7, 100] {
        let mut found =
            every_page(limit, async |from| store.pending(&Pending::Files, from.as_deref(), limit, NOW).await).await;
        found.sort();
        assert_eq!(found, waiting);
        let mut found =
            every_page(limit, async |from| store.failed(&Failed::Files, from.as_deref(), limit, NOW).await).await;
        found.sort();
        assert_eq!(found, lost);
    }
    for which in [Failed::Any, Failed::Waiting] {
        assert_eq!(store.failed(&which, None, 100, NOW).await.unwrap().items, [], "no delivery and no call has failed");
    }
    assert_eq!(store.pending(&Pending::Watches, None, 100, NOW).await.unwrap().items, []);
}

/// Waited for, they last beyond their own expiry; settled, they expire.
pub async fn files_of_an_event_begin_once_and_are_counted(store: impl Store) {
    let record = named(1, Some(at(60)));
    let key = begin(&store, &record).await;
    assert_eq!(admit(&store, &record.event, &record.work).await, Admitted::Duplicate);
    let tally = Tally { accepted: 1, files: 1, ..Tally::default() };
    let long = NOW.after(KEPT * 2);
    for now in [NOW, long] {
        assert_eq!(store.ledger(now).await.unwrap()[&key.connection], tally);
        assert_eq!(store.inspect(&key, now).await.unwrap().unwrap().work, record.work);
    }
    assert_eq!(store.settle(&key, &next(&record, State::Expired, None)).await.unwrap(), Settled::Done);
    assert!(store.inspect(&key, NOW).await.unwrap().is_some() && store.inspect(&key, long).await.unwrap().is_none());
    assert_eq!(store.failed(&Failed::Files, None, 10, long).await.unwrap().items, []);
}

/// Of two events that name the same content the later one keeps it, at its own connection and subject or at another.
pub async fn content_belongs_to_all_who_name_it(store: impl Store) {
    let name = content(&FileHash::of(b"%PDF-"));
    let (first, later) = (NOW.after(KEPT), NOW.after(KEPT * 2));
    store.alias(from_ref(&name), &"a".into(), &"order:1".into(), first).await.unwrap();
    store.alias(from_ref(&name), &"b".into(), &"order:2".into(), first).await.unwrap();
    store.alias(from_ref(&name), &"b".into(), &"order:2".into(), later).await.unwrap();
    store.alias(from_ref(&name), &"b".into(), &"order:2".into(), first).await.unwrap();
    let owners = async |now: Utc| {
        let mut owners = store.resolve(&name, now).await.unwrap();
        owners.sort();
        owners
    };
    assert_eq!(owners(NOW).await, [("a".into(), "order:1".into()), ("b".into(), "order:2".into())]);
    assert_eq!(owners(first).await, [("b".into(), "order:2".into())]);
    assert_eq!(owners(later).await, []);
}
