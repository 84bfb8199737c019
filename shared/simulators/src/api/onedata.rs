//! 壹沓 (1datatech): port queries and rate results behind a token, a nonce, a timestamp and a signature.

mod rates;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use hub::Utc;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::body::scalar;
use super::message::{Answer, Play, Refusal};
use super::tokens::Tokens;
use super::{Api, Clock, Received, Running, Script, TOKEN};
use crate::partner::{self, Next, again};

/// The paths, as on the partner's own host.
const PORT_QUERY: &str = "/ocean/api/port/query/v2";
const RESULT_QUERY: &str = "/freight/api/task/result_query";

/// The example push, which brings what the answers do.
const PORTS: &[u8] = include_bytes!("../../../../functions/port_push/examples/port_push.json");

/// Largest difference of a timestamp from now, where it is seconds or milliseconds since 1970.
const WINDOW: Duration = Duration::from_mins(5);

/// The business codes of failures: the partner documents none.
const WRONG: i64 = 400;
const UNSIGNED: i64 = 403;
const REPLAYED: i64 = 409;

/// Parts that a signature is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The header `nonce`.
    pub nonce: &'a str,
    /// The header `timestamp`.
    pub timestamp: &'a str,
    /// The header `accessToken`.
    pub token: &'a str,
    /// The body as it came.
    pub body: &'a [u8],
}

