//! Everything in a store without an engine, and the way back.

use hub::{EventKey, Utc};
use store::{Admitted, Placed, StoreError, Stored, StoredPage, whole_seconds};

use super::model::Model;

pub(super) fn page(model: &Model, from: Option<&str>, limit: usize, now: Utc) -> Result<StoredPage, StoreError> {
    let skipped = from.map_or(Ok(0), str::parse).map_err(|_| StoreError::BadCursor { verb: "stored" })?;
    let all = model.everything(now);
    let items: Vec<_> = all.iter().skip(skipped).take(limit).cloned().collect();
    let end = skipped + items.len();
    Ok(StoredPage { next: (end < all.len()).then(|| end.to_string()), items, unreadable: 0 })
}

pub(super) fn put(model: &mut Model, what: &Stored) -> Placed {
    let there = model.everything(Utc(i64::MIN)).into_iter().find(|there| place(there) == place(what));
    match (there, what) {
        (Some(Stored::Alias { expires: own, .. }), Stored::Alias { expires, .. }) if own < *expires => {}
        (Some(there), _) => return Placed::found(same(&there, what)),
        (None, _) => {}
    }
    match what {
        Stored::Event(record) => {
            let admitted = model.admit(&record.event, &record.work, None, (Utc(i64::MIN), Utc(i64::MIN)));
            assert_eq!(admitted, Admitted::New);
        }
        Stored::Head { connection, subject, kind, head, expires } => {
            model.put_head((connection.clone(), subject.clone(), kind.clone()), head.clone(), *expires);
        }
        Stored::Alias { alias, connection, subject, expires } => {
            model.alias(std::slice::from_ref(alias), &(connection.clone(), subject.clone()), *expires);
        }
        Stored::Note { name, value } => _ = model.put_note(name, value, 0),
        Stored::Counts { connection, step, counts, expires } => {
            model.add_counts((connection.clone(), *step), counts, whole_seconds(*expires));
        }
        Stored::Audit(entry) => model.audit.put(entry),
    }
    Placed::New
}

/// Name of the place of a thing, which no other has.
fn place(what: &Stored) -> String {
    match what {
        Stored::Event(record) => {
            let EventKey { connection, subject, id } = &record.event.key;
            format!("event {connection} {subject} {id}")
        }
        Stored::Head { connection, subject, kind, .. } => format!("head {connection} {subject} {kind}"),
        Stored::Alias { alias, connection, subject, .. } => format!("alias {alias} {connection} {subject}"),
        Stored::Note { name, .. } => format!("note {name}"),
        Stored::Counts { connection, step, .. } => format!("counts {connection} {}", step.0),
        Stored::Audit(entry) => format!("audit {}", entry.place()),
    }
}

fn same(there: &Stored, what: &Stored) -> bool {
    match (there, what) {
        (Stored::Head { head: there, .. }, Stored::Head { head, .. }) => there == head,
        (Stored::Counts { counts: there, .. }, Stored::Counts { counts, .. }) => there == counts,
        (Stored::Audit(there), Stored::Audit(entry)) => there.fitted() == entry.fitted(),
        (Stored::Alias { .. }, Stored::Alias { .. }) => true,
        (there, what) => there == what,
    }
}
