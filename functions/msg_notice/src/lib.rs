//! XHQ 订单消息通知 (二.4), action `msg_notice`: a message about an order.
//!
//! It has the shape of `syn_status`, and only `action` tells them apart. Its `code` is neither 附件4's nor an HTTP status
//! (inferred), and its values are not documented, so a message is at no milestone. It carries neither time nor id: a
//! repetition is recognised by the latest message of the order alone.

use hub::action::{Action, Example, Fact, Push, Reading, named};
use partners::Partner;

/// The webhook of `/msg_notice`; its events are `xhq.msg_notice`.
pub const ACTION: Action = Action {
    name: "msg_notice",
    partners: &[Partner::Xhq],
    suffix: "msg_notice",
    about: "订单消息 order message",
    subjects: &["order"],
    examples: &[Example { name: "msg_notice", body: include_bytes!("../examples/msg_notice.json") }],
    read,
};

partners::view! {
    /// A push (XHQ 二.4, 入参, which its document marks 待确认, to be confirmed).
    pub struct Message {
        /// 业务流水号, our order number.
        order_out_no: "orderOutNo",
        /// 消息状态码, optional, an integer in the document; its values are not documented.
        code: "code",
        /// 通知消息, the message.
        msg: "msg",
    }
}

fn read(push: &Push<'_>) -> Reading {
    named(push, &["msg_notice"], |_, body| {
        Fact::new("xhq.msg_notice", body, [("order", Message::of(body).order_out_no)]).message()
    })
}

#[cfg(test)]
mod tests {
    use hub::identity::Identity;
    use partners::Json;

    use super::*;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    #[test]
    fn message_has_its_order_as_subject_and_latest_identity() {
        for body in [
            r#"{"action":"msg_notice","orderOutNo":"SO-1","code":81,"msg":"请补充资料"}"#,
            r#"{"action":"msg_notice","orderOutNo":"SO-1","code":"81","msg":"请补充资料"}"#,
            r#"{"action":"msg_notice","orderOutNo":"SO-1","code":null,"msg":"请补充资料","more":{}}"#,
            r#"{"orderOutNo":"SO-1","msg":"请补充资料"}"#,
        ] {
            let fact = fact(body);
            assert_eq!((fact.kind.as_str(), fact.subject.as_str()), ("xhq.msg_notice", "order:SO-1"), "{body}");
            assert_eq!((fact.milestone, fact.identity), (None, Identity::Message), "{body}");
        }
    }

    #[test]
    fn a_status_on_this_path_is_not_taken_for_a_message() {
        let other = fact(r#"{"action":"syn_status","orderOutNo":"SO-1","code":81,"msg":""}"#);
        assert_eq!((other.kind.as_str(), other.identity), ("xhq.unknown", Identity::Content));
    }

    #[test]
    fn a_message_is_read_whatever_its_types_are() {
        let json = Json::parse(br#"{"orderOutNo":7,"code":0,"msg":["a"]}"#).unwrap();
        assert_eq!(Message::of(&json), Message { order_out_no: Some("7"), code: Some("0"), msg: None });
    }
}
