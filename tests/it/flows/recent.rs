//! The lists of events, deliveries and calls by filters, on both engines.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Config;
use hub::call::{self, Standing};
use hub::delivery::{Attempt, Delivery, State};
use hub::event::Meta;
use hub::{Alias, ConnectionId, Event, EventKey, Subject, Utc, Work, identity};
use partners::Partner;
use partners::operation::find;
use serde_json::{Value, json};
use store::Store;
use store_sqlite::SqliteStore;

use super::lists::NOW;
use super::tenants::{Desk, KEY_A, on_both_engines};
use crate::calls::upload;
use crate::dynamodb::emulated;
use crate::support::API_KEY;

fn at(seconds: i64) -> Utc {
    Utc(NOW.0 + seconds * 1_000_000)
}

/// A desk at which it is two minutes after [`NOW`], and whose connections keep their events for two days.
fn desk_of<S: Store>(store: S) -> Desk<S> {
    let mut desk = Desk::new(store);
    desk.context.clock = Arc::new(|| at(120));
    let mut config = Config::clone(&desk.context.config);
    config.connections.values_mut().for_each(|connection| connection.retention = Duration::from_hours(48));
    desk.context.config = Arc::new(config);
    desk
}

fn in_state(endpoint: &str, state: State, due: Utc) -> Delivery {
    Delivery { state, ..Delivery::new(endpoint.into(), NOW, due) }
}

/// Stores an event that was received so many seconds after [`NOW`], known under other keys too.
async fn stored<S: Store>(
    desk: &Desk<S>,
    (connection, subject, kind): (&str, &str, &str),
    seconds: i64,
    deliveries: Vec<Delivery>,
    keys: &[&str],
) -> EventKey {
    let (connection, subject) = (ConnectionId::from(connection), Subject::from(subject));
    let body = Bytes::from(format!("{{\"n\":{seconds}}}"));
    let id = identity::by_content(&connection, &subject, identity::opaque(&connection, &kind.into(), &body));
    let aliases: Vec<_> = keys.iter().map(|key| Alias::from(*key)).collect();
    let expires = at(seconds).after(Duration::from_hours(24 * 90));
    let meta = Meta { aliases: aliases.clone(), ..Meta::json(kind.into(), at(seconds), expires, body.len()) };
    let key = EventKey { connection, subject, id };
    let work = Work { accepted: 1, deliveries, ..Work::default() };
    desk.context.store.admit(&Event { key: key.clone(), meta, body }, &work, None).await.unwrap();
    desk.context.store.alias(&aliases, &key.connection, &key.subject, expires).await.unwrap();
    key
}

/// Stores a call about the order `S` that was accepted then and is in that state.
async fn called<S: Store>(desk: &Desk<S>, connection: &str, key: &str, seconds: i64, standing: Standing) -> EventKey {
    let (connection, body) = (ConnectionId::from(connection), upload("S"));
    let operation = find(Partner::Xhq, "upload").unwrap();
    let request = call::Request { connection: &connection, operation: &operation, key, body: &body, file: None };
    let record = call::accepted(&request, at(seconds), Duration::from_secs(30), Duration::from_hours(24 * 90)).unwrap();
    let cancelled = call::Cancellation { at: at(seconds), by: "erp".to_owned() };
    let cancellation = (standing == Standing::Cancelled).then_some(cancelled);
    let call = record.work.call.clone().map(|call| call::Call { standing, cancellation, ..call });
    let work = Work { call, index_by: None, ..record.work };
    desk.context.store.admit(&record.event, &work, None).await.unwrap();
    let key = record.event.key;
    desk.context.store.alias(&record.event.meta.aliases, &key.connection, &key.subject, at(9_999)).await.unwrap();
    key
}

