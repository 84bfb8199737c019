//! 1datatech 壹沓: port subscription and query (3.2.3), rate results (3.2).
//!
//! Both carry an access token and a signature whose rules are not public: see [`super::recipe`].

use super::{Address, Effect, Encoding, Field, Format, Method, Operation, Rule, Shape};
use crate::{Json, Partner};

/// The operation that subscribes, and later answers with what was found (3.2.3).
pub const PORT_QUERY: &str = "port_query_v2";

/// What is documented of 1datatech's calls.
pub(super) const OPERATIONS: &[Operation<'static>] = &[
    Operation {
        shape: Shape::Array,
        // The required column is lost; but what a subscription is told by is printed (港区代码+订阅类型+订阅单号), and one
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
        // The first call subscribes. A subscription is told by its parameters, so that a second one is the same.
        ..row(
            PORT_QUERY,
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
        ..row("result_query", "/freight/api/task/result_query", Effect::Query, "1datatech, 3.2 运价结果查询接口")
    },
];

const fn row(name: &'static str, path: &'static str, effect: Effect, source: &'static str) -> Operation<'static> {
    Operation {
        name,
        partner: Partner::OneData,
        effect,
        method: Method::Post,
        address: Address::Fixed(path),
        encoding: Encoding::Json,
        shape: Shape::Object,
        credentials: &[],
        fields: &[],
        rules: &[],
        file: None,
        keys: &[],
        gives_serial: false,
        caution: None,
        deprecated: None,
        source,
        example: "{}",
    }
}

/// How far 1datatech is with one subscription (`resultCode`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// 1, 订阅成功: subscribed; the data comes within 2 s to 30 min.
    Subscribed,
    /// 2, 查询成功: found.
    Found,
    /// 3, 暂未查询到结果或官网查询无数据: nothing yet, or never; the document does not tell them apart.
    Nothing,
    /// A code that is not documented, as printed; empty where there is none.
    Other(String),
}

/// The result of one subscription in the answer to `port_query_v2`.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// `<carrierCd>:<subType>:<subNo>[:<importAndExportFlag>]`, the value of the business key `port`; nothing where one
    /// of the first three is missing.
    pub port: Option<String>,
    /// How far it is.
    pub state: State,
    /// `resultMessage`.
    pub text: &'a str,
    /// The element of `data` itself. Within `{"data":[...]}` it reads as a port push.
    pub json: &'a Json<'a>,
}

/// The results of `port_query_v2`, one for each subscription, in the answer's order.
#[must_use]
pub fn items<'a>(answer: &'a Json<'a>) -> Vec<Item<'a>> {
    let elements = answer.list("data").iter().chain(answer.get("data").filter(|data| data.is_object()));
    let item = |json: &'a Json<'a>| Item {
        port: subscription(json),
        state: match json.field("resultCode") {
            Some("1") => State::Subscribed,
            Some("2") => State::Found,
            Some("3") => State::Nothing,
            other => State::Other(other.unwrap_or_default().to_owned()),
        },
        text: json.field("resultMessage").unwrap_or_default(),
        json,
    };
    elements.map(item).collect()
}

/// A subscription as 1datatech tells it from others: `<carrierCd>:<subType>:<subNo>[:<importAndExportFlag>]` (3.2.3).
/// Nothing where one of the first three is missing, because then it could be any.
#[must_use]
pub fn subscription(json: &Json<'_>) -> Option<String> {
    let field = |name| json.field(name);
    let name = format!("{}:{}:{}", field("carrierCd")?, field("subType")?, field("subNo")?);
    Some(field("importAndExportFlag").map_or_else(|| name.clone(), |flag| format!("{name}:{flag}")))
}

/// The business keys of a call that subscribes: the subscriptions first, then the bills and containers they name.
pub(super) fn subscriptions(operation: &Operation<'_>, body: &Json<'_>) -> Vec<(&'static str, String)> {
    if operation.partner != Partner::OneData || operation.shape != Shape::Array {
        return Vec::new();
    }
    let asked = || body.elements().unwrap_or_default().iter();
    let ports = asked().filter_map(|one| Some(("port", subscription(one)?)));
    let numbers = asked().filter_map(|one| {
        let kind = match one.field("subType")? {
            "1" => "bl",
            "2" => "container",
            _ => return None,
        };
        Some((kind, one.field("subNo")?.to_owned()))
    });
    ports.chain(numbers).collect()
}
