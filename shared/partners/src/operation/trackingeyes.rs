//! TrackingEyes 云当: customs status on request, and its subscription.
//!
//! Every call carries `companyCode` and a token of two hours in its address, so no address may reach a log.

use super::{Address, Credential, Effect, Encoding, Field, Method, Operation, Place, Shape};
use crate::Partner;

const COMPANY: Credential =
    Credential { field: "companyCode", name: "company_code", place: Place::Query, documented: true };
const TOKEN: Credential = Credential { field: "token", name: "secret", place: Place::Token, documented: true };

/// What is documented of TrackingEyes' customs calls.
pub(super) const OPERATIONS: &[Operation<'static>] = &[
    Operation {
        name: "customs_status_download",
        partner: Partner::TrackingEyes,
        effect: Effect::Query,
        method: Method::Get,
        address: Address::Fixed("/api/customsStatus/download"),
        encoding: Encoding::Query,
        shape: Shape::Object,
        credentials: &[COMPANY, TOKEN],
        fields: &[
            Field::text("orgCode", "所属组织代码 organisation"),
            Field::commas("billId", "运单Id waybill ids, a comma list").required(),
        ],
        rules: &[],
        file: None,
        keys: &[("waybill", "billId")],
        gives_serial: false,
        caution: None,
        deprecated: None,
        source: "TrackingEyes, 报关状态下载接口",
        example: r#"{"billId":"1906651379888427008"}"#,
    },
    Operation {
        name: "subscribe",
        partner: Partner::TrackingEyes,
        effect: Effect::Command { repeatable: false },
        method: Method::Post,
        address: Address::Configured("subscribe"),
        encoding: Encoding::Json,
        shape: Shape::Any,
        credentials: &[COMPANY, TOKEN],
        fields: &[],
        rules: &[],
        file: None,
        keys: &[],
        gives_serial: false,
        caution: Some("it may have half succeeded: 300 is a partial failure of the vendor's other subscriptions"),
        deprecated: None,
        source: "TrackingEyes, 报关状态订阅接口; its page is not public, the body passes through as it is",
        example: "{}",
    },
];