/// The ids of every page of a list.
async fn pages<S: Store>(desk: &Desk<S>, key: &str, path: &str, rows: &str) -> Vec<Value> {
    let (mut ids, mut from) = (Vec::new(), String::new());
    for _ in 0..200 {
        let (status, page) = desk.get(key, &format!("{path}&from={from}")).await;
        assert_eq!(status, 200, "{path}: {page}");
        for row in page[rows].as_array().unwrap() {
            ids.push(row["id"].as_str().map_or_else(|| row["event"]["id"].clone(), Into::into));
        }
        let Some(next) = page["next"].as_str() else { return ids };
        next.clone_into(&mut from);
    }
    panic!("{path} has no end");
}

fn ids(keys: &[&EventKey]) -> Vec<Value> {
    keys.iter().map(|key| json!(key.id)).collect()
}

async fn refused<S: Store>(desk: &Desk<S>, path: &str, field: &str) -> String {
    let (status, said) = desk.get(KEY_A, path).await;
    assert_eq!((status, &said["field"]), (400, &field.into()), "{path}: {said}");
    said["detail"].as_str().unwrap().to_owned()
}

async fn events_are_listed_by_filters_newest_first<S: Store>(store: S) {
    let desk = desk_of(store);
    let (status, receipt) = ("xhq.syn_status", "xhq.single_receipt");
    let pending = || vec![in_state("erp", State::Pending, at(90))];
    let failed = || vec![in_state("erp", State::Delivered, at(1)), in_state("erp-a", State::Failed, at(2))];
    let first = stored(&desk, ("a-1", "order:1", status), -90_000, Vec::new(), &[]).await;
    let second = stored(&desk, ("a-1", "order:2", receipt), -60, pending(), &[]).await;
    let third = stored(&desk, ("b-1", "order:3", status), -30, failed(), &["bl:B"]).await;
    let call = called(&desk, "a-1", "k", -20, Standing::Succeeded).await;
    let fourth = stored(&desk, ("a-1", "order:4", receipt), -10, failed(), &[]).await;
    for limit in [1, 2, 100] {
        let listed =
            async |filter: &str| pages(&desk, API_KEY, &format!("/events?limit={limit}{filter}"), "events").await;
        assert_eq!(listed("").await, ids(&[&fourth, &call, &third, &second, &first]));
        assert_eq!(listed("&connection=b-1").await, ids(&[&third]));
        assert_eq!(listed("&type=xhq.syn_status").await, ids(&[&third, &first]));
        assert_eq!(listed("&type=xhq.s*").await, ids(&[&fourth, &third, &second, &first]));
        assert_eq!(listed("&type=xhq.upload").await, ids(&[&call]));
        assert_eq!(listed("&state=unrouted").await, ids(&[&first]));
        assert_eq!(listed("&state=delivered").await, ids(&[&fourth, &third]));
        assert_eq!(listed("&state=confirmed").await, ids(&[]));
        assert_eq!(listed("&state=pending").await, ids(&[&second]));
        let mut failed = listed("&state=failed").await;
        failed.sort_by_key(ToString::to_string);
        let mut both = ids(&[&third, &fourth]);
        both.sort_by_key(ToString::to_string);
        assert_eq!(failed, both);
        assert_eq!(listed("&state=failed&type=xhq.syn_status").await, ids(&[&third]));
        let (since, until) = (format!("&since={}", at(-60)), format!("&until={}", at(-10)));
        assert_eq!(listed(&since).await, ids(&[&fourth, &call, &third, &second]));
        assert_eq!(listed(&until).await, ids(&[&call, &third, &second, &first]));
        assert_eq!(listed(&format!("{since}{until}&connection=a-1")).await, ids(&[&call, &second]));
    }
    let (_, page) = desk.get(API_KEY, "/events?connection=b-1").await;
    let row = &page["events"][0];
    assert_eq!((&row["connection"], &row["subject"], &row["type"]), (&"b-1".into(), &"order:3".into(), &status.into()));
    assert_eq!((&row["received"], &row["aliases"]), (&at(-30).to_string().into(), &json!(["bl:B"])));
    let delivered = json!({"endpoint": "erp", "state": "delivered", "tries": 0});
    assert_eq!(row["deliveries"][0], delivered);
    assert!(row.get("call").is_none() && row.get("origin").is_none(), "{row}");
    let (_, page) = desk.get(API_KEY, "/events?type=xhq.upload").await;
    assert_eq!(page["events"][0]["call"], json!({"operation": "upload", "state": "succeeded"}));
}

