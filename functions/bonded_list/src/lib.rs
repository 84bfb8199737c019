//! XHQ 推送进口保税数据接口核注清单 (二.5): the bonded import list of an order.
//!
//! It has a URL of its own and no `action`. `flag` and `message` are what XHQ tells, not what it wants to hear.
//! `BussinessData` (so spelled) has a schema that is not public, so it is carried as it is, and so is a push of another
//! shape than the document's, which it marks as to be confirmed.

use hub::action::{Action, Example, Fact, Push, Reading, undocumented};
use partners::Partner;

/// The webhook of `/bonded_list`; its events are `xhq.bonded_list`.
pub const ACTION: Action = Action {
    name: "bonded_list",
    partners: &[Partner::Xhq],
    suffix: "bonded_list",
    about: "核注清单 bonded list (`BussinessData`)",
    subjects: &["order", "serial"],
    examples: &[Example { name: "bonded_list", body: include_bytes!("../examples/bonded_list.json") }],
    read,
};

partners::view! {
    /// A push without its `BussinessData` (XHQ 二.5, 入参, which its document marks 待确认, to be confirmed).
    pub struct BondedList {
        /// 系统流水号, XHQ's own serial, e.g. `A22060714485586949`.
        order_no: "orderNo",
        /// 业务编号, our order number.
        order_out_no: "orderOutNo",
        /// `T` (成功) or `F` (失败).
        flag: "flag",
        /// 返回信息.
        message: "message",
    }
}

fn read(push: &Push<'_>) -> Reading {
    let body = push.body;
    if !body.is_object() {
        return undocumented(push, "xhq.bonded_list").alone();
    }
    let list = BondedList::of(body);
    Fact::new("xhq.bonded_list", body, [("order", list.order_out_no), ("serial", list.order_no)]).alone()
}

#[cfg(test)]
mod tests {
    use hub::Alias;
    use partners::Json;

    use super::*;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    #[test]
    fn a_list_is_about_its_order_whatever_its_data_is() {
        for data in [r#"{"a":1.10}"#, r#""{\"a\":1.10}""#, "[]", "null"] {
            let fact = fact(&format!(
                r#"{{"orderNo":"A22060714485586949","orderOutNo":"SO-1","flag":"T","message":"","BussinessData":{data}}}"#
            ));
            assert_eq!((fact.kind.as_str(), fact.subject.as_str()), ("xhq.bonded_list", "order:SO-1"));
            assert_eq!((fact.aliases, fact.milestone), (vec![Alias::new("serial", "A22060714485586949")], None));
        }
    }

    #[test]
    fn without_our_order_number_xhqs_serial_is_the_subject() {
        let fact = fact(r#"{"orderNo":"A22060714485586949","orderOutNo":"","flag":"F"}"#);
        assert_eq!(fact.subject.as_str(), "serial:A22060714485586949");
    }

    #[test]
    fn any_action_is_taken_on_this_path() {
        assert_eq!(fact(r#"{"action":"syn_status","orderOutNo":"SO-1"}"#).kind.as_str(), "xhq.bonded_list");
    }

    /// Regression: several lists in an array were malformed.
    #[test]
    fn any_other_json_is_taken_on_this_path() {
        let several = fact(r#"[{"orderNo":"A1","orderOutNo":"SO-1"},{"orderNo":"A2","orderOutNo":"SO-2"}]"#);
        assert_eq!((several.kind.as_str(), several.subject.as_str()), ("xhq.bonded_list", "order:SO-1"));
        assert_eq!(
            several.aliases,
            [("serial", "A1"), ("order", "SO-2"), ("serial", "A2")].map(|(k, v)| Alias::new(k, v))
        );
        for body in ["[]", "\"x\"", "null", "7"] {
            assert_eq!(fact(body).kind.as_str(), "xhq.bonded_list", "{body}");
        }
    }

    #[test]
    fn the_fields_are_read_whatever_their_types_are() {
        let json = Json::parse(br#"{"orderNo":1,"orderOutNo":null,"flag":true,"message":{"a":1}}"#).unwrap();
        let list = BondedList { order_no: Some("1"), flag: Some("true"), ..BondedList::default() };
        assert_eq!(BondedList::of(&json), list);
    }
}
