//! A partner's token: requested once for all processes, and again once it is no longer valid.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use config::Config;
use courier::{Courier, JobOutcome};
use futures::future::join_all;
use hub::call::Standing;
use hub::{ConnectionId, Secret};
use queue::{Hint, InProcess, Job};
use simulators::api::{Fault, TOKEN};
use simulators::erp::Reply;
use store_sqlite::SqliteStore;

use crate::calls::{Desk, Making, SECRET, invocation, invoke, port};
use crate::support::http::{exchange, request};
use crate::support::process::Process;
use crate::support::{API_KEY, events, sweep, within};

/// As many at once as a connection may have under way, and a few less.
const THOUSAND: usize = 1_000;

const MANY: Making<'_> =
    Making { every: "concurrency = 1024\nretry = [\"1m\"]", xhq: "", top: "", also: None, last: "" };

/// A span longer than the life of a token.
pub(super) const LIFE: Duration = Duration::from_hours(2);

type AnyCourier = Courier<SqliteStore, InProcess>;

/// Asks so many queries at once.
async fn queries(courier: &AnyCourier, count: usize) -> Vec<u64> {
    let event = |n| invocation("onedata", "result_query", n, &format!(r#"{{"batchNo":"{n}"}}"#));
    let one = |n| async move { invoke(courier, &event(n)).await };
    let answers = within(join_all((0..count).map(one))).await;
    answers.into_iter().map(|answer| answer["status"].as_u64().unwrap()).collect()
}

/// A query through the hub's port. The status it is answered with.
async fn query(desk: &Desk) -> u16 {
    desk.call("onedata", "result_query", "", r#"{"batchNo":"1"}"#).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_queries_on_an_expired_token_ask_for_one() {
    let desk = Desk::with(MANY).await;
    let courier = desk.courier();
    assert_eq!(queries(&courier, 1).await, [200]);
    desk.time.pass(LIFE);
    assert_eq!(queries(&courier, THOUSAND).await, [200; THOUSAND]);
    assert_eq!((desk.onedata.token_requests(), desk.onedata.count()), (2, THOUSAND + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_commands_on_an_expired_token_ask_for_one() {
    let desk = Desk::with(MANY).await;
    assert_eq!(query(&desk).await, 200);
    desk.time.pass(LIFE);
    // Accepted without a hint, so that they begin all at once.
    let courier = desk.courier_without_queue();
    let event = |n: usize| invocation("onedata", "port_query_v2", n, &port(&n.to_string()));
    let accept = async |n| invoke(&courier, &event(n)).await;
    let accepted = within(join_all((0..THOUSAND).map(accept))).await;
    assert!(accepted.iter().all(|answer| answer["status"] == 202), "{accepted:?}");
    let stored = events(&desk.hub.context().store).await;
    // The query's answer brought events.
    let calls = stored.into_iter().filter(|item| item.work.call.is_some());
    let hints: Vec<_> = calls.map(|item| Hint { key: item.key, job: Job::Call { claim: 0 } }).collect();
    let done = within(join_all(hints.iter().map(|hint| courier::run(&courier, hint)))).await;
    assert!(done.iter().all(|done| matches!(done, Ok(JobOutcome::Called(Standing::Succeeded)))), "{done:?}");
    assert_eq!((desk.onedata.token_requests(), desk.onedata.most_processed()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_token_and_the_asking_for_it() {
    let desk = Desk::with(MANY).await;
    let (one, other) = (desk.courier(), desk.courier());
    let both = tokio::join!(queries(&one, 100), queries(&other, 100));
    assert_eq!(both, (vec![200; 100], vec![200; 100]));
    assert_eq!(desk.onedata.token_requests(), 1);
    // A third that comes later finds it, and none of them asks before its time.
    assert_eq!(queries(&desk.courier(), 1).await, [200]);
    assert_eq!(desk.onedata.token_requests(), 1);
    desk.time.pass(LIFE);
    let both = tokio::join!(queries(&one, 100), queries(&other, 100));
    assert_eq!(both, (vec![200; 100], vec![200; 100]));
    assert_eq!(desk.onedata.token_requests(), 2);
}

/// A connection that was given another account's credentials went on with the token of the account before.
#[tokio::test]
async fn the_token_of_another_account_is_not_used() {
    let desk = Desk::new().await;
    let first = desk.courier();
    assert_eq!(queries(&first, 1).await, [200]);
    let mut changed = first.clone();
    let mut config = Config::clone(&changed.context.config);
    let connection = config.connections.get_mut(&ConnectionId::from("onedata")).unwrap();
    connection.credentials.insert("app_secret".to_owned(), Secret::new("another".to_owned()));
    changed.context.config = config.into();
    // In the process that read its configuration again, and in one that was started anew.
    let started = Courier { context: changed.context.clone(), ..desk.courier() };
    for courier in [changed, started] {
        let before = desk.onedata.token_requests();
        assert_eq!(queries(&courier, 1).await, [502], "the partner gives that account no token");
        assert_eq!((desk.onedata.token_requests() - before, desk.onedata.count()), (1, 1));
    }
}

/// The second attempt that a new token makes worth while was cut off by the end of the function.
#[tokio::test]
async fn call_is_not_repeated_without_time_in_the_function() {
    let desk = Desk::new().await;
    assert_eq!(query(&desk).await, 200);
    let mut courier = desk.courier_without_queue();
    assert_eq!(invoke(&courier, &invocation("onedata", "port_query_v2", 0, &port("E"))).await["status"], 202);
    let stored = events(&desk.hub.context().store).await;
    let item = stored.iter().find(|item| item.work.call.is_some()).unwrap();
    let hint = Hint { key: item.key.clone(), job: Job::Call { claim: 0 } };
    let (tokens, calls) = (desk.onedata.token_requests(), desk.onedata.count());
    desk.onedata.expire_tokens();
    let (wire, time) = (Arc::clone(&courier.wire), desk.time.clone());
    courier.wire = Arc::new(move |request| {
        time.pass(Duration::from_secs(10));
        wire(request)
    });
    // Time for a token, a call and what is around them, once.
    courier.ends = Some(desk.hub.context().now().after(Duration::from_secs(70)));
    assert_eq!(courier::run(&courier, &hint).await.unwrap(), JobOutcome::Called(Standing::Queued));
    assert_eq!((desk.onedata.token_requests() - tokens, desk.onedata.count() - calls), (0, 1));
}

#[tokio::test]
async fn rejected_token_is_replaced_once_and_the_call_repeated() {
    let desk = Desk::new().await;
    for (n, command) in [false, true].into_iter().enumerate() {
        assert_eq!(query(&desk).await, 200);
        let (tokens, calls) = (desk.onedata.token_requests(), desk.onedata.count());
        desk.onedata.expire_tokens();
        if command {
            let id = desk.command("onedata", "port_query_v2", &format!("k-{n}"), &port("T")).await;
            desk.stands(&id, "succeeded").await;
        } else {
            assert_eq!(query(&desk).await, 200);
        }
        assert_eq!((desk.onedata.token_requests() - tokens, desk.onedata.count() - calls), (1, 2));
    }
    // TrackingEyes keeps its token in the query.
    let download = async || desk.call("eyes", "customs_status_download", "", r#"{"billId":"1"}"#).await.status;
    assert_eq!(download().await, 200);
    desk.eyes.expire_tokens();
    assert_eq!(download().await, 200);
    assert_eq!((desk.eyes.token_requests(), desk.eyes.count()), (2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_turned_away_at_once_replace_the_token_once() {
    let desk = Desk::with(MANY).await;
    let courier = desk.courier();
    assert_eq!(queries(&courier, 1).await, [200]);
    desk.onedata.expire_tokens();
    assert_eq!(queries(&courier, 100).await, [200; 100]);
    assert_eq!(desk.onedata.token_requests(), 2);
    let again = desk.onedata.count() - 101;
    assert!((1..=100).contains(&again), "each is made once more at the most: {again}");
}

#[tokio::test]
async fn a_token_that_is_always_turned_away_is_not_asked_for_forever() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.onedata.behave(Fault::Code(401, "accessToken无效"));
    let reply = desk.call("onedata", "result_query", "", r#"{"batchNo":"1"}"#).await;
    assert_eq!((reply.status, &reply.json()["type"]), (502, &"urn:tongguan:problem:credentials-refused".into()));
    assert_eq!((desk.onedata.token_requests(), desk.onedata.count()), (2, 2));
    // A partner that refuses a token that it has just given refuses the credentials.
    let id = desk.command("onedata", "port_query_v2", "k", &port("T")).await;
    let call = desk.stands(&id, "failed").await;
    assert_eq!((desk.onedata.token_requests(), desk.onedata.count()), (3, 4));
    assert!(call["attempts"][0]["detail"].as_str().unwrap().contains("check app_key, app_secret"), "{call}");
}

#[tokio::test]
async fn a_token_is_replaced_ahead_of_its_end() {
    let desk = Desk::new().await;
    assert_eq!(query(&desk).await, 200);
    desk.time.pass(Duration::from_mins(105));
    assert_eq!((query(&desk).await, desk.onedata.token_requests()), (200, 1));
    desk.time.pass(Duration::from_mins(5));
    // It is good for ten minutes more, and serves while the partner gives no other.
    desk.onedata.behave(Fault::Http(Reply::of(500)).always().on(TOKEN));
    assert_eq!(query(&desk).await, 200);
    desk.onedata.recover();
    desk.time.pass(Duration::from_secs(2));
    assert_eq!(query(&desk).await, 200);
    assert_eq!(desk.onedata.token_requests(), 3);
    assert!(desk.onedata.wrongs().is_empty(), "no call was turned away");
    desk.time.pass(Duration::from_mins(30));
    assert_eq!((query(&desk).await, desk.onedata.token_requests()), (200, 3));
}

#[tokio::test]
async fn without_a_token_commands_wait_and_queries_fail_at_once() {
    let desk = Desk::with(Making { every: r#"retry = ["1m", "1m", "1m"]"#, ..Making::default() }).await;
    let id = {
        desk.onedata.behave(Fault::Busy.always().on(TOKEN));
        desk.command("onedata", "port_query_v2", "k", &port("T")).await
    };
    let call = desk.attempted(&id, 1).await;
    let reason = call["attempts"][0]["detail"].as_str().unwrap();
    assert!(reason.contains("gave no token"), "{reason}");
    assert_eq!(call["state"], "queued");
    let reply = desk.call("onedata", "result_query", "", r#"{"batchNo":"1"}"#).await;
    assert_eq!((reply.status, &reply.json()["type"]), (502, &"urn:tongguan:problem:no-answer".into()));
    assert!(reply.json()["detail"].as_str().unwrap().contains("gave no token"), "{}", reply.json());

    desk.onedata.down().await;
    desk.pass(Duration::from_mins(2)).await;
    let call = desk.attempted(&id, 2).await;
    assert!(call["attempts"][1]["detail"].as_str().unwrap().contains("gave no token"), "{call}");
    let reply = desk.call("onedata", "result_query", "", r#"{"batchNo":"1"}"#).await;
    assert_eq!((reply.status, desk.onedata.count()), (502, 0));

    desk.onedata.recover();
    desk.onedata.up().await.unwrap();
    desk.pass(Duration::from_mins(2)).await;
    assert_eq!((&desk.status(&id).await["state"], desk.onedata.count()), (&"succeeded".into(), 1));
}

/// An unsafe command whose token was refused was not done: it is no case for anybody's decision.
#[tokio::test]
async fn a_command_that_is_not_safe_survives_a_refused_token() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    let body = r#"[{"blNo":"B-1"}]"#;
    let id = desk.command("eyes", "subscribe", "k-1", body).await;
    desk.stands(&id, "succeeded").await;
    desk.eyes.expire_tokens();
    // The token endpoint fails between the refusal and the re-attempt.
    desk.eyes.behave(Fault::Http(Reply::of(503)).first(1).on(TOKEN));
    let id = desk.command("eyes", "subscribe", "k-2", r#"[{"blNo":"B-2"}]"#).await;
    assert_eq!(desk.attempted(&id, 1).await["state"], "queued");
    let courier = desk.courier();
    desk.time.pass(Duration::from_mins(2));
    sweep(&courier).await;
    assert_eq!(desk.status(&id).await["state"], "succeeded");
    assert_eq!(desk.eyes.processed_count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_in_any_log_answer_or_event() {
    let Desk { hub, erp, eyes, onedata, plan, .. } = Desk::new().await;
    hub.stop().await;
    let process = Process::start(&plan, &[(telemetry::logs::FILTER, "trace".into())]).await.unwrap();
    let mut said = String::new();
    let mut send = async |connection: &str, operation: &str, body: &str| {
        let headers = format!("authorization: Bearer {API_KEY}\r\nidempotency-key: {operation}\r\nprefer: wait=20\r\n");
        let bytes = request("POST", &format!("/calls/{connection}/{operation}"), &headers, body.as_bytes());
        let reply = exchange(process.address(), bytes).await.unwrap();
        write!(said, "{}\n{}\n", reply.head, String::from_utf8_lossy(&reply.body)).unwrap();
        reply.status
    };
    assert_eq!(send("eyes", "customs_status_download", r#"{"billId":"1"}"#).await, 200);
    assert_eq!(send("eyes", "subscribe", r#"[{"blNo":"B-1"}]"#).await, 200);
    assert_eq!(send("onedata", "port_query_v2", &port("L")).await, 200);
    eyes.down().await;
    assert_eq!(send("eyes", "customs_status_download", r#"{"billId":"1"}"#).await, 502);
    within(erp.received(2)).await;

    let shown = eyes.requests();
    let token = shown.iter().find_map(|request| request.param("token")).expect("it went out in the query").to_owned();
    let headers = onedata.requests();
    let header = headers.iter().map(|request| request.header("accessToken")).find(|token| !token.is_empty()).unwrap();
    let escaped = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let log = process.log();
    assert!(
        log.contains("requesting a token") && log.contains("a call has succeeded"),
        "this log proves little: {log}"
    );
    let events: String = erp.deliveries().iter().map(|got| String::from_utf8_lossy(&got.body).into_owned()).collect();
    for secret in [&token, &escaped, header, SECRET] {
        assert!(!log.contains(secret), "the log holds {secret}");
        assert!(!said.contains(secret), "an answer holds {secret}");
        assert!(!events.contains(secret), "an event holds {secret}");
    }
    process.kill();
}