async fn deliveries_are_listed_by_state_and_endpoint<S: Store>(store: S) {
    let desk = desk_of(store);
    let attempt = Attempt { at: at(3), ms: 1, status: Some(500), detail: "no".to_owned(), ..Attempt::default() };
    let mut failed = in_state("erp-a", State::Failed, at(7));
    failed.progress.attempts = vec![attempt];
    let delivered = in_state("erp", State::Delivered, at(5));
    let one = stored(&desk, ("a-1", "order:1", "xhq.syn_status"), -30, vec![delivered, failed.clone()], &[]).await;
    let waits = in_state("erp", State::Pending, at(60));
    let other = stored(&desk, ("a-1", "order:2", "xhq.syn_status"), -20, vec![waits], &[]).await;
    for limit in [1, 100] {
        let listed = async |filter: &str| {
            pages(&desk, API_KEY, &format!("/deliveries?limit={limit}{filter}"), "deliveries").await
        };
        assert_eq!(listed("").await, ids(&[&other, &one, &one]));
        assert_eq!(listed("&endpoint=erp").await, ids(&[&other, &one]));
        assert_eq!(listed("&state=failed").await, ids(&[&one]));
        assert_eq!(listed("&state=failed&endpoint=erp").await, ids(&[]));
        assert_eq!(listed("&state=pending&endpoint=erp").await, ids(&[&other]));
        assert_eq!(listed("&state=delivered").await, ids(&[&one]));
        assert_eq!(listed("&number=2").await, ids(&[&other]));
        assert_eq!(listed(&format!("&state=failed&until={}", at(-30))).await, ids(&[]));
    }
    let (_, page) = desk.get(API_KEY, "/deliveries?state=failed").await;
    let event = json!({
        "connection": "a-1", "subject": "order:1", "id": one.id, "type": "xhq.syn_status",
        "time": at(-30).to_string(), "received": at(-30).to_string(),
    });
    let last = json!({"at": at(3).to_string(), "status": 500, "reason": "no"});
    let row = json!({
        "event": event, "endpoint": "erp-a", "state": "failed", "tries": 1, "since": at(7).to_string(), "last": last,
    });
    assert_eq!(page["deliveries"], json!([row]));
    let (_, page) = desk.get(API_KEY, "/deliveries?state=pending").await;
    assert_eq!(page["deliveries"][0]["due"], at(60).to_string());
}

/// As a shipment is found, over connections, the newest first.
async fn number_finds_whatever_belongs_to_it<S: Store>(store: S) {
    let desk = desk_of(store);
    let kind = "xhq.syn_status";
    let order = stored(&desk, ("a-1", "order:SO-1", kind), -50, Vec::new(), &["bl:B1"]).await;
    let bill = stored(&desk, ("b-1", "bl:B1", "xhq.single_receipt"), -40, Vec::new(), &[]).await;
    let again = stored(&desk, ("a-1", "order:SO-1", kind), -30, Vec::new(), &["bl:B1"]).await;
    stored(&desk, ("a-1", "order:SO-2", kind), -20, Vec::new(), &[]).await;
    for limit in [1, 2, 100] {
        let listed = async |key: &str, filter: &str| {
            pages(&desk, key, &format!("/events?limit={limit}&{filter}"), "events").await
        };
        for number in ["B1", "bl:B1", "SO-1", "order:SO-1"] {
            assert_eq!(listed(API_KEY, &format!("number={number}")).await, ids(&[&again, &bill, &order]), "{number}");
            assert_eq!(listed(KEY_A, &format!("number={number}")).await, ids(&[&again, &order]), "{number}");
        }
        assert_eq!(listed(API_KEY, "number=B1&type=xhq.single_receipt").await, ids(&[&bill]));
        assert_eq!(listed(API_KEY, &format!("number=B1&since={}", at(-40))).await, ids(&[&again, &bill]));
        assert_eq!(listed(API_KEY, "number=nobody").await, ids(&[]));
    }
}

