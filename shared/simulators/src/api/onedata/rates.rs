//! Rates of a batch, by pages (3.2).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::example;
use crate::api::body::scalar;

/// The example push, which brings what the answers do.
const RATES: &[u8] = include_bytes!("../../../../../functions/rate_push/examples/rate_push.json");

/// A page of a batch's rates, with the two names this answer spells differently. The rows are those of the example push unless
/// others are given.
pub(super) fn page(rated: &BTreeMap<String, Vec<Value>>, body: &Value) -> Value {
    let number = |name| scalar(body, name).and_then(|text| text.parse::<usize>().ok());
    let (page, size) = (number("pageNum").unwrap_or(1), number("pageSize").unwrap_or(100));
    let given = scalar(body, "batchNo").and_then(|batch| rated.get(&batch).cloned());
    let mut rows = given.or_else(|| example(RATES, "/data").as_array().cloned()).unwrap_or_default();
    let total = rows.len();
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        for (theirs, here) in [("originalPolPortCd", "orginPolPortCd"), ("originalPodPortCd", "orginPodPortCd")] {
            if let Some(value) = row.remove(theirs) {
                row.insert(here.to_owned(), value);
            }
        }
    }
    let rows: Vec<_> = rows.into_iter().skip(page.saturating_sub(1).saturating_mul(size)).take(size).collect();
    json!({"batchNo": body["batchNo"], "total": total, "resultData": rows})
}

/// Whether it is a query by the document.
pub(super) fn check(body: &Value) -> Result<(), String> {
    scalar(body, "batchNo").ok_or("参数错误:batchNo不能为空")?;
    for (name, most) in [("pageNum", u32::MAX), ("pageSize", 500)] {
        let Some(given) = body.get(name).filter(|given| !given.is_null()) else { continue };
        let number = given.as_u64().filter(|number| (1..=u64::from(most)).contains(number));
        number.ok_or_else(|| format!("参数错误:{name}"))?;
    }
    Ok(())
}
