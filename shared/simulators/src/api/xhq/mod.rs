//! 信号旗 (XHQ): one path for each operation, the credentials in the body, HTTP 200 for everything.

mod answers;
mod failed;
mod rules;

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use self::answers::Desk;
use self::rules::{Encoding, RULES, Rule, UNFREEZE};
use super::message::{Answer, Play, Refusal};
use super::{Api, Clock, Received, Running, Script};
use crate::partner::{Next, Sender, member};

pub use self::failed::FailedNames;

/// Path of the operations, as on the partner's own hosts.
const BASE: &str = "/api/docking/";

/// Path of the files that its answers name.
const FILES: &str = "/files/";

/// The operation under which a request for a file is recorded. A [`Fault`](super::Fault) on it lets the link die, lead to a page, or be
/// slow.
pub const FILE: &str = "file";

/// XHQ's docking API. An [`Api`].
///
/// It answers HTTP 200 and `{"code":200,"msg":"成功","data":...}`, and on a failure HTTP 200 with another `code`.
pub struct Xhq {
    api: Api,
    rules: Arc<Docking>,
    clock: Clock,
}

impl Xhq {
    /// Starts it for one forwarder and one broker. Port 0 lets the system choose.
    pub async fn start(address: SocketAddr, clock: Clock, app_id: &str, bgh_id: &str) -> io::Result<Self> {
        let (app_id, bgh_id) = (app_id.to_owned(), bgh_id.to_owned());
        let rules = Arc::new(Docking { app_id, bgh_id, desk: Mutex::new(Desk::new()) });
        let api = Api::start(address, Arc::clone(&clock), Arc::clone(&rules) as Arc<dyn Play>).await?;
        Ok(Self { api, rules, clock })
    }

    /// The base URL: `http://<address>/api/docking/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{BASE}", self.address())
    }

    /// The link to a file of an order, which is served at this address: `http://<address>/files/<order>/<name>.pdf`.
    #[must_use]
    pub fn file(&self, order: &str, name: &str) -> String {
        format!("http://{}{FILES}{order}/{name}.pdf", self.address())
    }

    /// The content of that file.
    #[must_use]
    pub fn content(order: &str, name: &str) -> Bytes {
        document(&format!("{FILES}{order}/{name}.pdf"))
    }

    /// Takes `unfreeze` under that last part of the path, which the document lost. Unset, there is no such operation.
    pub fn unfreeze_at(&self, path: &str) {
        self.rules.desk().unfreeze_at = Some(path.to_owned());
    }

    /// The orders that cannot be thawed: an `unfreeze` whose body names one thaws the others and fails, naming it.
    pub fn cannot_unfreeze(&self, orders: &[&str]) {
        self.rules.desk().frozen = orders.iter().map(|&order| order.to_owned()).collect();
    }

    /// Answers uploads with an object that holds the serial number under that name, instead of with the number itself:
    /// the document leaves it open.
    pub fn serial_within(&self, name: &str) {
        self.rules.desk().serial_within = Some(name.to_owned());
    }

    /// From now on that is the `data` of every answer to `actionDataRow`, whose shape the document lost.
    pub fn history(&self, data: Value) {
        self.rules.desk().history = Some(data);
    }

    /// The serial numbers whose pushes failed long ago: the queries list them, `failedPushConfirm` clears them. From the
    /// start that is `A22060714485586949`, as in the document's example.
    pub fn failed_pushes(&self, serials: &[&str]) {
        self.rules.desk().failed.list_old(serials);
    }

    /// The names of the rows' members from now on; the document lost them.
    pub fn failed_names(&self, names: FailedNames) {
        self.rules.desk().failed.names = names;
    }

    /// The serial numbers on the list of failed pushes.
    #[must_use]
    pub fn listed(&self) -> Vec<String> {
        self.rules.desk().failed.serials()
    }

    /// Pushes a body about the order of a serial number. Where it is not taken by XHQ's own rule it is on the list of
    /// failed pushes; whether it was taken.
    pub async fn push(&self, sender: &mut Sender, path: &str, serial: &str, body: &str) -> bool {
        let pushed = sender.push(path, "application/json", body.to_owned()).await;
        let is_taken = pushed.verdict == Next::Taken;
        if !is_taken {
            self.lose(serial, body);
        }
        is_taken
    }

    /// Puts a push on the list of failed ones.
    pub fn lose(&self, serial: &str, body: &str) {
        self.rules.desk().failed.add(serial, (self.clock)(), body);
    }
}

