//! XHQ's failed pushes are recovered: each row of its list is kept as an event, and what is kept is confirmed, with the time
//! of the list.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use courier::{Courier, Wire, recover};
use futures::FutureExt as _;
use outbound::Request;
use partners::Partner;
use queue::InProcess;
use serde_json::json;
use simulators::Sender;
use simulators::api::{FailedNames, Fault};
use store_sqlite::SqliteStore;

use crate::calls::{Desk, Making, upload};
use crate::flows::answers::answer;
use crate::support::canned::Canned;
use crate::support::{Plan, Time, courier, events, hook, key, ledger, status, within};

const RECOVER: &str =
    r#"recover = { every = "5m", rows = "/data", serial = "/serialNo", cutoff = "/foot/operationTime" }"#;

/// A desk whose XHQ lists no failed push and names the serial `serialNo`. The hub has asked once, and may ask again.
async fn desk() -> Desk {
    desk_with(RECOVER).await
}

async fn desk_with(recover: &str) -> Desk {
    let mut desk = Desk::new().await;
    desk.xhq.failed_pushes(&[]);
    let (serial, body) = ("serialNo".to_owned(), Some("content".to_owned()));
    desk.xhq.failed_names(FailedNames { serial, time: Some("failedAt".to_owned()), body });
    desk.hub.stop().await;
    desk.plan = desk.plan.changed("app_id = ", &format!("{recover}\napp_id = "));
    desk.hub = desk.plan.start_at(&desk.time).await;
    desk.time.pass(Duration::from_mins(5));
    desk
}

/// One cycle by another process.
async fn cycle(desk: &Desk) {
    within(recover(&desk.courier())).await;
}

/// The same after the interval of the cycles.
async fn next_cycle(desk: &Desk) {
    desk.time.pass(Duration::from_mins(5));
    cycle(desk).await;
}

/// The operations that XHQ was asked for, but for the query at the start.
fn asked(desk: &Desk) -> Vec<String> {
    desk.xhq.requests().into_iter().skip(1).map(|request| request.operation).collect()
}

/// A wire on which something happens before each request to that operation is sent.
fn before<F: Future<Output = ()> + Send + 'static>(
    courier: Courier<SqliteStore, InProcess>,
    operation: &'static str,
    happens: impl Fn() -> F + Send + Sync + 'static,
) -> Courier<SqliteStore, InProcess> {
    let inner = Arc::clone(&courier.wire);
    let wire: Wire = Arc::new(move |request: Request| {
        let first = request.url.path().ends_with(operation).then(&happens);
        let inner = Arc::clone(&inner);
        async move {
            if let Some(first) = first {
                first.await;
            }
            inner(request).await
        }
        .boxed()
    });
    Courier { wire, ..courier }
}

#[tokio::test]
async fn pushes_lost_while_the_hub_was_down_are_recovered() {
    let mut desk = desk().await;
    let path = hook(Partner::Xhq, "").replace("xhq-sh", "xhq");
    let mut partner = Sender::new(Partner::Xhq, &format!("http://{}", desk.hub.address())).unwrap();
    desk.hub.stop().await;
    for (serial, order) in [("A1", "SO-1"), ("A2", "SO-2"), ("A1", "SO-1")] {
        assert!(!desk.xhq.push(&mut partner, &path, serial, &status(order, 63)).await);
        desk.time.pass(Duration::from_secs(1));
    }
    desk.time.pass(Duration::from_mins(5));
    desk.hub = desk.plan.start_at(&desk.time).await;

    let told = desk.hears("xhq.failed_push", 3).await;
    let mut subjects: Vec<_> = told.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["serial:A1", "serial:A1", "serial:A2"], "each row is an event");
    assert!(told.iter().any(|event| event["data"]["content"]["orderOutNo"] == "SO-2"), "the row as it is: {told:?}");
    assert_eq!(desk.xhq.listed(), [] as [String; 0]);
    assert_eq!(desk.xhq.wrongs(), [] as [String; 0]);
    let confirmed = desk.xhq.requests_for("failedPushConfirm");
    let [confirmed] = confirmed.as_slice() else { panic!("{confirmed:?}") };
    assert_eq!(confirmed.json()["orderNos"], json!(["A1", "A2"]));
    assert_eq!(ledger(&desk.hub.context().store).await.accepted, 3);
    desk.hub.stop().await;
}

