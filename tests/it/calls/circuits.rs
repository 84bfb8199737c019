//! A partner in trouble is not called and delays no other; a healthy one is called no more often than it allows.

use std::sync::Arc;
use std::time::Duration;

use courier::Courier;
use courier::line_name;
use futures::future::join_all;
use hub::ConnectionId;
use hub::breaker::{THRESHOLD, note};
use partners::Partner;
use simulators::api::Fault;
use simulators::erp::Reply;
use store::Store as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::calls::{APP_ID, BGH_ID, Desk, Making, SAFE, UNSAFE, upload};
use crate::support::http::request;
use crate::support::{API_KEY, key, status, sweep, until, within};

/// Number of calls that opens a circuit.
const ENOUGH: usize = THRESHOLD as usize;

/// Another account at the same partner.
fn twin() -> String {
    format!(
        "[[connections]]\nid = \"twin\"\npartner = \"xhq\"\nbase_url = \"{{url}}\"\nallow_private = true\n\
         app_id = \"{APP_ID}\"\nbgh_id = \"{BGH_ID}\"\nkeys = [\"{}\"]\n",
        key("twin")
    )
}

/// So many uploads under keys of that name, each of which was tried or postponed.
async fn uploads(desk: &Desk, name: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let id = desk.command("xhq", "upload", &format!("{name}-{n}"), &upload(&format!("{name}{n}"))).await;
        let accepted = (desk.time.clock())().after(Duration::from_mins(15)).to_string();
        until(async || desk.status(&id).await["due"] != accepted.as_str()).await;
        ids.push(id);
    }
    ids
}

async fn all_succeed(desk: &Desk, ids: &[String]) -> bool {
    let states = join_all(ids.iter().map(async |id| desk.status(id).await["state"] == "succeeded")).await;
    states.into_iter().all(|succeeded| succeeded)
}

