//! Keys of pushes and of signatures during their rotation, and allowed networks.

use std::time::Duration;

use partners::Partner;
use simulators::pushes;

use crate::support::http::{exchange, request};
use crate::support::{Plan, erp, erp_with, events, secret, settled, status, taken, within};

/// Another XHQ connection.
fn connection(more: &str) -> String {
    format!("[[connections]]\nid = \"xhq-bj\"\npartner = \"xhq\"\n{more}")
}

fn path(key: &str) -> String {
    pushes::path(Partner::Xhq, "xhq-bj", key, "syn_status")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_keys_work_during_rotation_and_the_old_one_not_after() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let plan = Plan::new().table(&connection(&format!("keys = [\"{old}\", \"{new}\"]")));
    let hub = plan.start().await;
    for (n, (key, status_code)) in [(&old, 200), (&new, 200), (&"x".repeat(32), 404)].into_iter().enumerate() {
        let body = status(&format!("K{n}"), 61);
        let reply = exchange(hub.address(), request("POST", &path(key), "", body.as_bytes())).await.unwrap();
        assert_eq!(reply.status, status_code);
    }
    assert_eq!(events(&hub.context().store).await.len(), 2);
    hub.stop().await;

    let plan = Plan::new().table(&connection(&format!("keys = [\"{new}\"]")));
    let hub = plan.start().await;
    for (key, status_code) in [(&old, 404), (&new, 200)] {
        let body = status("K9", 61);
        let reply = exchange(hub.address(), request("POST", &path(key), "", body.as_bytes())).await.unwrap();
        assert_eq!(reply.status, status_code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_listed_networks_may_push() {
    let key = "k".repeat(32);
    for (networks, code) in [
        (r#""203.0.113.7", "2001:db8::/32""#, 404),
        (r#""203.0.113.0/24""#, 404),
        (r#""203.0.113.7", "127.0.0.0/8""#, 200),
        (r#""127.0.0.1""#, 200),
    ] {
        let table = connection(&format!("keys = [\"{key}\"]\nallow_ips = [{networks}]"));
        let hub = Plan::new().table(&table).start().await;
        // Headers that claim another source address are ignored.
        let claim = "x-forwarded-for: 203.0.113.7\r\nx-real-ip: 203.0.113.7\r\nforwarded: for=203.0.113.7\r\n";
        let push = request("POST", &path(&key), claim, status("I1", 61).as_bytes());
        let reply = exchange(hub.address(), push).await.unwrap();
        assert_eq!(reply.status, code, "{networks}");
        assert_eq!(events(&hub.context().store).await.len(), usize::from(code == 200), "{networks}");
        assert_eq!(reply.json()["state"], code == 200);
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_signing_secrets_rotate_an_erp_with_either_believes() {
    let (old, new, stranger) = (erp_with(1).await, erp_with(2).await, erp_with(3).await);
    let both = format!("secrets = [\"{}\", \"{}\"]", secret(1), secret(2));
    let plan = Plan::new().endpoint("a", &old, &both).endpoint("b", &new, &both).endpoint("c", &stranger, &both);
    let hub = plan.start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    for (erp, believes) in [(&old, true), (&new, true), (&stranger, false)] {
        let got = within(erp.received(1)).await;
        assert_eq!(got[0].signed, believes);
        assert_eq!(got[0].headers["webhook-signature"].to_str().unwrap().split(' ').count(), 2);
    }
    settled(&hub).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_erp_address_needs_permission() {
    let erp = erp().await;
    let table = format!(
        "[[endpoints]]\nid = \"erp\"\nurl = \"{}\"\nsecrets = [\"{}\"]\nretry = [\"1h\"]",
        erp.url(),
        secret(1)
    );
    let hub = Plan::new().table(&table).start().await;
    taken(&hub, Partner::Xhq, "syn_status", status("S1", 61)).await;
    crate::support::attempted(&hub, "order:S1", "erp", 1).await;
    let (_, delivery) = crate::support::delivery(&hub, "order:S1", "erp").await;
    assert_eq!((delivery.state, delivery.progress.attempts[0].status), (hub::delivery::State::Pending, None));
    assert!(
        delivery.progress.due.since(delivery.progress.attempts[0].at) > Duration::from_mins(50),
        "it waits, as for an ERP that is down"
    );
    assert_eq!(erp.count(), 0);
}
