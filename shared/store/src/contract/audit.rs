//! The audit trail.

use std::time::Duration;

use hub::audit::{Action, Ended, Entry, Touched};
use hub::{EndpointId, Role, Utc};

use super::{NOW, at, key};
use crate::{AuditFilter, AuditPage, MOST_AUDITED, Store, StoreError, audit_of_all};

/// Everything of the last sixty days.
const ALL: AuditFilter =
    AuditFilter { since: Utc(NOW.0 - 60 * 24 * 3_600 * 1_000_000), until: Utc(i64::MAX), key: None, action: None };

fn entry(at: Utc, id: u64, touched: Vec<Touched>) -> Entry {
    let (key, request) = ("张三".to_owned(), serde_json::json!({"endpoint": "erp", "now": true}));
    let (role, action, expires) = (Some(Role::Operator), Action::Replay, NOW.after(Duration::from_hours(24)));
    Entry { at, id, expires, key, role, action, request, result: None, touched, is_cut: false }
}

/// The deliveries of some events of subjects at connections.
fn touched(of: &[(&str, &str)]) -> Vec<Touched> {
    let endpoint = EndpointId::from("erp");
    let keys: Vec<_> = of.iter().map(|(connection, subject)| key(connection, subject, 1)).collect();
    Touched::deliveries(&keys, &endpoint)
}

/// Every entry of a filter, over pages of that size.
async fn all(store: &impl Store, filter: &AuditFilter, limit: usize) -> Vec<Entry> {
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let AuditPage { entries, next } = store.audit(filter, from.as_deref(), limit, NOW).await.unwrap();
        assert!(entries.len() <= limit);
        found.extend(entries);
        match next {
            Some(next) => from = Some(next),
            None => return found,
        }
    }
}

/// Over any number of days, some without entries.
pub async fn the_audit_trail_is_listed_once_latest_first(store: impl Store) {
    let days = [0, 1, 2, 40, 41].map(|day| NOW.0 - day * 24 * 3_600 * 1_000_000);
    let times = days.iter().flat_map(|day| [0, 1, 1, 2].map(|more| Utc(day - more)));
    let entries: Vec<_> = (0..).zip(times).map(|(id, at)| entry(at, id ^ 1, touched(&[("a", "order:1")]))).collect();
    for entry in &entries {
        store.put_audit(entry).await.unwrap();
    }
    let mut expected = entries;
    expected.sort_by_key(|entry| std::cmp::Reverse(entry.place()));
    for limit in [1, 3, 100] {
        assert_eq!(all(&store, &ALL, limit).await, expected, "{limit}");
    }
}

/// It has no result until that is known.
pub async fn an_audit_entry_gets_its_result_once(store: impl Store) {
    let begun = entry(NOW, 1, Vec::new());
    store.put_audit(&begun).await.unwrap();
    assert_eq!(all(&store, &ALL, 10).await, std::slice::from_ref(&begun));
    assert_eq!(store.audit_of(&"a".into(), &"order:1".into(), NOW).await.unwrap(), []);
    let ended = Entry { result: Some(Ended::with(200)), touched: touched(&[("a", "order:1")]), ..begun };
    for _ in 0..2 {
        store.put_audit(&ended).await.unwrap();
        assert_eq!(all(&store, &ALL, 10).await, std::slice::from_ref(&ended));
        assert_eq!(store.audit_of(&"a".into(), &"order:1".into(), NOW).await.unwrap(), std::slice::from_ref(&ended));
    }
}

/// By time, key and action; the beginning of a span is in it, its end is not.
pub async fn the_audit_trail_is_filtered(store: impl Store) {
    for (second, key, action) in [(0, "a", Action::Call), (10, "b", Action::Call), (20, "a", Action::Cancel)] {
        let entry = Entry { key: key.to_owned(), action, ..entry(at(second), 1, Vec::new()) };
        store.put_audit(&entry).await.unwrap();
    }
    let listed = async |filter: AuditFilter| -> Vec<i64> {
        let found = all(&store, &filter, 1).await;
        found.iter().map(|entry| (entry.at.0 - NOW.0) / 1_000_000).collect()
    };
    assert_eq!(listed(AuditFilter { since: at(10), ..ALL }).await, [20, 10]);
    assert_eq!(listed(AuditFilter { until: at(20), ..ALL }).await, [10, 0]);
    assert_eq!(listed(AuditFilter { since: at(5), until: at(6), ..ALL }).await, [0; 0]);
    assert_eq!(listed(AuditFilter { key: Some("a".to_owned()), ..ALL }).await, [20, 0]);
    assert_eq!(listed(AuditFilter { action: Some(Action::Call), ..ALL }).await, [10, 0]);
    assert_eq!(listed(AuditFilter { action: Some(Action::Test), ..ALL }).await, [0; 0]);
}

