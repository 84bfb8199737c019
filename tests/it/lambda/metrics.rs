//! Metrics of pushes and of the backlog: faults count, and the age of the backlog counts from the push.

use courier::{Courier, DeliveryResult};
use futures::FutureExt as _;
use hub::delivery::Outcome;
use hub::progress::Outgoing as _;
use lambda_http::RequestExt as _;
use telemetry::metrics::{Dimension, Metric, Sample};

use super::*;

async fn counted(context: &Context<DynamoStore, Forgetful>, action: &Action, event: &Value) -> Sample {
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    lambda::measured(context, None, action, request).await.1
}

#[tokio::test(start_paused = true)]
async fn every_push_counts_once_by_its_outcome() {
    let (context, emulator) = deployed().await;
    let path = format!("/hooks/xhq/xhq-sh/{KEY}/syn_status");
    let counts = |sample: Sample| {
        let counts = sample.values.iter().filter(|(metric, _)| ![Metric::AckTime, Metric::AckMargin].contains(metric));
        counts.map(|(metric, value)| (*metric, value.to_bits())).collect::<Vec<_>>()
    };
    let once = 1.0_f64.to_bits();
    let stranger = rest(&format!("/hooks/xhq/xhq-sh/{KEY}x/syn_status"), BODY);
    for (event, expected) in [
        (rest(&path, BODY), Metric::Accepted),
        (rest(&path, BODY), Metric::Duplicate),
        (rest(&path, "no JSON"), Metric::Malformed),
        (stranger, Metric::Unauthorized),
    ] {
        let sample = counted(&context, &syn_status::ACTION, &event).await;
        assert_eq!(sample.of[1], (Dimension::Partner, "xhq".to_owned()));
        let margin = sample.value(Metric::AckMargin).is_some_and(|margin| (0.0..=100.0).contains(&margin));
        assert_eq!(margin, expected != Metric::Unauthorized, "{expected:?}");
        assert_eq!(counts(sample), [(expected, once)]);
    }
    emulator.always(Fault::Lost);
    let sample = counted(&context, &syn_status::ACTION, &rest(&path, BODY)).await;
    assert_eq!(counts(sample), [(Metric::Unavailable, once)]);
}

#[tokio::test]
async fn a_push_that_panics_is_an_error_and_not_kept() {
    let broken = Action { read: |_| panic!("a defect"), ..syn_status::ACTION };
    let (context, _) = deployed().await;
    let sample = counted(&context, &broken, &rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), BODY)).await;
    assert_eq!((sample.value(Metric::Errors), sample.value(Metric::Unavailable)), (Some(1.0), Some(1.0)));
    assert_eq!(sample.value(Metric::Accepted), None);
    assert!(sample.value(Metric::AckTime).is_some(), "it was answered");
}

/// Lambda is about to end the function; the partner's own budget is not over by far.
#[tokio::test]
async fn push_out_of_time_is_answered_and_counted_as_error() {
    let (context, emulator) = deployed().await;
    emulator.always(Fault::AnswerLate);
    let event = rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), BODY);
    let mut limits = lambda_http::Context::default();
    limits.deadline = u64::try_from(NOW.0 / 1000).unwrap() + 520;
    let request = lambda_http::request::from_str(&event.to_string()).unwrap().with_lambda_context(limits);
    let (response, sample) = lambda::measured(&context, None, &syn_status::ACTION, request).await;
    assert_eq!((response.status().as_u16(), sample.value(Metric::Errors)), (503, Some(1.0)));
}

/// A hub with an ERP, and a push it has accepted for each of the subjects.
async fn accepted(subjects: usize) -> (Context<DynamoStore, Forgetful>, Emulator) {
    let (mut context, emulator) = deployed().await;
    let config = format!(
        r#"
        sweep_every = "1m"
        [[connections]]
        id = "xhq-sh"
        partner = "xhq"
        keys = ["{KEY}"]

        [[connections]]
        id = "idle"
        partner = "xhq"
        keys = ["{KEY}idle"]

        [[endpoints]]
        id = "erp"
        url = "http://192.0.2.1/"
        secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
        "#
    );
    context.config = Arc::new(Config::parse(&config).unwrap());
    for subject in 0..subjects {
        let body = json!({"action": "syn_status", "orderOutNo": format!("S{subject}"), "code": 61}).to_string();
        push(&context, &syn_status::ACTION, &rest(&format!("/hooks/xhq/xhq-sh/{KEY}/syn_status"), &body)).await;
    }
    (context, emulator)
}

