//! Rules of XHQ's document for the requests of each operation.

use serde_json::Value;

use crate::api::body::{is_date, is_time, object, scalar};

/// Required encoding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    /// "DataForm": the document does not say which of the two encodings of a form it means, so either will do.
    Form,
    Multipart,
}

/// Credential by which XHQ knows the caller. Any credential that is given must be right, except for [`Credential::None`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// The document has none.
    None,
    /// The document lost the names of the fields.
    IfGiven,
    App,
    Broker,
    Both,
    Either,
}

/// A further rule for the fields of a body.
type More = fn(&Value) -> Result<(), String>;

/// One operation.
pub(super) struct Rule {
    /// The last part of the path.
    pub(super) path: &'static str,
    pub(super) encoding: Encoding,
    pub(super) credential: Credential,
    /// Fields that must have a value.
    pub(super) required: &'static [&'static str],
    /// Further rule.
    pub(super) more: Option<More>,
}

const fn json(
    path: &'static str,
    credential: Credential,
    required: &'static [&'static str],
    more: Option<More>,
) -> Rule {
    Rule { path, encoding: Encoding::Json, credential, required, more }
}

/// Every operation whose path the document prints.
pub(super) static RULES: [Rule; 23] = [
    json("upload", Credential::Both, &["fileUrl", "orderOutNo"], Some(upload)),
    Rule { encoding: Encoding::Multipart, ..json("fileUpload", Credential::IfGiven, &[], None) },
    json("fileBase64Upload", Credential::IfGiven, &[], None),
    json("uploadImport", Credential::IfGiven, &[], None),
    json("receiptsea", Credential::None, &["orderOutNo"], Some(|body| an_object(body, "dataJson").map(drop))),
    json("receiptsingle", Credential::None, &["orderOutNo"], Some(receipt)),
    json(
        "lcl",
        Credential::None,
        &["outNo", "shipName", "voyage", "iEPort", "containerId", "containerMd", "packNo", "grossWet"],
        Some(|body| some_objects(body, "clcList").map(drop)),
    ),
    json("lcl_task", Credential::Both, &["billNo", "shipName", "voyage"], Some(lcl_task)),
    json("bghList", Credential::App, &[], None),
    json("recall", Credential::App, &["orderOutNo", "hdUserName"], None),
    json("feeConfirm", Credential::IfGiven, &[], None),
    json("actionDataRow", Credential::App, &["orderOutNo"], Some(|body| one_of(body, "action", &["single_receipt"]))),
    json("getCheckDraft", Credential::Either, &["orderOutNo"], None),
    json("getCustomsClearance", Credential::App, &["orderOutNo"], None),
    json("getReleaseNotice", Credential::App, &["orderOutNo"], None),
    json("getCheckRows", Credential::App, &["orderOutNo"], Some(|body| one_of(body, "type", &["check"]))),
    json("getAuthorizationLetter", Credential::App, &["orderOutNo"], None),
    Rule { encoding: Encoding::Form, ..json("package", Credential::IfGiven, &[], None) },
    Rule {
        encoding: Encoding::Form,
        ..json("sendMsg", Credential::App, &["msg", "messageType", "orderOutNo"], Some(message))
    },
    json("failedPushQuery", Credential::Broker, &["type"], Some(failed_pushes)),
    json("queryFailedPush", Credential::Broker, &["type"], Some(failed_pushes)),
    json("queryBatchFailedPush", Credential::Broker, &["type"], Some(failed_pushes)),
    json("failedPushConfirm", Credential::Broker, &["type"], Some(confirm)),
];

/// Thaws orders, wherever its path may be.
pub(super) static UNFREEZE: Rule = json("unfreeze", Credential::IfGiven, &[], None);

impl Rule {
    /// Whether the fields of a body are as the document wants them. `ours` are the right `appId` and `bghId`.
    pub(super) fn check(&self, body: &Value, ours: (&str, &str)) -> Result<(), String> {
        if !body.is_object() {
            return Err("参数错误:报文必须为JSON对象".to_owned());
        }
        self.credential.check(body, ours)?;
        for name in self.required {
            scalar(body, name).ok_or_else(|| format!("参数错误:{name}不能为空"))?;
        }
        self.more.map_or(Ok(()), |more| more(body))
    }
}

