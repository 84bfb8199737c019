//! Commands that ask a hub on AWS: the functions on DynamoDB, behind a gateway with a stage.

use std::sync::Arc;

use api::Router;
use bytes::Bytes;
use config::{Config, Context};
use courier::Courier;
use http::Response;
use http_body_util::{BodyExt as _, Full};
use hub::path::segments;
use serde_json::Value;
use simulators::serve::Server;
use store::Store as _;
use store_dynamodb::DynamoStore;

use super::hub::Laptop;
use crate::dynamodb::emulated;
use crate::flows::lists::{NOW, failed};
use crate::support::{API_KEY, Plan, RecordedQueue, delivering, erp};

type Functions = Courier<DynamoStore, RecordedQueue>;

/// The functions behind a gateway, and what they work with.
async fn gateway(plan: &Plan) -> (Server, Functions) {
    let (store, _emulator) = emulated().await;
    let config: Config = plan.config();
    let context = Context::new(Arc::new(config), store, RecordedQueue::default(), telemetry::system_clock());
    let courier = delivering(context, Arc::new(|_, _| Box::pin(std::future::pending())));
    let functions = courier.clone();
    let answer = move |request: http::Request<hyper::body::Incoming>| {
        let courier = courier.clone();
        async move {
            let routers: [Router<Functions>; 5] =
                [deliveries::router(), shipments::router(), call_status::router(), audit::router(), stats::router()];
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            if !head.uri.path().starts_with("/prod/") {
                let body = Bytes::from_static(br#"{"message":"Forbidden"}"#);
                return Ok(Response::builder().status(403).body(Full::new(body))?);
            }
            let router = api::find(&routers, &segments(head.uri.path())).unwrap();
            let response = router.handle(&courier, http::Request::from_parts(head, body)).await;
            Ok(response.map(Full::new))
        }
    };
    (Server::start(([127, 0, 0, 1], 0).into(), || true, answer).await.unwrap(), functions)
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_ask_functions_on_dynamodb_behind_a_stage() {
    let plan = Plan::new().endpoint("erp", &erp().await, "");
    let (gateway, functions) = gateway(&plan).await;
    let store = &functions.context.store;
    for n in 0..3 {
        let (event, work) = failed(&format!("order:S{n}"), "erp", NOW);
        store.admit(&event, &work, None).await.unwrap();
    }
    let laptop = Laptop::new(format!("http://{}/prod", gateway.address()), API_KEY);
    let lines = |words: &str| {
        let said = laptop.says(words);
        assert!(said.fine, "{words}: {said:?}");
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(lines("events list --state failed --json").len(), 3);
    let id = lines("events list S1 --json")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(lines(&format!("events show {id} --json"))[0]["event"]["subject"], "order:S1");
    assert_eq!(lines(&format!("events show {id} --about S1 --json"))[0]["event"]["id"], id.as_str());
    assert_eq!(lines("shipments S1 --json")[0]["keys"][0], "order:S1");
    assert_eq!(lines("shipments list --json").len(), 3);
    assert!(lines("ledger").iter().any(|line| line["failed"] == 3 && line["balanced"] == true));
    assert!(lines("calls --json").is_empty());
    let replayed = lines(&format!("replay --endpoint erp {id} --go --json"));
    assert_eq!(
        (&replayed[0]["replayed"], functions.context.queue.take().len()),
        (&1.into(), 1),
        "the hint is sent at once"
    );
    assert_eq!(lines("confirm --endpoint erp --go --json")[0]["confirmed"], 2);
    let actions: Vec<_> = lines("audit --json").iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["confirm", "replay"]);
    let without = Laptop::new(format!("http://{}", gateway.address()), API_KEY).says("events list");
    assert!(!without.fine && without.errors.contains("with the stage"), "{without:?}");
}
