//! Deliveries that consumers lease: listed apart, due for no sweep, and never expired.

use hub::delivery::{Delivery, State};
use hub::{EndpointId, EventKey, Utc, Work};

use super::{KEPT, NOW, admit, at, event, event_with, key, pending};
use crate::{Admitted, Failed, Pending, Settled, Store};

/// A delivery that a consumer of that endpoint leases, waiting since a time.
fn pulled(endpoint: &str, since: Utc) -> Delivery {
    let mut delivery = Delivery::new(endpoint.into(), since, since);
    delivery.pull = true;
    delivery.progress.is_claimed = false;
    delivery
}

fn waiting(endpoints: &[&str], since: Utc) -> Work {
    let deliveries: Vec<_> = endpoints.iter().map(|endpoint| pulled(endpoint, since)).collect();
    Work { accepted: u32::try_from(deliveries.len()).unwrap(), deliveries, ..Work::default() }
}

/// The next version, with the delivery to an endpoint changed.
fn changed(work: &Work, endpoint: &str, change: impl FnOnce(Delivery) -> Delivery) -> Work {
    let delivery = work.delivery(&endpoint.into()).unwrap().clone();
    Work { version: work.version + 1, ..work.clone() }.with(change(delivery))
}

fn ended(delivery: Delivery) -> Delivery {
    Delivery { state: State::Delivered, ..delivery }
}

/// Those listed for an endpoint; an engine may list other endpoints' too.
async fn listed(store: &impl Store, endpoint: &str) -> Vec<EventKey> {
    let endpoint = EndpointId::from(endpoint);
    let mut own = Vec::new();
    for key in store.pullable(Some(&endpoint), 1_000).await.unwrap() {
        let work = store.inspect(&key, NOW).await.unwrap().unwrap().work;
        if work.pullable().any(|delivery| delivery.endpoint == endpoint) {
            own.push(key);
        }
    }
    own
}

async fn settle(store: &impl Store, key: &EventKey, work: &Work) {
    assert_eq!(store.settle(key, work).await.unwrap(), Settled::Done);
}

/// Whatever else is pending.
pub async fn pullable_deliveries_are_listed_in_the_order_of_reception(store: impl Store) {
    let mut expected = Vec::new();
    for n in 0..40_u32 {
        let received = at(i64::from(n));
        let other = event_with(key("xhq-sh", "order:S2", n), received, "{}".into());
        admit(&store, &other, &pending(at(-5))).await;
        let own = event_with(key("xhq-sh", "order:S1", n), received, "{}".into());
        assert_eq!(admit(&store, &own, &waiting(&["erp"], received)).await, Admitted::New);
        expected.push(own.key);
    }
    let wms = event_with(key("xhq-sh", "order:S3", 1), at(50), "{}".into());
    admit(&store, &wms, &waiting(&["wms"], at(50))).await;
    let both = event_with(key("xhq-sh", "order:S3", 2), at(60), "{}".into());
    admit(&store, &both, &waiting(&["erp", "wms"], at(60))).await;
    expected.push(both.key.clone());
    assert_eq!(listed(&store, "erp").await, expected);
    assert_eq!(listed(&store, "wms").await, [wms.key.clone(), both.key.clone()]);
    assert_eq!(listed(&store, "gone").await, []);
    let erp = EndpointId::from("erp");
    assert_eq!(store.pullable(Some(&erp), 7).await.unwrap(), expected[..7]);
    let mut all = store.pullable(None, 1_000).await.unwrap();
    all.dedup();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 42);
}

/// They are pending, like others, and never in the way of others.
pub async fn pullable_deliveries_are_due_for_no_sweep(store: impl Store) {
    let (own, leased, late) = (event(1), event(2), event(3));
    admit(&store, &own, &waiting(&["erp"], at(-90))).await;
    admit(&store, &leased, &waiting(&["erp"], at(-90))).await;
    let lease = changed(&waiting(&["erp"], at(-90)), "erp", |delivery| delivery.leased(at(-30), at(-60)));
    settle(&store, &leased.key, &lease).await;
    admit(&store, &late, &pending(at(-5))).await;
    assert_eq!(store.due(at(1_000_000), 10).await.unwrap(), std::slice::from_ref(&late.key));
    assert_eq!(store.due_pullable(at(1_000_000), 10).await.unwrap(), []);
    assert_eq!(store.ahead(at(-1_000), 10).await.unwrap(), std::slice::from_ref(&late.key));
    for which in [Pending::Any, Pending::At("erp".into())] {
        let page = store.pending(&which, None, 10, NOW).await.unwrap();
        let mut keys: Vec<_> = page.items.into_iter().map(|item| item.key).collect();
        keys.sort();
        assert_eq!(keys, [own.key.clone(), leased.key.clone(), late.key.clone()]);
    }
}