impl Deref for Xhq {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

/// It reads the boolean `state` true (二.1 出参). No retry is documented, so it makes none; what failed is listed with it.
pub(super) const SCRIPT: Script = Script {
    after: |_, answer| match answer.map(|answer| member(&answer.body, "state")) {
        Some(Some(state)) if state == "true" => Next::Taken,
        Some(_) => Next::GivenUp("the answer's state is not true"),
        None => Next::GivenUp("no answer"),
    },
    start: |address, clock, account| {
        Box::pin(async move {
            let xhq = Xhq::start(address, clock, account.credential("app_id"), account.credential("bgh_id")).await?;
            if let Some(path) = account.paths.get("unfreeze") {
                xhq.unfreeze_at(path);
            }
            let url = xhq.url();
            Ok(Running::new(xhq, url))
        })
    },
};

/// A PDF of one empty page, with its own path as a comment.
fn document(path: &str) -> Bytes {
    format!(
        "%PDF-1.4\n% {path}\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
    )
    .into()
}

struct Docking {
    app_id: String,
    bgh_id: String,
    desk: Mutex<Desk>,
}

impl Docking {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rule(operation: &str) -> Option<&'static Rule> {
        RULES.iter().chain([&UNFREEZE]).find(|rule| rule.path == operation)
    }

    fn judge(&self, request: &Received, rule: &Rule) -> Result<(), String> {
        let media_type = request.media_type();
        let right = match rule.encoding {
            Encoding::Json => media_type == "application/json",
            Encoding::Form => media_type == "application/x-www-form-urlencoded" || media_type == "multipart/form-data",
            Encoding::Multipart => media_type == "multipart/form-data",
        };
        if !right {
            return Err(format!("Content type '{}' not supported", request.header("content-type")));
        }
        let body = fields(request)?;
        rule.check(&body, (&self.app_id, &self.bgh_id))?;
        let files = || request.parts().into_iter().filter(|part| part.filename.is_some());
        if rule.encoding == Encoding::Multipart && !files().any(|file| !file.content.is_empty()) {
            return Err("上传文件不能为空".to_owned());
        }
        if rule.encoding == Encoding::Form && body.as_object().is_none_or(Map::is_empty) {
            return Err("参数错误:表单为空".to_owned());
        }
        Ok(())
    }
}

/// The fields of a body in any of the three encodings, as one object; files are no fields.
fn fields(request: &Received) -> Result<Value, String> {
    let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|_| "参数错误:编码不是UTF-8".to_owned());
    match request.media_type().as_str() {
        "multipart/form-data" => {
            let parts = super::body::multipart(request.header("content-type"), &request.body)?;
            let fields = parts.into_iter().filter(|part| part.filename.is_none());
            fields.map(|part| Ok((part.name, Value::String(text(&part.content)?)))).collect::<Result<_, _>>()
        }
        "application/x-www-form-urlencoded" => {
            Ok(request.form().into_iter().map(|(name, value)| (name, Value::String(value))).collect())
        }
        _ => serde_json::from_slice(&request.body).map_err(|e| format!("JSON parse error: {e}")),
    }
}

impl Play for Docking {
    fn operation(&self, request: &Received) -> String {
        if request.path.starts_with(FILES) {
            return FILE.to_owned();
        }
        let Some(path) = request.path.strip_prefix(BASE) else { return request.path.clone() };
        if self.desk().unfreeze_at.as_deref() == Some(path) {
            return UNFREEZE.path.to_owned();
        }
        let known = Self::rule(path).is_some_and(|rule| rule.path != UNFREEZE.path);
        if known { path.to_owned() } else { request.path.clone() }
    }

    fn check(&self, request: &Received) -> Result<(), Refusal> {
        if request.operation == FILE && request.method == Method::GET {
            return Ok(());
        }
        let Some(rule) = Self::rule(&request.operation) else {
            let why = format!("no operation at {}", request.path);
            let answer = Answer::json_of(404, &json!({"code": 404, "msg": "Not Found", "data": null}));
            return Err(Refusal { why, answer });
        };
        if request.method != Method::POST {
            let why = format!("Request method '{}' not supported", request.method);
            return Err(Refusal { answer: Answer::json_of(405, &json!({"code": 405, "msg": why, "data": null})), why });
        }
        self.judge(request, rule).map_err(|why| Refusal { answer: self.failure(500, &why), why })
    }

    fn process(&self, request: &Received) -> Answer {
        if request.operation == FILE {
            return Answer::pdf(document(&request.path));
        }
        let body = fields(request).unwrap_or_default();
        Answer::json(&self.desk().answer(&request.operation, &body, (&self.bgh_id, request.header("host")), request.at))
    }

    fn failure(&self, code: i64, message: &str) -> Answer {
        Answer::json(&json!({"code": code, "msg": message, "data": null}))
    }

    fn refusal(&self) -> Answer {
        self.failure(500, "该订单状态不允许此操作")
    }

    fn key(&self, request: &Received) -> Bytes {
        let parts = request.parts();
        if parts.is_empty() {
            return request.body.clone();
        }
        let mut key = Vec::new();
        for part in parts {
            for bytes in [part.name.as_bytes(), part.filename.unwrap_or_default().as_bytes(), &part.content] {
                key.extend_from_slice(bytes);
                key.push(0);
            }
        }
        key.into()
    }
}
