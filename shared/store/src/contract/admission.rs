//! Admission: once, durably, byte for byte.

use bytes::Bytes;
use futures::future::join_all;
use hub::event::Data;
use hub::{Alias, Milestone, Record, Subject};

use super::{NOW, admit, at, event, event_with, key, loaded, noise, pending};
use crate::{Admitted, Store};

/// The second admission of a key changes nothing.
pub async fn an_event_is_new_once(store: impl Store) {
    let (first, work) = (event(1), pending(at(30)));
    assert_eq!(store.load(&first.key, NOW).await.unwrap(), None);
    assert_eq!(admit(&store, &first, &work).await, Admitted::New);
    let again = event_with(first.key.clone(), at(5), Bytes::from_static(b" {}"));
    assert_eq!(admit(&store, &again, &pending(at(99))).await, Admitted::Duplicate);
    assert_eq!(loaded(&store, &first.key).await, Record { event: first, work });
}

/// However many equals arrive at once, one of them is new and the others are known.
pub async fn of_many_concurrent_equals_one_is_new(store: impl Store) {
    let (event, work) = (event(1), pending(at(30)));
    let results = join_all((0..64).map(|_| admit(&store, &event, &work))).await;
    assert_eq!(results.iter().filter(|result| **result == Admitted::New).count(), 1);
    assert_eq!(results.iter().filter(|result| **result == Admitted::Duplicate).count(), 63);
}

/// Bodies that fit into an item.
pub async fn small_bodies_come_back_byte_for_byte(store: impl Store) {
    bodies_survive(store, &[0, 1, 1024, 4000]).await;
}

/// Bodies around the places where an engine may begin to store them in parts.
pub async fn large_bodies_come_back_byte_for_byte(store: impl Store) {
    bodies_survive(store, &[4090, 4097, 300 * 1024, 390_000, 420_000]).await;
}

/// The largest request of a Lambda function.
pub async fn the_largest_body_comes_back_byte_for_byte(store: impl Store) {
    bodies_survive(store, &[6 * 1024 * 1024]).await;
}

async fn bodies_survive(store: impl Store, sizes: &[usize]) {
    for (id, size) in (0..).step_by(2).zip(sizes) {
        for (id, body) in [(id, noise(*size, 7)), (id + 1, vec![b' '; *size].into())] {
            let event = event_with(key("xhq-sh", "order:S1", id), NOW, body);
            assert_eq!(admit(&store, &event, &pending(NOW)).await, Admitted::New);
            let record = loaded(&store, &event.key).await;
            assert!(record.event == event, "a body of {size} bytes came back changed");
        }
    }
}

/// Every field of what is known of an event, and of its work.
pub async fn metadata_of_an_event_is_read_back(store: impl Store) {
    let mut event = event(1);
    "text/plain; charset=\"gbk\"".clone_into(&mut event.meta.content_type);
    event.meta.data = Data::Opaque;
    event.meta.milestone = Some(Milestone::Released);
    event.meta.aliases = vec![Alias::new("bl", "提单\n1"), Alias::new("entry", "2")];
    event.meta.malformed = Some("line 1\nline 2".to_owned());
    event.meta.possible_repeat = true;
    let mut work = pending(at(30));
    work.index_by = Some(at(60));
    assert_eq!(admit(&store, &event, &work).await, Admitted::New);
    let listed = store.inspect(&event.key, NOW).await.unwrap().unwrap();
    assert_eq!((listed.key, listed.meta, listed.work), (event.key.clone(), event.meta.clone(), work.clone()));
    assert_eq!(loaded(&store, &event.key).await, Record { event, work });
}

/// Partners' keys are not always identifiers.
pub async fn any_text_is_a_key(store: impl Store) {
    let subjects =
        ["order:通关 2026/壹", "order:#", "order:a'b\"c\\d", "order:😀", "order:", "order:%_*", "order:a#E#b"];
    for subject in subjects {
        let event = event_with(key("xhq-sh", subject, 1), NOW, Bytes::from(subject.to_owned()));
        assert_eq!(admit(&store, &event, &pending(NOW)).await, Admitted::New, "{subject}");
        assert_eq!(loaded(&store, &event.key).await.event, event);
        let timeline = store.timeline(&event.key.connection, &event.key.subject, NOW).await.unwrap();
        assert_eq!(timeline.into_iter().map(|listed| listed.key).collect::<Vec<_>>(), [event.key]);
    }
    assert_eq!(store.due(NOW, 100).await.unwrap().len(), subjects.len());
}

/// A business key may be as long as the partner likes.
pub async fn the_longest_keys_are_taken(store: impl Store) {
    let subject = Subject::new("order", &"长".repeat(5000));
    let alias = Alias::new("bl", &"单".repeat(5000));
    let event = event_with(key(&"c".repeat(64), subject.as_str(), 1), NOW, Bytes::from_static(b"{}"));
    assert_eq!(admit(&store, &event, &pending(NOW)).await, Admitted::New);
    assert_eq!(loaded(&store, &event.key).await.event, event);
    assert_eq!(store.due(NOW, 10).await.unwrap(), std::slice::from_ref(&event.key));
    store.alias(std::slice::from_ref(&alias), &event.key.connection, &subject, at(60)).await.unwrap();
    assert_eq!(store.resolve(&alias, NOW).await.unwrap(), [(event.key.connection, subject)]);
}

/// Events of two subjects may have the same identity within their subject.
pub async fn the_same_under_two_subjects_is_two_events(store: impl Store) {
    for (connection, subject) in [("a", "order:1"), ("a", "order:2"), ("b", "order:1")] {
        let event = event_with(key(connection, subject, 1), NOW, Bytes::from(format!("{connection}{subject}")));
        assert_eq!(admit(&store, &event, &pending(NOW)).await, Admitted::New);
        assert_eq!(loaded(&store, &event.key).await.event, event);
    }
}

/// Two pushes of one event that differ in white space: what is kept is wholly one of them, whichever was first.
pub async fn variants_of_a_body_never_mix(store: impl Store) {
    for id in 0..4 {
        let variants: Vec<_> = (0..6)
            .map(|variant| {
                let blanks = usize::try_from(variant).unwrap();
                let body = [vec![b' '; blanks].into(), noise(500_000 + blanks, variant)].concat();
                let mut event = event_with(key("xhq-sh", "order:S1", id), at(i64::from(id)), body.into());
                event.meta.data = Data::Json(blanks..event.body.len());
                event
            })
            .collect();
        let work = pending(NOW);
        let results = join_all(variants.iter().map(|event| admit(&store, event, &work))).await;
        assert_eq!(results.iter().filter(|result| **result == Admitted::New).count(), 1);
        let kept = loaded(&store, &variants[0].key).await.event;
        let new = results.iter().position(|result| *result == Admitted::New).unwrap();
        assert!(kept == variants[new], "the body that is kept is not the one that was new");
    }
}
