//! Retries of calls: decided by the result of the attempt, and by whether the operation is safe to repeat.

use std::sync::Arc;
use std::time::Duration;

use config::Config;
use config::Context;
use courier::{Courier, JobOutcome};
use hub::Utc;
use hub::call::Standing;
use hub::progress::UNKNOWN;
use partners::Partner;
use queue::{Hint, Job};
use serde_json::Value;
use simulators::api::Fault;
use simulators::erp::Reply;

use crate::calls::{Desk, Making, SAFE, UNSAFE, invocation, invoke, port, upload, waybill};
use crate::support::{events, sweep};

/// Faults after the partner has processed a request: its answer is lost.
fn lost() -> [Fault; 4] {
    [Fault::DropsAnswer, Fault::GarblesAnswer, Fault::ThenHttp(Reply::of(502)), Fault::ThenHttp(Reply::of(504))]
}

/// Answers of a partner that has not processed the request.
fn busy() -> [Fault; 2] {
    [Fault::Busy, Fault::Http(Reply::of(429))]
}

fn minutes(n: u64) -> Duration {
    Duration::from_mins(n)
}

fn due(call: &Value) -> Utc {
    Utc::parse(call["due"].as_str().expect("it is on its way")).unwrap()
}

/// The next attempt is so many seconds away, a tenth more or less.
fn is_due_in(desk: &Desk, call: &Value, seconds: u64) {
    let wait = due(call).since((desk.time.clock())()).as_secs();
    assert!((seconds * 9 / 10..=seconds * 11 / 10).contains(&wait), "due in {wait} s, the schedule says {seconds}");
}

#[tokio::test]
async fn unprocessed_call_is_retried_by_the_schedule() {
    let desk = Desk::with(Making { every: r#"retry = ["1m", "10m"]"#, ..Making::default() }).await;
    let operations = [("xhq", "upload", upload("B")), ("yanwen", "s3.mawb.create", waybill("M-1"))];
    for (connection, operation, body) in &operations {
        for (n, fault) in busy().into_iter().enumerate() {
            let partner = desk.partner(connection);
            let before = partner.count();
            partner.behave(fault.clone().first(2));
            let id = desk.command(connection, operation, &format!("k-{n}"), body).await;
            let call = desk.attempted(&id, 1).await;
            assert_eq!(call["state"], "queued", "{connection} {fault:?}");
            is_due_in(&desk, &call, 60);
            desk.pass(Duration::from_secs(50)).await;
            assert_eq!(partner.count(), before + 1, "nothing is sent before its time");
            desk.pass(Duration::from_secs(20)).await;
            is_due_in(&desk, &desk.attempted(&id, 2).await, 600);
            desk.pass(minutes(12)).await;
            assert_eq!(desk.status(&id).await["state"], "succeeded", "{connection} {fault:?}");
            assert_eq!((partner.count(), partner.processed_count()), (before + 3, n + 1));
        }
    }
}

#[tokio::test]
async fn refused_connection_is_retried() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.xhq.down().await;
    let id = desk.command("xhq", "upload", "k", &upload("D")).await;
    let call = desk.attempted(&id, 1).await;
    assert_eq!((&call["state"], &call["attempts"][0]["status"]), (&"queued".into(), &Value::Null));
    is_due_in(&desk, &call, 60);
    desk.xhq.up().await.unwrap();
    desk.pass(minutes(2)).await;
    assert_eq!(desk.status(&id).await["state"], "succeeded");
    assert_eq!(desk.xhq.processed_count(), 1);
}

/// A function of the version before, or with the configuration of before, ended calls that it knew nothing of.
#[tokio::test]
async fn process_without_an_operation_leaves_its_calls_to_others() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy.first(1));
    let id = desk.command("xhq", "upload", "k", &upload("U")).await;
    desk.attempted(&id, 1).await;
    let knows = desk.courier();
    let without = |change: &dyn Fn(&mut Config)| {
        let mut config = (*knows.context.config).clone();
        change(&mut config);
        Courier { context: Context { config: Arc::new(config), ..knows.context.clone() }, ..knows.clone() }
    };
    let connection = without(&|config| config.connections.clear());
    let operation = without(&|config| {
        config.connections.values_mut().for_each(|connection| connection.partner = Partner::Yanwen);
    });
    let credentials = without(&|config| {
        config.connections.values_mut().for_each(|connection| connection.credentials.clear());
    });
    for ignorant in [connection, operation, credentials] {
        desk.time.pass(minutes(2));
        sweep(&ignorant).await;
        let call = desk.status(&id).await;
        let made = call["attempts"].as_array().unwrap().iter().filter(|attempt| attempt["put_off"].is_null()).count();
        assert_eq!((&call["state"], made), (&"queued".into(), 1), "{call}");
        assert!((60..=120).contains(&due(&call).since((desk.time.clock())()).as_secs()), "{call}");
    }
    desk.pass(minutes(2)).await;
    assert_eq!((&desk.status(&id).await["state"], desk.xhq.processed_count()), (&"succeeded".into(), 1));
}

