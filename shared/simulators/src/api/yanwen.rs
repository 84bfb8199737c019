//! 燕文 (Yanwen): one URL for every method, an MD5 signature over the very bytes of the body.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use hub::Utc;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::body::{is_time, position};
use super::message::{Answer, Play, Refusal};
use super::{Api, Clock, Received, Running, Script};
use crate::partner::Next;

/// Path, as on the partner's own hosts.
const PATH: &str = "/api/order";

/// Validity of a timestamp. The document does not say whether that holds for clocks that run ahead; it does here.
const WINDOW: Duration = Duration::from_mins(5);

/// The method whose fields the document tells.
const MAWB: &str = "s3.mawb.create";

/// Methods that the partner's sites name and that are no `s3.*`.
const OTHERS: [&str; 9] = [
    "express.order.create",
    "express.order.get",
    "express.order.getlist",
    "express.order.cancel",
    "express.order.label.get",
    "express.overseas.manifest.create",
    "express.channel.getlist",
    "common.country.getlist",
    "common.warehouse.getlist",
];

/// Yanwen's API. An [`Api`].
///
/// It answers `{"success":true,"code":"0","message":"操作成功","data":null}`, and a caller it does not know HTTP 401 with
/// plain text.
pub struct Yanwen {
    api: Api,
    rules: Arc<Orders>,
}

impl Yanwen {
    /// Starts it for one customer. Port 0 lets the system choose.
    pub async fn start(address: SocketAddr, clock: Clock, user_id: &str, api_token: &str) -> io::Result<Self> {
        let (user_id, api_token) = (user_id.to_owned(), api_token.to_owned());
        let rules = Arc::new(Orders { user_id, api_token, numbers: AtomicBool::new(false) });
        Ok(Self { api: Api::start(address, clock, Arc::clone(&rules) as Arc<dyn Play>).await?, rules })
    }

    /// Its URL: `http://<address>/api/order`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address())
    }

    /// Prints codes as JSON numbers instead of as strings.
    pub fn numeric_codes(&self, numbers: bool) {
        self.rules.numbers.store(numbers, Ordering::Relaxed);
    }
}

impl Deref for Yanwen {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

pub(super) const SCRIPT: Script = Script {
    after: |_, _| Next::GivenUp("it documents no push"),
    start: |address, clock, account| {
        Box::pin(async move {
            let (user_id, api_token) = (account.credential("user_id"), account.credential("api_token"));
            let yanwen = Yanwen::start(address, clock, user_id, api_token).await?;
            let url = yanwen.url();
            Ok(Running::new(yanwen, url))
        })
    },
};

struct Orders {
    user_id: String,
    api_token: String,
    numbers: AtomicBool,
}

impl Orders {
    fn says(&self, success: bool, code: i64, message: &str, data: &Value) -> Answer {
        let code = if self.numbers.load(Ordering::Relaxed) { json!(code) } else { json!(code.to_string()) };
        Answer::json(&json!({"success": success, "code": code, "message": message, "data": data}))
    }

