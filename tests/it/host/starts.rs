//! Cold starts, and what stops one.

use std::time::Duration;

use futures::future::{join, join_all};
use host::{Failure, Manner};
use hub::Utc;
use hub::statistics::ConnectionFigures;
use partners::Partner;
use serde_json::json;
use simulators::partner::Next;
use store::Store as _;

use super::{hinted, is_the_gateways_negative, ledger, plan, push, start, store, taken};
use crate::support::{APP_ID, Plan, erp, secret, status, until, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn push_that_starts_a_function_is_stored_once_with_resend() {
    let stack = start(Plan::new()).await;
    let function = stack.function("syn_status").unwrap();
    assert!(function.processes().is_empty());
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
    assert_eq!(function.processes().len(), 1, "the second push met the first one's instance");
    assert_eq!(ledger(&stack).await.accepted, 1);
    taken(&stack, Partner::OneData, r#"{"batchNo":"B1"}"#).await;
    assert_eq!(ledger(&stack).await.accepted, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resend_of_a_delivered_event_is_not_delivered_again() {
    let erp = erp().await;
    let stack = start(Plan::new().endpoint("erp", &erp, "")).await;
    let body = hinted(&stack, 1).await;
    let _feed = stack.feed("deliver").unwrap();
    let queue = stack.queue("deliver").unwrap();
    until(async || queue.waiting() == 0 && ledger(&stack).await.delivered == 1).await;
    taken(&stack, Partner::OneData, &body).await;
    until(async || queue.waiting() == 0).await;
    assert_eq!((erp.count(), ledger(&stack).await.delivered), (1, 1));
}

/// The first push of an instance, and its delivery by another: each process adds what it has counted once its answer is out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_of_each_function_are_added_after_its_answer() {
    let erp = erp().await;
    let stack = start(Plan::new().endpoint("erp", &erp, "")).await;
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
    let (store, now) = (store(&stack), telemetry::system_clock()());
    let figures = async || {
        let (since, until) = (Utc(now.0 - 3_600_000_000), now.after(Duration::from_hours(1)));
        let mut sum = ConnectionFigures::default();
        for (_, counts) in store.counts(&"xhq-sh".into(), since, until, now).await.unwrap() {
            sum.add(&ConnectionFigures::of(&counts));
        }
        sum
    };
    until(async || Box::pin(figures()).await.pushes.accepted == 1).await;
    let _feed = stack.feed("deliver").unwrap();
    until(async || Box::pin(figures()).await.endpoints.get(&"erp".into()).is_some_and(|erp| erp.delivered == 1)).await;
    assert_eq!(figures().await.pushes.accepted, 1);
}

/// Only `deliver` and the other functions that send get the name of the credentials secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_is_taken_without_credentials_and_delivered_with_them() {
    let erp = erp().await;
    let configuration = Plan::new()
        .endpoint("erp", &erp, "secrets = [{ secret = \"erp\" }]")
        .changed(&format!("app_id = \"{APP_ID}\""), "app_id = { secret = \"xhq\" }");
    let credentials = json!({"erp": secret(1), "xhq": APP_ID}).to_string();
    let stack = ::host::Plan { credentials, ..plan(configuration).await }.start().await.unwrap();
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
    hinted(&stack, 1).await;
    let _feed = stack.feed("deliver").unwrap();
    within(erp.received(1)).await;
    assert!(erp.deliveries()[0].signed);
}

/// Each push that finds all instances busy starts another, up to a limit; what is over it is asked to come again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_instances_store_equal_pushes_once_eleventh_is_refused() {
    let stack = start(Plan::new()).await;
    let function = stack.function("syn_status").unwrap();
    stack.table.behave(Manner::Held);
    let bodies: Vec<String> = (0..10).map(|number| status(&format!("S{}", number / 2), 61)).collect();
    let pushes = join_all(bodies.iter().map(|body| push(&stack, Partner::Xhq, body)));
    let release = async {
        until(async || function.processes().len() == 10).await;
        is_the_gateways_negative(&push(&stack, Partner::Xhq, &status("S9", 61)).await.answered.unwrap());
        assert_eq!(function.invoke("{}").await.unwrap_err(), Failure::Throttled);
        stack.table.behave(Manner::Prompt);
    };
    let (tries, ()) = within(join(pushes, release)).await;
    for one in tries {
        assert_eq!(one.verdict, Next::Taken, "{one:?}");
    }
    assert_eq!(function.processes().len(), 10);
    assert_eq!(ledger(&stack).await.accepted, 5);
    taken(&stack, Partner::Xhq, &status("S9", 61)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_variable_is_named_where_it_stops_a_function() {
    let plan = plan(Plan::new()).await;
    let addresses = ["", "_DYNAMODB", "_SQS", "_SECRETS_MANAGER"].map(|of| format!("AWS_ENDPOINT_URL{of}"));
    for name in lambda::VARIABLES.into_iter().chain(addresses.iter().map(String::as_str)) {
        let mut plan = plan.clone();
        plan.environment.push((name.to_owned(), String::new()));
        let stack = plan.start().await.unwrap();
        for function in ["syn_status", "deliver", "sweep"] {
            let function = stack.function(function).unwrap();
            let failure = within(function.invoke("{}")).await.unwrap_err();
            assert!(matches!(failure, Failure::Init(_)), "{name}: {failure}");
            let log = function.log();
            assert!(log.contains("cannot start") && log.contains(name) && !log.contains("panic"), "{name}: {log}");
        }
        is_the_gateways_negative(&push(&stack, Partner::Xhq, &status("S1", 61)).await.answered.unwrap());
    }
}

/// An empty filter of the logs is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_filter_of_the_logs_stops_nothing() {
    let mut plan = plan(Plan::new()).await;
    plan.environment.push((telemetry::logs::FILTER.to_owned(), String::new()));
    let stack = plan.start().await.unwrap();
    taken(&stack, Partner::Xhq, &status("S1", 61)).await;
}
