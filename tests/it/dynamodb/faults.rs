//! Faults between the SDK and DynamoDB: an answer is positive only where the write is there.

use std::time::Duration;

use bytes::Bytes;
use hub::delivery::{Delivery, State};
use hub::identity::{self, Repeats, Step};
use hub::{Event, EventId, EventKey, Utc, Work};
use store::{Admitted, Link, Settled, Store as _, StoreError, contract};
use store_dynamodb::DynamoStore;
use tokio::time::Instant;

use super::connector::LATE;
use super::{Emulator, Fault, emulated};

pub(crate) const NOW: Utc = Utc(1_790_000_000_000_000);

/// The most requests of an admission that goes on failing: three parts of a large body, each with a pause of half a second
/// or more between the attempts of 13 s.
const REQUESTS: usize = 3 * 32;

pub(crate) fn event(body: Bytes) -> Event {
    let key =
        EventKey { connection: "xhq-sh".into(), subject: hub::Subject::new("order", "S2026"), id: EventId([7; 24]) };
    contract::event_with(key, NOW, body)
}

pub(super) fn work() -> Work {
    let delivery = Delivery::new("erp".into(), NOW, NOW.after(Duration::from_mins(1)));
    Work { accepted: 1, deliveries: vec![delivery], ..Work::default() }
}

fn next(work: &Work) -> Work {
    let mut work = work.clone();
    work.version += 1;
    work.deliveries[0].state = State::Delivered;
    work
}

fn link(event: &mut Event) -> Link {
    let content = identity::opaque(&event.key.connection, &event.meta.kind, &event.body);
    let (connection, subject) = (&event.key.connection, &event.key.subject);
    let Step::Next { head, .. } = identity::follow(None, connection, subject, content, NOW, Repeats::Always) else {
        panic!("a chain begins with a new event");
    };
    event.key.id = head.event;
    Link::own(event, None, head)
}

async fn is_stored(store: &DynamoStore, event: &Event) -> bool {
    store.load(&event.key, NOW).await.unwrap().is_some_and(|record| record.event == *event)
}

/// An admission of each shape: alone, with a large body, with a chain.
async fn admissions() -> Vec<(DynamoStore, Emulator, Event, Option<Link>)> {
    let mut admissions = Vec::new();
    for shape in 0..3 {
        let (store, emulator) = emulated().await;
        let mut event = event(if shape == 1 { super::sizes::noise(800_000) } else { Bytes::from_static(b"{}") });
        let link = (shape == 2).then(|| link(&mut event));
        emulator.seen();
        admissions.push((store, emulator, event, link));
    }
    admissions
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_repeated() {
    for (store, emulator, event, link) in admissions().await {
        emulator.next(&[Fault::Lost]);
        assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::New);
        assert!(is_stored(&store, &event).await);
    }
}

/// The repetition finds its own write, and knows it: new to everybody else too, so its hints go out.
#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_new() {
    for fault in [Fault::AnswerLost, Fault::AnswerLate, Fault::Internal] {
        for (store, emulator, event, link) in admissions().await {
            let parts = if event.body.len() > 100_000 { 3 } else { 0 };
            emulator.next(&[Fault::AnswerLost].repeat(parts));
            // The parts and their repetitions, and then the event.
            emulator.next(&[Fault::None].repeat(parts));
            emulator.next(&[fault]);
            assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::New, "{fault:?}");
            assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::Duplicate);
            assert!(is_stored(&store, &event).await);
        }
    }
}

/// A write of another process is not taken for this process's write, whose answer was lost.
#[tokio::test(start_paused = true)]
async fn equal_write_of_another_process_is_a_duplicate() {
    let (store, emulator) = emulated().await;
    let event = event(Bytes::from_static(b"{}"));
    store.admit(&event, &work(), None).await.unwrap();
    emulator.next(&[Fault::AnswerLost, Fault::Lost]);
    assert_eq!(store.admit(&event, &work(), None).await.unwrap(), Admitted::Duplicate);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_unavailable_and_ends() {
    for (store, emulator, event, link) in admissions().await {
        emulator.always(Fault::Lost);
        let error = store.admit(&event, &work(), link.as_ref()).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { verb: "admit", .. }), "{error:?}");
        assert!(emulator.seen().len() <= REQUESTS, "an outage is knocked on too often");
        emulator.always(Fault::None);
        assert!(!is_stored(&store, &event).await);
        assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::New);
    }
}

/// A large body that is stored in part only is not stored.
#[tokio::test(start_paused = true)]
async fn a_body_stored_in_part_is_no_event() {
    let (store, emulator) = emulated().await;
    let event = event(super::sizes::noise(800_000));
    emulator.next(&[Fault::None, Fault::None]);
    emulator.always(Fault::Throttled);
    assert!(store.admit(&event, &work(), None).await.is_err());
    emulator.always(Fault::None);
    assert!(!is_stored(&store, &event).await);
    assert_eq!(store.timeline(&event.key.connection, &event.key.subject, NOW).await.unwrap(), []);
    assert_eq!(store.admit(&event, &work(), None).await.unwrap(), Admitted::New);
    assert!(is_stored(&store, &event).await);
}

/// Three resets in a moment, or one throttled write, were a negative answer with seconds of the partner's time left.
#[tokio::test(start_paused = true)]
async fn immediate_failure_is_retried_until_the_time_is_over() {
    for fault in [Fault::Lost, Fault::Throttled, Fault::Conflict, Fault::Internal] {
        let (store, emulator) = emulated().await;
        let event = event(Bytes::from_static(b"{}"));
        emulator.next(&[fault; 8]);
        let began = Instant::now();
        assert_eq!(store.admit(&event, &work(), None).await.unwrap(), Admitted::New, "{fault:?}");
        assert!(began.elapsed() >= Duration::from_millis(600), "there is no pause between {fault:?}");
    }
}