/// The index has one place for an event, and both are found there.
pub async fn work_due_beside_a_pullable_delivery_is_found(store: impl Store) {
    let (first, second, third) = (event(1), event(2), event(3));
    let beside = |due| {
        let mut work = pending(due);
        work.deliveries.push(pulled("reader", NOW));
        Work { accepted: 2, ..work }
    };
    admit(&store, &first, &beside(at(-5))).await;
    admit(&store, &second, &beside(at(60))).await;
    let mut failed = beside(at(-9));
    failed.deliveries.push(Delivery { state: State::Failed, ..Delivery::new("wms".into(), NOW, NOW) });
    failed.accepted = 3;
    admit(&store, &third, &failed).await;
    let due = async |now| {
        let mut keys = store.due(now, 10).await.unwrap();
        keys.extend(store.due_pullable(now, 10).await.unwrap());
        keys.sort();
        keys.dedup();
        keys
    };
    assert_eq!(due(NOW).await, [first.key.clone(), third.key.clone()]);
    assert_eq!(due(at(60)).await.len(), 3);
    assert_eq!(store.ahead(NOW, 10).await.unwrap(), std::slice::from_ref(&second.key));
    let page = store.failed(&Failed::At("wms".into()), None, 10, NOW).await.unwrap();
    assert_eq!(page.items.len(), 1, "it is in the failed list too");
    assert_eq!(listed(&store, "reader").await.len(), 3);
    // The consumer is done first: the rest is due like other work.
    settle(&store, &first.key, &changed(&beside(at(-5)), "reader", ended)).await;
    assert!(store.due(NOW, 10).await.unwrap().contains(&first.key));
    // The other delivery is done first.
    settle(&store, &second.key, &changed(&beside(at(60)), "erp", ended)).await;
    assert!(!due(at(1_000)).await.contains(&second.key));
    let mut left = listed(&store, "reader").await;
    left.sort();
    assert_eq!(left, [second.key.clone(), third.key.clone()]);
}

/// A lease is listed until it is settled; what has ended is not.
pub async fn lease_and_end_change_the_pull_list_at_once(store: impl Store) {
    let own = event(1);
    let work = waiting(&["erp", "wms"], NOW);
    admit(&store, &own, &work).await;
    let leased = changed(&work, "erp", |delivery| delivery.leased(at(60), NOW));
    settle(&store, &own.key, &leased).await;
    assert_eq!(listed(&store, "erp").await, std::slice::from_ref(&own.key), "a lease that ends is found again");
    let done = changed(&leased, "erp", ended);
    settle(&store, &own.key, &done).await;
    assert_eq!(listed(&store, "erp").await, []);
    assert_eq!(listed(&store, "wms").await, std::slice::from_ref(&own.key));
    let all = changed(&done, "wms", ended);
    settle(&store, &own.key, &all).await;
    assert_eq!(store.pullable(None, 10).await.unwrap(), []);
    let again = Work { version: all.version + 1, ..all.replayed(&"wms".into(), at(9)).unwrap() };
    settle(&store, &own.key, &again).await;
    assert_eq!(listed(&store, "wms").await, std::slice::from_ref(&own.key), "a replay");
}

/// Two consumers never have the same delivery.
pub async fn of_many_racing_leases_one_is_stored(store: impl Store) {
    let own = event(1);
    let work = waiting(&["erp"], NOW);
    admit(&store, &own, &work).await;
    let lease = changed(&work, "erp", |delivery| delivery.leased(at(60), NOW));
    let leases = (0..16).map(|_| store.settle(&own.key, &lease));
    let stored = futures::future::join_all(leases).await;
    let stored: Vec<_> = stored.into_iter().map(Result::unwrap).filter(|settled| *settled == Settled::Done).collect();
    assert_eq!(stored.len(), 1);
}

/// A consumer may come after months; a large body is there for it.
pub async fn pullable_work_does_not_expire(store: impl Store) {
    let long = NOW.after(KEPT * 3);
    let large = event_with(key("xhq-sh", "order:S2", 2), NOW, super::noise(600_000, 7));
    for own in [event(1), large] {
        let work = waiting(&["erp"], NOW);
        admit(&store, &own, &work).await;
        let record = store.load(&own.key, long).await.unwrap().unwrap();
        assert_eq!((record.event.body, &record.work), (own.body.clone(), &work));
        assert_eq!(admit(&store, &own, &work).await, Admitted::Duplicate);
        settle(&store, &own.key, &changed(&work, "erp", ended)).await;
        assert!(store.inspect(&own.key, NOW).await.unwrap().is_some());
        assert!(store.inspect(&own.key, long).await.unwrap().is_none());
    }
}

/// The endpoint was configured in another way.
pub async fn redirected_delivery_changes_its_list(store: impl Store) {
    let own = event(1);
    let work = waiting(&["erp"], NOW);
    admit(&store, &own, &work).await;
    let sent = Work { version: 1, ..work.redirected(|_| false, at(5)).unwrap() };
    settle(&store, &own.key, &sent).await;
    assert_eq!((listed(&store, "erp").await, store.due(at(5), 10).await.unwrap()), (vec![], vec![own.key.clone()]));
    let back = Work { version: 2, ..sent.redirected(|_| true, at(6)).unwrap() };
    settle(&store, &own.key, &back).await;
    assert_eq!((listed(&store, "erp").await, store.due(at(6), 10).await.unwrap()), (vec![own.key.clone()], vec![]));
}
