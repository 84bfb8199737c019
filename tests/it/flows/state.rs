//! The state of connections and endpoints, statistics, and tests of both sides, as the ERP asks for them.

use partners::Partner;
use serde_json::{Value, json};
use simulators::erp::{Behaviour, Reply};
use tongguan::Hub;

use crate::support::http::{api, exchange, request};
use crate::support::{API_KEY, Plan, Time, erp, hook, key, ledger, settled, status, taken, until};

const EYES_KEY: &str = "api-key-that-sees-only-trackingeyes-0123";

async fn get_as(hub: &Hub, token: &str, path: &str) -> Value {
    let answer = api(hub.address(), "GET", path, token, "").await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

async fn get(hub: &Hub, path: &str) -> Value {
    get_as(hub, API_KEY, path).await
}

async fn post(hub: &Hub, path: &str, body: &Value) -> Value {
    let answer = api(hub.address(), "POST", path, API_KEY, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.json());
    answer.json()
}

/// The sum of a list of numbers.
fn sum(list: &Value) -> u64 {
    list.as_array().unwrap().iter().filter_map(Value::as_u64).sum()
}

fn limited() -> String {
    format!("[[api_keys]]\nid = \"eyes\"\nkey = \"{EYES_KEY}\"\nconnections = [\"eyes\"]")
}

/// Counts of pushes of XHQ's connection: accepted, duplicate, refused, late, not kept.
fn pushes(stats: &Value) -> [u64; 5] {
    let pushes = &stats["connections"]["xhq-sh"]["pushes"];
    ["accepted", "duplicate", "refused", "late", "not_kept"].map(|name| sum(&pushes[name]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statistics_count_each_push_and_delivery_over_a_restart() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "retry = []");
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("A", 61)).await;
    taken(&hub, Partner::Xhq, "syn_status", status("A", 61)).await;
    taken(&hub, Partner::Xhq, "single_receipt", r#"{"action":"single_receipt","orderOutNo":"A"}"#).await;
    let wrong = hook(Partner::Xhq, "syn_status").replace(&key("xhq-sh"), &"w".repeat(40));
    let refused = exchange(hub.address(), request("POST", &wrong, "", status("B", 61).as_bytes())).await.unwrap();
    assert_eq!(refused.status, 404);
    settled(&hub).await;
    erp.behave(Behaviour::Answers(Reply::of(400)));
    taken(&hub, Partner::Xhq, "syn_status", status("F", 61)).await;
    until(async || ledger(&hub.context().store).await.failed == 1).await;

    // A delivery counts after its result is stored.
    until(async || sum(&get(&hub, "/stats").await["endpoints"]["erp"]["failed"]) == 1).await;
    let before = get(&hub, "/stats").await;
    assert_eq!(pushes(&before), [3, 1, 1, 0, 0], "{before}");
    assert_eq!(sum(&before["endpoints"]["erp"]["delivered"]), 2);
    assert_eq!(before["step_seconds"], 600);
    let steps = before["connections"]["xhq-sh"]["pushes"]["accepted"].as_array().unwrap();
    assert_eq!((steps.len(), steps.last()), (144, Some(&json!(3))), "a day, and the present step is the last");
    let margin = before["connections"]["xhq-sh"]["margin_ms"]["p50"].as_array().unwrap();
    let deadline = Partner::Xhq.deadline().as_secs_f64() * 1e3;
    assert!(margin[143].as_f64().is_some_and(|margin| margin > 0.0 && margin < deadline), "{margin:?}");
    assert!(margin[..143].iter().all(Value::is_null));
    assert!(before["endpoints"]["erp"]["delay_ms"]["p95"][143].is_number());

    hub.stop().await;
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("C", 61)).await;
    until(async || sum(&get(&hub, "/stats").await["endpoints"]["erp"]["failed"]) == 2).await;
    let after = get(&hub, "/stats?connection=xhq-sh").await;
    assert_eq!(pushes(&after), [4, 1, 1, 0, 0], "what one process has counted is added to what the one before has");
    assert_eq!(after["connections"].as_object().unwrap().len(), 1);
    let shown = get(&hub, "/connections").await;
    let own = shown["connections"].as_array().unwrap().iter().find(|own| own["id"] == "xhq-sh").unwrap();
    assert_eq!(own["last_push"], hub.context().now().to_string());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_statistics_nothing_is_counted() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().top("statistics = false").endpoint("erp", &erp, "");
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("A", 61)).await;
    settled(&hub).await;
    assert_eq!(pushes(&get(&hub, "/stats").await), [0; 5]);
    assert!(hub.context().counters.unstored().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn span_of_statistics_is_checked() {
    let plan = Plan::new();
    let hub = plan.start_at(&Time::now()).await;
    let last = async |query: &str| {
        let stats = get(&hub, &format!("/stats?{query}")).await;
        let of = &stats["connections"]["eyes"]["pushes"]["accepted"];
        (stats["since"].clone(), stats["until"].clone(), of.as_array().unwrap().len())
    };
    let (since, until, steps) = last("since=2026-11-22T15:03:00Z&until=2026-11-22T15:21:00Z").await;
    assert_eq!((since, until), ("2026-11-22T15:00:00.000000Z".into(), "2026-11-22T15:30:00.000000Z".into()));
    assert_eq!(steps, 3);
    assert_eq!(last("until=2026-11-22T15:20:00Z").await.2, 144);
    for (query, field) in [
        ("since=now", "since"),
        ("until=soon", "until"),
        ("since=2026-11-22T15:00:00Z&until=2026-11-22T15:00:00Z", "since"),
        ("since=2026-11-01T00:00:00Z&until=2026-11-08T00:10:00Z", "since"),
        ("connection=nobody", "connection"),
        ("endpoint=erp", "endpoint"),
    ] {
        let answer = api(hub.address(), "GET", &format!("/stats?{query}"), API_KEY, "").await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &field.into()), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledger_is_that_of_the_command_line() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "").table(&limited());
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("A", 61)).await;
    settled(&hub).await;
    let shown = get(&hub, "/ledger").await;
    assert_eq!(shown["balanced"], true);
    let own = &shown["connections"]["xhq-sh"];
    assert_eq!((&own["accepted"], &own["delivered"], &own["balanced"]), (&1.into(), &1.into(), &true.into()), "{own}");
    assert_eq!(own["calls"]["queued"], 0);
    assert_eq!(shown["connections"]["eyes"]["accepted"], 0, "one without events is there too");
    let seen = get_as(&hub, EYES_KEY, "/ledger").await;
    assert_eq!(seen["connections"].as_object().unwrap().keys().collect::<Vec<_>>(), ["eyes"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoint_shows_its_work_and_circuits() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "retry = []").table(&limited());
    let hub = plan.start_at(&time).await;
    taken(&hub, Partner::Xhq, "syn_status", status("A", 61)).await;
    settled(&hub).await;
    erp.behave(Behaviour::Answers(Reply::of(500)));
    for n in 0..12 {
        taken(&hub, Partner::Xhq, "syn_status", status(&format!("F{n}"), 61)).await;
    }
    let shown = async |token| get_as(&hub, token, "/endpoints").await["endpoints"][0].clone();
    let circuit =
        |own: &Value| own["circuits"].as_array().unwrap().iter().find(|one| one["kind"] == "xhq.syn_status").cloned();
    until(async || circuit(&shown(API_KEY).await).is_some_and(|one| one["state"] == "open")).await;
    let own = shown(API_KEY).await;
    assert_eq!(own["pending"].as_u64().unwrap() + own["failed"].as_u64().unwrap(), 12, "{own}");
    assert_eq!((&own["format"], &own["order"], &own["types"]), (&"cloudevents".into(), &"none".into(), &json!(["*"])));
    assert!(circuit(&own).unwrap()["until"].is_string() && own["last_success"].is_string(), "{own}");
    assert_eq!(
        own["circuits"][0],
        json!({"kind": "*", "state": "closed"}),
        "one kind alone is no trouble of the endpoint"
    );
    // A key of one connection sees nothing of another's.
    let seen = shown(EYES_KEY).await;
    assert_eq!((&seen["pending"], &seen["failed"], seen.get("last_success")), (&0.into(), &0.into(), None), "{seen}");
    assert_eq!(seen["connections"], json!(["eyes"]));
    assert!(!seen.to_string().contains("xhq"), "{seen}");
    let seen = get_as(&hub, EYES_KEY, "/stats").await;
    assert!(!seen.to_string().contains("xhq"), "{seen}");
    assert_eq!((sum(&seen["endpoints"]["erp"]["delivered"]), sum(&seen["endpoints"]["erp"]["failed"])), (0, 0));
    let seen = get_as(&hub, EYES_KEY, "/connections").await;
    assert_eq!(seen["connections"].as_array().unwrap().len(), 1, "{seen}");
    for (method, path) in [("GET", "/connections/xhq-sh/urls"), ("POST", "/connections/xhq-sh/test")] {
        let answer = api(hub.address(), method, path, EYES_KEY, r#"{"action":"syn_status"}"#).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    assert_eq!(api(hub.address(), "GET", "/stats?connection=xhq-sh", EYES_KEY, "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_are_those_that_the_partner_pushes_to() {
    let plan = Plan::new().top("public_url = \"https://hub.example.com/base/\"");
    let hub = plan.start().await;
    let answer = api(hub.address(), "GET", "/connections/xhq-sh/urls", API_KEY, "").await;
    assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    let urls = answer.json()["urls"].as_array().unwrap().clone();
    let base = format!("https://hub.example.com/base/hooks/xhq/xhq-sh/{}", key("xhq-sh"));
    assert_eq!(urls[0], json!({"action": "callback", "url": base}));
    assert!(urls.contains(&json!({"action": "syn_status", "url": format!("{base}/syn_status")})));
    assert_eq!(urls.len(), 11, "no other partner's: {urls:?}");
    let hub = Plan::new().start().await;
    let path = get(&hub, "/connections/rates/urls").await["urls"][1]["url"].as_str().unwrap().to_owned();
    assert!(path.starts_with("/hooks/onedata/"), "{path}");
}

/// From its path to its answer as the partner's: stored, delivered, counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_of_a_connection_is_a_push() {
    let (erp, time) = (erp().await, Time::now());
    // Whatever networks the partner may push from.
    let plan = Plan::new().endpoint("erp", &erp, "").changed("app_id =", "allow_ips = [\"203.0.113.0/24\"]\napp_id =");
    let hub = plan.start_at(&time).await;
    let path = "/connections/xhq-sh/test";
    let tested = post(&hub, path, &json!({"action": "single_receipt"})).await;
    assert_eq!((&tested["status"], &tested["body"]), (&200.into(), &json!({"state": true, "msg": ""})), "{tested}");
    let [event] = tested["events"].as_array().unwrap().as_slice() else { panic!("{tested}") };
    assert_eq!(erp.received(1).await[0].id, event["id"].as_str().unwrap());
    let again = post(&hub, path, &json!({"action": "single_receipt"})).await;
    assert_eq!(again["events"], tested["events"], "it is the same event");
    let own = post(&hub, path, &json!({"action": "syn_status", "payload": {"orderOutNo": "T1", "code": 61}})).await;
    assert_eq!(own["events"][0]["subject"], "order:T1");
    let broken = post(&hub, path, &json!({"action": "syn_status", "payload": [1]})).await;
    assert_eq!((&broken["status"], &broken["body"]["state"]), (&400.into(), &false.into()), "{broken}");
    assert_eq!(pushes(&get(&hub, "/stats").await), [3, 1, 0, 0, 0]);
    let tally = settled(&hub).await;
    assert_eq!(tally.accepted, 3);
    for body in [r#"{"action":"customs_status"}"#, r#"{"action":"none"}"#, "{}", r#"{"action":"syn_status","more":1}"#]
    {
        assert_eq!(api(hub.address(), "POST", path, API_KEY, body).await.status, 400, "{body}");
    }
    for connection in ["eyes", "rates"] {
        let shown = get(&hub, "/connections").await;
        let shown =
            shown["connections"].as_array().unwrap().iter().find(|own| own["id"] == connection).unwrap().clone();
        for action in shown["actions"].as_array().unwrap() {
            let body = json!({"action": action["action"]});
            let tested = post(&hub, &format!("/connections/{connection}/test"), &body).await;
            assert_eq!(tested["status"], 200, "{connection} {action}: {tested}");
            assert!(!tested["events"].as_array().unwrap().is_empty(), "{connection} {action}");
        }
    }
}

/// Signed like any event, and nowhere afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_of_an_endpoint_is_a_signed_event_that_is_not_stored() {
    let (erp, time) = (erp().await, Time::now());
    let plan = Plan::new().endpoint("erp", &erp, "").table(&format!(
        "[[endpoints]]\nid = \"gone\"\nurl = \"http://127.0.0.1:1/\"\nallow_private = true\nsecrets = [\"{}\"]",
        crate::support::secret(1)
    ));
    let hub = plan.start_at(&time).await;
    let tested = post(&hub, "/endpoints/erp/test", &Value::Null).await;
    assert_eq!((&tested["delivered"], &tested["status"]), (&true.into(), &200.into()), "{tested}");
    let received = erp.received(1).await;
    assert!(received[0].signed, "the ERP has checked the signature");
    assert_eq!(received[0].kind.as_deref(), Some("tongguan.test"));
    assert_eq!(ledger(&hub.context().store).await.accepted, 0);
    erp.behave(Behaviour::Answers(Reply::of(503)));
    let tested = post(&hub, "/endpoints/erp/test", &Value::Null).await;
    assert_eq!((&tested["delivered"], &tested["status"]), (&false.into(), &503.into()), "{tested}");
    let tested = post(&hub, "/endpoints/gone/test", &Value::Null).await;
    assert_eq!((&tested["delivered"], tested.get("status")), (&false.into(), None), "{tested}");
    assert!(tested["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{tested}");
    let shown = get(&hub, "/endpoints").await;
    assert!(
        shown["endpoints"].as_array().unwrap().iter().all(|own| own["circuits"][0]["state"] == "closed"),
        "{shown}"
    );
    assert_eq!(api(hub.address(), "POST", "/endpoints/none/test", API_KEY, "").await.status, 404);
}
