//! TrackingEyes 报关状态推送接口: the customs status of waybills, each a full snapshot.
//!
//! A push is an array of waybills, one event each. The vendor's sibling air push is documented as an object and shown as
//! an array, so an object is taken as one waybill. There is no message id and no clock that can be trusted:
//! `dataUpdateTime` may be older than the newest receipt, so equal content is the same event.

mod milestones;

use hub::action::{Action, Example, Fact, Push, Reading, elements, unknown};
use partners::{Json, Partner};

pub use milestones::milestone;
use milestones::{dated, reached};

/// The webhook of `/customs_status`; its events are `trackingeyes.customs_status`.
pub const ACTION: Action = Action {
    name: "customs_status",
    partners: &[Partner::TrackingEyes],
    suffix: "customs_status",
    about: "报关状态 customs status, an array: one event per waybill, or one for all of more than 500",
    subjects: &["bl", "entry", "waybill"],
    examples: &[Example { name: "customs_status", body: include_bytes!("../examples/customs_status.json") }],
    read,
};

partners::view! {
    /// A waybill (报关状态推送接口, array element). No field is marked required. Times carry no zone and are UTC+8:
    /// `yyyy-MM-ddTHH:mm:ss[.SSS]`.
    pub struct Waybill {
        /// 运单Id, a 64-bit snowflake, as an integer or a string; beyond 2^53.
        id: "id",
        /// 报关单号, the declaration number; may be masked with `*`.
        entry_id: "entryId",
        /// 检验检疫号, the inspection and quarantine number.
        ent_decl_no: "entDeclNo",
        /// 进出口标识: `I` import, `E` export. Not reliable: the document's example contradicts itself.
        ie_id: "ieId",
        /// 订阅号(提单号), the bill of lading that was subscribed.
        bl_no: "blNo",
        /// 拓展字段, our own data; an object or JSON text on sibling pages.
        extend_no: "extendNo",
        /// 客户本地关键字, the key we gave when subscribing.
        local_key: "localKey",
        /// 所属组织代码.
        org_code: "orgCode",
        /// 客户.
        customer: "customer",
        /// 订阅状态; B in progress, S successful, F failed on sibling pages.
        subscribe_status: "subscribeStatus",
        /// 订阅异常信息, so spelled.
        subscribe_erro: "subscribeErro",
        /// 订阅时间.
        subscribe_time: "subscribeTime",
        /// 结束状态; E normal end, EF forced end on sibling pages.
        end_status: "endStatus",
        /// 结束标记Id; an integer in the table, a string in the example.
        end_id: "endId",
        /// 跟踪状态; T tracking, E ended, F failed on sibling pages.
        track_status: "trackStatus",
        /// 异常状态; T prompt, E error on sibling pages.
        error_status: "errorStatus",
        /// 异常备注.
        error_message: "errorMessage",
        /// 数据状态; Y has data, B source has no data on sibling pages.
        data_status: "dataStatus",
        /// 首次数据更新时间.
        first_update_time: "firstUpdateTime",
        /// 数据更新时间; may be older than the newest receipt, so it orders nothing.
        data_update_time: "dataUpdateTime",
    }
}

partners::view! {
    /// A receipt (`customsStatus[]`).
    pub struct Receipt {
        /// 回执状态, the receipt's or event's name.
        channel_name: "channelName",
        /// 回执备注.
        note: "note",
        /// 回执日期, UTC+8.
        notice_date: "noticeDate",
        /// 回执状态代码, an open set that has Chinese text in it; see [`milestone`].
        status_cd: "statusCd",
        /// 报关单号 of this receipt; may be masked with `*`.
        entry_id: "entryId",
    }
}

/// The receipts of a waybill, in the order of the push (the example's is newest first).
pub fn receipts<'a>(waybill: &'a Json<'_>) -> impl Iterator<Item = Receipt<'a>> {
    waybill.list("customsStatus").iter().map(Receipt::of)
}

fn read(push: &Push<'_>) -> Reading {
    if push.body.elements().is_some_and(<[_]>::is_empty) { unknown(push) } else { elements(push.body, fact) }
}

