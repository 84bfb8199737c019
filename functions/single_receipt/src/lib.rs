//! XHQ 海关回执接口 (二.3, 五.3), action `single_receipt`: what customs said about a declaration.
//!
//! The receipt has no number of its own, and its order and bill are both optional, so it may be known by its declaration
//! alone. A receipt that gains a file is a new event.

use hub::Milestone;
use hub::action::{Action, Example, Fact, Push, Reading, named};
use partners::{Json, Partner};

/// The webhook of `/single_receipt`; its events are `xhq.single_receipt`.
pub const ACTION: Action = Action {
    name: "single_receipt",
    partners: &[Partner::Xhq],
    suffix: "single_receipt",
    about: "海关回执 customs receipt",
    subjects: &["order", "bl", "entry", "ciq"],
    examples: &[Example { name: "single_receipt", body: include_bytes!("../examples/single_receipt.json") }],
    read,
};

partners::view! {
    /// A push without its `paramJson` (XHQ 二.3, 入参).
    pub struct Head {
        /// 业务流水号, our order number; optional.
        order_out_no: "orderOutNo",
        /// 提运单号, bill of lading; optional.
        bill_no: "billNo",
    }
}

partners::view! {
    /// `paramJson` (XHQ 二.3): an object, or a JSON string that holds one.
    pub struct Receipt {
        /// 附件3 海关状态, case-sensitive; see [`milestone`].
        channel: "channel",
        /// 海关描述.
        note: "note",
        /// 海关时间; `yyyy-MM-dd HH:mm:ss`, UTC+8 (inferred).
        notice_date: "noticeDate",
        /// 主管海关, the competent customs.
        custom_master: "customMaster",
        /// 海关编码, the declaration number.
        entry_id: "entryId",
        /// 统一编号; absent in older texts.
        cus_ciq_no: "cusCiqNo",
        /// 放行通知书文件地址, URL.
        release_notice: "releaseNotice",
        /// 报关单文件地址, URL.
        customs_declaration: "customsDeclaration",
        /// 报关委托书地址, URL; in the newer text of 二.3 alone.
        authorization_letter: "authorizationLetter",
        /// 查验通知书, URL; whether it can hold several is not documented.
        examine_pdf: "examinePdf",
    }
}

fn read(push: &Push<'_>) -> Reading {
    named(push, &["single_receipt"], |_, body| {
        body.within("paramJson", |receipt| fact(body, &Receipt::of(receipt)))
            .unwrap_or_else(|| fact(body, &Receipt::default()))
    })
}

fn fact(body: &Json<'_>, receipt: &Receipt<'_>) -> Fact {
    let push = Head::of(body);
    // Before customs accepts a declaration, its receipts can carry the 统一编号 in place of the declaration number; that
    // is no declaration number, though it is printed as one.
    let entry = receipt.entry_id.filter(|_| receipt.entry_id != receipt.cus_ciq_no);
    let keys = [("order", push.order_out_no), ("bl", push.bill_no), ("entry", entry), ("ciq", receipt.cus_ciq_no)];
    Fact::new("xhq.single_receipt", body, keys).at(receipt.channel.and_then(milestone)).occurred(receipt.notice_date)
}