/// Items that a key may not see count as absent: no row, no other answer.
async fn limited_key_lists_nothing_of_others<S: Store>(store: S) {
    let desk = desk_of(store);
    let failed = || vec![in_state("erp", State::Failed, at(1))];
    for n in 0..4 {
        let subject = format!("order:SECRET-{n}");
        stored(&desk, ("b-1", &subject, "xhq.syn_status"), n, failed(), &["bl:OURS"]).await;
    }
    called(&desk, "b-1", "k", 5, Standing::Succeeded).await;
    let own = stored(&desk, ("a-1", "order:OWN", "xhq.syn_status"), -5, failed(), &[]).await;
    for (path, rows) in [("/events?limit=1", "events"), ("/deliveries?limit=1", "deliveries")] {
        for filter in ["", "&state=failed", "&number=OWN", "&type=xhq.*"] {
            let (status, only) = desk.get(KEY_A, &format!("{path}{filter}")).await;
            assert_eq!((status, &only["next"]), (200, &Value::Null), "{path}{filter}: a next tells of others' items");
            assert_eq!(pages(&desk, KEY_A, &format!("{path}{filter}"), rows).await, ids(&[&own]), "{path}{filter}");
        }
        for filter in ["&number=OURS", "&number=order:SECRET-1"] {
            assert_eq!(pages(&desk, KEY_A, &format!("{path}{filter}"), rows).await, ids(&[]), "{path}{filter}");
        }
        let of = async |name: &str| {
            let (status, said) = desk.get(KEY_A, &format!("{path}&connection={name}")).await;
            (status, said.to_string().replace(name, "NAME"))
        };
        assert_eq!(of("b-1").await, of("c-1").await);
        assert_eq!(of("b-1").await.0, 404);
    }
    assert_eq!(pages(&desk, KEY_A, "/calls?state=succeeded", "items").await, ids(&[]));
}

