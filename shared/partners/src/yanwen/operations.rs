//! Operations of Yanwen: methods at its one address.

use crate::Partner;
use crate::operation::{Address, Credential, Effect, Field, Format, Operation, Place, Rule, Shape};

const COMMAND: Effect = Effect::Command { repeatable: false };

/// The methods whose names are documented, the master waybill first. Only its field table is public.
pub(super) const OPERATIONS: &[Operation<'static>] = &[
    Operation {
        shape: Shape::Object,
        fields: MAWB,
        rules: &[
            Rule::When("transportType", "1", &["flightNo"]),
            Rule::When(
                "transportType",
                "2",
                &["scacBill", "vesselName", "voyageNumber", "containerNumber", "sealNumber"],
            ),
        ],
        keys: &[("mawb", "mawbNo")],
        example: r#"{"mawbNo":"test10000001","version":"1","channelId":"1646","importPort":"CDG","exportPort":"CAN","weight":"20000","chargeableWeight":"21000","country":"FR","transportType":"1","flightNo":"ANA962","scacBill":"","vesselName":"","voyageNumber":"","containerNumber":"","sealNumber":"","etdTimeZone":"+08:00","etd":"2023-05-17 10:10:00","eta":"2023-05-17 16:00:00","etaTimeZone":"+08:00","bagQuantity":"50","parcelQuantity":"1000","bagList":[{"bagNo":"bagNo001"},{"bagNo":"bagNo002"}]}"#,
        // Whether the same number and version again is an error or an overwrite is not documented.
        ..row("s3.mawb.create", COMMAND, "Yanwen, 清关业务-主单创建")
    },
    row("express.overseas.manifest.create", COMMAND, "Yanwen, 尾程业务-新增预报"),
    row("express.order.create", COMMAND, OTHER),
    row("express.order.get", Effect::Query, OTHER),
    row("express.order.getlist", Effect::Query, OTHER),
    row("express.order.cancel", COMMAND, OTHER),
    row("express.order.label.get", Effect::Query, OTHER),
    row("express.channel.getlist", Effect::Query, OTHER),
    row("common.country.getlist", Effect::Query, OTHER),
    row("common.warehouse.getlist", Effect::Query, OTHER),
];

const OTHER: &str = "Yanwen, 公共请求参数; its body passes through as it is";

/// The families of method names that the one address takes.
const FAMILIES: [&str; 3] = ["s3.", "express.", "common."];

/// A method by the common envelope, its body opaque.
const fn row<'n>(name: &'n str, effect: Effect, source: &'static str) -> Operation<'n> {
    Operation {
        shape: Shape::Any,
        credentials: &[
            Credential { field: "user_id", name: "user_id", place: Place::Query, documented: true },
            Credential { field: "sign", name: "api_token", place: Place::Signature, documented: true },
        ],
        ..Operation::new(Partner::Yanwen, name, Address::Fixed(""), effect, source)
    }
}

/// A method of the families that has no row: what it does is not known, so it is a command and not safe to repeat.
pub(super) fn family(name: &str) -> Option<Operation<'_>> {
    let rest = FAMILIES.iter().find_map(|family| name.strip_prefix(family))?;
    let plain = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    (!rest.is_empty() && plain).then(|| row(name, COMMAND, OTHER))
}

/// The body of `s3.mawb.create`. Its Integer fields are strings in the example, and the fields of another kind of
/// transport are sent as `""`.
const MAWB: &[Field] = &[
    Field::text("mawbNo", "主单号 master waybill number").required().max(64),
    Field::whole_text("version", "版本号(最大值为最新版本) the highest is the latest").required(),
    Field::whole_text("channelId", "产品编号 product").required(),
    Field::text("importPort", "进口口岸 port of import").required().max(16),
    Field::text("exportPort", "出口口岸 port of export").required().max(16),
    Field::whole_text("weight", "主单实际重量 actual weight, g").required(),
    Field::whole_text("chargeableWeight", "主单计费重量 chargeable weight, g").required(),
    Field::text("country", "国家二字码 two-letter country code").required().max(4),
    Field::whole_text("transportType", "运输类型 1 air, 2 sea, 3 truck")
        .required()
        .format(Format::OneOf(&["1", "2", "3"])),
    Field::text("flightNo", "航班号 flight number; required by air").blank().max(16),
    Field::text("scacBill", "船公司代码 carrier's SCAC; required by sea").blank().max(35),
    Field::text("vesselName", "船舶名称 vessel; required by sea").blank().max(35),
    Field::text("voyageNumber", "船舶代码, so described: voyage number; required by sea").blank().max(35),
    Field::text("containerNumber", "货柜号码 container number; required by sea").blank().max(35),
    Field::text("sealNumber", "封柜号码 seal number; required by sea").blank().max(35),
    Field::text("etdTimeZone", "时区 zone of etd").required().format(Format::Zone),
    Field::text("etd", "预计离港时间 estimated departure in etdTimeZone").required().format(Format::Time),
    Field::text("etaTimeZone", "时区 zone of eta").required().format(Format::Zone),
    Field::text("eta", "预计到港时间 estimated arrival in etaTimeZone").required().format(Format::Time),
    Field::whole_text("bagQuantity", "大包数量 number of bags").required(),
    Field::whole_text("parcelQuantity", "主单内小件总数量 number of parcels").required(),
    Field::list("bagList", "大包信息列表 bags", &[Field::text("bagNo", "大包号 bag number").required().max(64)])
        .required(),
];
