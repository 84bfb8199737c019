//! XHQ 推送数据接口 (二.2, 五.2), actions `send_data`, `sendBgh_data` and `single_data`: the declaration's data.
//!
//! `dataJson` (附件1 《单一标准数据》) has a schema that is not public, so it is carried as it is. It follows the naming
//! of China's Single Window (inferred); where it has that naming's keys at its top, they help to find the order, and
//! nothing else depends on them.

use hub::Milestone;
use hub::action::{Action, Example, Fact, Push, Reading, named};
use partners::{Json, Partner};

/// The webhook of `/send_data`; its events are `xhq.send_data`, `xhq.sendBgh_data` and `xhq.single_data`.
pub const ACTION: Action = Action {
    name: "send_data",
    partners: &[Partner::Xhq],
    suffix: "send_data",
    about: "单一窗口 declaration data",
    subjects: &["order"],
    examples: &[
        Example { name: "send_data", body: include_bytes!("../examples/send_data.json") },
        Example { name: "sendBgh_data", body: include_bytes!("../examples/sendBgh_data.json") },
        Example { name: "single_data", body: include_bytes!("../examples/single_data.json") },
    ],
    read,
};

/// The values of `action` that come here, as XHQ spells them.
pub const NAMES: [&str; 3] = ["send_data", "sendBgh_data", "single_data"];

partners::view! {
    /// A push without its `dataJson`, which is optional (XHQ 二.2, 入参).
    pub struct DeclarationData {
        /// `send_data`, `sendBgh_data` or `single_data`.
        action: "action",
        /// 业务流水号, our order number.
        order_out_no: "orderOutNo",
    }
}

partners::view! {
    /// The keys that `dataJson` may hold (inferred): an object, or a JSON string that holds one.
    pub struct DataKeys {
        /// 提运单号, bill of lading.
        bill_no: "billNo",
        /// 报关单编号, declaration number.
        entry_id: "entryId",
        /// 关检关联号.
        cus_ciq_no: "cusCiqNo",
    }
}

fn read(push: &Push<'_>) -> Reading {
    named(push, &NAMES, |name, body| {
        let order = DeclarationData::of(body).order_out_no;
        let fact = Fact::new(format!("xhq.{name}"), body, [("order", order)]).at(milestone(name));
        body.within("dataJson", |data| aliases(fact.clone(), data)).unwrap_or(fact)
    })
}

fn aliases(fact: Fact, data: &Json<'_>) -> Fact {
    let keys = DataKeys::of(data);
    [("bl", keys.bill_no), ("entry", keys.entry_id), ("ciq", keys.cus_ciq_no)]
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?)))
        .fold(fact, |fact, (kind, value)| fact.alias(kind, value))
}

/// The milestone of an action (XHQ 二.2). That the broker sent the data (`sendBgh_data`) is not yet a declaration. And
/// `single_data` is 单一放行数据 by its name, but 一.2, which is called the same, holds 申报后json, what was declared: it does
/// not tell that customs released the goods, which the receipt does.
#[must_use]
pub fn milestone(action: &str) -> Option<Milestone> {
    match action {
        // 制单完成数据
        "send_data" => Some(Milestone::Prepared),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    fn aliases_of(fact: &Fact) -> Vec<&str> {
        fact.aliases.iter().map(hub::Alias::as_str).collect()
    }

    #[test]
    fn each_action_keeps_its_spelling_and_has_its_milestone() {
        for (action, milestone) in
            [("send_data", Some(Milestone::Prepared)), ("sendBgh_data", None), ("single_data", None)]
        {
            let fact = fact(&format!(r#"{{"action":"{action}","orderOutNo":"SO-1","dataJson":{{"a":1}}}}"#));
            assert_eq!((fact.kind.as_str(), fact.milestone), (&*format!("xhq.{action}"), milestone));
            assert_eq!(fact.subject.as_str(), "order:SO-1");
        }
    }

    #[test]
    fn another_spelling_is_unknown_and_no_action_is_the_paths() {
        for action in ["sendbgh_data", "SEND_DATA", "send_data ", "single_receipt"] {
            assert_eq!(fact(&format!(r#"{{"action":"{action}","orderOutNo":"1"}}"#)).kind.as_str(), "xhq.unknown");
        }
        assert_eq!(fact(r#"{"orderOutNo":"1"}"#).kind.as_str(), "xhq.send_data");
    }

    #[test]
    fn object_or_text_data_gives_aliases_only() {
        let keys = r#"{"billNo":"B1","entryId":"223320231000000762","cusCiqNo":"E20200000410351727","n":1e400}"#;
        for data in [keys.to_owned(), format!("{keys:?}")] {
            let with = fact(&format!(r#"{{"action":"single_data","orderOutNo":"SO-1","dataJson":{data}}}"#));
            assert_eq!(with.subject.as_str(), "order:SO-1");
            assert_eq!(aliases_of(&with), ["bl:B1", "entry:223320231000000762", "ciq:E20200000410351727"]);
            let without = fact(&format!(r#"{{"action":"single_data","dataJson":{data}}}"#));
            assert!(without.subject.as_str().starts_with("push:"), "{}", without.subject);
            assert_eq!(without.aliases, with.aliases);
        }
    }

    #[test]
    fn data_that_is_missing_or_something_else_is_no_obstacle() {
        for data in ["null", "\"\"", "\"no json\"", "[]", "7", r#"{"entryId":"","billNo":null}"#] {
            let fact = fact(&format!(r#"{{"action":"send_data","orderOutNo":"SO-1","dataJson":{data}}}"#));
            assert_eq!((fact.subject.as_str(), aliases_of(&fact).len()), ("order:SO-1", 0), "{data}");
        }
    }
}
