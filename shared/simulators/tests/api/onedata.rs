//! 1datatech's token, signature and queries.

use std::time::Duration;

use serde_json::{Value, json};
use simulators::api::{Fault, OneData, OneDataRules, Signed, TOKEN};

use super::support::{ANY_PORT, Ask, Hands, Told};

const PORTS: &str = "/ocean/api/port/query/v2";
const RATES: &str = "/freight/api/task/result_query";
const PORT: &str = r#"[{"subType":1,"carrierCd":"CNTAO","subNo":"225201002","importAndExportFlag":"E"}]"#;

/// A recipe for tests: nothing of the partner's is known.
fn sign(signed: &Signed<'_>) -> String {
    let Signed { nonce, timestamp, token, body } = signed;
    format!("{nonce}/{timestamp}/{}/{}", token.len(), body.len())
}

struct Caller {
    hands: Hands,
    onedata: OneData,
    nonce: u32,
}

impl Caller {
    async fn new(rules: OneDataRules) -> Self {
        let hands = Hands::new();
        let onedata = OneData::start(ANY_PORT, hands.clock(), rules).await.unwrap();
        Self { hands, onedata, nonce: 0 }
    }

    async fn token(&self) -> String {
        let ask = Ask::json("/auth/token", r#"{"appKey":"demo-key","appSecret":"demo-secret"}"#);
        let told = ask.ask(&self.onedata).await.unwrap().json();
        told["data"]["accessToken"].as_str().unwrap().to_owned()
    }

    fn signed(&mut self, path: &str, token: &str, body: &str) -> Ask {
        self.nonce += 1;
        let (nonce, timestamp) = (self.nonce.to_string(), (self.hands.now().0 / 1000).to_string());
        let sign = sign(&Signed { nonce: &nonce, timestamp: &timestamp, token, body: body.as_bytes() });
        let ask = Ask::json(path, body).with("accessToken", token).with("nonce", nonce);
        ask.with("timestamp", timestamp).with("sign", sign)
    }

    async fn call(&mut self, path: &str, token: &str, body: &str) -> Told {
        let ask = self.signed(path, token, body);
        ask.ask(&self.onedata).await.unwrap()
    }
}

#[tokio::test]
async fn a_port_is_subscribed_then_found() {
    let mut caller = Caller::new(OneDataRules::new(sign)).await;
    let token = caller.token().await;
    let mut told = vec![];
    for arrived in [false, false, true] {
        if arrived {
            caller.onedata.arrive("225201002");
        }
        told.push(caller.call(PORTS, &token, PORT).await.json());
    }
    let codes: Vec<_> = told.iter().map(|one| one["data"][0]["resultCode"].as_i64().unwrap()).collect();
    assert_eq!((codes, told[0]["success"].clone(), told[0]["code"].clone()), (vec![1, 3, 2], json!(true), json!(200)));
    assert_eq!((&told[0]["data"][0]["resultData"], &told[1]["data"][0]["subNo"]), (&Value::Null, &json!("225201002")));
    assert_eq!(told[2]["data"][0]["resultData"]["containerInfoList"].as_array().map(Vec::len), Some(4));
    // The direction is part of what identifies a subscription, and E where it is not said; the last `extraInfo` counts.
    let two = r#"[{"subType":"1","carrierCd":"CNTAO","subNo":"225201002","extraInfo":{"n":1}},
                  {"subType":1,"carrierCd":"CNTAO","subNo":"225201002","importAndExportFlag":"I"}]"#;
    let told = caller.call(PORTS, &token, two).await.json();
    assert_eq!((&told["data"][0]["resultCode"], &told["data"][1]["resultCode"]), (&json!(2), &json!(1)));
    let told = caller.call(PORTS, &token, PORT).await.json();
    assert_eq!((&told["data"][0]["extraInfo"], caller.onedata.subscriptions()), (&json!({"n": 1}), 2));
    assert_eq!((caller.onedata.token_requests(), caller.onedata.count()), (1, 5));
}