    /// Whether the caller is who it says, by the query alone and the bytes as they came.
    fn authenticate(&self, request: &Received) -> Result<(), String> {
        let param = |name: &str| {
            let mut values = request.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
            match (values.next(), values.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value),
                (Some(_), Some(_)) => Err(format!("参数错误:{name}重复")),
                _ => Err(format!("参数错误:{name}不能为空")),
            }
        };
        let (user, method, format) = (param("user_id")?, param("method")?, param("format")?);
        let (timestamp, sign, version) = (param("timestamp")?, param("sign")?, param("version")?);
        if user != self.user_id {
            return Err("客户号不存在".to_owned());
        }
        if format != "json" || version != "V1.0" {
            return Err("参数错误:format或version".to_owned());
        }
        let shown = request.query.iter().any(|(_, value)| value.contains(&self.api_token));
        if shown || position(&request.body, self.api_token.as_bytes()).is_some() || param("data").is_ok() {
            return Err("apitoken和data不能作为参数传输".to_owned());
        }
        let mut digest = Md5::new();
        digest.update(&self.api_token);
        digest.update(user);
        digest.update(&request.body);
        for part in [format, method, timestamp, version, &self.api_token] {
            digest.update(part);
        }
        if sign != hex(&digest.finalize()) {
            return Err("签名错误,请检查apitoken及签名规则".to_owned());
        }
        let at = timestamp.parse().ok().and_then(|millis: i64| millis.checked_mul(1000)).map(Utc);
        let at = at.ok_or("参数错误:timestamp")?;
        if at.since(request.at).max(request.at.since(at)) > WINDOW {
            return Err("时间戳已过期".to_owned());
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Play for Orders {
    fn operation(&self, request: &Received) -> String {
        request.param("method").unwrap_or(&request.path).to_owned()
    }

    fn check(&self, request: &Received) -> Result<(), Refusal> {
        let plain = |status, why: String| Refusal { answer: Answer::text(status, why.clone()), why };
        if request.path != PATH {
            return Err(plain(404, format!("Not Found: {}", request.path)));
        }
        if request.method != Method::POST {
            return Err(plain(405, format!("Method Not Allowed: {}", request.method)));
        }
        if request.media_type() != "application/json" {
            return Err(plain(415, "Unsupported Media Type".to_owned()));
        }
        self.authenticate(request).map_err(|why| plain(401, why))?;
        let failed = |why: String| Refusal { answer: self.says(false, 1, &why, &Value::Null), why };
        let method = request.operation.as_str();
        if !method.starts_with("s3.") && !OTHERS.contains(&method) {
            return Err(failed(format!("接口不存在:{method}")));
        }
        let body: Value = serde_json::from_slice(&request.body).map_err(|e| failed(format!("报文不是JSON:{e}")))?;
        if !is_compact(&request.body) {
            return Err(failed("报文必须为压缩格式的JSON".to_owned()));
        }
        if method == MAWB { mawb(&body).map_err(failed) } else { Ok(()) }
    }

    fn process(&self, _: &Received) -> Answer {
        self.says(true, 0, "操作成功", &Value::Null)
    }

    fn failure(&self, code: i64, message: &str) -> Answer {
        self.says(false, code, message, &Value::Null)
    }

    fn refusal(&self) -> Answer {
        self.failure(1, "主单号已存在")
    }
}

/// Whether JSON is printed without blanks outside its strings.
fn is_compact(json: &[u8]) -> bool {
    let (mut within, mut escaped) = (false, false);
    for byte in json {
        match byte {
            b'"' if !escaped => within = !within,
            b' ' | b'\t' | b'\r' | b'\n' if !within => return false,
            _ => {}
        }
        escaped = within && *byte == b'\\' && !escaped;
    }
    true
}

/// The field rules of a master waybill. Every value is a string: that numbers are taken as numbers is not documented.
fn mawb(body: &Value) -> Result<(), String> {
    let text = |name: &str, longest: usize| match body.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) if text.chars().count() <= longest => Ok(text.as_str()),
        Some(Value::String(_)) => Err(format!("参数错误:{name}长度不能超过{longest}")),
        Some(_) => Err(format!("参数错误:{name}类型必须为字符串")),
    };
    let required = |name: &str, longest: usize| match text(name, longest)? {
        "" => Err(format!("参数错误:{name}不能为空")),
        text => Ok(text),
    };
    let formed = |name: &str, longest: usize, is: fn(&str) -> bool| {
        if is(required(name, longest)?) { Ok(()) } else { Err(format!("参数错误:{name}格式不正确")) }
    };
    for (name, longest) in [("mawbNo", 64), ("importPort", 16), ("exportPort", 16), ("country", 4)] {
        required(name, longest)?;
    }
    for name in ["version", "channelId", "weight", "chargeableWeight", "transportType", "bagQuantity", "parcelQuantity"]
    {
        formed(name, 18, |text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    }
    for name in ["etd", "eta"] {
        formed(name, 19, is_time)?;
        formed(&format!("{name}TimeZone"), 6, is_zone)?;
    }
    let sea = ["scacBill", "vesselName", "voyageNumber", "containerNumber", "sealNumber"];
    text("flightNo", 16)?;
    for name in sea {
        text(name, 35)?;
    }
    match text("transportType", 18)? {
        "1" => drop(required("flightNo", 16)?),
        "2" => sea.into_iter().try_for_each(|name| required(name, 35).map(drop))?,
        "3" => {}
        other => return Err(format!("参数错误:transportType={other}")),
    }
    let bags = body.get("bagList").and_then(Value::as_array).filter(|bags| !bags.is_empty());
    for bag in bags.ok_or("参数错误:bagList不能为空")? {
        let number = bag.get("bagNo").and_then(Value::as_str).unwrap_or_default();
        if number.is_empty() || number.chars().count() > 64 {
            return Err("参数错误:bagList.bagNo".to_owned());
        }
    }
    Ok(())
}

/// Whether the text is an offset from UTC: `+08:00`.
fn is_zone(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |at| bytes.get(at).is_some_and(u8::is_ascii_digit);
    bytes.len() == 6
        && matches!(bytes.first(), Some(b'+' | b'-'))
        && bytes.get(3) == Some(&b':')
        && [1, 2, 4, 5].into_iter().all(digits)
}
