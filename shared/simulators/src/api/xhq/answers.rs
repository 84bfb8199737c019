//! XHQ's answer to each operation. Where its document does not show the shape of `data`, a plausible one is used.

use std::collections::BTreeSet;

use hub::Utc;
use jiff::{Timestamp, tz};
use serde_json::{Value, json};

use super::failed::FailedPushes;
use crate::api::body::scalar;

/// The example push, which brings what the query does.
const RECEIPT: &[u8] = include_bytes!("../../../../../functions/single_receipt/examples/single_receipt.json");

/// The state behind the operations.
pub(super) struct Desk {
    serials: u32,
    tasks: u32,
    pub(super) serial_within: Option<String>,
    pub(super) unfreeze_at: Option<String>,
    pub(super) frozen: BTreeSet<String>,
    pub(super) failed: FailedPushes,
    pub(super) history: Option<Value>,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            serials: 0,
            tasks: 0,
            serial_within: None,
            unfreeze_at: None,
            frozen: BTreeSet::new(),
            failed: FailedPushes::example(),
            history: None,
        }
    }

    /// The answer to an operation that is as the document wants it.
    pub(super) fn answer(&mut self, operation: &str, body: &Value, (bgh_id, host): (&str, &str), now: Utc) -> Value {
        let order = scalar(body, "orderOutNo").unwrap_or_default();
        let file = |name: &str| json!(format!("http://{host}/files/{order}/{name}.pdf"));
        let data = match operation {
            "upload" | "fileUpload" | "fileBase64Upload" | "uploadImport" => self.serial(now),
            "lcl_task" => {
                let task = scalar(body, "taskId").unwrap_or_else(|| {
                    self.tasks += 1;
                    format!("{:06}", self.tasks)
                });
                json!({"taskId": task})
            }
            "bghList" => json!([{"bghID": bgh_id, "bghName": "上海信号旗报关有限公司"}]),
            "unfreeze" => return self.thawed(body),
            "actionDataRow" if self.history.is_some() => self.history.clone().unwrap_or_default(),
            "actionDataRow" => {
                let mut receipt: Value = serde_json::from_slice(RECEIPT).unwrap_or_default();
                if let Some(no) = receipt.get_mut("orderOutNo") {
                    *no = json!(order);
                }
                json!([receipt])
            }
            "getCheckRows" if scalar(body, "type").is_some() => json!([{"type": "check", "url": file("check")}]),
            "getCheckRows" => json!([file("check")]),
            "getCheckDraft" | "getCustomsClearance" | "getReleaseNotice" | "getAuthorizationLetter" => file(operation),
            "package" | "sendMsg" => return json!({"code": 200, "msg": null, "data": true}),
            "failedPushQuery" | "queryFailedPush" | "queryBatchFailedPush" => {
                let until = scalar(body, "cutoffTime").unwrap_or_else(|| clock_time(now));
                return with_foot(&self.failed.rows(&until), now);
            }
            "failedPushConfirm" => {
                let serials = body.get("orderNos").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let serials: Vec<_> = serials.iter().filter_map(Value::as_str).collect();
                // Without a cutoff all of an order's are cleared, whatever the caller has seen.
                let until = scalar(body, "cutoffTime").unwrap_or_else(|| clock_time(now));
                return with_foot(&json!(self.failed.clear(&serials, &until)), now);
            }
            _ => Value::Null,
        };
        json!({"code": 200, "msg": "成功", "data": data})
    }

    /// A new serial number: `A`, the time in China, five digits.
    fn serial(&mut self, now: Utc) -> Value {
        self.serials += 1;
        let serial = format!("A{}{:05}", china(now, "%y%m%d%H%M%S"), self.serials % 100_000);
        match &self.serial_within {
            Some(name) => Value::Object([(name.clone(), json!(serial))].into_iter().collect()),
            None => json!(serial),
        }
    }

    /// Orders that cannot be thawed are named in the failure; the others are thawed without being named.
    fn thawed(&self, body: &Value) -> Value {
        let text = body.to_string();
        let left = self.frozen.iter().filter(|order| text.contains(&json!(order).to_string()));
        let left: Vec<_> = left.map(String::as_str).collect();
        if left.is_empty() {
            return json!({"code": 200, "msg": "成功", "data": null});
        }
        json!({"code": 500, "msg": format!("以下订单无法解冻:{}", left.join(",")), "data": null})
    }
}

fn with_foot(data: &Value, now: Utc) -> Value {
    let foot = json!({"operationTime": clock_time(now)});
    json!({"code": 200, "msg": "成功", "data": data, "foot": foot})
}

/// A time as the document prints it.
pub(super) fn clock_time(at: Utc) -> String {
    china(at, "%Y-%m-%d %H:%M:%S")
}

fn china(at: Utc, format: &str) -> String {
    let at = Timestamp::from_microsecond(at.0).unwrap_or_default();
    at.to_zoned(tz::TimeZone::fixed(tz::offset(8))).strftime(format).to_string()
}
