//! Regressions, each in a test of its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use config::Context;
use courier::{Courier, DeliveryResult, JobOutcome};
use hub::action::{Action, unknown};
use hub::delivery::{Outcome, State};
use inbound::receive::{self, IncomingPush};
use partners::Partner;
use partners::answer::Verdict;
use queue::{Hint, Job};
use store::Store as _;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::support::http::{exchange, request};
use crate::support::{
    Plan, Time, attempted, courier, delivering, erp, events, hook, settled, status, sweep, taken, until, verified,
    within,
};

/// Regression: a panic in one attempt ended all that the sweep had claimed, at every sweep again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_at_one_event_keeps_no_other_from_being_swept() {
    let (receiver, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &receiver, "");
    let hub = plan.start_at(&time).await;
    receiver.behave(simulators::erp::Behaviour::Down);
    for n in 0..5 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("P{n}"), 61)).await;
    }
    until(async || events(&hub.context().store).await.iter().all(|item| item.work.deliveries[0].progress.tries == 1))
        .await;
    let poisoned = events(&hub.context().store).await[2].key.id.to_string();
    let panicked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&panicked);
    let fragile = Courier {
        send: Arc::new(move |_, parcel| {
            let (poisoned, seen) = (parcel.id == poisoned, Arc::clone(&seen));
            Box::pin(async move {
                if poisoned {
                    seen.store(true, Ordering::SeqCst);
                    panic!("as a defect would");
                }
                DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() }
            })
        }),
        ..courier(&hub)
    };
    time.pass(Duration::from_mins(1));
    sweep(&fragile).await;
    assert!(panicked.load(Ordering::SeqCst));
    let states = events(&hub.context().store).await;
    let delivered = states.iter().filter(|item| item.work.deliveries[0].state == State::Delivered).count();
    assert_eq!(delivered, 4, "all but the one that panics");
}

/// A delivery that lost the race for its claim to another endpoint's was left to the sweep.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_endpoints_that_claim_at_once_both_go_on() {
    let (a, b, time) = (erp().await, erp().await, Time::now());
    // So short a period leaves no first claim enough time: every delivery is claimed anew.
    let plan = Plan::new().top("sweep_every = \"1s\"").endpoint("a", &a, "").endpoint("b", &b, "");
    let hub = plan.start_at(&time).await;
    for n in 0..20 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("R{n}"), 61)).await;
    }
    // Time stands still, so nothing falls due and no sweep can make up for a hint that was dropped.
    let tally = settled(&hub).await;
    assert_eq!((tally.delivered, a.count(), b.count()), (40, 20, 20));
}

/// Number of pushes that wait while they are read, and whether they may go on.
static READING: (Mutex<(usize, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

/// A push that waited for its turn to be read waited for as long as that took, and its partner gave up on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_large_push_that_is_not_read_in_time_is_answered_in_time() {
    let hub = Plan::new().start().await;
    let context = hub.context().clone();
    let push = move |arrived: Instant| {
        let context = context.clone();
        async move {
            let slow = Action {
                read: |push| {
                    let (state, told) = &READING;
                    state.lock().unwrap().0 += 1;
                    drop(told.wait_while(state.lock().unwrap(), |(_, go)| !*go).unwrap());
                    unknown(push)
                },
                ..rate_push::ACTION
            };
            let verified = verified(&context.config, &hook(Partner::OneData, "rates"), slow);
            let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(200_000)).into();
            let push = IncomingPush { body, ..IncomingPush::default() };
            receive::receive(&context, verified, push, arrived).await.verdict
        }
    };
    let now = Instant::now();
    let others = [(); 2].map(|()| tokio::spawn(push(now)));
    until(async || READING.0.lock().unwrap().0 == 2).await;
    let late = within(push(now - Partner::OneData.budget())).await;
    READING.0.lock().unwrap().1 = true;
    READING.1.notify_all();
    assert_eq!(late, Verdict::Unavailable);
    for other in others {
        within(other).await.unwrap();
    }
}