/// A call that goes on failing ends, and what is out of breath is not knocked on all the time.
#[tokio::test(start_paused = true)]
async fn throttling_that_does_not_pass_is_unavailable_in_bounded_time() {
    for (store, emulator, event, link) in admissions().await {
        emulator.always(Fault::Throttled);
        let began = Instant::now();
        let error = store.admit(&event, &work(), link.as_ref()).await.unwrap_err();
        assert!(error.retryable(), "{error:?}");
        assert!(began.elapsed() <= Duration::from_secs(13), "{:?}", began.elapsed());
        assert!(emulator.seen().len() <= REQUESTS);
        emulator.always(Fault::None);
        assert!(!is_stored(&store, &event).await);
    }
}

/// The handshake of a new connection that took longer than an attempt was thrown away with it, and began anew.
#[tokio::test(start_paused = true)]
async fn abandoned_attempt_continues() {
    let (store, emulator) = emulated().await;
    let event = event(Bytes::from_static(b"{}"));
    emulator.next(&[Fault::Late]);
    let work = work();
    let admission = store.admit(&event, &work, None);
    assert!(tokio::time::timeout(LATE / 4, admission).await.is_err());
    tokio::time::timeout(LATE, async {
        while !is_stored(&store, &event).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

/// The first attempt is carried out after the second has begun: one write, and it is the caller's own.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_comes_late_is_the_same_write() {
    for (store, emulator, event, link) in admissions().await {
        emulator.next(&[Fault::Late, Fault::None]);
        assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::New);
        tokio::time::sleep(LATE).await;
        assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::Duplicate);
        assert!(is_stored(&store, &event).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_passes() {
    for (store, emulator, event, link) in admissions().await {
        emulator.next(&[Fault::Conflict, Fault::Conflict]);
        assert_eq!(store.admit(&event, &work(), link.as_ref()).await.unwrap(), Admitted::New);
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_does_not_pass_is_unavailable() {
    let (store, emulator) = emulated().await;
    let mut event = event(Bytes::from_static(b"{}"));
    let link = link(&mut event);
    emulator.always(Fault::Conflict);
    let error = store.admit(&event, &work(), Some(&link)).await.unwrap_err();
    assert!(error.retryable());
    emulator.always(Fault::None);
    assert!(!is_stored(&store, &event).await);
}

/// Dropped where the caller's patience ends, at whatever point: what is stored is either all or nothing.
#[tokio::test(start_paused = true)]
async fn an_admission_given_up_is_all_or_nothing() {
    for (store, emulator, event, link) in admissions().await {
        emulator.always(Fault::AnswerLate);
        let work = work();
        let admission = store.admit(&event, &work, link.as_ref());
        assert!(tokio::time::timeout(Duration::from_millis(20), admission).await.is_err());
        emulator.always(Fault::None);
        let stored = is_stored(&store, &event).await;
        let answer = store.admit(&event, &work, link.as_ref()).await.unwrap();
        assert_eq!(answer == Admitted::Duplicate, stored, "{answer:?}");
        assert!(is_stored(&store, &event).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_is_lost_is_done() {
    let (store, emulator) = emulated().await;
    let (event, first) = (event(Bytes::from_static(b"{}")), work());
    store.admit(&event, &first, None).await.unwrap();
    emulator.next(&[Fault::AnswerLost]);
    assert_eq!(store.settle(&event.key, &next(&first)).await.unwrap(), Settled::Done);
    emulator.next(&[Fault::AnswerLost]);
    assert_eq!(store.settle(&event.key, &next(&first)).await.unwrap(), Settled::Stale, "an equal of somebody else");
    assert_eq!(store.load(&event.key, NOW).await.unwrap().unwrap().work, next(&first));
}

#[tokio::test(start_paused = true)]
async fn a_note_whose_answer_is_lost_is_kept() {
    let (store, emulator) = emulated().await;
    for over in 0..2 {
        emulator.next(&[Fault::AnswerLost]);
        assert!(store.put_note("breaker", "open", over).await.unwrap());
        assert!(!store.put_note("breaker", "open", over).await.unwrap());
    }
    emulator.next(&[Fault::AnswerLost]);
    assert!(store.lease("sweep", "a", NOW, NOW.after(Duration::from_secs(1))).await.unwrap());
}

/// An invalid request is not repeated, and the caller gets the error.
#[tokio::test(start_paused = true)]
async fn a_table_that_is_missing_is_refused() {
    let emulator = Emulator::new();
    let store = DynamoStore::new(super::client(emulator.http_client()), "missing".to_owned());
    let error = store.note("x").await.unwrap_err();
    assert!(!error.retryable() && emulator.seen().len() == 1, "{error:?}");
}

/// A part of a body that is gone is not passed over.
#[tokio::test(start_paused = true)]
async fn a_body_with_a_part_missing_is_corrupt() {
    let (store, emulator) = emulated().await;
    let event = event(super::sizes::noise(800_000));
    store.admit(&event, &work(), None).await.unwrap();
    emulator.remove_first("B#");
    let error = store.load(&event.key, NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }) && !error.retryable(), "{error:?}");
    assert!(store.inspect(&event.key, NOW).await.unwrap().is_some(), "the rest of it can be read");
}
