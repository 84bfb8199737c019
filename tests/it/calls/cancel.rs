//! Cancellation of queued calls, and its race against the process that begins to send.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use config::{Config, Context};
use courier::{Courier, JobOutcome};
use futures::FutureExt as _;
use hub::call::Standing;
use hub::{ConnectionId, EventKey, Utc};
use outbound::Sent;
use queue::{Hint, Job};
use serde_json::Value;
use simulators::api::Fault;
use store::Store;
use store_sqlite::SqliteStore;
use tokio::sync::Semaphore;

use crate::calls::sequence::recall;
use crate::calls::{Desk, Making, upload};
use crate::dynamodb::{NOW, emulated};
use crate::support::{RecordedQueue, delivering, until, within};

/// A desk, and at it an upload that is retried in an hour and a recall that waits for it.
async fn upload_and_recall() -> (Desk, String, String) {
    let desk = Desk::with(Making { every: r#"retry = ["1h"]"#, ..Making::default() }).await;
    desk.xhq.behave(Fault::Busy.first(1));
    let first = desk.command("xhq", "upload", "first", &upload("S")).await;
    desk.attempted(&first, 1).await;
    let second = desk.command("xhq", "recall", "second", &recall("S")).await;
    (desk, first, second)
}

#[tokio::test]
async fn cancelled_upload_lets_the_recall_go_out_alone() {
    let (desk, first, second) = upload_and_recall().await;
    let reply = desk.ask_of(&first, "cancel", "").await;
    let call = reply.json();
    assert_eq!((reply.status, &call["state"]), (200, &"cancelled".into()), "{call}");
    assert_eq!((&call["cancellation"]["by"], call.get("due")), (&"all".into(), None), "{call}");
    desk.stands(&second, "succeeded").await;
    desk.pass(Duration::from_hours(2)).await;
    assert_eq!(desk.wire(), ["upload", "recall"]);
    let told = desk.hears("call.cancelled", 1).await;
    assert_eq!((&told[0]["subject"], &told[0]["data"]["id"]), (&"order:S".into(), &first.as_str().into()));
    desk.quiet().await;
    let tally = crate::support::ledger(&desk.hub.context().store).await;
    assert_eq!((tally.calls.cancelled, tally.calls.succeeded, tally.balanced()), (1, 1, true));
    let listed = desk.get("/calls?subject=order:S&state=cancelled").await.json();
    assert_eq!((&listed["items"][0]["id"], listed["items"].as_array().unwrap().len()), (&first.as_str().into(), 1));
    assert_eq!(desk.get("/calls").await.json()["items"], Value::Array(Vec::new()), "it needs no attention");
    assert_eq!(desk.get("/calls?state=cancelled").await.json()["items"], listed["items"]);
    desk.hub.stop().await;
}

#[tokio::test]
async fn waiting_call_is_cancelled_and_those_behind_it_wait_on() {
    let (desk, first, second) = upload_and_recall().await;
    let third = desk.command("xhq", "upload", "third", &upload("S")).await;
    assert_eq!(desk.status(&third).await["waits_for"], second.as_str());
    assert_eq!(desk.ask_of(&second, "cancel", "{}").await.json()["state"], "cancelled");
    assert_eq!(desk.status(&third).await["waits_for"], first.as_str());
    desk.pass(Duration::from_mins(30)).await;
    assert_eq!(desk.wire(), ["upload"]);
    assert_eq!(desk.ask_of(&first, "cancel", "").await.status, 200);
    desk.stands(&third, "succeeded").await;
    assert_eq!(desk.wire(), ["upload", "upload"]);
    desk.hub.stop().await;
}

#[tokio::test]
async fn call_that_is_sent_or_has_ended_is_not_cancelled() {
    let desk = Desk::new().await;
    desk.xhq.behave(Fault::Holds.first(1));
    let id = desk.command("xhq", "upload", "k", &upload("S")).await;
    until(async || desk.xhq.count() == 1).await;
    let refused = async |id: &str, kind: &str, state: &str| {
        let reply = desk.ask_of(id, "cancel", "").await;
        let problem = reply.json();
        assert_eq!((reply.status, &problem["state"]), (409, &state.into()), "{problem}");
        assert_eq!(problem["type"], format!("urn:tongguan:problem:{kind}"));
    };
    refused(&id, "being-sent", "queued").await;
    desk.xhq.release();
    desk.stands(&id, "succeeded").await;
    refused(&id, "not-queued", "succeeded").await;
    desk.xhq.behave(Fault::DropsAnswer.first(1));
    let lost = desk.command("xhq", "upload", "lost", &upload("T")).await;
    desk.stands(&lost, "ambiguous").await;
    refused(&lost, "not-queued", "ambiguous").await;
    let (other, first, _) = upload_and_recall().await;
    assert_eq!(other.ask_of(&first, "cancel", "").await.status, 200);
    assert_eq!(other.ask_of(&first, "cancel", "").await.json()["state"], "cancelled");
    assert_eq!(other.ask_of(&first, "retry", "").await.json()["type"], "urn:tongguan:problem:not-queued");
    assert_eq!(other.ask_of(&first, "cancel", r#"{"why":"x"}"#).await.status, 400);
    assert_eq!(other.ask_of(&"0".repeat(48), "cancel", "").await.status, 404);
    other.hub.stop().await;
    desk.hub.stop().await;
}

const CONFIGURATION: &str = r#"
[[connections]]
id = "xhq-sh"
partner = "xhq"
keys = ["xhq-sh-0123456789abcdefghijklmnopqrstuvwxyz"]
app_id = "app"
bgh_id = "bgh"
concurrency = 1

[[api_keys]]
id = "erp"
key = "erp-0123456789abcdefghijklmnopqrstuvwxyz"
"#;

/// A process on a store, whose partner answers each request once it is let, and the number of requests that it got.
struct Side<S> {
    courier: Courier<S, RecordedQueue>,
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl<S: Store> Side<S> {
    fn new(store: S) -> Self {
        let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let wire: courier::Wire = {
            let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
            Arc::new(move |_| {
                asked.fetch_add(1, Ordering::SeqCst);
                let answers = Arc::clone(&answers);
                async move {
                    answers.acquire().await.unwrap().forget();
                    Sent::answer(200, Bytes::from_static(r#"{"code":200,"msg":"成功","data":"A1"}"#.as_bytes()))
                }
                .boxed()
            })
        };
        let config = Arc::new(Config::parse(CONFIGURATION).unwrap());
        let context = Context::new(config, store, RecordedQueue::default(), Arc::new(|| NOW));
        let silent: courier::Send = Arc::new(|_, _| std::future::pending().boxed());
        let courier = Courier { wire, ..delivering(context, silent) };
        Self { courier, asked, answers }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Has an upload of that order accepted, under a key of its name. The hint for it, where it waits for none.
    async fn accept(&self, order: &str, key: &str) -> (EventKey, Option<Hint>) {
        let body = upload(order);
        let event =
            format!(r#"{{"connection":"xhq-sh","operation":"upload","idempotency_key":"{key}","body":{body}}}"#);
        let answer = call::invoke(&self.courier, event.as_bytes()).await;
        assert_eq!(answer.status(), 202, "{:?}", answer.body());
        let key = hub::call::key(&ConnectionId::from("xhq-sh"), key);
        let hints = std::mem::take(&mut *self.courier.context.queue.0.lock().unwrap());
        let is_call = |hint: &Hint| matches!(hint.job, Job::Call { .. });
        (key.clone(), hints.into_iter().find(|hint| is_call(hint) && hint.key == key))
    }

    async fn cancel(&self, key: &EventKey) -> u16 {
        let request = http::Request::post(format!("/calls/{}/cancel", key.id))
            .header("authorization", "Bearer erp-0123456789abcdefghijklmnopqrstuvwxyz");
        let router = call_status::router::<S, RecordedQueue, Context<S, RecordedQueue>>();
        let response = router.handle(&self.courier.context, request.body(Bytes::new()).unwrap()).await;
        response.status().as_u16()
    }

    async fn standing(&self, key: &EventKey) -> Standing {
        let found = self.courier.context.store.inspect(key, NOW).await.unwrap().unwrap();
        found.work.call.unwrap().standing
    }
}

/// Either order of the two: the worker that has not stored its mark yet sends nothing, and one that has is not interrupted.
async fn one_of_both_is_stored<S: Store>(store: S) {
    let side = Side::new(store);
    let (first, sent) = side.accept("A", "first").await;
    let (second, waits) = side.accept("B", "second").await;
    let run = async |hint: Option<Hint>| courier::run(&side.courier, &hint.unwrap()).await.unwrap();
    let attempts = async {
        let under_way = async || until(async || side.asked() == 1).await;
        // The first has the only place of its connection, the second is loaded and waits for that.
        tokio::join!(run(sent), async { (under_way().await, run(waits).await).1 }, async {
            under_way().await;
            assert_eq!(side.cancel(&first).await, 409, "it is being sent");
            assert_eq!(side.cancel(&second).await, 200);
            side.answers.add_permits(2);
        })
    };
    let (first_done, second_done, ()) = within(attempts).await;
    assert_eq!((first_done, second_done), (JobOutcome::Called(Standing::Succeeded), JobOutcome::Stale));
    assert_eq!((side.standing(&first).await, side.standing(&second).await), (Standing::Succeeded, Standing::Cancelled));
    assert_eq!(side.asked(), 1, "what was cancelled reached no wire");

    // Whichever is first.
    side.answers.add_permits(100);
    for n in 0..24 {
        let (key, hint) = side.accept(&format!("R{n}"), &format!("race-{n}")).await;
        let (before, hint) = (side.asked(), hint.unwrap());
        let (status, done) = tokio::join!(side.cancel(&key), courier::run(&side.courier, &hint));
        let expected = if status == 200 {
            (JobOutcome::Stale, Standing::Cancelled, before)
        } else {
            (JobOutcome::Called(Standing::Succeeded), Standing::Succeeded, before + 1)
        };
        assert_eq!((done.unwrap(), side.standing(&key).await, side.asked()), expected);
    }
    let tally = side.courier.context.store.ledger(NOW).await.unwrap()[&ConnectionId::from("xhq-sh")];
    assert!(tally.balanced() && tally.calls.cancelled > 0, "{tally:?}");
}

#[tokio::test]
async fn cancellation_and_sending_exclude_each_other_in_dynamodb() {
    Box::pin(one_of_both_is_stored(emulated().await.0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancellation_and_sending_exclude_each_other_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    Box::pin(one_of_both_is_stored(SqliteStore::open(folder.path()).unwrap())).await;
}

/// Commands about one order that are accepted at once are in one sequence: each waits for another one, but for the first.
async fn accepted_at_once<S: Store>(store: S) {
    let side = Side::new(store);
    let keys: Vec<_> = (0..12).map(|n| format!("k-{n}")).collect();
    let accepted = futures::future::join_all(keys.iter().map(|key| side.accept("S", key))).await;
    let mut latest: Vec<(Utc, Option<hub::EventId>, EventKey)> = Vec::new();
    for (key, _) in accepted {
        let found = side.courier.context.store.inspect(&key, NOW).await.unwrap().unwrap();
        latest.push((found.meta.received, found.work.call.unwrap().waits_for, key));
    }
    latest.sort();
    let waits: Vec<_> = latest.iter().map(|(_, waits_for, _)| *waits_for).collect();
    let before: Vec<_> = latest.iter().map(|(_, _, key)| Some(key.id)).collect();
    assert_eq!((waits[0], &waits[1..]), (None, &before[..11]));
}

#[tokio::test]
async fn commands_accepted_at_once_are_one_sequence_in_dynamodb() {
    accepted_at_once(emulated().await.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_accepted_at_once_are_one_sequence_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    accepted_at_once(SqliteStore::open(folder.path()).unwrap()).await;
}
