//! How an order is followed: its receipts are asked for (三.1).

use serde_json::json;

use crate::profile::{Following, Question};

/// An order ends cleared or withdrawn. Of the request the two fields are inferred, as in the table of operations.
pub(super) const ORDERS: Following = Following {
    ask: "actionDataRow",
    key: "order",
    spellings: |order| vec![order.to_owned()],
    body: Question::Code(|orders, _| {
        Some(json!({"action": "single_receipt", "orderOutNo": orders.first()?}).to_string())
    }),
    news: "xhq.single_receipt",
    is_last: |_| false,
    complete: "",
    until: &["cleared", "withdrawn"],
};