/// A call that began when the function's time was almost over was cut off after it was marked, and told as ambiguous.
#[tokio::test]
async fn a_call_that_would_not_end_in_the_functions_time_is_not_begun() {
    let desk = Desk::with(Making { every: r#"retry = ["20m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy.first(1));
    let id = desk.command("xhq", "upload", "k", &upload("E")).await;
    desk.attempted(&id, 1).await;
    desk.time.pass(minutes(25));
    let [item] = &events(&desk.hub.context().store).await[..] else { panic!("one call") };
    let call = item.work.call.clone().unwrap();
    let hint = Hint { key: item.key.clone(), job: Job::Call { claim: call.progress.claim } };
    // Its timeout is fifteen seconds, and there is more to do.
    let ends = Some(desk.hub.context().now().after(Duration::from_secs(16)));
    let (lasting, ending) = (desk.courier(), Courier { ends, ..desk.courier() });
    assert_eq!(courier::run(&ending, &hint).await.unwrap(), JobOutcome::Left);
    let [after] = &events(&desk.hub.context().store).await[..] else { panic!("one call") };
    assert_eq!((after.work.call.clone().unwrap(), desk.xhq.count()), (call, 1), "nothing has become of it");
    assert_eq!(courier::run(&lasting, &hint).await.unwrap(), JobOutcome::Called(Standing::Succeeded));
}

#[tokio::test]
async fn call_without_configuration_fails_within_two_hours() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy);
    let id = desk.command("xhq", "upload", "k", &upload("N")).await;
    desk.attempted(&id, 1).await;
    let mut config = (*desk.hub.context().config).clone();
    config.connections.clear();
    let context = Context { config: Arc::new(config), ..desk.hub.context().clone() };
    let ignorant = Courier { context, ..desk.courier() };
    for _ in 0..2 {
        desk.time.pass(UNKNOWN + minutes(2));
        sweep(&ignorant).await;
    }
    let call = desk.stands(&id, "failed").await;
    assert!(call["attempts"][2]["detail"].as_str().unwrap().contains("not in the configuration"), "{call}");
    desk.hears("call.failed", 1).await;
}

#[tokio::test]
async fn retry_after_of_a_partner_is_honoured() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Http(Reply::of(429).retry_after(1_200)).first(1));
    let id = desk.command("xhq", "upload", "k", &upload("P")).await;
    let wait = due(&desk.attempted(&id, 1).await).since((desk.time.clock())());
    assert_eq!(wait, minutes(20));
    desk.pass(minutes(19)).await;
    assert_eq!(desk.xhq.count(), 1, "it was asked not to");
    desk.pass(minutes(2)).await;
    assert_eq!((&desk.status(&id).await["state"], desk.xhq.count()), (&"succeeded".into(), 2));
}

