//! How port subscriptions and rate batches are followed: both are asked for again.

use serde_json::{Map, Value, json};

use super::ports::bill;
use crate::Json;
use crate::profile::{Following, Question};

/// A subscription ends when `isCompleted` is Y (3.2.3, 4.5). Its query is also its subscription, and a repetition is the same.
pub(super) const PORTS: Following = Following {
    ask: "port_query_v2",
    key: "port",
    spellings,
    body: Question::Code(|ports, _| {
        let ports: Vec<_> = ports.iter().filter_map(|port| subscription(port)).collect();
        (!ports.is_empty()).then(|| Value::Array(ports).to_string())
    }),
    news: super::ports::PORTS,
    is_last,
    complete: "",
    until: &[],
};

/// Number of rows of a page: the most that `result_query` gives (3.2).
const PAGE: u64 = 500;

/// A batch ends when all rows of `result_query`'s `total` are there, which an event of its own says.
pub(super) const RATES: Following = Following {
    ask: "result_query",
    key: "batch",
    spellings: |batch| vec![batch.to_owned()],
    body: Question::Code(|batches, before| {
        Some(json!({"batchNo": batches.first()?, "pageNum": before / PAGE + 1, "pageSize": PAGE}).to_string())
    }),
    news: "onedata.rates",
    is_last: |_| false,
    complete: "onedata.rates_complete",
    until: &[],
};

/// A subscription that names no direction is one for export (3.2.3, `importAndExportFlag`).
fn spellings(port: &str) -> Vec<String> {
    let export = |port: &str| format!("{port}:E");
    match port.rsplit_once(':') {
        Some((rest, "E")) => vec![export(rest), rest.to_owned()],
        Some((_, "I")) => vec![port.to_owned()],
        _ => vec![export(port), port.to_owned()],
    }
}

/// The subscription that a key names: `<carrierCd>:<subType>:<subNo>[:<importAndExportFlag>]`.
fn subscription(port: &str) -> Option<Value> {
    let (carrier, rest) = port.split_once(':')?;
    let (kind, number) = rest.split_once(':')?;
    let flagged = number.rsplit_once(':').filter(|(_, flag)| matches!(*flag, "I" | "E"));
    let (number, flag) = flagged.map_or((number, None), |(number, flag)| (number, Some(flag)));
    let kind = kind.parse::<u8>().map_or_else(|_| Value::from(kind), Value::from);
    let mut fields = Map::from_iter([
        ("subType".to_owned(), kind),
        ("carrierCd".to_owned(), carrier.into()),
        ("subNo".to_owned(), number.into()),
    ]);
    fields.extend(flag.map(|flag| ("importAndExportFlag".to_owned(), flag.into())));
    Some(Value::Object(fields))
}

fn is_last(payload: &Json<'_>) -> bool {
    let mut results = super::results(payload).peekable();
    results.peek().is_some() && results.all(|result| bill(result).field("isCompleted") == Some("Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscription_is_asked_for_by_its_key() {
        assert_eq!(
            PORTS.body.of(&["CNTAO:1:225201002:E", "CNSHA:2:MMAU1"], 0).as_deref(),
            Some(
                r#"[{"carrierCd":"CNTAO","importAndExportFlag":"E","subNo":"225201002","subType":1},{"carrierCd":"CNSHA","subNo":"MMAU1","subType":2}]"#
            )
        );
        assert_eq!(PORTS.body.of(&["CNTAO"], 0), None);
    }

    #[test]
    fn page_asked_for_has_the_first_missing_row() {
        for (before, number) in [(0, 1), (499, 1), (500, 2), (501, 2), (1_000, 3)] {
            let body = format!(r#"{{"batchNo":"b-1","pageNum":{number},"pageSize":500}}"#);
            assert_eq!(RATES.body.of(&["b-1"], before), Some(body));
        }
    }

    #[test]
    fn subscription_without_a_direction_is_for_export() {
        for port in ["CNTAO:1:B", "CNTAO:1:B:E"] {
            assert_eq!(spellings(port), ["CNTAO:1:B:E", "CNTAO:1:B"]);
        }
        assert_eq!(spellings("CNTAO:1:B:I"), ["CNTAO:1:B:I"]);
    }

    #[test]
    fn subscription_ends_with_its_flow() {
        for (payload, last) in [
            (r#"{"data":[{"resultData":{"isCompleted":"Y"}}]}"#, true),
            (r#"{"data":{"isCompleted":"Y"}}"#, true),
            (r#"{"data":[{"resultData":{"isCompleted":"Y"}},{"resultData":{"isCompleted":"N"}}]}"#, false),
            (r#"{"data":[{"resultData":null}]}"#, false),
            (r#"{"data":[]}"#, false),
        ] {
            assert_eq!(is_last(&Json::parse(payload.as_bytes()).unwrap()), last, "{payload}");
        }
    }
}
