//! XHQ 进口流程节点推送数据接口 (二.7): an import order reached a node of its process.
//!
//! It has a URL of its own and no documented `action`. Its document lost every field name and node code, so there is no
//! milestone. The order is looked for under the names that the other pushes use (inferred).

use hub::action::{Action, Example, Push, Reading, undocumented};
use partners::Partner;

/// The webhook of `/import_node`; its events are `xhq.import_node`.
pub const ACTION: Action = Action {
    name: "import_node",
    partners: &[Partner::Xhq],
    suffix: "import_node",
    about: "进口流程节点 import node",
    subjects: &["order", "bl", "entry", "serial"],
    examples: &[Example { name: "import_node", body: include_bytes!("../examples/import_node.json") }],
    read,
};

fn read(push: &Push<'_>) -> Reading {
    undocumented(push, "xhq.import_node").alone()
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
        for body in ["{}", r#"{"action":"whatever","node":"N1"}"#] {
            let fact = fact(body);
            assert_eq!((fact.kind.as_str(), fact.milestone), ("xhq.import_node", None), "{body}");
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
            assert_eq!((fact.kind.as_str(), fact.element), ("xhq.import_node", false), "{body}");
            assert!(fact.subject.as_str().starts_with("push:"), "{body}");
        }
        let several = fact(r#"[{"billNo":"B1"},{"orderOutNo":"SO-2","billNo":"B1"},7]"#);
        assert_eq!(several.subject.as_str(), "bl:B1");
        assert_eq!(several.aliases, [hub::Alias::new("order", "SO-2")]);
    }
}
