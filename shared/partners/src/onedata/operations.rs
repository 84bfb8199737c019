//! Operations of 1datatech: port subscription and query (3.2.3), rate results (3.2).
//!
//! Both carry an access token and a signature whose rules are not public: see [`crate::recipe`].

use super::{ports, rates};
use crate::Partner;
use crate::operation::{Address, Effect, Field, Format, Operation, Rule, Shape};

/// Documented operations of 1datatech.
pub(super) const OPERATIONS: &[Operation<'static>] = &[
    Operation {
        shape: Shape::Array,
        // The required column is lost; but the fields that identify a subscription are printed (港区代码+订阅类型+订阅单号), and one
        // that has none of it is none.
        rules: &[Rule::Either(&["carrierCd", "subType", "subNo"])],
        fields: &[
            Field::whole("subType", "订阅类型 1 bill or booking number, 2 container number (some ports)")
                .format(Format::OneOf(&["1", "2"])),
            Field::text("carrierCd", "港区代码 port-area code, such as CNSHK"),
            Field::text("subNo", "订阅单号 subscribed number"),
            Field::json("extraInfo", "扩展信息 any JSON of ours, returned as it is; the latest is kept"),
            Field::text("importAndExportFlag", "进出口标识 I import, E export (default)")
                .format(Format::OneOf(&["I", "E"])),
        ],
        example: r#"[{"subType":1,"carrierCd":"CNTAO","subNo":"225201002","importAndExportFlag":"E"}]"#,
        // The first call subscribes, and later ones are answered with the data.
        brings: Some(ports::found),
        // A subscription is identified by its parameters, so that a second one is the same.
        ..row(
            "port_query_v2",
            "/ocean/api/port/query/v2",
            Effect::Command { repeatable: true },
            "1datatech, 3.2.3 港区订阅查询_v2",
        )
    },
    Operation {
        fields: &[
            Field::text("batchNo", "批次号 batch number"),
            Field::whole("pageNum", "page, from 1 (default)"),
            Field::whole("pageSize", "rows of a page, 100 by default").format(Format::Within(0, 500)),
        ],
        keys: &[("batch", "batchNo")],
        example: r#"{"batchNo":"2e173271ba614879b9184ca3966eacdb","pageNum":1,"pageSize":100}"#,
        brings: Some(rates::found),
        ..row("result_query", "/freight/api/task/result_query", Effect::Query, "1datatech, 3.2 运价结果查询接口")
    },
];

const fn row(name: &'static str, path: &'static str, effect: Effect, source: &'static str) -> Operation<'static> {
    Operation::new(Partner::OneData, name, Address::Fixed(path), effect, source)
}
