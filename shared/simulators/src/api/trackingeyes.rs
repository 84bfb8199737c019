//! 云当 (TrackingEyes): a token for two hours, given back in the query of every call.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::body::scalar;
use super::message::{Answer, Play, Refusal};
use super::tokens::Tokens;
use super::{Api, Clock, Received, Running, Script, TOKEN};
use crate::partner::{Next, again, member};

/// The paths, as on the partner's own host.
const AUTHORIZATION: &str = "/api/auth/authorization";
const DOWNLOAD: &str = "/api/customsStatus/download";

/// The example push, which brings what the download does.
const WAYBILLS: &[u8] = include_bytes!("../../../../functions/customs_status/examples/customs_status.json");

/// Life of a token.
const LIFE: Duration = Duration::from_hours(2);

/// The most subscriptions in one call.
const MOST: usize = 30;

/// TrackingEyes' API. An [`Api`].
///
/// The code of a token's answer is a string, `"200"`, that of the others a number.
pub struct TrackingEyes {
    api: Api,
    rules: Arc<Customs>,
}

impl TrackingEyes {
    /// Starts it for one company. Port 0 lets the system choose.
    pub async fn start(address: SocketAddr, clock: Clock, company_code: &str, secret: &str) -> io::Result<Self> {
        let (company_code, secret) = (company_code.to_owned(), secret.to_owned());
        let rules = Customs { company_code, secret, tokens: Tokens::new(LIFE), state: Mutex::default() };
        let rules = Arc::new(rules);
        Ok(Self { api: Api::start(address, clock, Arc::clone(&rules) as Arc<dyn Play>).await?, rules })
    }

    /// The base URL: `http://<address>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Takes subscriptions at that path, which the public documents lost. Unset, there is no such operation.
    pub fn subscribe_at(&self, path: &str) {
        self.rules.state().subscribe_at = Some(path.to_owned());
    }

    /// From now on the waybill is as this element of a push tells it: downloads of its id give it.
    pub fn publish(&self, waybill: &Value) {
        let id = scalar(waybill, "id").unwrap_or_default();
        self.rules.state().published.insert(id, waybill.clone());
    }

    /// Breaks the rules: from now on that is the `result` of every download. With none, by the rules again.
    pub fn break_downloads(&self, result: Option<Value>) {
        self.rules.state().broken = result;
    }

    /// Ends the life of every token given out.
    pub fn expire_tokens(&self) {
        self.rules.tokens.expire();
    }

    /// The life of tokens given out from now on: two hours if not told otherwise.
    pub fn token_life(&self, life: Duration) {
        self.rules.tokens.set_life(life);
    }
}

impl Deref for TrackingEyes {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// It reads the integer `code` 200 in the body, and can push again only where the body has a `code` (note 2). It prints
/// neither count nor interval: 3 and a minute are a guess.
pub(super) const SCRIPT: Script = Script {
    after: |tries, answer| match answer.map(|answer| member(&answer.body, "code")) {
        Some(Some(code)) if code == "200" => Next::Taken,
        Some(Some(_)) => again(tries, Duration::from_mins(1), "a code other than 200, and the retries are made"),
        Some(None) => Next::GivenUp("no code in the answer, so it cannot be pushed again"),
        None => Next::GivenUp("no answer, so it cannot be pushed again"),
    },
    start: |address, clock, account| {
        Box::pin(async move {
            let (company, secret) = (account.credential("company_code"), account.credential("secret"));
            let eyes = TrackingEyes::start(address, clock, company, secret).await?;
            if let Some(path) = account.paths.get("subscribe") {
                eyes.subscribe_at(path);
            }
            let url = eyes.url();
            Ok(Running::new(eyes, url))
        })
    },
};

#[derive(Default)]
struct State {
    subscribe_at: Option<String>,
    subscribed: BTreeSet<String>,
    published: BTreeMap<String, Value>,
    broken: Option<Value>,
}

struct Customs {
    company_code: String,
    secret: String,
    tokens: Tokens,
    state: Mutex<State>,
}

/// The code of a request that is not let in.
const UNAUTHORIZED: i64 = 401;
/// The code of a request that is wrong.
const FAILED: i64 = 400;

impl Customs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, request: &Received) -> Result<(), (i64, String)> {
        let operation = request.operation.as_str();
        let method = if operation == "download" { Method::GET } else { Method::POST };
        if request.method != method {
            return Err((FAILED, format!("{method} only")));
        }
        if method == Method::POST && request.media_type() != "application/json" {
            return Err((FAILED, "application/json only".to_owned()));
        }
        if operation == TOKEN {
            let body = request.json();
            let has = |name, value: &str| scalar(&body, name).is_some_and(|given| given == value);
            let right = has("companyCode", &self.company_code) && has("secret", &self.secret);
            return if right { Ok(()) } else { Err((UNAUTHORIZED, "companyCode or secret is wrong".to_owned())) };
        }
        let param = |name: &str| request.param(name).unwrap_or_default();
        if param("companyCode") != self.company_code || !self.tokens.good(param("token"), request.at) {
            return Err((UNAUTHORIZED, "token is invalid or expired".to_owned()));
        }
        if operation == "download" {
            let right = param("billId").split(',').all(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()));
            return if right { Ok(()) } else { Err((FAILED, "billId must be a list of numbers".to_owned())) };
        }
        let body = request.json();
        match body.as_array() {
            Some(items) if (1..=MOST).contains(&items.len()) && items.iter().all(Value::is_object) => Ok(()),
            _ => Err((FAILED, format!("the body must be an array of 1 to {MOST} objects"))),
        }
    }

    /// One result per subscription; one that was made before is a warning.
    fn subscribe(&self, items: &[Value]) -> Value {
        let mut state = self.state();
        let mut repeated = false;
        let results = items.iter().map(|item| {
            let number = scalar(item, "blNo").unwrap_or_else(|| item.to_string());
            let new = state.subscribed.insert(number);
            repeated |= !new;
            let (code, text, message) =
                if new { (200, "success", "success") } else { (300, "warning", "repeated subscription") };
            json!({
                "blNo": item["blNo"], "localKey": item["localKey"], "id": id(state.subscribed.len()),
                "itemCode": code, "itemCodeDesc": text, "itemMessage": message,
            })
        });
        let results: Value = results.collect();
        let (code, text) = if repeated { (300, "warning") } else { (200, "success") };
        json!({"code": code, "codeDesc": text, "message": text, "result": results})
    }
}