/// Large events that fell due together were all in memory at once, which a small function has no room for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweep_limits_concurrent_large_bodies_only() {
    let (receiver, time) = (erp().await, Time::now());
    let hub = Plan::new().endpoint("erp", &receiver, "retry = [\"20m\"]").start_at(&time).await;
    receiver.behave(simulators::erp::Behaviour::Down);
    let large = |n| format!(r#"{{"action":"syn_status","orderOutNo":"L{n}","msg":"{}"}}"#, "x".repeat(300_000));
    for n in 0..4 {
        taken(&hub, Partner::Xhq, "syn_status", large(n)).await;
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("S{n}"), 61)).await;
    }
    crate::support::until(async || {
        events(&hub.context().store).await.iter().all(|item| item.work.deliveries[0].progress.tries == 1)
    })
    .await;
    time.pass(Duration::from_mins(25));
    let answers = Arc::new(Semaphore::new(0));
    let (under_way, most) = (Arc::new(Mutex::new([0, 0])), Arc::new(AtomicUsize::new(0)));
    let (answered, counts, highest) = (Arc::clone(&answers), Arc::clone(&under_way), Arc::clone(&most));
    let slow = Courier {
        send: Arc::new(move |_, parcel| {
            let (answered, counts, highest) = (Arc::clone(&answered), Arc::clone(&counts), Arc::clone(&highest));
            let kind = usize::from(parcel.body.len() > 300_000);
            Box::pin(async move {
                let large = {
                    let mut counts = counts.lock().unwrap();
                    counts[kind] += 1;
                    counts[1]
                };
                highest.fetch_max(large, Ordering::SeqCst);
                answered.acquire().await.unwrap().forget();
                counts.lock().unwrap()[kind] -= 1;
                DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() }
            })
        }),
        ..courier(&hub)
    };
    let all = async {
        crate::support::until(async || *under_way.lock().unwrap() == [4, 2]).await;
        answers.add_permits(8);
    };
    tokio::join!(sweep(&slow), all);
    assert_eq!((most.load(Ordering::SeqCst), settled(&hub).await.delivered), (2, 8));
}

/// An attempt that had waited for its place until the function's time was almost over was begun and cut off: the ERP got
/// the event twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempt_beyond_the_functions_time_is_not_begun() {
    let (receiver, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &receiver, "concurrency = 1\ntimeout = \"10s\"\nretry = [\"20m\"]");
    let hub = plan.start_at(&time).await;
    receiver.behave(simulators::erp::Behaviour::Down);
    for order in ["E1", "E2"] {
        taken(&hub, Partner::Xhq, "syn_status", status(order, 61)).await;
        attempted(&hub, &format!("order:{order}"), "erp", 1).await;
    }
    // No worker takes the remaining hints, and no sweep what is due.
    let (queue, _lanes) = queue::in_process([], 8);
    let context = Context { queue, store: plan.store(), ..hub.context().clone() };
    hub.stop().await;
    time.pass(Duration::from_mins(25));
    let delivery = async |subject: &str| {
        let items = context.store.timeline(&"xhq-sh".into(), &subject.into(), context.now()).await.unwrap();
        (items[0].key.clone(), items[0].work.delivery(&"erp".into()).unwrap().clone())
    };
    // The ERP answers one when it is clear what becomes of the other.
    let (answers, sent) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (answered, seen) = (Arc::clone(&answers), Arc::clone(&sent));
    let waits: courier::Send = Arc::new(move |_, _| {
        let answered = Arc::clone(&answered);
        seen.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            answered.acquire().await.unwrap().forget();
            DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() }
        })
    });
    let ending = Courier {
        // The timeout, what is around it, and a moment in which the place is waited for.
        ends: Some(context.now().after(Duration::from_millis(14_050))),
        ..delivering(context.clone(), waits)
    };
    let lasting = Courier { ends: None, ..ending.clone() };
    let run = async |courier: &Courier<_, _>, order| {
        let (key, delivery) = delivery(order).await;
        let job = Job::Deliver { endpoint: "erp".into(), claim: delivery.progress.claim };
        Box::pin(courier::run(courier, &Hint { key, job })).await.unwrap()
    };
    let second = async {
        // The only place is taken.
        until(async || sent.load(Ordering::SeqCst) == 1).await;
        let done = run(&ending, "order:E2").await;
        answers.add_permits(1);
        done
    };
    let done = within(async { tokio::join!(run(&lasting, "order:E1"), second) }).await;
    let delivered = JobOutcome::Attempted(State::Delivered);
    assert_eq!(done, (delivered, JobOutcome::Left));
    assert_eq!(sent.load(Ordering::SeqCst), 1);
    assert_eq!(delivery("order:E2").await.1.progress.attempts.len(), 1, "nothing has become of it");
    answers.add_permits(1);
    assert_eq!(within(run(&lasting, "order:E2")).await, delivered);
}

/// Bodies of requests without a key were read whole before anybody looked at the key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_key_is_refused_by_its_head() {
    let hub = Plan::new().start().await;
    let announced = request("POST", "/deliveries/replay", "content-length: 6000000\r\n", b"");
    let reply = exchange(hub.address(), announced).await.expect("an answer without a byte of the body");
    assert_eq!(reply.status, 401);
}

/// A lane of 512 hints was full within a quarter of a second of pushes; the deliveries that did not fit came with the next sweep, a
/// minute later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_of_pushes_to_a_slow_endpoint_needs_no_sweep() {
    let (receiver, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &receiver, "concurrency = 1\n");
    let hub = plan.start_at(&time).await;
    receiver.behave(simulators::erp::Behaviour::Slow(Duration::from_secs(1)));
    for n in 0..700 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("Q{n}"), 61)).await;
    }
    receiver.behave(simulators::erp::Behaviour::Takes);
    // Time stands still, so nothing falls due and no sweep can make up for a hint that was dropped.
    assert_eq!(settled(&hub).await.delivered, 700);
}
