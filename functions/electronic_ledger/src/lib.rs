//! XHQ 电子底账日期推送 (五.4), action `electronic_ledger`: from when until when an e-ledger is valid.
//!
//! Only the older text has it; it may be withdrawn. That text lost the name of the object that holds the ledger:
//! `paramJson` by analogy (inferred), and any other member that has a `qcPassId` is taken as well.

use hub::action::{Action, Example, Fact, Push, Reading, named};
use partners::json::Kind;
use partners::{Json, Partner};

/// The webhook of `/electronic_ledger`; its events are `xhq.electronic_ledger`.
pub const ACTION: Action = Action {
    name: "electronic_ledger",
    partners: &[Partner::Xhq],
    suffix: "electronic_ledger",
    about: "电子底账 validity of an e-ledger",
    subjects: &["order", "bl"],
    examples: &[Example { name: "electronic_ledger", body: include_bytes!("../examples/electronic_ledger.json") }],
    read,
};

partners::view! {
    /// A push without the object that holds the ledger (XHQ 五.4, 入参).
    pub struct Head {
        /// 业务流水号, our order number.
        order_out_no: "orderOutNo",
        /// 提运单号, bill of lading; optional.
        bill_no: "billNo",
    }
}

partners::view! {
    /// The ledger (XHQ 五.4, 回执json). The format of its times is not documented.
    pub struct Ledger {
        /// 电子底账编号, the e-ledger's number.
        qc_pass_id: "qcPassId",
        /// 电子底账有效结束时间: valid **until**.
        valid_date: "validDate",
        /// 电子底账有效开始时间: valid **from**.
        sign_date: "signDate",
        /// 报关ID.
        declare_no: "declareNo",
    }
}

fn read(push: &Push<'_>) -> Reading {
    named(push, &["electronic_ledger"], |_, body| {
        let head = Head::of(body);
        let fact = Fact::new("xhq.electronic_ledger", body, [("order", head.order_out_no), ("bl", head.bill_no)]);
        ledger(body, |ledger| ledger.qc_pass_id.map(|number| fact.clone().alias("ledger", number))).unwrap_or(fact)
    })
}

/// Looks into the ledger of a push: in `paramJson`, in the last other member that is an object with a ledger or a JSON
/// string that holds one, or in the push itself. Nothing where no `qcPassId` has a value.
pub fn ledger<R>(body: &Json<'_>, look: impl Fn(&Ledger<'_>) -> R) -> R
where
    R: Default,
{
    let found = |json: &Json<'_>| {
        let ledger = Ledger::of(json);
        ledger.qc_pass_id.is_some().then(|| look(&ledger))
    };
    let members = match body.kind() {
        Kind::Object(members) => members.as_slice(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Array(_) => &[],
    };
    body.get("paramJson")
        .into_iter()
        // Backwards: of repeated names the last counts.
        .chain(members.iter().rev().map(|(_, member)| member))
        .find_map(|member| member.inside(found).flatten())
        .or_else(|| found(body))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: &str = r#"{"qcPassId":"123456789012345678","validDate":"2021-12-31","signDate":"2021-01-01"}"#;

    fn fact(body: &str) -> Fact {
        hub::testing::fact(&ACTION, body)
    }

    #[test]
    fn the_ledger_is_found_whatever_its_object_is_called() {
        for rest in [
            format!(r#""paramJson":{LEDGER}"#),
            format!(r#""paramJson":{LEDGER:?}"#),
            format!(r#""paramJson":{{}},"ledgerJson":{LEDGER}"#),
            format!(r#""x":"text","y":{LEDGER:?}"#),
            r#""qcPassId":123456789012345678,"signDate":"2021-01-01","validDate":"2021-12-31""#.to_owned(),
        ] {
            let body = format!(r#"{{"action":"electronic_ledger","orderOutNo":"SO-1","billNo":"B1",{rest}}}"#);
            let found = fact(&body);
            assert_eq!((found.kind.as_str(), found.subject.as_str()), ("xhq.electronic_ledger", "order:SO-1"));
            let aliases: Vec<_> = found.aliases.iter().map(hub::Alias::as_str).collect();
            assert_eq!(aliases, ["bl:B1", "ledger:123456789012345678"], "{body}");
            let json = Json::parse(body.as_bytes()).unwrap();
            let dates =
                |ledger: &Ledger<'_>| (ledger.sign_date.map(str::to_owned), ledger.valid_date.map(str::to_owned));
            assert_eq!(ledger(&json, dates), (Some("2021-01-01".to_owned()), Some("2021-12-31".to_owned())));
        }
    }

    /// Each member was looked for by its name among all the others, which for so many takes minutes.
    #[test]
    fn a_ledger_is_looked_for_once_however_many_members_there_are() {
        let members: Vec<_> = (0..100_000).map(|n| format!(r#""m{n}":{{}}"#)).collect();
        let body = format!("{{{}}}", members.join(","));
        assert_eq!(ledger(&Json::parse(body.as_bytes()).unwrap(), |_| Some(())), None);
    }

    #[test]
    fn without_a_ledger_the_push_is_kept_all_the_same() {
        for body in [r#"{"billNo":"B1"}"#, r#"{"billNo":"B1","paramJson":null}"#, r#"{"billNo":"B1","qcPassId":""}"#] {
            let fact = fact(body);
            assert_eq!((fact.subject.as_str(), fact.aliases.len(), fact.milestone), ("bl:B1", 0, None), "{body}");
        }
    }

    #[test]
    fn another_action_is_not_taken_for_a_ledger() {
        assert_eq!(fact(r#"{"action":"single_receipt","orderOutNo":"SO-1"}"#).kind.as_str(), "xhq.unknown");
    }
}
