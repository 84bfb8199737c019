//! Rates of a batch, as they are pushed (3.3 运价结果实时推送) and asked for by pages (3.2 运价结果查询).

use crate::Json;
use crate::json::Kind;
use crate::pulled::{Answered, Finding, Page, Rows, is_empty, members, object};

/// The type of the event that a push or a page becomes.
pub(super) const RATES: &str = "onedata.rates";
/// The type of the event that says that all rows of a batch are there.
pub(super) const RATES_COMPLETE: &str = "onedata.rates_complete";

/// The page and its size where the request names none (3.2).
const FIRST: u64 = 1;
const SIZE: u64 = 100;

/// Names that the answer spells in another way than the push: here, there.
const SPELLED: [(&str, &str); 2] = [("orginPolPortCd", "originalPolPortCd"), ("orginPodPortCd", "originalPodPortCd")];

/// The page that an answer is, as a push: its `resultData` is the push's `data`. An answer without that array is kept as it
/// came.
pub(super) fn found(answered: &Answered<'_>) -> Vec<Finding> {
    let Answered { asked, answer, .. } = answered;
    // The document prints it at the top, the envelope of 3.2.3 would have it in `data`.
    let page = if answer.get("resultData").is_some() { Some(*answer) } else { answer.get("data") };
    let Some(page) = page.filter(|page| !is_empty(page)) else { return Vec::new() };
    let rows = page.get("resultData");
    match rows.map(|rows| (rows, rows.kind())) {
        Some((_, Kind::Null)) => Vec::new(),
        Some((_, Kind::Array(rows))) if rows.is_empty() => Vec::new(),
        Some((rows, Kind::Array(elements))) => {
            let number = page.get("batchNo").filter(|number| !is_empty(number)).or_else(|| asked.get("batchNo"));
            let total = page.get("total").filter(|total| total.scalar().is_some());
            let given = [("batchNo", number), ("total", total), ("data", Some(rows))];
            let given = given.into_iter().filter_map(|(name, value)| Some((name, value?.text())));
            let count = u64::try_from(elements.len()).unwrap_or(u64::MAX);
            vec![Finding {
                page: number.and_then(|number| place(asked, page, number, count)),
                ..Finding::new(object(given))
            }]
        }
        None | Some((_, Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Object(_))) => {
            vec![Finding::new(page.text())]
        }
    }
}

/// The place of so many rows in their batch; nothing where request and answer do not tell it.
fn place(asked: &Json<'_>, page: &Json<'_>, number: &Json<'_>, count: u64) -> Option<Page> {
    let number_of = |json: &Json<'_>, name: &str| json.field(name).map(str::parse::<u64>).transpose().ok();
    let (nth, size) = (number_of(asked, "pageNum")?.unwrap_or(FIRST), number_of(asked, "pageSize")?.unwrap_or(SIZE));
    let rows = Rows { before: nth.checked_sub(1)?.checked_mul(size)?, count, total: number_of(page, "total")?? };
    let batch = ("batchNo", number.value()?.trim().to_owned());
    (count <= size && rows.end() <= rows.total).then_some(Page { batch, completes: RATES_COMPLETE, rows })
}

/// The facts of rates: the rows, by the push's names.
pub(super) fn facts(payload: &Json<'_>) -> Vec<String> {
    let row = |row: &Json<'_>| {
        let spelled = |name| SPELLED.iter().find(|(here, _)| *here == name).map_or(name, |(_, there)| *there);
        object(members(row).into_iter().map(|(name, text)| (spelled(name), text)))
    };
    payload.list("data").iter().filter(|row| row.is_object()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Settings;

    fn of(asked: &str, answer: &str) -> Vec<Finding> {
        let (asked, answer) = (Json::parse(asked.as_bytes()).unwrap(), Json::parse(answer.as_bytes()).unwrap());
        found(&Answered { asked: &asked, answer: &answer, settings: &Settings::default() })
    }

    #[test]
    fn page_is_a_push_with_its_place_in_the_batch() {
        let answer = r#"{"batchNo":"b1","total":"5","resultData":[{"p":1.10},{"p":2}]}"#;
        for (asked, rows) in [
            (r#"{"batchNo":"b1"}"#, Some((0, 2))),
            (r#"{"batchNo":"b1","pageNum":2,"pageSize":2}"#, Some((2, 2))),
            (r#"{"batchNo":"b1","pageNum":"2","pageSize":"3"}"#, Some((3, 2))),
            // More rows than asked for, or beyond the end: nobody knows which they are.
            (r#"{"batchNo":"b1","pageNum":1,"pageSize":1}"#, None),
            (r#"{"batchNo":"b1","pageNum":3,"pageSize":2}"#, None),
            (r#"{"batchNo":"b1","pageNum":0}"#, None),
            (r#"{"batchNo":"b1","pageNum":"x"}"#, None),
        ] {
            let [finding] = of(asked, answer).try_into().unwrap();
            assert_eq!(finding.body, r#"{"batchNo":"b1","total":"5","data":[{"p":1.10},{"p":2}]}"#);
            let place = finding.page.map(|page| (page.rows.before, page.rows.count));
            assert_eq!(place, rows, "{asked}");
        }
    }

    #[test]
    fn batch_number_of_the_request_serves_where_the_answer_has_none() {
        let [finding] =
            of(r#"{"batchNo":"b1"}"#, r#"{"code":200,"data":{"total":1,"resultData":[{}]}}"#).try_into().unwrap();
        assert_eq!(finding.body, r#"{"batchNo":"b1","total":1,"data":[{}]}"#);
        assert!(finding.page.unwrap().rows.are_all());
    }

    #[test]
    fn an_answer_of_another_shape_is_kept_as_it_came() {
        for (answer, kept) in [
            (r#"{"resultData":null}"#, None),
            (r#"{"code":200,"data":[]}"#, None),
            (r#"{"code":200,"data":null}"#, None),
            (r#"{"code":200,"data":{"total":0,"resultData":[]}}"#, None),
            (r#"{"code":200,"data":{"resultData":"later"}}"#, Some(r#"{"resultData":"later"}"#)),
            (r#"{"code":200,"data":[7]}"#, Some("[7]")),
            (r#"{"resultData":{"rows":[1]}}"#, Some(r#"{"resultData":{"rows":[1]}}"#)),
        ] {
            let found = of(r#"{"batchNo":"b1"}"#, answer);
            assert_eq!(found.first().map(|finding| finding.body.as_str()), kept, "{answer}");
            assert!(found.iter().all(|finding| finding.page.is_none()), "{answer}");
        }
    }

    #[test]
    fn rows_are_the_same_in_push_and_page() {
        let facts = |text: &str| super::facts(&Json::parse(text.as_bytes()).unwrap());
        let push = facts(r#"{"data":[{"taskId":1,"originalPolPortCd":"CNSHA"}],"tenantId":7}"#);
        assert_eq!(push, facts(r#"{"total":1,"data":[{"taskId":1,"orginPolPortCd":"CNSHA"}]}"#));
        assert_eq!(push, [r#"{"taskId":1,"originalPolPortCd":"CNSHA"}"#]);
    }
}
