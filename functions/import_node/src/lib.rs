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
    use super::*;

    /// Regression: an array was malformed, though nobody knows the schema.
    #[test]
    fn any_json_is_taken_on_this_path() {
        hub::testing::takes_any_json(&ACTION, &[r#"{"action":"whatever","node":"N1"}"#]);
    }

    #[test]
    fn the_keys_of_xhqs_other_pushes_are_used_where_they_are_there() {
        hub::testing::finds_keys_of_other_pushes(&ACTION);
    }
}