#[tokio::test]
async fn push_that_fails_after_the_list_stays_on_it() {
    let desk = desk().await;
    desk.xhq.lose("A1", r#"{"n":1}"#);
    desk.time.pass(Duration::from_secs(1));
    let desk = Arc::new(desk);
    let own = Arc::clone(&desk);
    let courier = before(desk.courier(), "failedPushConfirm", move || {
        own.time.pass(Duration::from_secs(1));
        own.xhq.lose("A1", r#"{"n":2}"#);
        async {}
    });
    within(recover(&courier)).await;
    assert_eq!(desk.xhq.listed(), ["A1"], "nobody has seen the second one");
    next_cycle(&desk).await;
    assert_eq!(desk.xhq.listed(), [] as [String; 0]);
    assert_eq!(desk.hears("xhq.failed_push", 2).await.len(), 2);
}

#[tokio::test]
async fn process_that_dies_before_the_confirmation_leaves_the_cycle_to_another() {
    let desk = desk().await;
    desk.xhq.lose("A1", "{}");
    desk.time.pass(Duration::from_secs(1));
    let (reached, dies) = tokio::sync::oneshot::channel::<()>();
    let reached = Mutex::new(Some(reached));
    let courier = before(desk.courier(), "failedPushConfirm", move || {
        reached.lock().unwrap().take();
        std::future::pending()
    });
    tokio::select! {
        () = recover(&courier) => panic!("it never confirms"),
        _ = dies => {}
    }
    cycle(&desk).await;
    assert_eq!(desk.xhq.listed(), ["A1"], "the lease of the dead process lasts");
    desk.time.pass(Duration::from_mins(5));
    cycle(&desk).await;
    assert_eq!(desk.xhq.listed(), [] as [String; 0]);
    desk.hears("xhq.failed_push", 1).await;
    assert_eq!(events(&desk.hub.context().store).await.len(), 1, "kept once");
    desk.hub.stop().await;
}

#[tokio::test]
async fn cycle_cut_off_at_any_await_is_repeated_without_duplicates() {
    let desk = desk().await;
    for serial in ["A1", "A2"] {
        desk.xhq.lose(serial, "{}");
    }
    for awaits in 0.. {
        desk.time.pass(Duration::from_mins(5));
        let courier = desk.courier();
        let (mut cycle, mut polls) = (Box::pin(recover(&courier)), 0);
        let is_over = within(poll_fn(|context| {
            polls += 1;
            if polls > awaits { Poll::Ready(false) } else { cycle.as_mut().poll(context).map(|()| true) }
        }))
        .await;
        let kept = events(&desk.hub.context().store).await.len();
        assert!(kept <= 2 && desk.xhq.listed().len() + kept >= 2, "nothing is confirmed that is not kept");
        if is_over {
            break;
        }
    }
    assert_eq!(desk.xhq.listed(), [] as [String; 0]);
    desk.pass(Duration::from_mins(20)).await;
    assert_eq!(desk.hears("xhq.failed_push", 2).await.len(), 2);
    desk.quiet().await;
    let ids: BTreeSet<_> = desk.told("xhq.failed_push").iter().map(|event| event["id"].to_string()).collect();
    assert_eq!((ids.len(), events(&desk.hub.context().store).await.len()), (2, 2));
    desk.hub.stop().await;
}

#[tokio::test]
async fn confirmation_without_an_answer_is_repeated() {
    let desk = desk().await;
    desk.xhq.lose("A1", "{}");
    desk.time.pass(Duration::from_secs(1));
    desk.xhq.behave(Fault::Drops.first(1).on("failedPushConfirm"));
    cycle(&desk).await;
    assert_eq!(desk.xhq.listed(), ["A1"]);
    next_cycle(&desk).await;
    assert_eq!((desk.xhq.listed().len(), asked(&desk).len()), (0, 4));
    desk.hears("xhq.failed_push", 1).await;
    assert_eq!(events(&desk.hub.context().store).await.len(), 1, "kept once");
    desk.hub.stop().await;
}

/// A store that has no room for one row.
#[tokio::test]
async fn row_that_is_not_kept_is_not_confirmed() {
    let desk = desk().await;
    for serial in ["A1", "A2", "A2"] {
        desk.xhq.lose(serial, &json!({ "of": serial, "n": desk.xhq.listed().len() }).to_string());
    }
    desk.time.pass(Duration::from_secs(1));
    let file = desk.plan.config().data_dir.join("tongguan.db");
    let other = rusqlite::Connection::open(file).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON events WHEN instr(NEW.body, '\"n\":2') > 0
                  BEGIN SELECT RAISE(ABORT, 'no room'); END";
    other.execute_batch(refuse).unwrap();
    cycle(&desk).await;
    assert_eq!(desk.xhq.listed(), ["A2", "A2"], "of which one is kept and the other is not");
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    next_cycle(&desk).await;
    assert_eq!(desk.xhq.listed(), [] as [String; 0]);
    assert_eq!(events(&desk.hub.context().store).await.len(), 3);
    desk.hub.stop().await;
}

#[tokio::test]
async fn cycle_has_its_interval_and_one_process() {
    let desk = desk().await;
    desk.xhq.lose("A1", "{}");
    desk.time.pass(Duration::from_secs(1));
    futures::future::join_all((0..4).map(|_| cycle(&desk))).await;
    cycle(&desk).await;
    assert_eq!(asked(&desk), ["failedPushQuery", "failedPushConfirm"]);
    desk.time.pass(Duration::from_mins(4));
    cycle(&desk).await;
    assert_eq!(asked(&desk).len(), 2, "not yet");
    desk.time.pass(Duration::from_mins(1));
    sweep::handle(&desk.courier()).await.unwrap();
    assert_eq!(asked(&desk).len(), 3, "nothing to confirm, and the sweep does it");
    desk.hub.stop().await;
}

#[tokio::test]
async fn cycle_waits_while_calls_use_the_connection() {
    let desk = desk_with(&format!("{RECOVER}\nrate = {{ calls = 1, per = \"1h\" }}")).await;
    desk.xhq.lose("A1", "{}");
    let courier = desk.courier();
    let ask = async |body: &'static str| {
        let (config, body) = (&courier.context.config, partners::Json::parse(body.as_bytes()).unwrap());
        let operation = partners::operation::find(Partner::Xhq, "bghList").unwrap();
        courier::call::ask(&courier, &config.connections[&"xhq".into()], &operation, &body, None).await
    };
    ask("{}").await.unwrap();
    within(recover(&courier)).await;
    assert_eq!(asked(&desk), ["bghList"], "the rate is used up");
    desk.hub.stop().await;
}

#[tokio::test]
async fn cycle_leaves_a_partner_alone_that_fails() {
    let desk = desk_with(&RECOVER.replace("5m", "10s")).await;
    desk.xhq.behave(Fault::Busy);
    let courier = desk.courier();
    for _ in 0..30 {
        within(recover(&courier)).await;
        desk.time.pass(Duration::from_secs(11));
    }
    let tried = asked(&desk).len();
    assert!((1..30).contains(&tried), "{tried}: the circuit is open");
    desk.hub.stop().await;
}

/// Lambda ends a function at its time, whatever it is doing.
#[tokio::test]
async fn process_that_ends_soon_begins_no_cycle() {
    let desk = desk().await;
    desk.xhq.lose("A1", "{}");
    let ends = |seconds| Some(desk.time.clock()().after(Duration::from_secs(seconds)));
    within(recover(&Courier { ends: ends(30), ..desk.courier() })).await;
    assert_eq!(asked(&desk), [] as [String; 0]);
    within(recover(&Courier { ends: ends(120), ..desk.courier() })).await;
    assert_eq!(asked(&desk).len(), 2);
    desk.hub.stop().await;
}

/// Answers of another shape than the configuration says.
#[tokio::test]
async fn answer_of_another_shape_confirms_nothing() {
    let row = r#"{"code":200,"data":[{"serialNo":"A1"},{"no":"serial"}]"#;
    for (said, kept) in [
        (r#"{"code":200}"#.to_owned(), 0),
        (r#"{"code":200,"data":null,"foot":{"operationTime":"2026-01-01 00:00:00"}}"#.to_owned(), 0),
        (r#"{"code":200,"data":{"list":[]}}"#.to_owned(), 0),
        (format!("{row}}}"), 2),
        (format!(r#"{row},"foot":{{"operationTime":null}}}}"#), 2),
        (r#"{"code":500,"msg":"no"}"#.to_owned(), 0),
    ] {
        let canned = Canned::start().await;
        let plan = Plan::bare().table(&format!(
            "[[connections]]\nid = \"xhq\"\npartner = \"xhq\"\nbase_url = \"{}\"\nallow_private = true\n\
             keys = [\"{}\"]\nbgh_id = \"b\"\n{RECOVER}\n",
            canned.url(),
            key("xhq")
        ));
        let time = Time::now();
        let hub = plan.start_at(&time).await;
        time.pass(Duration::from_mins(5));
        let before = canned.count();
        canned.answer(answer(200, "", said.as_bytes()));
        within(recover(&courier(&hub))).await;
        assert_eq!(events(&hub.context().store).await.len(), kept, "{said}");
        assert_eq!(canned.count() - before, 1, "{said}");
        hub.stop().await;
    }
}

/// The shipment of an order as the ERP sees it: the types of its events.
async fn shipment(desk: &Desk, order: &str) -> Vec<String> {
    let page = desk.get(&format!("/shipments/order:{order}")).await.json();
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
}

/// Regression: the order's watch told a silence although its failed push had been recovered, which was known by its serial alone.
#[tokio::test]
async fn recovered_row_is_news_of_the_order_that_it_names() {
    let making = Making {
        xhq: r#"recover = { every = "5m", rows = "/data", serial = "/orderNo", order = "/content/orderOutNo", cutoff = "/foot/operationTime" }"#,
        last: "[[watches]]\nconnection = \"xhq\"\ntypes = [\"xhq.syn_status\"]\nsilence = \"30m\"\n",
        ..Making::default()
    };
    let desk = Desk::with(making).await;
    desk.xhq.failed_pushes(&[]);
    let (serial, body) = ("orderNo".to_owned(), Some("content".to_owned()));
    desk.xhq.failed_names(FailedNames { serial, time: None, body });
    let path = hook(Partner::Xhq, "").replace("xhq-sh", "xhq");
    let mut partner = Sender::new(Partner::Xhq, &format!("http://{}", desk.hub.address())).unwrap();
    for order in ["SO-1", "SO-2"] {
        assert!(desk.xhq.push(&mut partner, &path, "A", &status(order, 61)).await);
    }
    desk.quiet().await;
    desk.time.pass(Duration::from_mins(25));
    desk.xhq.lose("A1", &status("SO-1", 63));
    desk.time.pass(Duration::from_secs(1));
    next_cycle(&desk).await;
    desk.hears("xhq.failed_push", 1).await;
    desk.quiet().await;
    assert_eq!(shipment(&desk, "SO-1").await, ["xhq.syn_status", "xhq.failed_push"]);
    assert_eq!(shipment(&desk, "SO-2").await, ["xhq.syn_status"]);
    desk.time.pass(Duration::from_mins(10));
    within(courier::watch(&desk.courier())).await.unwrap();
    let silent = desk.hears("watch.silent", 1).await;
    assert_eq!(silent[0]["subject"], "order:SO-2", "{silent:?}");
    desk.quiet().await;
    assert_eq!(desk.told("watch.silent").len(), 1, "of the other there was news");
    desk.hub.stop().await;
}

#[tokio::test]
async fn recovered_row_belongs_to_the_order_that_taught_its_serial() {
    let desk = desk_with(RECOVER).await;
    let id = desk.command("xhq", "upload", "k-1", &upload("SO-1")).await;
    let said = desk.stands(&id, "succeeded").await;
    let serial = said["answer"]["body"]["data"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned();
    desk.quiet().await;
    desk.xhq.lose(&serial, "{}");
    desk.time.pass(Duration::from_secs(1));
    next_cycle(&desk).await;
    let told = desk.hears("xhq.failed_push", 1).await;
    assert_eq!(told[0]["subject"], format!("serial:{serial}"));
    desk.quiet().await;
    assert_eq!(shipment(&desk, "SO-1").await.last().map(String::as_str), Some("xhq.failed_push"));
    desk.hub.stop().await;
}

/// Regression: the watch was looked at while the list was on its way, and the silence told of what had been lost.
#[tokio::test]
async fn recovered_push_is_no_silence() {
    let mut desk = desk_with(RECOVER).await;
    desk.hub.stop().await;
    desk.plan = desk.plan.table("[[watches]]\nconnection = \"xhq\"\nsilence = \"5m\"\n");
    desk.hub = desk.plan.start_at(&desk.time).await;
    let id = desk.command("xhq", "upload", "k-1", &upload("SO-1")).await;
    let said = desk.stands(&id, "succeeded").await;
    desk.quiet().await;
    desk.xhq.lose(said["answer"]["body"]["data"].as_str().unwrap(), "{}");
    desk.time.pass(Duration::from_mins(6));
    let courier = before(desk.courier(), "failedPushQuery", || async {
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    });
    within(sweep::handle(&courier)).await.unwrap();
    assert_eq!(desk.told("watch.silent"), [] as [serde_json::Value; 0]);
    desk.hub.stop().await;
}
