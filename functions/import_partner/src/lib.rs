//! XHQ 进口合作方数据对接推送数据接口 (二.8): data for an import partner.
//!
//! It has a URL of its own and no documented `action`. Its fields are in an attachment that is not public. The order is
//! looked for under the names that the other pushes use (inferred).

use hub::action::{Action, Example, Push, Reading, undocumented};
use partners::Partner;

/// The webhook of `/import_partner`; its events are `xhq.import_partner`.
pub const ACTION: Action = Action {
    name: "import_partner",
    partners: &[Partner::Xhq],
    suffix: "import_partner",
    about: "进口合作方 import partner",
    subjects: &["order", "bl", "entry", "serial"],
    examples: &[Example { name: "import_partner", body: include_bytes!("../examples/import_partner.json") }],
    read,
};

fn read(push: &Push<'_>) -> Reading {
    undocumented(push, "xhq.import_partner").alone()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regression: an array was malformed, though nobody knows the schema.
    #[test]
    fn any_json_is_taken_on_this_path() {
        hub::testing::takes_any_json(&ACTION, &[r#"{"action":"whatever","data":[]}"#]);
    }

    #[test]
    fn the_keys_of_xhqs_other_pushes_are_used_where_they_are_there() {
        hub::testing::finds_keys_of_other_pushes(&ACTION);
    }
}