/// An id of that many subscriptions' age: a snowflake that no floating-point number holds.
fn id(number: usize) -> String {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    1_906_651_379_888_427_009_u64.saturating_add(number.saturating_mul(2)).to_string()
}

/// The waybills of a download: what was published under each id, or else that of the example push. The id is a string here.
fn waybills(published: &BTreeMap<String, Value>, ids: &str) -> Value {
    let example: Value = serde_json::from_slice(WAYBILLS).unwrap_or_default();
    let waybill = |id: &str| {
        let mut waybill = published.get(id).or(example.get(0)).cloned().unwrap_or_default();
        if let Some(fields) = waybill.as_object_mut() {
            fields.remove("endId");
            fields.remove("extendNo");
            fields.insert("id".to_owned(), json!(id));
        }
        waybill
    };
    ids.split(',').map(waybill).collect()
}

impl Play for Customs {
    fn operation(&self, request: &Received) -> String {
        match request.path.as_str() {
            AUTHORIZATION => TOKEN.to_owned(),
            DOWNLOAD => "download".to_owned(),
            path if self.state().subscribe_at.as_deref() == Some(path) => "subscribe".to_owned(),
            path => path.to_owned(),
        }
    }

    fn check(&self, request: &Received) -> Result<(), Refusal> {
        if request.operation == request.path {
            let why = format!("Not Found: {}", request.path);
            return Err(Refusal { answer: Answer::text(404, why.clone()), why });
        }
        self.judge(request).map_err(|(code, why)| Refusal { answer: self.failure(code, &why), why })
    }

    fn process(&self, request: &Received) -> Answer {
        match request.operation.as_str() {
            TOKEN => {
                let (token, _) = self.tokens.issue(request.at);
                Answer::json(&json!({"code": "200", "message": "success", "result": token}))
            }
            "download" => {
                let state = self.state();
                let by_rule = || waybills(&state.published, request.param("billId").unwrap_or_default());
                let result = state.broken.clone().unwrap_or_else(by_rule);
                Answer::json(&json!({"code": 200, "codeDesc": "success", "message": "success", "result": result}))
            }
            _ => Answer::json(&self.subscribe(request.json().as_array().map(Vec::as_slice).unwrap_or_default())),
        }
    }

    fn failure(&self, code: i64, message: &str) -> Answer {
        let text = if code == UNAUTHORIZED || code >= 500 { "error" } else { "failure" };
        Answer::json(&json!({"code": code, "codeDesc": text, "message": message, "result": null}))
    }

    fn refusal(&self) -> Answer {
        self.failure(FAILED, "no permission for this waybill")
    }

    fn key(&self, request: &Received) -> Bytes {
        // A download has no body: the waybills are its matter.
        if request.body.is_empty() {
            request.param("billId").unwrap_or_default().to_owned().into()
        } else {
            request.body.clone()
        }
    }
}
