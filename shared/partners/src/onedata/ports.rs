//! Subscriptions to port data (3.2.3): their names, and their results in an answer or a push.

use std::borrow::Cow;

use crate::Json;
use crate::operation::{Operation, Shape};
use crate::profile::Key;
use crate::pulled::{Answered, Finding, is_empty};

use super::results;

/// The type of the event that port data becomes.
pub const PORTS: &str = "onedata.ports";

/// State of one subscription at 1datatech (`resultCode`).
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
    /// State of the subscription.
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

/// The results that an answer has found, each as the push that brings it. Data under a `resultCode` that is not documented is
/// data all the same.
pub(super) fn found(answered: &Answered<'_>) -> Vec<Finding> {
    let has_data = |item: &Item<'_>| item.json.get("resultData").is_some_and(|data| !is_empty(data));
    let found = items(answered.answer).into_iter().filter(|item| item.state == State::Found || has_data(item));
    let finding = |Item { json, .. }: Item<'_>| Finding {
        is_state: true,
        ..Finding::new(format!("{{\"data\":[{}]}}", json.text()))
    };
    found.map(finding).collect()
}

/// The facts of port data: the bill of each subscription. A push has further members around it (inferred).
pub(super) fn facts(payload: &Json<'_>) -> Vec<String> {
    let fact = |result: &Json<'_>| {
        let port = serde_json::Value::from(subscription(result)?);
        Some(format!("{{\"port\":{port},\"bill\":{}}}", bill(result).text()))
    };
    results(payload).filter_map(fact).collect()
}

/// The business keys of results: the subscriptions first, then the bills, containers and declarations.
#[must_use]
pub fn keys<'a>(results: &[&'a Json<'a>]) -> Vec<(&'static str, Cow<'a, str>)> {
    let ports = results.iter().filter_map(|result| Some(("port", subscription(result)?.into())));
    let mut keys: Vec<(&str, Cow<'a, str>)> = ports.collect();
    for result in results {
        let bill = bill(result);
        let asked_as = match result.field("subType") {
            Some("1") => Some("bl"),
            Some("2") => Some("container"),
            _ => None,
        };
        let asked = asked_as.zip(result.field("subNo"));
        let bill_no = bill.field("blNo").map(|number| ("bl", number));
        keys.extend(asked.into_iter().chain(bill_no).map(|(kind, number)| (kind, number.into())));
        for container in containers(bill) {
            let own = [("container", container.field("containerNo")), ("bl", container.field("blNo"))];
            let entries = declarations(container).map(|entry| ("entry", entry.field("customsDeclarationNo")));
            keys.extend(own.into_iter().chain(entries).filter_map(|(kind, number)| Some((kind, number?.into()))));
        }
    }
    keys
}

/// Whether every container of the results is released, by `customsClearanceFlag`, which 1datatech maps to `Y` or `N` (3.2.3,
/// some ports only). Without a container none is.
#[must_use]
pub fn is_released(results: &[&Json<'_>]) -> bool {
    let mut containers = results.iter().flat_map(|result| containers(bill(result))).peekable();
    containers.peek().is_some() && containers.all(|container| container.field("customsClearanceFlag") == Some("Y"))
}

/// The bill of a result: its `resultData`, or the result itself where it has none.
#[must_use]
pub fn bill<'a>(result: &'a Json<'_>) -> &'a Json<'a> {
    result.get("resultData").filter(|data| data.is_object()).unwrap_or(result)
}

/// The containers of a bill.
pub fn containers<'a>(bill: &'a Json<'_>) -> impl Iterator<Item = &'a Json<'a>> {
    objects(bill, "containerInfoList")
}

/// The declarations of a container.
pub fn declarations<'a>(container: &'a Json<'_>) -> impl Iterator<Item = &'a Json<'a>> {
    objects(container, "declareInfoList")
}

fn objects<'a>(json: &'a Json<'_>, name: &str) -> impl Iterator<Item = &'a Json<'a>> {
    json.list(name).iter().filter(|element| element.is_object())
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
