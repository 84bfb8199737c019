//! The promises of a store, as tests that every engine runs.
//!
//! One function per promise, generic over the engine, each on a store of its own. An engine's tests run them all with
//! [`contract_tests!`](crate::contract_tests). They use times of their own, never the machine's clock, and whole
//! seconds for expiry, which is as fine as engines must tell it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests, compiled as a library so that the engines' crates can run them"
)]

mod admission;
mod audit;
mod chains;
mod counts;
mod expiry;
mod files;
mod history;
mod lists;
mod names;
mod order;
mod pulls;
mod recent;
mod settling;
mod stored;
mod watches;

use std::time::Duration;

use bytes::Bytes;
use hub::delivery::{Delivery, State};
use hub::event::Meta;
use hub::{ConnectionId, EndpointId, Event, EventId, EventKey, Record, Subject, Utc, Work, identity};

use crate::{Admitted, Page, Result, Store};

pub use admission::*;
pub use audit::*;
pub use chains::*;
pub use counts::*;
pub use expiry::*;
pub use files::*;
pub use history::*;
pub use lists::*;
pub use names::*;
pub use order::*;
pub use pulls::*;
pub use recent::*;
pub use settling::*;
pub use stored::*;
pub use watches::*;

/// Hands the names of all promises to the macro of that name, behind what else it is given.
#[macro_export]
macro_rules! contract_cases {
    ($then:ident $($given:tt)*) => {
        $then! { $($given)*
            an_event_is_new_once
            of_many_concurrent_equals_one_is_new
            small_bodies_come_back_byte_for_byte
            large_bodies_come_back_byte_for_byte
            the_largest_body_comes_back_byte_for_byte
            metadata_of_an_event_is_read_back
            any_text_is_a_key
            the_longest_keys_are_taken
            the_same_under_two_subjects_is_two_events
            variants_of_a_body_never_mix
            a_chain_moves_with_its_event
            a_wrong_link_stores_nothing
            of_many_concurrent_equals_in_a_chain_one_is_new
            of_many_late_equals_of_the_latest_one_is_new
            of_many_different_successors_one_is_new
            an_event_that_exists_is_a_duplicate_under_any_link
            chains_of_other_types_and_subjects_are_apart
            chains_of_other_subjects_move_with_an_event
            chains_move_together_or_not_at_all
            of_many_concurrent_moves_of_many_chains_one_is_stored
            a_change_needs_the_version_before_it
            of_many_racing_changes_one_is_stored
            a_change_of_nothing_is_stale
            a_change_leaves_the_event_alone
            due_work_comes_longest_due_first
            due_work_is_limited_to_the_longest_due
            settled_work_is_no_longer_due
            work_due_later_comes_furthest_ahead_first
            failed_deliveries_are_listed_once_across_pages
            failed_deliveries_are_listed_by_endpoint
            failed_and_pending_work_is_in_both_lists
            confirmed_and_delivered_work_is_in_no_list
            pending_work_is_listed_by_destination_across_pages
            settled_work_is_not_pending
            a_pending_cursor_of_another_list_is_refused
            foreign_cursor_is_refused
            a_timeline_is_in_the_order_of_reception
            a_timeline_is_of_one_subject_and_connection
            a_timeline_keeps_the_latest_thousand
            history_has_each_event_of_its_subject_once_across_pages
            history_cursor_of_another_list_is_refused
            expired_events_are_in_no_history
            pending_work_of_any_destination_is_listed
            earliest_deliveries_come_in_the_order_of_reception
            a_sequence_is_of_one_subject_and_endpoint
            ended_deliveries_leave_their_sequence
            earliest_sees_each_change_at_once
            earliest_of_many_events_is_found
            pending_delivery_outlives_its_event_in_its_sequence
            expired_events_are_nowhere
            open_work_does_not_expire
            settled_work_expires_with_its_event
            an_expired_event_is_admitted_again
            an_expired_head_is_none
            an_alias_names_every_subject_that_has_it
            an_alias_lasts_as_long_as_its_latest_repetition
            a_lease_has_one_holder
            lease_that_lasts_too_long_is_void
            of_many_takers_one_has_the_lease
            a_note_changes_over_the_version_that_was_read
            of_many_writers_one_note_is_kept
            notes_and_leases_of_one_name_are_apart
            the_ledger_counts_deliveries_by_connection
            a_replay_changes_what_was_accepted
            waiting_work_excludes_failed_calls
            calls_are_due_stuck_and_counted_like_deliveries
            recent_events_come_newest_first_across_pages
            recent_events_are_those_between_two_times
            recent_events_are_of_the_connections_asked_for
            recent_calls_are_listed_alone_too
            recent_event_keeps_its_place_when_its_work_changes
            recent_events_expire
            recent_cursor_of_another_list_is_refused
            picked_items_are_listed_once_across_pages
            pullable_deliveries_are_listed_in_the_order_of_reception
            pullable_deliveries_are_due_for_no_sweep
            work_due_beside_a_pullable_delivery_is_found
            lease_and_end_change_the_pull_list_at_once
            of_many_racing_leases_one_is_stored
            pullable_work_does_not_expire
            redirected_delivery_changes_its_list
            watches_are_due_apart_from_other_work
            watches_are_listed_across_pages_until_they_end
            watch_of_a_shipment_begins_once_and_is_counted
            files_are_due_apart_from_other_work
            files_are_listed_while_waited_for_and_once_given_up
            files_of_an_event_begin_once_and_are_counted
            content_belongs_to_all_who_name_it
            concurrent_additions_lose_nothing
            counts_are_read_by_connection_and_time
            latest_times_are_those_of_the_later_addition
            counts_of_many_names_are_exact
            expired_counts_are_not_read
            the_audit_trail_is_listed_once_latest_first
            an_audit_entry_gets_its_result_once
            the_audit_trail_is_filtered
            audit_of_a_subject_names_that_alone
            audit_of_a_subject_is_limited_to_the_latest
            an_audit_entry_of_any_size_is_taken
            an_expired_audit_entry_is_nowhere
            an_audit_cursor_of_another_list_is_refused
            what_is_put_is_read_as_it_was
            everything_is_what_the_other_verbs_store
            work_that_is_put_goes_on
            what_is_there_stays
            expired_things_are_not_among_everything
            cursor_of_everything_is_refused_elsewhere
        }
    };
}

