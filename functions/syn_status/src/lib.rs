//! XHQ 同步单证状态 (二.1, 五.1), action `syn_status`: an order moved on.
//!
//! A push is four fields without time or id, so a repetition is recognised by the latest status of the order alone: 61,
//! 63, 61 are three events.

use hub::Milestone;
use hub::action::{Action, Example, Fact, Push, Reading, named};
use partners::Partner;

/// The webhook of `/syn_status`; its events are `xhq.syn_status`.
pub const ACTION: Action = Action {
    name: "syn_status",
    partners: &[Partner::Xhq],
    suffix: "syn_status",
    about: "订单状态 order status",
    subjects: &["order"],
    examples: &[Example { name: "syn_status", body: include_bytes!("../examples/syn_status.json") }],
    read,
};

partners::view! {
    /// A push (XHQ 二.1, 入参).
    pub struct OrderStatus {
        /// 业务流水号, our order number.
        order_out_no: "orderOutNo",
        /// 附件4 信号旗订单状态, an integer in the document; see [`milestone`].
        code: "code",
        /// A text the document does not describe.
        msg: "msg",
    }
}

fn read(push: &Push<'_>) -> Reading {
    named(push, &["syn_status"], |_, body| {
        let status = OrderStatus::of(body);
        Fact::new("xhq.syn_status", body, [("order", status.order_out_no)])
            .at(status.code.and_then(milestone))
            .message()
    })
}

/// The milestone of an order status (XHQ 附件4, which lists these five and may know more).
#[must_use]
pub fn milestone(code: &str) -> Option<Milestone> {
    match code {
        // 已接单
        "43" => Some(Milestone::OrderAccepted),
        // 已撤回
        "50" => Some(Milestone::Withdrawn),
        // 待校验稿审核
        "61" => Some(Milestone::DraftReview),
        // 预录完成(原待导入)
        "63" => Some(Milestone::Prepared),
        // 申报成功、导入单一
        "81" => Some(Milestone::Declared),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hub::identity::Identity;
    use partners::Json;
    use partners::operation::Settings;

    use super::*;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    #[test]
    fn status_has_its_order_as_subject_and_latest_identity() {
        let fact = fact(r#"{"action":"syn_status","orderOutNo":"SO-1","code":61,"msg":"待校验稿审核"}"#);
        assert_eq!((fact.kind.as_str(), fact.subject.as_str()), ("xhq.syn_status", "order:SO-1"));
        assert_eq!((fact.milestone, fact.identity), (Some(Milestone::DraftReview), Identity::Message));
        assert!(fact.aliases.is_empty() && !fact.element);
    }

    #[test]
    fn number_or_text_code_gives_milestone_unknown_code_none() {
        for (code, milestone) in [
            ("43", Some(Milestone::OrderAccepted)),
            ("50", Some(Milestone::Withdrawn)),
            ("63", Some(Milestone::Prepared)),
            ("81", Some(Milestone::Declared)),
            ("\"81\"", Some(Milestone::Declared)),
            ("81.0", Some(Milestone::Declared)),
            ("8.1e1", Some(Milestone::Declared)),
            ("81.5", None),
            ("99", None),
            ("\"\"", None),
            ("null", None),
            ("{}", None),
        ] {
            let fact = fact(&format!(r#"{{"action":"syn_status","orderOutNo":"SO-1","code":{code}}}"#));
            assert_eq!(fact.milestone, milestone, "{code}");
        }
    }

    #[test]
    fn an_order_number_is_kept_as_printed() {
        let long = fact(r#"{"action":"syn_status","orderOutNo":1906651379888427008,"code":43}"#);
        assert_eq!(long.subject.as_str(), "order:1906651379888427008");
        let by_value = fact(r#"{"action":"syn_status","orderOutNo":1906651379888427008.0,"code":43}"#);
        assert_eq!(by_value.subject, long.subject);
        let none = fact(r#"{"action":"syn_status","orderOutNo":"","code":43,"x":1}"#);
        assert!(none.subject.as_str().starts_with("push:"));
    }

    #[test]
    fn the_path_names_a_push_without_action_and_takes_no_other() {
        assert_eq!(fact(r#"{"orderOutNo":"SO-1","code":43}"#).kind.as_str(), "xhq.syn_status");
        let other = fact(r#"{"action":"msg_notice","orderOutNo":"SO-1","code":43,"msg":"m"}"#);
        assert_eq!((other.kind.as_str(), other.subject.as_str()), ("xhq.unknown", "order:SO-1"));
        assert_eq!((other.milestone, other.identity), (None, Identity::Content));
    }

    #[test]
    fn body_that_is_no_object_is_malformed() {
        let json = Json::parse(b"[1]").unwrap();
        let reading = (ACTION.read)(&Push { partner: Partner::Xhq, body: &json, settings: &Settings::default() });
        assert!(matches!(reading, Reading::Malformed(_)));
    }
}