async fn lists_refuse_what_they_do_not_know<S: Store>(store: S) {
    let desk = desk_of(store);
    for n in 0..3 {
        stored(&desk, ("a-1", "order:1", "xhq.syn_status"), n, vec![in_state("erp", State::Failed, NOW)], &[]).await;
    }
    for path in ["/events", "/deliveries", "/calls"] {
        for time in ["since", "until"] {
            for text in ["yesterday", "1", "2026-13-01T00:00:00Z", "%00", "2026-01-31T08:00:00Z%27--"] {
                let detail = refused(&desk, &format!("{path}?{time}={text}"), time).await;
                assert!(detail.contains("2026-01-31T08:00:00Z"), "{detail}");
            }
        }
        let turned = format!("{path}?since={}&until={}", at(5), at(5));
        assert!(refused(&desk, &turned, "until").await.contains("later than since"));
        for (query, field) in
            [("limit=0", "limit"), ("limit=1001", "limit"), ("state=done", "state"), ("from=7", "from")]
        {
            refused(&desk, &format!("{path}?{query}"), field).await;
        }
        assert!(refused(&desk, &format!("{path}?limt=1"), "limt").await.contains("did you mean limit?"));
        let long = "%E9%95%BF".repeat(1_000);
        assert_eq!(desk.get(KEY_A, &format!("{path}?number={long}")).await.0, 200);
    }
    for path in ["/events", "/deliveries"] {
        let misspelt = refused(&desk, &format!("{path}?type=xhq.syn_statu"), "type").await;
        assert!(misspelt.contains("did you mean xhq.syn_status?"), "{misspelt}");
        refused(&desk, &format!("{path}?type=x*q"), "type").await;
    }
    assert!(refused(&desk, "/events?connection=a-2", "connection").await.contains("did you mean a-1?"));
    for state in ["", "&state=failed", "&state=pending", "&state=delivered"] {
        let misspelt = refused(&desk, &format!("/deliveries?endpoint=erp-c{state}"), "endpoint").await;
        assert!(misspelt.contains("did you mean erp-a?") && !misspelt.contains("erp-b"), "{misspelt}");
    }
    refused(&desk, "/calls?subject=order:1&number=1", "number").await;

    // A cursor is of its list and its filters.
    let (_, page) = desk.get(KEY_A, "/events?limit=1&type=xhq.*").await;
    let cursor = page["next"].as_str().unwrap();
    assert_eq!(desk.get(KEY_A, &format!("/events?limit=2&type=xhq.*&from={cursor}")).await.0, 200);
    for other in ["/events?limit=1", "/events?type=xhq.s*", "/deliveries?type=xhq.*", "/events?type=xhq.*&state=failed"]
    {
        let and = if other.contains('?') { '&' } else { '?' };
        refused(&desk, &format!("{other}{and}from={cursor}"), "from").await;
    }
    let (head, tail) = cursor.split_at(20);
    let turned = if tail.starts_with('A') { 'B' } else { 'A' };
    refused(&desk, &format!("/events?type=xhq.*&from={head}{turned}{}", &tail[1..]), "from").await;
}

async fn calls_are_listed_by_number_operation_and_time<S: Store>(store: S) {
    let desk = desk_of(store);
    let done = called(&desk, "a-1", "k1", -90_000, Standing::Succeeded).await;
    let cancelled = called(&desk, "a-1", "k2", -40, Standing::Cancelled).await;
    let failed = called(&desk, "a-1", "k3", -30, Standing::Failed).await;
    let queued = called(&desk, "b-1", "k4", -20, Standing::Queued).await;
    for n in 0..5 {
        stored(&desk, ("a-1", "order:E", "xhq.syn_status"), -n, Vec::new(), &[]).await;
    }
    for limit in [1, 100] {
        let listed =
            async |filter: &str| pages(&desk, API_KEY, &format!("/calls?limit={limit}{filter}"), "items").await;
        assert_eq!(listed("&state=succeeded").await, ids(&[&done]));
        assert_eq!(listed("&state=cancelled&connection=a-1").await, ids(&[&cancelled]));
        assert_eq!(listed("&number=S").await, ids(&[&queued, &failed, &cancelled, &done]));
        assert_eq!(listed("&number=order:S&state=failed").await, ids(&[&failed]));
        assert_eq!(listed("&number=S&operation=recall").await, ids(&[]));
        assert_eq!(listed("&state=failed&operation=upload").await, ids(&[&failed]));
        assert_eq!(listed("&state=failed&operation=recall").await, ids(&[]));
        let since = format!("&since={}", at(-40));
        assert_eq!(listed(&since).await, ids(&[&queued, &failed, &cancelled]));
        assert_eq!(listed(&format!("{since}&until={}", at(-20))).await, ids(&[&failed, &cancelled]));
    }
    // The open ones, as before.
    assert_eq!(pages(&desk, API_KEY, "/calls?limit=10", "items").await, ids(&[&queued, &failed]));
    let subject = format!("/calls?subject=order:S&since={}", at(-40));
    let (_, page) = desk.get(API_KEY, &subject).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let since = format!("/calls?state=queued&since={}", at(-19));
    assert_eq!(desk.get(API_KEY, &since).await.1["items"], json!([]));
}