fn fact(json: &Json<'_>) -> Fact {
    let waybill = Waybill::of(json);
    let keys = [("bl", waybill.bl_no), ("entry", waybill.entry_id.filter(whole)), ("waybill", waybill.id)];
    let fact = Fact::new("trackingeyes.customs_status", json, keys)
        .at(reached(json))
        .occurred(receipts(json).filter_map(|receipt| receipt.notice_date))
        .with_dated(dated(json));
    let entries = receipts(json).filter_map(|receipt| Some(("entry", receipt.entry_id.filter(whole)?)));
    let local = waybill.local_key.map(|key| ("key", key));
    entries.chain(local).fold(fact, |fact, (kind, value)| fact.alias(kind, value))
}

/// A masked number (`516620250******984`) is many declarations' and no key.
fn whole(entry: &&str) -> bool {
    !entry.contains('*')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use hub::{Alias, Event, Milestone, Utc, admission, identity};
    use partners::operation::Settings;

    use super::*;

    const SAMPLE: &str = include_str!("../../../tests/fixtures/trackingeyes_push.json");

    fn reading(body: &str) -> Reading {
        let json = Json::parse(body.as_bytes()).unwrap();
        (ACTION.read)(&Push { partner: Partner::TrackingEyes, body: &json, settings: &Settings::default() })
    }

    fn facts(body: &str) -> Vec<Fact> {
        match reading(body) {
            Reading::Facts(facts) => facts,
            Reading::Malformed(reason) => panic!("{reason}"),
        }
    }

    fn keys(fact: &Fact) -> Vec<&str> {
        std::iter::once(fact.subject.as_str()).chain(fact.aliases.iter().map(Alias::as_str)).collect()
    }

    fn events(body: &str) -> Vec<Event> {
        let (connection, settings) = ("te".into(), Settings::default());
        let body = Bytes::copy_from_slice(body.as_bytes());
        let origin = admission::Origin { connection: &connection, partner: Partner::TrackingEyes, settings: &settings };
        let arrival = admission::read(&ACTION, origin, &body, None);
        assert_eq!(arrival.malformed, None);
        let event = |draft: admission::Draft| {
            let id = identity::by_content(&connection, &draft.subject, draft.content);
            draft.event(&connection, id, Utc(0), false, "application/json", Duration::from_mins(1))
        };
        arrival.drafts.into_iter().map(event).collect()
    }

    #[test]
    fn the_example_is_one_waybill_that_left() {
        let fact = facts(SAMPLE).remove(0);
        assert_eq!(fact.kind.as_str(), "trackingeyes.customs_status");
        assert_eq!(keys(&fact), ["bl:CULVNAS2507540", "waybill:1906651379888427000"], "masked entries are no keys");
        assert_eq!(fact.milestone, Some(Milestone::Departed));
    }

    #[test]
    fn snapshot_lists_milestones_with_their_times() {
        let listed = |fact: &Fact| -> Vec<(Milestone, String)> {
            fact.dated.iter().map(|dated| (dated.milestone, dated.at.to_string()[..19].to_owned())).collect()
        };
        let example = facts(SAMPLE).remove(0);
        let expected = [
            (Milestone::Departed, "2025-03-13T04:10:00"),
            (Milestone::Released, "2025-03-03T02:47:56"),
            (Milestone::Arrived, "2025-03-03T02:47:52"),
            (Milestone::Reviewed, "2025-03-03T01:56:58"),
            (Milestone::Accepted, "2025-03-03T01:56:53"),
        ];
        assert_eq!(listed(&example), expected.map(|(milestone, at)| (milestone, at.to_owned())));
        let latest = example.occurred.map(|time| time.to_string());
        assert_eq!(latest.as_deref(), Some("2025-03-13T04:35:32.000000Z"), "that of the tally, which is no milestone");

        // The last of two declarations decides, and a time that is none tells nothing.
        let receipt = |code: &str, entry: &str, date: &str| {
            format!(r#"{{"statusCd":"{code}","entryId":"{entry}","noticeDate":"{date}"}}"#)
        };
        let two = [
            receipt("PAS", "1", "2026-03-01 08:00:00"),
            receipt("PAS", "2", "2026-03-02 08:00:00"),
            receipt("CDC", "1", "2026-03-01 07:00:00"),
            receipt("EDC", "1", "soon"),
            receipt("EDC", "2", "2026-03-01 06:00:00"),
        ];
        let fact = facts(&format!(r#"[{{"blNo":"B","customsStatus":[{}]}}]"#, two.join(","))).remove(0);
        assert_eq!(listed(&fact), [(Milestone::Released, "2026-03-02T00:00:00".to_owned())]);
        let three = format!("{},{}", two.join(","), receipt("EDC", "3", ""));
        assert_eq!(listed(&facts(&format!(r#"[{{"blNo":"B","customsStatus":[{three}]}}]"#)).remove(0)), []);
    }

    #[test]
    fn the_example_reaches_the_erp_as_it_was_pushed() {
        let events = events(SAMPLE);
        assert_eq!((events.len(), &*events[0].data()), (1, SAMPLE.trim_end().as_bytes()));
    }

    #[test]
    fn every_waybill_of_a_batch_is_an_event() {
        let events = events(r#"[ {"id":1906651379888427008,"blNo":"B1","p":1.10} , {"id":"2","blNo":"B2"} ]"#);
        let subjects: Vec<_> = events.iter().map(|event| event.key.subject.as_str()).collect();
        assert_eq!(subjects, ["bl:B1", "bl:B2"]);
        assert_eq!(events[0].meta.aliases, [Alias::new("waybill", "1906651379888427008")]);
        assert_eq!(&events[0].body[..], br#"{"id":1906651379888427008,"blNo":"B1","p":1.10}"#);
    }

    #[test]
    fn an_object_is_one_waybill() {
        let body = r#" {"id":"1906651379888427008","blNo":"B1"} "#;
        assert_eq!(keys(&facts(body)[0]), ["bl:B1", "waybill:1906651379888427008"]);
        assert_eq!(&*events(body)[0].data(), body.trim().as_bytes());
    }

    #[test]
    fn an_id_is_kept_as_printed_whether_a_number_or_a_text() {
        for id in ["1906651379888427008", "\"1906651379888427008\""] {
            let fact = facts(&format!(r#"[{{"id":{id},"blNo":"","entryId":null}}]"#)).remove(0);
            assert_eq!(keys(&fact), ["waybill:1906651379888427008"]);
        }
    }

    #[test]
    fn a_masked_declaration_is_no_key_and_a_whole_one_is() {
        let body = r#"[{"id":1,"entryId":"516620250******984","localKey":"K-7","customsStatus":[
            {"entryId":"516620250123456984"},{"entryId":"516620250******984"},{"entryId":516620250123456984},{}]}]"#;
        assert_eq!(keys(&facts(body)[0]), ["waybill:1", "entry:516620250123456984", "key:K-7"]);
        let whole = r#"[{"id":1,"entryId":"516620250123456984","customsStatus":null}]"#;
        assert_eq!(keys(&facts(whole)[0]), ["entry:516620250123456984", "waybill:1"]);
    }

    #[test]
    fn the_latest_known_receipt_counts_and_of_equals_the_first() {
        for (receipts, milestone) in [
            ("", None),
            (r#"{"statusCd":"ZZZ","noticeDate":"2025-03-13T00:00:00"}"#, None),
            (
                r#"{"statusCd":"EDC","noticeDate":"2025-03-03T09:56:53"},
                   {"statusCd":"ZZZ","noticeDate":"2025-04-01T00:00:00"},
                   {"statusCd":"CTN","noticeDate":"2025-03-03T09:56:53.100"}"#,
                Some(Milestone::TaxDue),
            ),
            (
                r#"{"statusCd":"PAS","noticeDate":"2025-03-03T00:00:00"},
                   {"statusCd":"CLR","noticeDate":"2025-03-03T00:00:00"}"#,
                Some(Milestone::Released),
            ),
            (r#"{"statusCd":"CPI"},{"statusCd":"CDC","noticeDate":"2025-03-03T00:00:00"}"#, Some(Milestone::Reviewed)),
            (r#"{"statusCd":"CPI","noticeDate":null},{"statusCd":7},7,null"#, Some(Milestone::UnderInspection)),
            (r#"{"statusCd":"已运抵","noticeDate":""}"#, Some(Milestone::Arrived)),
            (r#"{"statusCd":"pas"}"#, None),
        ] {
            let body = format!(r#"[{{"blNo":"B1","customsStatus":[{receipts}]}}]"#);
            assert_eq!(facts(&body)[0].milestone, milestone, "{receipts}");
        }
        assert_eq!(milestone("CLR"), Some(Milestone::Cleared));
        assert_eq!(milestone("EDC"), Some(Milestone::Accepted));
    }

    /// A bill was told as released although another of its declarations was under inspection.
    #[test]
    fn a_waybill_is_as_far_as_all_of_its_declarations() {
        const ONE: &str = "516620250000000001";
        const TWO: &str = "516620250000000002";
        for (list, milestone) in [
            (&[("PAS", "05", ONE), ("CPI", "04", TWO)][..], None),
            (&[("PAS", "05", ONE), ("CPI", "04", TWO), ("PAS", "06", TWO)], Some(Milestone::Released)),
            (&[("PAS", "05", ONE), ("CLR", "09", ONE), ("PAS", "06", TWO)], None),
            (&[("PAS", "05", ONE), ("ZZZ", "06", TWO)], Some(Milestone::Released)),
            (&[("已运抵", "03", ""), ("PAS", "05", ONE), ("CPI", "04", TWO)], None),
            (&[("EDEP", "13", ""), ("PAS", "05", ONE), ("CPI", "04", TWO)], Some(Milestone::Departed)),
            (&[("PAS", "05", ONE), ("EDEP", "05", "")], Some(Milestone::Released)),
            (&[("EDEP", "05", ""), ("PAS", "05", ONE)], Some(Milestone::Departed)),
            // A release that names no declaration may be any's.
            (&[("PAS", "05", ""), ("CPI", "04", ONE)], None),
            (&[("PAS", "05", ""), ("PAS", "04", ONE)], Some(Milestone::Released)),
        ] {
            let receipt = |(code, day, entry): &(&str, &str, &str)| {
                format!(r#"{{"statusCd":"{code}","noticeDate":"2025-03-{day}T00:00:00","entryId":"{entry}"}}"#)
            };
            let receipts: Vec<_> = list.iter().map(receipt).collect();
            let body = format!(r#"[{{"blNo":"B1","customsStatus":[{}]}}]"#, receipts.join(","));
            assert_eq!(facts(&body)[0].milestone, milestone, "{list:?}");
        }
    }

    #[test]
    fn invalid_waybill_makes_a_push_malformed_and_none_unknown() {
        for body in [r#"[{"blNo":"B1"},7]"#, "[[]]", "[null]", "\"x\"", "7", "null"] {
            assert!(matches!(reading(body), Reading::Malformed(_)), "{body}");
        }
        assert_eq!(facts("[]")[0].kind.as_str(), "trackingeyes.unknown");
    }

    #[test]
    fn fields_are_read_whatever_their_types_are() {
        let json = Json::parse(SAMPLE.as_bytes()).unwrap();
        let waybill = Waybill::of(&json.elements().unwrap()[0]);
        assert_eq!((waybill.end_id, waybill.ie_id, waybill.entry_id), (Some("0"), Some("I"), None));
        assert_eq!(receipts(&json.elements().unwrap()[0]).count(), 14);
        let number = Json::parse(br#"{"endId":0,"unknown":{"a":1}}"#).unwrap();
        assert_eq!(Waybill::of(&number), Waybill { end_id: Some("0"), ..Waybill::default() });
    }
}
