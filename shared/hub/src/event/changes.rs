//! Tests of each change of an event's work: one count on for its version, and nothing moves that the change is not about.

use super::*;
use crate::progress::Progress;

const ERP: &str = "erp";

fn delivery(state: State) -> Delivery {
    Delivery { state, ..Delivery::new(ERP.into(), Utc(5), Utc(5)) }
}

/// A delivery whose retry waits until `due`.
fn waiting(endpoint: &str, due: Utc) -> Delivery {
    let fresh = Delivery::new(endpoint.into(), Utc(5), due);
    Delivery { progress: Progress { is_claimed: false, ..fresh.progress }, ..fresh }
}

fn work(deliveries: Vec<Delivery>) -> Work {
    Work { version: 3, accepted: 1, deliveries, ..Work::default() }
}

#[test]
fn work_is_open_while_something_is_unfinished() {
    let states = [State::Pending, State::Delivered, State::Failed, State::Confirmed];
    assert_eq!(states.map(|state| work(vec![delivery(state)]).is_open()), [true, false, false, false]);
    let call =
        |standing| Call { standing, ..Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(1), Utc(2)) };
    let standings = [Standing::Queued, Standing::Ambiguous, Standing::Succeeded, Standing::Failed];
    let open = standings.map(|standing| Work { call: Some(call(standing)), ..Work::default() }.is_open());
    assert_eq!(open, [true, true, false, false]);
    assert!(Work { index_by: Some(Utc(9)), ..Work::default() }.is_open());
    assert!(!Work::default().is_open());
}

#[test]
fn ended_wait_makes_one_delivery_due() {
    let (erp, other) = (EndpointId::from(ERP), waiting("other", Utc(70)));
    let next = work(vec![other.clone(), waiting(ERP, Utc(90))]).forwarded(&erp, Utc(9)).unwrap();
    assert_eq!((next.version, next.accepted, &next.deliveries[0]), (4, 1, &other));
    assert_eq!(next.delivery(&erp).map(|delivery| delivery.progress.due), Some(Utc(9)));
    assert_eq!(work(vec![delivery(State::Delivered)]).forwarded(&erp, Utc(9)), None);
    assert_eq!(work(vec![other]).forwarded(&erp, Utc(9)), None);
}

#[test]
fn confirmation_is_one_version_on() {
    let next = work(vec![delivery(State::Failed)]).confirmed(&ERP.into(), Utc(5), Utc(9)).unwrap();
    assert_eq!((next.version, next.deliveries[0].state), (4, State::Confirmed));
}

#[test]
fn each_kind_of_lease_is_released_by_itself() {
    let indexing = Work { index_by: Some(Utc(30)), ..work(vec![delivery(State::Delivered)]) };
    assert_eq!(indexing.released(Utc(9)).map(|next| (next.version, next.index_by)), Some((4, Some(Utc(9)))));

    let claimed = Delivery::new("other".into(), Utc(5), Utc(30));
    let behind = work(vec![waiting(ERP, Utc(6)), claimed]);
    let next = behind.released(Utc(9)).unwrap();
    assert_eq!((next.due(), next.deliveries[1].progress.due), (behind.due(), Utc(9)));

    let call = Call::new("upload".to_owned(), "k".to_owned(), "d".to_owned(), Utc(5), Utc(40));
    let behind = Work { call: Some(call), ..work(vec![waiting(ERP, Utc(6))]) };
    let next = behind.released(Utc(9)).unwrap();
    assert_eq!((next.due(), next.call.map(|call| call.progress.due)), (behind.due(), Some(Utc(9))));
}