/// The milestone of a receipt's `channel` (XHQ 附件3, 25 codes, case-sensitive: `A` may be a deletion, `a` is a visa). A
/// suspension, a re-review, a request for files and a visa move the shipment nowhere, and a text that can be read in two
/// ways gives no milestone.
#[must_use]
pub fn milestone(channel: &str) -> Option<Milestone> {
    match channel {
        // 申报成功
        "7" => Some(Milestone::Declared),
        // 海关已接收
        "L" => Some(Milestone::Accepted),
        // 出口查验通知; 施检
        "C" | "S" => Some(Milestone::UnderInspection),
        // 需交税费
        "T" => Some(Milestone::TaxDue),
        // 海关已放行; 海关无纸放行通知(放行); 担保放行; 通关无纸化担保放行
        "P" | "I" | "B" | "K" => Some(Milestone::Released),
        // 报关单已审结; 通关无纸化审结回执; 海关无纸验放通知(审结)
        "G" | "J" | "W" => Some(Milestone::Reviewed),
        // 已结关
        "R" => Some(Milestone::Cleared),
        // 海关退单/不受理回执; 退回修改; 申报失败
        "E" | "Z" | "Y" => Some(Milestone::Rejected),
        // 海关删单
        "D" => Some(Milestone::Withdrawn),
        // 准予进卡; 海关准予进港回执(上海洋山保税港区专用)
        "O" | "X" => Some(Milestone::GateIn),
        // A 海关放行前删除或者异常处理(手工申报通知): deleted, or to be declared by hand. F 放行交单: released, or to hand in
        // papers for it. H 海关挂起,需手工申报; M 报关单重审; N 重传文件; a 签证; and whatever is not in the list.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    fn keys(fact: &Fact) -> Vec<&str> {
        std::iter::once(fact.subject.as_str()).chain(fact.aliases.iter().map(hub::Alias::as_str)).collect()
    }

    #[test]
    fn the_receipt_is_an_object_or_a_text() {
        let receipt = r#"{"channel":"P","entryId":"223320231000000762","cusCiqNo":"E20200000410351727","new":null}"#;
        for param in [receipt.to_owned(), format!("{receipt:?}")] {
            let body = format!(
                r#"{{"action":"single_receipt","orderOutNo":"SO-1","billNo":"B1","paramJson":{param},"more":1}}"#
            );
            let fact = fact(&body);
            assert_eq!(fact.kind.as_str(), "xhq.single_receipt");
            assert_eq!(fact.milestone, Some(Milestone::Released));
            let all = ["order:SO-1", "bl:B1", "entry:223320231000000762", "ciq:E20200000410351727"];
            assert_eq!(keys(&fact), all);
        }
    }

    #[test]
    fn notice_date_is_the_time_of_the_receipt() {
        let time = |date: &str| {
            let body = format!(r#"{{"orderOutNo":"SO-1","paramJson":{{"channel":"P","noticeDate":{date}}}}}"#);
            fact(&body).occurred.map(|time| time.to_string())
        };
        assert_eq!(time(r#""2024-04-22 16:47:56""#).as_deref(), Some("2024-04-22T08:47:56.000000Z"), "UTC+8");
        for none in [r#"" ""#, "null", r#""昨天""#, "20240422164756", r#""2024-13-22 16:47:56""#, "{}"] {
            assert_eq!(time(none), None, "{none}");
        }
    }

    /// Regression: one lone surrogate in the note cost the milestone and the declaration's number.
    #[test]
    fn lone_surrogate_keeps_keys_and_milestone() {
        for param in [
            r#""{\"channel\":\"R\",\"entryId\":\"223320240000762119\",\"note\":\"x\ud83d\"}""#,
            r#""{\"channel\":\"R\",\"entryId\":\"223320240000762119\",\"no\udc00te\":\"x\"}""#,
            r#"{"channel":"R","entryId":"223320240000762119","no\ud83dte":"x\ud83d"}"#,
        ] {
            let body = format!(r#"{{"action":"single_receipt","orderOutNo":"L3","\udfff":1,"paramJson":{param}}}"#);
            let fact = fact(&body);
            assert_eq!(fact.milestone, Some(Milestone::Cleared), "{body}");
            assert_eq!(keys(&fact), ["order:L3", "entry:223320240000762119"], "{body}");
        }
    }

    /// Regression: a raw line break in the note cost the milestone and the declaration's number.
    #[test]
    fn line_break_in_a_receipt_costs_neither_keys_nor_milestone() {
        let param = r#"{\"channel\":\"R\",\"entryId\":\"223320240000762119\",\"note\":\"a\nb\tc\"}"#;
        let fact = fact(&format!(r#"{{"action":"single_receipt","orderOutNo":"L3","paramJson":"{param}"}}"#));
        assert_eq!(fact.milestone, Some(Milestone::Cleared));
        assert_eq!(keys(&fact), ["order:L3", "entry:223320240000762119"]);
    }

    #[test]
    fn channel_follows_its_value() {
        for channel in ["7", "7.0", "0.7e1", "\"7\""] {
            let fact = fact(&format!(r#"{{"orderOutNo":"1","paramJson":{{"channel":{channel}}}}}"#));
            assert_eq!(fact.milestone, Some(Milestone::Declared), "{channel}");
        }
        assert_eq!(fact(r#"{"paramJson":{"channel":"7.0"}}"#).milestone, None, "a text is a text");
    }

    #[test]
    fn the_first_key_there_is_is_the_subject() {
        for (head, param, subject) in [
            (r#""orderOutNo":"","billNo":"B1""#, r#"{"entryId":"E1"}"#, "bl:B1"),
            (r#""orderOutNo":null"#, r#"{"entryId":223320231000000762}"#, "entry:223320231000000762"),
            (r#""x":0"#, r#"{"entryId":" ","cusCiqNo":"E2"}"#, "ciq:E2"),
        ] {
            assert_eq!(fact(&format!(r#"{{{head},"paramJson":{param}}}"#)).subject.as_str(), subject);
        }
        let bare = fact(r#"{"action":"single_receipt","paramJson":"no json"}"#);
        assert!(bare.subject.as_str().starts_with("push:") && bare.milestone.is_none());
    }

    #[test]
    fn a_unified_number_in_the_place_of_the_declarations_is_none() {
        let body =
            r#"{"orderOutNo":"SO-1","paramJson":{"entryId":"E20200000410351727","cusCiqNo":"E20200000410351727"}}"#;
        assert_eq!(keys(&fact(body)), ["order:SO-1", "ciq:E20200000410351727"]);
    }

    #[test]
    fn channels_are_case_sensitive_and_complete() {
        let of = |codes: &str| codes.chars().map(|code| milestone(&code.to_string())).collect::<Vec<_>>();
        for (codes, milestone) in [
            ("7", Some(Milestone::Declared)),
            ("L", Some(Milestone::Accepted)),
            ("CS", Some(Milestone::UnderInspection)),
            ("T", Some(Milestone::TaxDue)),
            ("PIBK", Some(Milestone::Released)),
            ("GJW", Some(Milestone::Reviewed)),
            ("R", Some(Milestone::Cleared)),
            ("EZY", Some(Milestone::Rejected)),
            ("D", Some(Milestone::Withdrawn)),
            ("OX", Some(Milestone::GateIn)),
            ("HMNaAF", None),
            ("QUVbcdpr", None),
        ] {
            assert!(of(codes).iter().all(|found| *found == milestone), "{codes}");
        }
        assert_eq!((milestone("S0"), milestone("")), (None, None));
    }

    #[test]
    fn a_channel_may_be_a_number() {
        assert_eq!(fact(r#"{"paramJson":{"channel":7}}"#).milestone, Some(Milestone::Declared));
    }

    #[test]
    fn every_documented_file_is_seen() {
        let json = Json::parse(
            br#"{"releaseNotice":"http://a/1.pdf","customsDeclaration":"http://a/2.pdf","authorizationLetter":"",
                 "examinePdf":"http://a/4.pdf","noticeDate":"2023-12-01 08:00:00"}"#,
        )
        .unwrap();
        let receipt = Receipt::of(&json);
        assert_eq!((receipt.release_notice, receipt.authorization_letter), (Some("http://a/1.pdf"), None));
        assert_eq!((receipt.examine_pdf, receipt.notice_date), (Some("http://a/4.pdf"), Some("2023-12-01 08:00:00")));
    }

    #[test]
    fn another_action_is_not_taken_for_a_receipt() {
        let other = fact(r#"{"action":"send_data","orderOutNo":"SO-1","paramJson":{"channel":"P"}}"#);
        assert_eq!((other.kind.as_str(), other.milestone), ("xhq.unknown", None));
    }
}
