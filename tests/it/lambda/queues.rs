//! Pushes with a failing queue: the partner's answer, and the queue messages.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Config;
use config::Context;
use hub::action::Action;
use inbound::receive::{self, IncomingPush};
use partners::Partner;
use partners::answer::Verdict;
use queue::{Hint, Queue, QueueError};
use store::Store as _;
use tokio::time::Instant;

use super::{BODY, KEY, NOW, configuration, deployed, rest, said};
use crate::dynamodb::Fault;
use crate::support::{RecordedQueue, verified};

/// A queue whose first use is a defect.
#[derive(Clone, Default)]
struct Defective(Arc<AtomicBool>);

impl Queue for Defective {
    const HOLDS_UP: Duration = Duration::from_secs(1);

    async fn send(&self, _: Vec<Hint>, _: Duration) -> Result<(), QueueError> {
        assert!(self.0.swap(true, Ordering::SeqCst), "a defect");
        Ok(())
    }
}

/// Before the write and after it. No push is known that the shipped code panics at, so this is tried in this process; that
/// a panic unwinds in the release binaries, too, is held by `rules` and by `infra/local-stack check`.
#[tokio::test]
async fn push_after_a_handler_panic_is_accepted_once() {
    let broken = Action { read: |_| panic!("a defect"), ..single_receipt::ACTION };
    // With another business key there is something to hint at.
    let body = r#"{"orderOutNo":"S1","billNo":"B1","paramJson":{}}"#;
    for (first, kept) in [(broken, 0), (single_receipt::ACTION, 1)] {
        let Context { config, store, clock, .. } = deployed().await.0;
        let queue = Defective(Arc::new((kept == 0).into()));
        let context = Context::new(config, store, queue, clock);
        let event = rest(&format!("/hooks/xhq/xhq-sh/{KEY}/single_receipt"), body).to_string();
        let push = async |action| {
            let request = lambda_http::request::from_str(&event).unwrap();
            let (status, body) = said(&lambda::answer(&context, None, action, request).await);
            (status, body["state"].clone())
        };
        let accepted =
            async || context.store.ledger(NOW).await.unwrap().values().map(|tally| tally.accepted).sum::<u64>();
        assert_eq!(push(&first).await, (503, false.into()));
        assert_eq!(accepted().await, kept);
        for _ in 0..2 {
            assert_eq!(push(&single_receipt::ACTION).await, (200, true.into()));
        }
        assert_eq!(accepted().await, 1);
    }
}

/// If one waybill of fifty was late, the others got no hint and no log line named them.
#[tokio::test(start_paused = true)]
async fn stored_events_are_queued_though_others_of_the_push_are_late() {
    let (Context { config, store, clock, .. }, emulator) = deployed().await;
    let queue = RecordedQueue::default();
    let context = Context::new(config, store, queue.clone(), clock);
    let path = format!("/hooks/trackingeyes/te/{KEY}te/customs_status");
    let verified = verified(&context.config, &path, customs_status::ACTION);
    let waybill = |n: u8| format!(r#"{{"blNo":"B{n}","id":{n},"extendNo":"","endId":"0"}}"#);
    let body = format!("[{}]", [1, 2, 3].map(waybill).join(","));
    let push = IncomingPush { body: body.into(), ..IncomingPush::default() };
    emulator.next(&[Fault::None, Fault::None]);
    emulator.always(Fault::AnswerLate);
    let budget = Partner::TrackingEyes.budget();
    // So much of it is gone that the store does not give up before.
    let arrived = Instant::now() - budget / 2;
    let answer = receive::receive(&context, verified, push, arrived).await;
    assert_eq!((answer.verdict, arrived.elapsed() <= budget), (Verdict::Unavailable, true));
    let hints = queue.0.lock().unwrap();
    let hinted: Vec<_> = hints.iter().map(|hint| hint.key.subject.as_str()).collect();
    assert_eq!(hinted, ["bl:B1", "bl:B2"]);
}

/// A queue to which the first connection takes long.
#[derive(Clone, Default)]
struct Connecting(Arc<Mutex<usize>>);

impl Queue for Connecting {
    const HOLDS_UP: Duration = Duration::from_secs(1);

    async fn send(&self, hints: Vec<Hint>, _: Duration) -> Result<(), QueueError> {
        tokio::time::sleep(Duration::from_millis(700)).await;
        *self.0.lock().unwrap() += hints.len();
        Ok(())
    }
}

/// Each partner's answer waited for a hint no longer than 1datatech's may, so that the first hints were left to the sweep.
#[tokio::test(start_paused = true)]
async fn a_hint_has_its_share_of_the_partners_time() {
    let (Context { store, clock, .. }, _) = deployed().await;
    let config = format!(
        r#"{}
        [[endpoints]]
        id = "erp"
        url = "http://192.0.2.1/"
        secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="]
        "#,
        configuration()
    );
    let config = Arc::new(Config::parse(&config).unwrap());
    let context = Context::new(config, store, Connecting::default(), clock);
    for (path, action, partner, hints) in [
        (format!("/hooks/xhq/xhq-sh/{KEY}/single_receipt"), &single_receipt::ACTION, Partner::Xhq, 1),
        (format!("/hooks/onedata/rates/{KEY}od/rates"), &rate_push::ACTION, Partner::OneData, 0),
    ] {
        let request = lambda_http::request::from_str(&rest(&path, BODY).to_string()).unwrap();
        let begun = Instant::now();
        let (status, _) = said(&lambda::answer(&context, None, action, request).await);
        assert!(begun.elapsed() < partner.budget(), "{:?}", begun.elapsed());
        assert_eq!((status, std::mem::take(&mut *context.queue.0.lock().unwrap())), (200, hints), "{partner}");
    }
}
