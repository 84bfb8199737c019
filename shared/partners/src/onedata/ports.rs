//! Subscriptions to port data (3.2.3): their names, and their results in an answer.

use crate::Json;
use crate::operation::{Operation, Shape};
use crate::profile::Key;

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
pub(super) fn subscriptions(operation: &Operation<'_>, body: &Json<'_>) -> Vec<Key> {
    if operation.shape != Shape::Array {
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
