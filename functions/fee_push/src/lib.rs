//! XHQ 推送订单费用接口 (二.6): an order's fees.
//!
//! Its document lost the value of `action` and every field name. On this path any value of `action` is the fee push; on the
//! URL that takes everything, the configured ones are (see [`partners::operation::Settings::fee_actions`]). The order is
//! looked for under the names that the other pushes use (inferred), and everything else goes to the ERP as it is.

use hub::action::{Action, Example, Push, Reading, undocumented};
use partners::Partner;

/// The webhook of `/fee_push`; its events are `xhq.fee_push`.
pub const ACTION: Action = Action {
    name: "fee_push",
    partners: &[Partner::Xhq],
    suffix: "fee_push",
    about: "订单费用 fees",
    subjects: &["order", "bl", "entry", "serial"],
    examples: &[Example { name: "fee_push", body: include_bytes!("../examples/fee_push.json") }],
    read,
};

fn read(push: &Push<'_>) -> Reading {
    undocumented(push, "xhq.fee_push").alone()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: an array was malformed, though nobody knows the schema.
    #[test]
    fn any_json_is_taken_on_this_path() {
        hub::testing::takes_any_json(&ACTION, &[r#"{"action":"whatever","fee":"700.00"}"#, r#"{"action":7}"#]);
    }

    #[test]
    fn the_keys_of_xhqs_other_pushes_are_used_where_they_are_there() {
        hub::testing::finds_keys_of_other_pushes(&ACTION);
    }
}