type Sign = Box<dyn Fn(&Signed<'_>) -> String + Send + Sync>;
type Asks = Box<dyn Fn(&Received) -> bool + Send + Sync>;
type Gives = Box<dyn Fn(&str, Duration) -> Value + Send + Sync>;

/// Rules that are not in 1datatech's public documents: the signature and the token.
pub struct OneDataRules {
    sign: Sign,
    token_path: String,
    asks: Asks,
    gives: Gives,
    life: Duration,
    expired: i64,
}

impl OneDataRules {
    /// The right value of the header `sign`. A token is given for `POST /auth/token` with `{"appKey":"demo-key",
    /// "appSecret":"demo-secret"}`, for two hours, as `{"success":true,"code":200,"message":"请求成功",
    /// "data":{"accessToken":"...","expiresIn":7200}}`; the code of an expired one is 401.
    #[must_use]
    pub fn new(sign: impl Fn(&Signed<'_>) -> String + Send + Sync + 'static) -> Self {
        Self {
            sign: Box::new(sign),
            token_path: "/auth/token".to_owned(),
            asks: Box::new(|request| {
                let body = request.json();
                let has = |name, value: &str| scalar(&body, name).is_some_and(|given| given == value);
                request.method == Method::POST && has("appKey", "demo-key") && has("appSecret", "demo-secret")
            }),
            gives: Box::new(|token, life| {
                let data = json!({"accessToken": token, "expiresIn": life.as_secs()});
                json!({"success": true, "code": 200, "message": "请求成功", "data": data})
            }),
            life: Duration::from_hours(2),
            expired: 401,
        }
    }

    /// The worked example of the hub's own documentation: MD5 of `<secret>&<nonce>&<timestamp>&<token>&<body>` in upper
    /// case, and a token as [`OneDataRules::new`] gives it, for this key and secret.
    #[must_use]
    pub fn example(app_key: &str, app_secret: &str) -> Self {
        let (app_key, secret) = (app_key.to_owned(), app_secret.to_owned());
        let signing = secret.clone();
        let rules = Self::new(move |signed| {
            let Signed { nonce, timestamp, token, body } = signed;
            let head = format!("{signing}&{nonce}&{timestamp}&{token}&");
            let digest = Md5::new().chain_update(head).chain_update(body).finalize();
            digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
        });
        let asks = move |request: &Received| {
            let body = request.json();
            let has = |name, value: &str| scalar(&body, name).is_some_and(|given| given == value);
            request.method == Method::POST && has("appKey", &app_key) && has("appSecret", &secret)
        };
        Self { asks: Box::new(asks), ..rules }
    }

    /// Sets the path of token requests, the check of such a request, and the answer with the token and its life.
    #[must_use]
    pub fn token(
        mut self,
        path: &str,
        asks: impl Fn(&Received) -> bool + Send + Sync + 'static,
        gives: impl Fn(&str, Duration) -> Value + Send + Sync + 'static,
    ) -> Self {
        path.clone_into(&mut self.token_path);
        (self.asks, self.gives) = (Box::new(asks), Box::new(gives));
        self
    }

    /// Sets the life of a token.
    #[must_use]
    pub const fn life(mut self, life: Duration) -> Self {
        self.life = life;
        self
    }

    /// The business code of a token that is unknown or expired.
    #[must_use]
    pub const fn expired(mut self, code: i64) -> Self {
        self.expired = code;
        self
    }
}

/// 1datatech's API. An [`Api`].
///
/// The first query for a port, kind, number and direction subscribes; later ones find nothing until the test says
/// that the data [arrived](Self::arrive).
pub struct OneData {
    api: Api,
    rules: Arc<Data>,
}

impl OneData {
    /// Starts it. Port 0 lets the system choose.
    pub async fn start(address: SocketAddr, clock: Clock, rules: OneDataRules) -> io::Result<Self> {
        let tokens = Tokens::new(rules.life);
        let rules = Arc::new(Data { rules, tokens, state: Mutex::default() });
        Ok(Self { api: Api::start(address, clock, Arc::clone(&rules) as Arc<dyn Play>).await?, rules })
    }

    /// The base URL: `http://<address>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Adds data about that number.
    pub fn arrive(&self, sub_no: &str) {
        self.rules.state().arrived.insert(sub_no.to_owned(), example(PORTS, "/data/resultData"));
    }

    /// Sets the value at that JSON pointer of the data about that number.
    pub fn change(&self, sub_no: &str, pointer: &str, value: impl Into<Value>) {
        let mut state = self.rules.state();
        if let Some(place) = state.arrived.get_mut(sub_no).and_then(|data| data.pointer_mut(pointer)) {
            *place = value.into();
        }
    }

    /// Sets the rows of a batch, by the names that a push has for their members.
    pub fn rate(&self, batch: &str, rows: &[Value]) {
        self.rules.state().rated.insert(batch.to_owned(), rows.to_vec());
    }

    /// Sets the `data` of every answer about rates from now on, against the rules. With none, by the rules again.
    pub fn break_rates(&self, data: Option<Value>) {
        self.rules.state().broken = data;
    }

    /// Number of subscriptions.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.rules.state().subscriptions.len()
    }

    /// Ends the life of every token given out.
    pub fn expire_tokens(&self) {
        self.rules.tokens.expire();
    }

    /// The life of tokens given out from now on.
    pub fn token_life(&self, life: Duration) {
        self.rules.tokens.set_life(life);
    }
}

impl Deref for OneData {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// It reads HTTP 200 within 500 ms, or else makes 3 retries 2 minutes apart (3.3). Its rules are the example's.
pub(super) const SCRIPT: Script = Script {
    after: |tries, answer| match answer {
        Some(partner::Answer { status: 200, .. }) => Next::Taken,
        Some(_) => again(tries, Duration::from_mins(2), "not HTTP 200, and three retries are made"),
        None => again(tries, Duration::from_mins(2), "no answer in time, and three retries are made"),
    },
    start: |address, clock, account| {
        Box::pin(async move {
            let rules = OneDataRules::example(account.credential("app_key"), account.credential("app_secret"));
            let onedata = OneData::start(address, clock, rules).await?;
            // The number of the operation's example: the first call subscribes, later ones find it.
            onedata.arrive("225201002");
            let url = onedata.url();
            Ok(Running::new(onedata, url))
        })
    },
};

#[derive(Default)]
struct State {
    nonces: HashSet<String>,
    /// The `extraInfo` that came last, by the four fields that identify a subscription.
    subscriptions: BTreeMap<[String; 4], Value>,
    /// Data that has arrived, by number.
    arrived: BTreeMap<String, Value>,
    /// The rows of a batch, where they are not the example's.
    rated: BTreeMap<String, Vec<Value>>,
    broken: Option<Value>,
}

struct Data {
    rules: OneDataRules,
    tokens: Tokens,
    state: Mutex<State>,
}

impl Data {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn authenticate(&self, request: &Received) -> Result<(), (i64, String)> {
        let header = |name: &str| match request.header(name) {
            "" => Err((UNSIGNED, format!("header {name} is missing"))),
            text => Ok(text),
        };
        let (token, nonce) = (header("accessToken")?, header("nonce")?);
        let (timestamp, sign) = (header("timestamp")?, header("sign")?);
        let right = (self.rules.sign)(&Signed { nonce, timestamp, token, body: &request.body });
        if sign != right {
            return Err((UNSIGNED, "签名错误".to_owned()));
        }
        let at = match timestamp.len() {
            10 => timestamp.parse::<i64>().ok().map(|seconds| Utc(seconds * 1_000_000)),
            13 => timestamp.parse::<i64>().ok().map(|millis| Utc(millis * 1000)),
            _ => None,
        };
        if at.is_some_and(|at| at.since(request.at).max(request.at.since(at)) > WINDOW) {
            return Err((UNSIGNED, "timestamp已过期".to_owned()));
        }
        if !self.state().nonces.insert(nonce.to_owned()) {
            return Err((REPLAYED, "nonce重复".to_owned()));
        }
        if !self.tokens.good(token, request.at) {
            return Err((self.rules.expired, "accessToken无效或已过期".to_owned()));
        }
        Ok(())
    }

    /// State and data of each subscription; one that does not exist is created.
    fn ports(&self, items: &[Value]) -> Value {
        let mut state = self.state();
        let results = items.iter().map(|item| {
            let given = ["carrierCd", "subType", "subNo", "importAndExportFlag"].map(|name| scalar(item, name));
            let key = given.map(|value| value.unwrap_or_else(|| "E".to_owned()));
            let found = state.arrived.get(&key[2]).cloned();
            let first = !state.subscriptions.contains_key(&key);
            let extra = state.subscriptions.entry(key.clone()).or_default();
            if let Some(given) = item.get("extraInfo") {
                *extra = given.clone();
            }
            let (code, message, data) = match (first, found) {
                (true, _) => (1, "订阅成功", Value::Null),
                (false, Some(data)) => (2, "查询成功", data),
                (false, None) => (3, "暂未查询到结果/官网查询无数据", Value::Null),
            };
            json!({
                "subType": item["subType"], "carrierCd": item["carrierCd"], "subNo": item["subNo"],
                "importAndExportFlag": key[3], "extraInfo": extra,
                "resultCode": code, "resultMessage": message, "resultData": data,
            })
        });
        results.collect()
    }
}

/// Value at that JSON pointer in the body of an example push.
fn example(body: &[u8], pointer: &str) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.pointer_mut(pointer).map(Value::take).unwrap_or_default()
}

impl Play for Data {
    fn operation(&self, request: &Received) -> String {
        match request.path.as_str() {
            PORT_QUERY => "port_query".to_owned(),
            RESULT_QUERY => "result_query".to_owned(),
            path if path == self.rules.token_path => TOKEN.to_owned(),
            path => path.to_owned(),
        }
    }

    fn check(&self, request: &Received) -> Result<(), Refusal> {
        let refused = |(code, why): (i64, String)| Refusal { answer: self.failure(code, &why), why };
        let operation = request.operation.as_str();
        if operation == TOKEN {
            let right = (self.rules.asks)(request);
            return if right { Ok(()) } else { Err(refused((UNSIGNED, "appKey或appSecret错误".to_owned()))) };
        }
        if operation == request.path {
            let why = format!("Not Found: {operation}");
            return Err(Refusal { answer: Answer::text(404, why.clone()), why });
        }
        if request.method != Method::POST || request.media_type() != "application/json" {
            return Err(refused((WRONG, "POST application/json only".to_owned())));
        }
        self.authenticate(request).map_err(refused)?;
        let body = serde_json::from_slice(&request.body).map_err(|e| refused((WRONG, format!("JSON: {e}"))))?;
        let right = if operation == "port_query" { subscriptions(&body) } else { rates::check(&body) };
        right.map_err(|why| refused((WRONG, why)))
    }

    fn process(&self, request: &Received) -> Answer {
        let body = request.json();
        let data = match request.operation.as_str() {
            TOKEN => {
                let (token, life) = self.tokens.issue(request.at);
                return Answer::json(&(self.rules.gives)(&token, life));
            }
            "port_query" => self.ports(body.as_array().map(Vec::as_slice).unwrap_or_default()),
            _ => {
                let state = self.state();
                state.broken.clone().unwrap_or_else(|| rates::page(&state.rated, &body))
            }
        };
        Answer::json(&json!({"success": true, "code": 200, "message": "请求成功", "data": data}))
    }

    fn failure(&self, code: i64, message: &str) -> Answer {
        Answer::json(&json!({"success": false, "code": code, "message": message, "data": null}))
    }

    fn refusal(&self) -> Answer {
        self.failure(WRONG, "港区不支持")
    }
}

fn subscriptions(body: &Value) -> Result<(), String> {
    let items =
        body.as_array().filter(|items| !items.is_empty()).ok_or("the body must be an array of subscriptions")?;
    for item in items {
        for name in ["subType", "carrierCd", "subNo"] {
            scalar(item, name).ok_or_else(|| format!("参数错误:{name}不能为空"))?;
        }
        let is = |name, values: [&str; 2]| scalar(item, name).is_none_or(|value| values.contains(&value.as_str()));
        if !is("subType", ["1", "2"]) || !is("importAndExportFlag", ["E", "I"]) {
            return Err("参数错误:subType或importAndExportFlag".to_owned());
        }
    }
    Ok(())
}