impl Credential {
    fn check(self, body: &Value, ours: (&str, &str)) -> Result<(), String> {
        let (app, broker) = (scalar(body, "appId"), scalar(body, "bghId"));
        let (need_app, need_broker) = match self {
            Self::None => return Ok(()),
            Self::IfGiven => (false, false),
            Self::App => (true, false),
            Self::Broker => (false, true),
            Self::Both => (true, true),
            Self::Either => (app.is_none() && broker.is_none(), false),
        };
        for (name, given, right, needed) in [("appId", app, ours.0, need_app), ("bghId", broker, ours.1, need_broker)] {
            match given {
                None if needed => return Err(format!("参数错误:{name}不能为空")),
                Some(given) if given != right => return Err(format!("{name}错误")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn an_object(body: &Value, name: &str) -> Result<Value, String> {
    object(body, name).ok_or_else(|| format!("参数错误:{name}必须为JSON对象"))
}

fn some_objects<'a>(body: &'a Value, name: &str) -> Result<&'a [Value], String> {
    let list = body.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| format!("参数错误:{name}不能为空"))?;
    if list.iter().all(Value::is_object) { Ok(list) } else { Err(format!("参数错误:{name}必须为对象列表")) }
}

/// A field without a value, or with one of these.
fn one_of(body: &Value, name: &str, values: &[&str]) -> Result<(), String> {
    match scalar(body, name) {
        Some(value) if !values.contains(&value.as_str()) => Err(format!("参数错误:{name}={value}")),
        _ => Ok(()),
    }
}

/// A field without a value, or with one of that form.
fn formed(body: &Value, name: &str, is: fn(&str) -> bool) -> Result<(), String> {
    match scalar(body, name) {
        Some(value) if !is(&value) => Err(format!("参数错误:{name}格式不正确")),
        _ => Ok(()),
    }
}

fn upload(body: &Value) -> Result<(), String> {
    // Anything but "2" has no meaning, an empty text included; but the field is required.
    if !body.get("isReload").is_some_and(|flag| flag.is_string() || flag.is_number()) {
        return Err("参数错误:isReload不能为空".to_owned());
    }
    let url = scalar(body, "fileUrl").unwrap_or_default();
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err("参数错误:fileUrl不是网络下载地址".to_owned());
    }
    if body.get("parameter").is_some_and(|given| !given.is_null() && given != "") {
        an_object(body, "parameter")?;
    }
    Ok(())
}

fn receipt(body: &Value) -> Result<(), String> {
    let receipt = an_object(body, "paramJson")?;
    formed(&receipt, "noticeDate", is_time)?;
    formed(&receipt, "dDate", is_date)?;
    formed(&receipt, "ieDate", is_date)
}

fn lcl_task(body: &Value) -> Result<(), String> {
    one_of(body, "lclFlagCode", &["0", "1"])?;
    let given = body.get("orders").is_some_and(|orders| orders.as_array().is_some_and(|list| !list.is_empty()));
    if !given {
        return scalar(body, "fileUrl").map(drop).ok_or_else(|| "图片地址和订单列表不能两者都为空".to_owned());
    }
    for order in some_objects(body, "orders")? {
        scalar(order, "orderOutNo").ok_or("参数错误:orders.orderOutNo不能为空")?;
    }
    Ok(())
}

fn message(body: &Value) -> Result<(), String> {
    // A container packing message is a JSON array as a text.
    let text = scalar(body, "msg").unwrap_or_default();
    let is_array = || serde_json::from_str::<Value>(&text).is_ok_and(|msg| msg.is_array());
    if scalar(body, "messageType").is_some_and(|kind| kind == "1706") && !is_array() {
        return Err("参数错误:msg必须为JSON数组".to_owned());
    }
    Ok(())
}

fn failed_pushes(body: &Value) -> Result<(), String> {
    one_of(body, "type", &["BGH"])?;
    formed(body, "cutoffTime", is_time)
}

fn confirm(body: &Value) -> Result<(), String> {
    failed_pushes(body)?;
    let serials = body.get("orderNos").and_then(Value::as_array).ok_or("参数错误:orderNos必须为数组")?;
    if serials.is_empty() || !serials.iter().all(|one| one.as_str().is_some_and(|one| !one.is_empty())) {
        return Err("参数错误:orderNos不能为空".to_owned());
    }
    Ok(())
}