/// The same hub so much later, whose ERP does that.
fn later(context: &Context<DynamoStore, Forgetful>, seconds: u64, outcome: Outcome) -> Courier<DynamoStore, Forgetful> {
    let now = NOW.after(Duration::from_secs(seconds));
    Courier {
        context: Context { clock: Arc::new(move || now), ..context.clone() },
        lines: Arc::default(),
        random: Arc::new(|| 0.5),
        entropy: courier::system_entropy(),
        send: Arc::new(move |_, _| {
            async move { DeliveryResult { outcome, status: None, detail: String::new() } }.boxed()
        }),
        wire: Arc::new(|_| std::future::pending().boxed()),
        reader: callback::ACTION,
        ends: None,
    }
}

/// A metric of that connection or endpoint, as the sweep measures it.
async fn waiting(context: &Context<DynamoStore, Forgetful>, of: &str, metric: Metric) -> Option<f64> {
    let samples = sweep::backlog::samples(context, sweep::MEASURING).await;
    let sample = samples.iter().find(|sample| sample.of[0].1 == of && sample.value(metric).is_some());
    sample.and_then(|sample| sample.value(metric))
}

#[tokio::test]
async fn backlog_age_counts_from_the_push_across_claims() {
    let (context, _) = accepted(1).await;
    for minutes in [2, 3, 4] {
        let now = later(&context, minutes * 60, Outcome::Delivered).context;
        let due = now.store.due(now.now(), 9).await.unwrap();
        let listed = now.store.inspect(&due[0], now.now()).await.unwrap().unwrap();
        let taken = listed.work.deliveries[0].clone().claimed(now.now().after(Duration::from_secs(59)));
        let work = hub::Work { version: listed.work.version + 1, ..listed.work.with(taken) };
        assert_eq!(now.store.settle(&due[0], &work).await.unwrap(), store::Settled::Done);
        assert_eq!(waiting(&now, "xhq-sh", Metric::Due).await, Some(1.0));
        let age = Duration::from_mins(minutes).as_secs_f64();
        assert_eq!(waiting(&now, "xhq-sh", Metric::OldestDue).await, Some(age), "taken up and in hand");
    }
    let courier = later(&context, 300, Outcome::Delivered);
    sweep::handle(&courier).await.unwrap();
    for connection in ["xhq-sh", "idle"] {
        let now = &courier.context;
        assert_eq!(waiting(now, connection, Metric::OldestDue).await, Some(0.0), "{connection}");
        assert_eq!(waiting(now, connection, Metric::Due).await, Some(0.0), "{connection}");
        assert_eq!(waiting(now, connection, Metric::Failed).await, Some(0.0), "{connection}");
    }
}

#[tokio::test]
async fn postponed_work_is_backlog_and_the_circuit_is_measured() {
    let (context, _) = accepted(12).await;
    assert_eq!(waiting(&context, "erp", Metric::CircuitsOpen).await, Some(0.0));
    let courier = later(&context, 120, Outcome::NoAnswer);
    sweep::handle(&courier).await.unwrap();
    assert_eq!(waiting(&courier.context, "erp", Metric::CircuitsOpen).await, Some(1.0));
    let put_off = waiting(&courier.context, "xhq-sh", Metric::Due).await.unwrap();
    assert!((1.0..12.0).contains(&put_off), "{put_off} wait for the circuit, the others for their retry");
    assert_eq!(waiting(&courier.context, "xhq-sh", Metric::OldestDue).await, Some(120.0));
}

#[tokio::test]
async fn failed_delivery_is_counted_and_leaves_the_backlog() {
    let (context, _) = accepted(3).await;
    let courier = later(&context, 120, Outcome::Impossible);
    sweep::handle(&courier).await.unwrap();
    let now = &courier.context;
    assert_eq!(
        (waiting(now, "xhq-sh", Metric::Failed).await, waiting(now, "xhq-sh", Metric::Due).await),
        (Some(3.0), Some(0.0))
    );
    ledger::handle(&now.store, now.now()).await.unwrap();
    let balance = ledger::samples(&now.store.ledger(now.now()).await.unwrap());
    assert_eq!(balance[0].value(Metric::LedgerDifference), Some(0.0));
}