/// Makes one test of each promise. The argument is the path of an async function without arguments that gives a fresh,
/// empty store; the calling crate needs `tokio`.
#[macro_export]
macro_rules! contract_tests {
    ($make:path) => {
        use $crate::contract_test_each;
        $crate::contract_cases! { contract_test_each $make; }
    };
}

/// Makes one test of each named promise.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_test_each {
    ($make:path; $($case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::contract::$case($make().await).await;
            }
        )*
    };
}

/// The time at which the tests take place.
const NOW: Utc = Utc(1_790_000_000_000_000);

/// Retention of the tests' events, unless they say otherwise.
const KEPT: Duration = Duration::from_hours(90 * 24);

fn at(seconds: i64) -> Utc {
    Utc(NOW.0 + seconds * 1_000_000)
}

/// A key as `identity` makes them: the id begins with what is derived from connection and subject.
#[must_use]
pub fn key(connection: &str, subject: &str, id: u32) -> EventKey {
    let (connection, subject) = (ConnectionId::from(connection), Subject::from(subject));
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&identity::prefix(&connection, &subject));
    bytes[20..].copy_from_slice(&id.to_be_bytes());
    EventKey { connection, subject, id: EventId(bytes) }
}

/// An event of the connection `xhq-sh` about `order:S1`, received at [`NOW`].
fn event(id: u32) -> Event {
    event_with(key("xhq-sh", "order:S1", id), NOW, Bytes::from(format!("{{\"n\":{id}}}")))
}

/// An event with that key and body, in XHQ's shape.
pub fn event_with(key: EventKey, received: Utc, body: Bytes) -> Event {
    let meta = Meta::json("xhq.syn_status".into(), received, received.after(KEPT), body.len());
    Event { key, meta, body }
}

/// Work of one pending delivery, due at that time.
fn pending(due: Utc) -> Work {
    work([("erp", State::Pending)], due)
}

fn work<const N: usize>(deliveries: [(&str, State); N], due: Utc) -> Work {
    let delivery = |(endpoint, state)| Delivery { state, ..Delivery::new(EndpointId::from(endpoint), NOW, due) };
    Work {
        accepted: u32::try_from(N.max(1)).unwrap(),
        deliveries: deliveries.map(delivery).to_vec(),
        ..Work::default()
    }
}

/// The next version of some work, with all deliveries in one state.
fn next(work: &Work, state: State) -> Work {
    let mut work = work.clone();
    work.version += 1;
    work.deliveries.iter_mut().for_each(|delivery| delivery.state = state);
    work
}

/// The keys of a list, page after page, each of at most that many.
async fn every_page(limit: usize, read: impl AsyncFn(Option<String>) -> Result<Page>) -> Vec<EventKey> {
    let (mut keys, mut from) = (Vec::new(), None);
    for _ in 0..3_000 {
        let page = read(from).await.unwrap();
        assert!(page.items.len() <= limit, "a page of {} over a limit of {limit}", page.items.len());
        assert_eq!(page.unreadable, 0);
        keys.extend(page.items.into_iter().map(|listed| listed.key));
        from = page.next;
        if from.is_none() {
            return keys;
        }
    }
    panic!("the list has no end");
}

async fn admit(store: &impl Store, event: &Event, work: &Work) -> Admitted {
    store.admit(event, work, None).await.unwrap()
}

async fn loaded(store: &impl Store, key: &EventKey) -> Record {
    store.load(key, NOW).await.unwrap().expect("the event is stored")
}

/// Bytes that no compression makes smaller, the same for the same seed.
#[must_use]
pub fn noise(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(len).collect()
}