/// Nothing of another subject or connection.
pub async fn audit_of_a_subject_names_that_alone(store: impl Store) {
    let both = entry(NOW, 1, touched(&[("a", "order:通 1"), ("a", "order:2"), ("b", "order:通 1")]));
    let one = entry(at(-1), 2, touched(&[("a", "order:通 1")]));
    for entry in [&both, &one] {
        store.put_audit(entry).await.unwrap();
    }
    let of =
        async |connection: &str, subject: &str| store.audit_of(&connection.into(), &subject.into(), NOW).await.unwrap();
    let own =
        |entry: &Entry, connection: &str, subject: &str| entry.about(&connection.into(), &subject.into()).unwrap();
    assert_eq!(of("a", "order:通 1").await, [own(&both, "a", "order:通 1"), one.clone()]);
    assert_eq!(of("b", "order:通 1").await, [own(&both, "b", "order:通 1")]);
    assert_eq!(of("b", "order:2").await, []);
    let spots =
        [("a", "order:2"), ("a", "order:通 1")].map(|(connection, subject)| (connection.into(), subject.into()));
    let together = audit_of_all(&store, spots.to_vec(), NOW).await.unwrap();
    assert_eq!(together.iter().map(|entry| (entry.id, entry.touched.len())).collect::<Vec<_>>(), [(1, 2), (2, 1)]);
    // It is no event of the subject.
    assert_eq!(store.timeline(&"a".into(), &"order:2".into(), NOW).await.unwrap(), []);
    assert_eq!(store.history(&"a".into(), &"order:2".into(), None, 10, NOW).await.unwrap().items, []);
    assert!(store.ledger(NOW).await.unwrap().is_empty());
}

/// The latest are kept in sight.
pub async fn audit_of_a_subject_is_limited_to_the_latest(store: impl Store) {
    let count = i64::try_from(MOST_AUDITED).unwrap() + 5;
    for second in 0..count {
        store.put_audit(&entry(at(second), 1, touched(&[("a", "order:1")]))).await.unwrap();
    }
    let found = store.audit_of(&"a".into(), &"order:1".into(), NOW).await.unwrap();
    let times: Vec<_> = found.iter().map(|entry| entry.at).collect();
    assert_eq!(times, (5..count).rev().map(at).collect::<Vec<_>>());
}

/// A thousand events of the longest names.
pub async fn an_audit_entry_of_any_size_is_taken(store: impl Store) {
    let subjects: Vec<_> = (0..1_000).map(|n| format!("order:{n:04}{}", "x".repeat(1_000))).collect();
    let of: Vec<_> = subjects.iter().map(|subject| ("a", subject.as_str())).collect();
    let large = entry(NOW, 1, touched(&of));
    store.put_audit(&large).await.unwrap();
    let found = all(&store, &ALL, 10).await;
    assert_eq!(found, [large.fitted()]);
    assert!(found[0].is_cut);
    for subject in [&subjects[0], &subjects[999]] {
        let found = store.audit_of(&"a".into(), &subject.as_str().into(), NOW).await.unwrap();
        assert_eq!(found.len(), 1, "all are known under their subjects");
    }
}

/// Whatever the list.
pub async fn an_expired_audit_entry_is_nowhere(store: impl Store) {
    let entry = entry(NOW, 1, touched(&[("a", "order:1")]));
    store.put_audit(&entry).await.unwrap();
    let expires = entry.expires;
    let one_before = Utc(expires.0 - 1_000_000);
    for (now, count) in [(one_before, 1), (expires, 0)] {
        assert_eq!(store.audit(&ALL, None, 10, now).await.unwrap().entries.len(), count);
        assert_eq!(store.audit_of(&"a".into(), &"order:1".into(), now).await.unwrap().len(), count);
    }
}

/// No text of a caller's is a place.
pub async fn an_audit_cursor_of_another_list_is_refused(store: impl Store) {
    for from in ["1", "nowhere", "WzAsbnVsbF0", "", "00000000000000000001"] {
        let refused = store.audit(&ALL, Some(from), 10, NOW).await.unwrap_err();
        assert!(matches!(refused, StoreError::BadCursor { .. }), "{from}: {refused}");
    }
}