#[tokio::test]
async fn retries_do_not_come_all_at_once() {
    let desk = Desk::with(Making { every: r#"retry = ["10m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy);
    let mut dues = Vec::new();
    for n in 0..8 {
        let id = desk.command("xhq", "upload", &format!("k-{n}"), &upload(&format!("J{n}"))).await;
        let call = desk.attempted(&id, 1).await;
        is_due_in(&desk, &call, 600);
        dues.push(due(&call));
    }
    dues.sort_unstable();
    assert!(dues[7].since(dues[0]) > Duration::from_secs(1), "{dues:?}");
}

#[tokio::test]
async fn a_retry_after_six_minutes_is_signed_anew() {
    let desk = Desk::with(Making { every: r#"retry = ["6m"]"#, ..Making::default() }).await;
    // The partner turns signatures away that are older than five minutes.
    desk.yanwen.behave(Fault::Busy.first(1));
    let id = desk.command("yanwen", "s3.mawb.create", "k", &waybill("M-1")).await;
    desk.attempted(&id, 1).await;
    desk.pass(minutes(7)).await;
    assert_eq!(desk.status(&id).await["state"], "succeeded");
    let sent = desk.yanwen.requests();
    assert!(sent.iter().all(|request| request.wrong.is_none()), "{sent:?}");
    let parameter = |name: &str| sent.iter().map(|request| request.param(name).unwrap().to_owned()).collect::<Vec<_>>();
    let times: Vec<i64> = parameter("timestamp").iter().map(|time| time.parse().unwrap()).collect();
    assert_eq!(times[1] - times[0], 7 * 60 * 1000);
    assert_ne!(parameter("sign")[0], parameter("sign")[1]);
    assert_eq!(sent[0].body, sent[1].body);
}

#[tokio::test]
async fn a_refusal_is_final_and_in_the_partners_own_words() {
    let desk = Desk::new().await;
    let refusals = [
        ("xhq", "upload", upload("R"), Fault::Refuses, "该订单状态不允许此操作"),
        ("yanwen", "s3.mawb.create", waybill("M-1"), Fault::Code(1001, "主单号已存在"), "主单号已存在"),
        ("onedata", "port_query_v2", port("R"), Fault::Refuses, "港区不支持"),
        // Plain text, as Yanwen turns signatures away.
        (
            "yanwen",
            "s3.seal.create",
            "{}".to_owned(),
            Fault::Http(Reply { body: "签名错误".into(), ..Reply::of(401) }),
            "签名错误",
        ),
    ];
    for (n, (connection, operation, body, fault, words)) in refusals.into_iter().enumerate() {
        let partner = desk.partner(connection);
        partner.behave(fault);
        let before = partner.count();
        let id = desk.command(connection, operation, &format!("k-{n}"), &body).await;
        let call = desk.stands(&id, "failed").await;
        assert!(call["answer"]["body"].to_string().contains(words), "{call}");
        assert!(call["attempts"][0]["detail"].as_str().unwrap().contains(words), "{call}");
        let told = desk.hears("call.failed", n + 1).await;
        assert!(told[n]["data"]["answer"]["body"].to_string().contains(words), "{told:?}");
        desk.quiet().await;
        desk.pass(minutes(24 * 60)).await;
        assert_eq!(partner.count(), before + 1, "{words} is sent once");
    }
    assert_eq!(desk.calls().await.len(), 4);
}

/// Yanwen's 系统异常 was taken for a request that was not taken up, and a waybill that it had created was created again.
#[tokio::test]
async fn a_system_exception_does_not_say_that_nothing_was_done() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    desk.yanwen.behave(Fault::ThenCode(-1, "系统异常").first(1));
    let id = desk.command("yanwen", "s3.mawb.create", "k", &waybill("M-1")).await;
    let call = desk.stands(&id, "ambiguous").await;
    assert_eq!(call["attempts"][0]["detail"], "its system failed: -1 系统异常");
    desk.pass(minutes(24 * 60)).await;
    assert_eq!((desk.yanwen.count(), desk.yanwen.processed_count()), (1, 1));
}

#[tokio::test]
async fn ambiguous_call_is_never_repeated_by_itself() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    for (n, fault) in lost().into_iter().enumerate() {
        for (connection, operation, body) in UNSAFE {
            let partner = desk.partner(connection);
            partner.behave(fault.clone());
            let id = desk.command(connection, operation, &format!("k-{n}"), &body(&format!("A{n}"))).await;
            let call = desk.stands(&id, "ambiguous").await;
            assert_eq!(call["attempts"].as_array().unwrap().len(), 1, "{fault:?}");
            desk.quiet().await;
            partner.recover();
            for _ in 0..5 {
                desk.pass(minutes(60)).await;
            }
            assert_eq!(desk.status(&id).await["state"], "ambiguous");
            assert_eq!((partner.count(), partner.processed_count()), (n + 1, n + 1), "{connection} {fault:?}");
        }
    }
    assert_eq!(desk.told("call.ambiguous").len(), lost().len() * UNSAFE.len());
}

#[tokio::test]
async fn repeatable_call_is_repeated_until_answered() {
    let desk = Desk::with(Making { every: r#"retry = ["1m"]"#, ..Making::default() }).await;
    for (n, fault) in lost().into_iter().enumerate() {
        desk.onedata.behave(fault.clone().first(1));
        let (connection, operation, body) = SAFE;
        let id = desk.command(connection, operation, &format!("k-{n}"), &body(&format!("S{n}"))).await;
        assert_eq!(desk.attempted(&id, 1).await["state"], "queued", "{fault:?}");
        desk.pass(minutes(2)).await;
        assert_eq!(desk.status(&id).await["state"], "succeeded", "{fault:?}");
        assert_eq!(desk.onedata.times_processed("port_query", port(&format!("S{n}")).as_bytes()), 2, "{fault:?}");
    }
    assert!(desk.told("call.ambiguous").is_empty());
}

#[tokio::test]
async fn a_partner_that_answers_too_late_may_have_done_it() {
    let desk = Desk::with(Making { every: "timeout = \"1s\"\nretry = [\"1m\"]", ..Making::default() }).await;
    desk.xhq.behave(Fault::Holds);
    desk.onedata.behave(Fault::Holds.first(1));
    let not_safe = desk.command("xhq", "upload", "k", &upload("H")).await;
    let safe = desk.command("onedata", "port_query_v2", "k", &port("H")).await;
    desk.stands(&not_safe, "ambiguous").await;
    assert_eq!(desk.attempted(&safe, 1).await["state"], "queued");
    desk.xhq.recover();
    desk.pass(minutes(60)).await;
    assert_eq!((desk.xhq.count(), desk.onedata.count()), (1, 2));
    assert_eq!(desk.status(&safe).await["state"], "succeeded");
    assert_eq!(desk.status(&not_safe).await["state"], "ambiguous");
}

/// The first lease was as long as a file, a token and an attempt may take: where the queue was gone, the sweep of the
/// second period passed calls by.
#[tokio::test]
async fn without_a_queue_it_is_due_when_a_sweep_period_is_over() {
    let desk = Desk::new().await;
    let mut courier = desk.courier_without_queue();
    let every = Duration::from_secs(30);
    courier.context.config = Config { sweep_every: every, ..Config::clone(&courier.context.config) }.into();
    let answer = invoke(&courier, &invocation("xhq", "upload", 0, &upload("1"))).await;
    assert_eq!(answer["status"], 202, "{answer}");
    desk.time.pass(every);
    sweep(&courier).await;
    desk.stands(answer["body"]["id"].as_str().unwrap(), "succeeded").await;
}

#[tokio::test]
async fn at_the_schedules_end_it_has_failed() {
    let desk = Desk::with(Making { every: r#"retry = ["1m", "1m"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy);
    desk.onedata.behave(Fault::DropsAnswer);
    let not_safe = desk.command("xhq", "upload", "k", &upload("E")).await;
    let safe = desk.command("onedata", "port_query_v2", "k", &port("E")).await;
    for attempts in 1..=2 {
        desk.attempted(&not_safe, attempts).await;
        desk.attempted(&safe, attempts).await;
        desk.pass(minutes(2)).await;
    }
    for id in [&not_safe, &safe] {
        let call = desk.status(id).await;
        assert_eq!((&call["state"], call["attempts"].as_array().unwrap().len()), (&"failed".into(), 3));
    }
    assert_eq!(desk.hears("call.failed", 2).await.len(), 2);
    desk.pass(minutes(60)).await;
    assert_eq!((desk.xhq.count(), desk.onedata.count()), (3, 3));
}