/// One was enough for every metric of every connection to be missing, which no alarm takes for a fault.
#[tokio::test]
async fn unreadable_item_is_an_error_and_hides_no_other() {
    let (context, emulator) = accepted(3).await;
    assert_eq!(waiting(&context, "", Metric::Errors).await, None);
    emulator.spoil(1);
    let courier = later(&context, 120, Outcome::Impossible);
    sweep::handle(&courier).await.unwrap();
    let now = &courier.context;
    for (metric, expected) in [(Metric::Due, 1.0), (Metric::Failed, 2.0)] {
        assert_eq!(waiting(now, "xhq-sh", metric).await, Some(expected), "{metric:?}");
    }
    assert_eq!(waiting(now, "", Metric::Errors).await, Some(1.0));
    emulator.spoil(3);
    assert_eq!(waiting(now, "xhq-sh", Metric::Failed).await, Some(0.0));
    assert_eq!(waiting(now, "", Metric::Errors).await, Some(3.0));
    ledger::handle(&now.store, now.now()).await.unwrap();
    let balance = ledger::samples(&now.store.ledger(now.now()).await.unwrap());
    assert_eq!(balance[0].value(Metric::LedgerDifference), Some(3.0));
}

/// Likewise; and the sweep waits no longer.
#[tokio::test(start_paused = true)]
async fn late_backlog_measurement_is_an_error() {
    let (context, emulator) = accepted(1).await;
    emulator.always(Fault::AnswerLate);
    let began = Instant::now();
    let samples = sweep::backlog::samples(&context, sweep::MEASURING).await;
    assert!(began.elapsed() <= sweep::MEASURING, "{:?}", began.elapsed());
    assert!(samples.iter().all(|sample| sample.value(Metric::Due).is_none() && sample.value(Metric::Failed).is_none()));
    assert!(samples.last().unwrap().value(Metric::Errors) > Some(0.0));
}

/// The hub in virtual time, whose first attempt the store's fault follows for so long.
fn out_of_breath(
    context: &Context<DynamoStore, Forgetful>,
    emulator: &Emulator,
    fault: Fault,
    lasting: Duration,
) -> (Courier<DynamoStore, Forgetful>, Arc<Mutex<usize>>) {
    let (began, sent) = (Instant::now(), Arc::new(Mutex::new(0)));
    let (emulator, count) = (emulator.clone(), Arc::clone(&sent));
    let mut courier = later(context, 0, Outcome::Delivered);
    courier.context.clock = Arc::new(move || NOW.after(began.elapsed()));
    courier.send = Arc::new(move |_, _| {
        *count.lock().unwrap() += 1;
        emulator.always(fault);
        let emulator = emulator.clone();
        tokio::spawn(async move {
            tokio::time::sleep(lasting).await;
            emulator.always(Fault::None);
        });
        async move { DeliveryResult { outcome: Outcome::Delivered, status: Some(200), detail: String::new() } }.boxed()
    });
    (courier, sent)
}

/// A result in hand was given up in a moment: the ERP had the event twice, and a call that had succeeded was ambiguous.
/// Where the store had it and the answers were lost, it was nobody's.
#[tokio::test(start_paused = true)]
async fn attempts_result_is_stored_once_the_store_recovers() {
    for fault in [Fault::Throttled, Fault::Lost, Fault::AnswerLost, Fault::AnswerLate] {
        let (context, emulator) = accepted(1).await;
        let due = context.store.due(NOW.after(Duration::from_mins(2)), 1).await.unwrap();
        let hint = Hint { key: due[0].clone(), errand: Errand::Deliver { endpoint: "erp".into(), claim: 0 } };
        let (courier, sent) = out_of_breath(&context, &emulator, fault, Duration::from_secs(9));
        let done = courier::run(&courier, &hint).await.unwrap();
        assert_eq!(done, courier::Done::Attempted(hub::delivery::State::Delivered), "{fault:?}");
        assert_eq!(courier::run(&courier, &hint).await.unwrap(), courier::Done::Stale);
        assert_eq!(*sent.lock().unwrap(), 1, "{fault:?}");
    }
}

/// Not beyond its lease, when another process has claimed it.
#[tokio::test(start_paused = true)]
async fn attempts_result_is_given_up_at_the_end_of_its_lease() {
    let (context, emulator) = accepted(1).await;
    let due = context.store.due(NOW.after(Duration::from_mins(2)), 1).await.unwrap();
    let hint = Hint { key: due[0].clone(), errand: Errand::Deliver { endpoint: "erp".into(), claim: 0 } };
    let (courier, _) = out_of_breath(&context, &emulator, Fault::Throttled, Duration::from_hours(1));
    let began = Instant::now();
    assert!(courier::run(&courier, &hint).await.is_err());
    assert!((Duration::from_secs(15)..Duration::from_mins(1)).contains(&began.elapsed()), "{:?}", began.elapsed());
}
