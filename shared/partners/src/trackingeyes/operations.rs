//! Operations of TrackingEyes: customs status on request, and its subscription.
//!
//! Every call carries `companyCode` and a token of two hours in its address, so no address may reach a log.

use super::waybills;
use crate::Partner;
use crate::operation::{Address, Credential, Effect, Encoding, Field, Method, Operation, Place, Shape};

const COMPANY: Credential =
    Credential { field: "companyCode", name: "company_code", place: Place::Query, documented: true };
const TOKEN: Credential = Credential { field: "token", name: "secret", place: Place::Token, documented: true };

/// Documented customs operations of TrackingEyes.
pub(super) const OPERATIONS: &[Operation<'static>] = &[
    Operation {
        method: Method::Get,
        encoding: Encoding::Query,
        fields: &[
            Field::text("orgCode", "所属组织代码 organisation"),
            Field::commas("billId", "运单Id waybill ids, a comma list").required(),
        ],
        keys: &[("waybill", "billId")],
        example: r#"{"billId":"1906651379888427008"}"#,
        brings: Some(waybills::found),
        ..row(
            "customs_status_download",
            Address::Fixed("/api/customsStatus/download"),
            Effect::Query,
            "TrackingEyes, 报关状态下载接口",
        )
    },
    Operation {
        shape: Shape::Any,
        caution: Some("it may have half succeeded: 300 is a partial failure of the vendor's other subscriptions"),
        ..row(
            "subscribe",
            Address::Configured("subscribe"),
            Effect::Command { repeatable: false },
            "TrackingEyes, 报关状态订阅接口; its page is not public, the body passes through as it is",
        )
    },
];

const fn row(name: &'static str, address: Address, effect: Effect, source: &'static str) -> Operation<'static> {
    Operation { credentials: &[COMPANY, TOKEN], ..Operation::new(Partner::TrackingEyes, name, address, effect, source) }
}