#[tokio::test]
async fn subscriptions_and_batches_are_held_to_their_tables() {
    let mut caller = Caller::new(OneDataRules::new(sign)).await;
    let token = caller.token().await;
    for body in
        ["[]", "{}", "x", r#"[{"subType":3,"carrierCd":"C","subNo":"1"}]"#, r#"[{"carrierCd":"C","subNo":"1"}]"#]
    {
        let told = caller.call(PORTS, &token, body).await;
        assert_eq!((told.status, told.code().as_str()), (200, "400"), "{body}");
    }
    let told = caller.call(PORTS, &token, &PORT.replace(r#""E""#, r#""X""#)).await;
    assert_eq!((told.code().as_str(), caller.onedata.subscriptions()), ("400", 0));
    for body in [
        "{}",
        r#"{"batchNo":"b","pageSize":501}"#,
        r#"{"batchNo":"b","pageNum":0}"#,
        r#"{"batchNo":"b","pageNum":"1"}"#,
    ] {
        assert_eq!(caller.call(RATES, &token, body).await.code(), "400", "{body}");
    }
    let told = caller.call(RATES, &token, r#"{"batchNo":"b"}"#).await.json();
    assert_eq!((&told["data"]["total"], &told["data"]["batchNo"]), (&json!(2), &json!("b")));
    assert!(told["data"]["resultData"][1]["orginPolPortCd"].is_string());
    let told = caller.call(RATES, &token, r#"{"batchNo":"b","pageNum":2,"pageSize":1}"#).await.json();
    assert_eq!(told["data"]["resultData"].as_array().map(Vec::len), Some(1));
    assert_eq!(Ask::json("/ocean/api", "[]").ask(&caller.onedata).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_request_must_be_signed_and_new() {
    let mut caller = Caller::new(OneDataRules::new(sign)).await;
    let token = caller.token().await;
    let ask = caller.signed(PORTS, &token, PORT);
    assert_eq!(ask.ask(&caller.onedata).await.unwrap().code(), "200");
    let replayed = ask.ask(&caller.onedata).await.unwrap();
    assert_eq!((replayed.status, replayed.code().as_str()), (200, "409"));
    for missing in ["accessToken", "nonce", "timestamp", "sign"] {
        let mut ask = caller.signed(PORTS, &token, PORT);
        ask.headers.retain(|(name, _)| *name != missing);
        assert_eq!(ask.ask(&caller.onedata).await.unwrap().code(), "403", "{missing}");
    }
    let mut other = caller.signed(PORTS, &token, PORT);
    other.body.push(b' ');
    assert_eq!(other.ask(&caller.onedata).await.unwrap().code(), "403");
    let old = caller.signed(PORTS, &token, PORT);
    caller.hands.forward(Duration::from_mins(6));
    assert_eq!(old.ask(&caller.onedata).await.unwrap().code(), "403");
    assert_eq!(caller.call(PORTS, &token, PORT).await.code(), "200");
    assert_eq!(caller.onedata.processed_count(), 2);
}

#[tokio::test]
async fn a_token_lives_as_long_as_told() {
    let rules = OneDataRules::new(sign).life(Duration::from_mins(10)).expired(40101);
    let mut caller = Caller::new(rules).await;
    let token = caller.token().await;
    caller.hands.forward(Duration::from_mins(9));
    assert_eq!(caller.call(PORTS, &token, PORT).await.code(), "200");
    caller.hands.forward(Duration::from_mins(1));
    assert_eq!(caller.call(PORTS, &token, PORT).await.code(), "40101");
    assert_eq!(caller.call(PORTS, "made-up", PORT).await.code(), "40101");
    caller.onedata.token_life(Duration::from_hours(1));
    let token = caller.token().await;
    caller.hands.forward(Duration::from_mins(59));
    assert_eq!(caller.call(PORTS, &token, PORT).await.code(), "200");
    caller.onedata.expire_tokens();
    assert_eq!(caller.call(PORTS, &token, PORT).await.code(), "40101");
    let wrong = Ask::json("/auth/token", r#"{"appKey":"demo-key","appSecret":"guess"}"#);
    assert_eq!(wrong.ask(&caller.onedata).await.unwrap().code(), "403");
    assert_eq!(caller.onedata.token_requests(), 3);
}

#[tokio::test]
async fn token_endpoint_follows_its_rules_and_fails_on_request() {
    let asks = |request: &simulators::api::Received| request.param("id") == Some("me");
    let gives = |token: &str, life: Duration| json!({"token": token, "until": life.as_millis()});
    let caller = Caller::new(OneDataRules::new(sign).token("/oauth", asks, gives)).await;
    caller.onedata.behave(Fault::Busy);
    let told = Ask::get("/oauth?id=me").ask(&caller.onedata).await.unwrap().json();
    assert_eq!((told["token"].is_string(), &told["until"]), (true, &json!(7_200_000)));
    caller.onedata.behave(Fault::Busy.first(1).on(TOKEN));
    assert_eq!(Ask::get("/oauth?id=me").ask(&caller.onedata).await.unwrap().status, 503);
    assert_eq!(Ask::get("/oauth?id=me").ask(&caller.onedata).await.unwrap().status, 200);
    tokio::time::timeout(Duration::from_secs(5), caller.onedata.token_requested(3)).await.unwrap();
    assert_eq!((caller.onedata.count(), caller.onedata.processed_count()), (0, 0));
}