/// Waits until no call is claimed: one whose lease ends while it is sent would be ambiguous.
async fn idle(desk: &Desk) {
    let claimed = |call: &hub::call::Call| call.standing == hub::call::Standing::Queued && call.progress.is_claimed;
    let store = &desk.hub.context().store;
    until(async || {
        !crate::support::events(store).await.iter().any(|item| item.work.call.as_ref().is_some_and(claimed))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_partner_is_probed_singly_and_called_after_recovery() {
    let desk = Desk::new().await;
    desk.xhq.behave(Fault::Http(Reply::of(503)));
    let mut ids = uploads(&desk, "first", ENOUGH).await;
    assert_eq!(desk.xhq.count(), ENOUGH);
    let late = uploads(&desk, "late", ENOUGH).await;
    assert_eq!(desk.xhq.count(), ENOUGH, "an open circuit lets nothing through");
    for id in &late {
        let call = desk.status(id).await;
        assert_eq!(
            (&call["state"], &call["attempts"][0]["put_off"]),
            (&"queued".into(), &1.into()),
            "no retry is used"
        );
    }
    ids.extend(late);

    // Two other processes sweep at once when everything is due: one probe goes out, and it fails.
    let (one, other) = (desk.courier(), desk.courier());
    for probes in 1..=3 {
        desk.time.pass(Duration::from_mins(10));
        let _ = tokio::join!(sweep(&one), sweep(&other));
        assert_eq!(desk.xhq.count(), ENOUGH + probes, "a single probe at a time");
    }
    desk.xhq.recover();
    for _ in 0..6 {
        desk.time.pass(Duration::from_hours(1));
        sweep(&one).await;
        idle(&desk).await;
    }
    until(async || all_succeed(&desk, &ids).await).await;
    assert_eq!((desk.xhq.count(), desk.xhq.most_processed()), (ENOUGH + 3 + ids.len(), 1), "each was done once");
    desk.calls().await;
}

/// An ERP that hung up before the partner's time was over took what came of the query along: nothing opened the circuit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_the_erp_gave_up_count_for_the_circuit() {
    let desk = Desk::with(Making { every: "timeout = \"300ms\"\nconcurrency = 64", ..Making::default() }).await;
    desk.xhq.behave(Fault::Holds);
    let query = request("POST", "/calls/xhq/bghList", &format!("authorization: Bearer {API_KEY}\r\n"), b"{}");
    let address = desk.hub.address();
    for asked in 1..=ENOUGH {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&query).await.unwrap();
        until(async || desk.xhq.count() >= asked).await;
        // The ERP hangs up here.
        drop(stream);
    }
    let health = note(&line_name(&desk.hub.context().config.connections[&ConnectionId::from("xhq")]));
    until(async || desk.hub.context().store.note(&health).await.unwrap().is_some()).await;
    let reply = desk.call("xhq", "bghList", "", "{}").await;
    assert_eq!((reply.status, desk.xhq.count()), (503, ENOUGH));
}

#[tokio::test]
async fn a_query_fails_at_once_where_the_circuit_is_open() {
    let desk = Desk::new().await;
    desk.xhq.behave(Fault::Http(Reply::of(503)));
    for _ in 0..ENOUGH {
        let reply = desk.call("xhq", "bghList", "", "").await;
        assert_eq!((reply.status, &reply.json()["type"]), (503, &"urn:tongguan:problem:partner-busy".into()));
    }
    desk.xhq.recover();
    let reply = desk.call("xhq", "bghList", "", "").await;
    assert_eq!((reply.status, &reply.json()["type"]), (503, &"urn:tongguan:problem:circuit-open".into()));
    assert!(reply.head.contains("\r\nretry-after: 15\r\n"), "{}", reply.head);
    assert_eq!(desk.xhq.count(), ENOUGH);
    // When that time is over it is the probe.
    desk.time.pass(Duration::from_secs(15));
    assert_eq!(desk.call("xhq", "bghList", "", "").await.status, 200);
    assert_eq!(desk.call("xhq", "bghList", "", "").await.status, 200);
}

#[tokio::test]
async fn a_circuit_is_of_an_address_and_not_of_a_connection() {
    let desk = Desk::with(Making { xhq: &twin(), ..Making::default() }).await;
    assert_eq!(desk.call("twin", "bghList", "", "").await.status, 200);
    desk.xhq.behave(Fault::Http(Reply::of(503)));
    uploads(&desk, "first", ENOUGH).await;
    let id = desk.command("twin", "upload", "twin", &upload("twin")).await;
    let call = desk.attempted(&id, 1).await;
    assert_eq!(call["attempts"][0]["put_off"], 1, "the same address, another account: {call}");
    for (connection, operation, body) in [UNSAFE[1], SAFE] {
        let id = desk.command(connection, operation, "k", &body("C1")).await;
        desk.stands(&id, "succeeded").await;
    }
}

#[tokio::test]
async fn refusals_open_no_circuit() {
    let desk = Desk::new().await;
    desk.xhq.behave(Fault::Refuses);
    for n in 0..2 * ENOUGH {
        let id = desk.command("xhq", "upload", &format!("k-{n}"), &upload(&n.to_string())).await;
        desk.stands(&id, "failed").await;
    }
    assert_eq!(desk.xhq.count(), 2 * ENOUGH);
}

#[tokio::test]
async fn a_connection_is_called_no_more_often_than_it_allows() {
    let desk = Desk::with(Making { xhq: r#"rate = { calls = 2, per = "1h" }"#, ..Making::default() }).await;
    let ids = uploads(&desk, "rated", 5).await;
    assert_eq!(desk.xhq.count(), 2);
    let reply = desk.call("xhq", "bghList", "", "").await;
    assert_eq!((reply.status, &reply.json()["type"]), (429, &"urn:tongguan:problem:rate-limited".into()));
    assert!(reply.head.contains("\r\nretry-after: 3600\r\n"), "{}", reply.head);
    for id in &ids[2..] {
        assert_eq!(desk.status(id).await["attempts"][0]["put_off"], 1, "no retry is used");
    }
    let courier = desk.courier();
    for hours in 1..=2 {
        desk.time.pass(Duration::from_mins(65));
        sweep(&courier).await;
        assert_eq!(desk.xhq.count(), (2 + 2 * hours).min(5));
    }
    assert!(all_succeed(&desk, &ids).await);
}

#[tokio::test]
async fn a_connection_has_no_more_calls_under_way_than_it_allows() {
    let desk = Desk::with(Making { xhq: "concurrency = 3\ntimeout = \"15s\"", ..Making::default() }).await;
    desk.xhq.behave(Fault::Holds);
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(desk.command("xhq", "upload", &format!("k-{n}"), &upload(&n.to_string())).await);
    }
    within(desk.xhq.received(3)).await;
    let reply = desk.call("xhq", "bghList", "", "").await;
    assert_eq!(reply.json()["type"], "urn:tongguan:problem:rate-limited", "there is no place for a query either");
    until(async || {
        desk.xhq.release();
        all_succeed(&desk, &ids).await
    })
    .await;
    assert_eq!((desk.xhq.most_under_way(), desk.xhq.processed_count()), (3, 12));
}

/// The others come to their end while the one is still waited for: no clock is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_partner_delays_no_other_partner_or_webhook() {
    let desk = Desk::new().await;
    for hangs in [true, false] {
        if hangs {
            desk.xhq.behave(Fault::Holds);
        } else {
            desk.xhq.down().await;
        }
        let mut stuck = Vec::new();
        for n in 0..40 {
            let name = format!("{hangs}-{n}");
            stuck.push(desk.command("xhq", "upload", &name, &upload(&name)).await);
        }
        if hangs {
            within(desk.xhq.received(8)).await;
        }
        for (connection, operation, body) in [UNSAFE[1], SAFE] {
            for n in 0..20 {
                let name = format!("{hangs}-{n}");
                let id = desk.command(connection, operation, &name, &body(&name)).await;
                desk.stands(&id, "succeeded").await;
            }
        }
        assert_eq!(desk.call("eyes", "customs_status_download", "", r#"{"billId":"1"}"#).await.status, 200);
        let order = format!("W{hangs}");
        let path = simulators::pushes::path(Partner::Xhq, "xhq", &key("xhq"), "syn_status");
        let mut partner = crate::support::sender(&desk.hub, Partner::Xhq);
        crate::support::answered(&mut partner, &path, "application/json", status(&order, 61).as_bytes()).await;
        until(async || desk.told("xhq.syn_status").iter().any(|event| event["subject"] == format!("order:{order}")))
            .await;
        for id in &stuck {
            assert_ne!(desk.status(id).await["state"], "succeeded", "and that while this one stands");
        }
        if hangs {
            assert_eq!((desk.xhq.count(), desk.xhq.most_under_way()), (8, 8));
            until(async || {
                desk.xhq.release();
                all_succeed(&desk, &stuck).await
            })
            .await;
            desk.xhq.recover();
        }
    }
}

/// The sweep makes attempts itself: a partner that hangs must not keep it from the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_hangs_holds_up_no_other_in_the_sweep() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    let (hanging, well) = (&desk.xhq, &desk.yanwen);
    hanging.behave(Fault::Busy);
    well.behave(Fault::Busy);
    let mut ids = Vec::new();
    for (connection, operation, body) in UNSAFE {
        for n in 0..6 {
            let id = desk.command(connection, operation, &format!("k-{n}"), &body(&n.to_string())).await;
            desk.attempted(&id, 1).await;
            ids.push(id);
        }
    }
    hanging.behave(Fault::Holds);
    well.recover();
    desk.time.pass(Duration::from_mins(2));
    let (courier, before) = (desk.courier(), hanging.count());
    let sweeping = tokio::spawn(async move { sweep(&courier).await });
    within(hanging.received(before + 1)).await;
    until(async || all_succeed(&desk, &ids[6..]).await).await;
    assert!(!sweeping.is_finished(), "it is still waiting for the one");
    until(async || {
        hanging.release();
        sweeping.is_finished()
    })
    .await;
    assert!(all_succeed(&desk, &ids).await);
}

/// Regression: one operation that answered with an error closed the partner's address to all operations.
#[tokio::test]
async fn an_operation_that_errs_holds_back_no_other() {
    let desk = Desk::new().await;
    desk.xhq.behave(Fault::Http(Reply { body: "<html>502 Bad Gateway</html>".into(), ..Reply::of(502) }));
    for _ in 0..ENOUGH {
        desk.call("xhq", "bghList", "", "").await;
    }
    let reply = desk.call("xhq", "bghList", "", "").await;
    assert_eq!(reply.json()["type"], "urn:tongguan:problem:circuit-open");
    desk.xhq.recover();
    let id = desk.command("xhq", "upload", "k", &upload("other")).await;
    desk.stands(&id, "succeeded").await;
}

/// Regression: without entropy every nonce was the same text.
#[tokio::test]
async fn without_entropy_nothing_is_sent_and_the_call_waits() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy.first(1));
    let id = desk.command("xhq", "upload", "k", &upload("E")).await;
    desk.attempted(&id, 1).await;
    let without = Courier { entropy: Arc::new(|_| Err(courier::NoEntropy)), ..desk.courier() };
    for _ in 0..3 {
        desk.time.pass(Duration::from_mins(2));
        sweep(&without).await;
    }
    let call = desk.status(&id).await;
    assert_eq!((&call["state"], desk.xhq.count()), (&"queued".into(), 1), "{call}");
    assert_eq!(call["attempts"][1]["put_off"], 3, "{call}");
    assert!(call["attempts"][1]["detail"].as_str().unwrap().contains("random bytes"), "{call}");
    let asked = br#"{"connection":"xhq","operation":"bghList","body":{}}"#;
    let answer = call::invoke(&without, asked).await;
    assert_eq!((answer.status().as_u16(), desk.xhq.count()), (503, 1), "{answer:?}");
    desk.pass(Duration::from_mins(2)).await;
    desk.stands(&id, "succeeded").await;
}

#[tokio::test]
async fn a_queued_call_is_sent_at_once_where_that_is_asked_for() {
    let desk = Desk::with(Making { every: r#"retry = ["1h"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Http(Reply::of(429).retry_after(86_400)).first(1));
    let id = desk.command("xhq", "upload", "k", &upload("N")).await;
    let waiting = desk.attempted(&id, 1).await;
    let path = format!("/calls/{id}/retry");
    let retry = async |body: &str| crate::support::http::api(desk.hub.address(), "POST", &path, API_KEY, body).await;
    let shown = retry(r#"{"dry_run":true}"#).await;
    assert_eq!((shown.status, &desk.status(&id).await["due"]), (200, &waiting["due"]), "nothing is changed");
    assert_eq!(retry("").await.status, 200);
    desk.stands(&id, "succeeded").await;
    assert_eq!(desk.xhq.count(), 2);
    let again = retry("").await;
    assert_eq!((again.status, &again.json()["type"]), (409, &"urn:tongguan:problem:not-queued".into()));
    desk.calls().await;
}