/// A filter that fits little answers a page in time, and says where to go on.
#[tokio::test]
async fn page_ends_after_so_many_items_without_a_match() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk_of(SqliteStore::open(folder.path()).unwrap());
    let count = store::LOOKED_AT + 500;
    let failed = |n: usize| {
        let desk = &desk;
        async move {
            let (subject, seconds) = (format!("order:{n}"), i64::try_from(n).unwrap());
            let deliveries = vec![in_state("erp", State::Failed, NOW)];
            stored(desk, ("a-1", &subject, "xhq.syn_status"), -seconds, deliveries, &[]).await
        }
    };
    futures::future::join_all((0..count).map(failed)).await;
    for path in
        ["/deliveries?state=failed&type=trackingeyes.*", "/events?type=trackingeyes.*", "/events?state=unrouted"]
    {
        let (status, page) = desk.get(API_KEY, path).await;
        let rows = page["events"].as_array().or(page["deliveries"].as_array()).unwrap();
        assert_eq!((status, rows.len(), page["next"].is_string()), (200, 0, true), "{path}");
        let rows = if path.starts_with("/events") { "events" } else { "deliveries" };
        assert_eq!(pages(&desk, API_KEY, path, rows).await, ids(&[]), "{path}");
    }
}

async fn lists_by_time_are_off_where_the_configuration_says_so<S: Store>(store: S) {
    let mut desk = desk_of(store);
    let failed = vec![in_state("erp", State::Failed, at(1))];
    let one = stored(&desk, ("a-1", "order:1", "xhq.syn_status"), -5, failed, &[]).await;
    let config = Config::clone(&desk.context.config);
    desk.context.config = Arc::new(Config { recent_events: false, ..config });
    for path in ["/events", "/deliveries", "/events?state=delivered", "/calls?state=succeeded"] {
        let (status, said) = desk.get(API_KEY, path).await;
        assert_eq!((status, &said["type"]), (409, &"urn:tongguan:problem:recent-off".into()), "{path}");
        assert!(said["detail"].as_str().unwrap().contains("recent_events"), "{said}");
    }
    for (path, rows) in [
        ("/events?number=1", "events"),
        ("/events?state=failed", "events"),
        ("/deliveries?state=failed", "deliveries"),
        ("/deliveries?number=1", "deliveries"),
    ] {
        assert_eq!(pages(&desk, API_KEY, path, rows).await, ids(&[&one]), "{path}");
    }
    assert_eq!(desk.get(API_KEY, "/calls").await.0, 200);
}

async fn dry_run_of_a_confirmation_changes_nothing<S: Store>(store: S) {
    let desk = desk_of(store);
    let failed = vec![in_state("erp", State::Failed, at(-9))];
    let one = stored(&desk, ("a-1", "order:1", "xhq.syn_status"), -30, failed, &[]).await;
    let body = json!({"endpoint": "erp", "dry_run": true});
    let told = desk.done(KEY_A, "/deliveries/confirm", &body).await;
    assert_eq!(told, json!({"dry_run": true, "confirmed": 0, "events": [one], "next": null}));
    assert_eq!(pages(&desk, KEY_A, "/deliveries?state=failed", "deliveries").await, ids(&[&one]));
    let done = desk.done(KEY_A, "/deliveries/confirm", &json!({"endpoint": "erp"})).await;
    assert_eq!(done, json!({"dry_run": false, "confirmed": 1, "events": [one], "next": null}));
    assert_eq!(pages(&desk, KEY_A, "/deliveries?state=failed", "deliveries").await, ids(&[]));
    assert_eq!(pages(&desk, KEY_A, "/deliveries?state=confirmed", "deliveries").await, ids(&[&one]));
}

on_both_engines! {
    events_are_listed_by_filters_newest_first
    deliveries_are_listed_by_state_and_endpoint
    number_finds_whatever_belongs_to_it
    limited_key_lists_nothing_of_others
    lists_refuse_what_they_do_not_know
    calls_are_listed_by_number_operation_and_time
    lists_by_time_are_off_where_the_configuration_says_so
    dry_run_of_a_confirmation_changes_nothing
}
