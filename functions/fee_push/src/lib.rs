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
    use hub::action::Fact;
    use hub::identity::Identity;

    use super::*;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    #[test]
    fn any_object_is_taken_on_this_path() {
        for body in ["{}", r#"{"action":"whatever","fee":"700.00"}"#, r#"{"action":7}"#] {
            let fact = fact(body);
            assert_eq!((fact.kind.as_str(), fact.milestone), ("xhq.fee_push", None), "{body}");
            assert_eq!(fact.identity, Identity::Content, "{body}");
            assert!(fact.subject.as_str().starts_with("push:"), "{body}");
        }
    }

    #[test]
    fn the_keys_of_xhqs_other_pushes_are_used_where_they_are_there() {
        let order = fact(r#"{"orderNo":"A22060714485586949","orderOutNo":1906651379888427008,"billNo":""}"#);
        assert_eq!(order.subject.as_str(), "order:1906651379888427008");
        assert_eq!(order.aliases, [hub::Alias::new("serial", "A22060714485586949")]);
        assert_eq!(fact(r#"{"orderOutNo":null,"billNo":"B1"}"#).subject.as_str(), "bl:B1");
    }

    /// Regression: an array was malformed, though the schema is unknown.
    #[test]
    fn any_other_json_is_taken_on_this_path() {
        for body in ["[]", "\"x\"", "null", "7", "[[],7,{}]"] {
            let fact = fact(body);
            assert_eq!((fact.kind.as_str(), fact.element), ("xhq.fee_push", false), "{body}");
            assert!(fact.subject.as_str().starts_with("push:"), "{body}");
        }
        let several = fact(r#"[{"billNo":"B1"},{"orderOutNo":"SO-2","billNo":"B1"},7]"#);
        assert_eq!(several.subject.as_str(), "bl:B1");
        assert_eq!(several.aliases, [hub::Alias::new("order", "SO-2")]);
    }
}
