//! Rows of 三.1 获取海关回执数据 (`actionDataRow`).
//!
//! The document lost what its `data` looks like, and that the rows are the bodies of pushes is inferred. So a row is read as a
//! push where it names its action itself, as every push does, or where the connection's [`Answers`] say what the rows are.
//! Whatever else comes is kept as it is.

use crate::Json;
use crate::operation::Answers;
use crate::pulled::{Answered, Finding, is_empty, members, object};

/// The operation.
pub(super) const ACTION_DATA_ROW: &str = "actionDataRow";

/// Largest number of rows that are an event each. More are one event: each is a write that the answer waits for.
const MOST_ROWS: usize = 500;

/// The rows of an answer, each as a push; or all of it as one, where they are not to be told apart.
pub(super) fn found(answered: &Answered<'_>) -> Vec<Finding> {
    let usual = Answers::default();
    let answers = answered.settings.answers.get(ACTION_DATA_ROW).unwrap_or(&usual);
    let rows = answered.answer.pointer(&answers.rows).or_else(|| answered.answer.get("data"));
    let Some(rows) = rows.filter(|rows| !is_empty(rows)) else { return Vec::new() };
    match rows.elements() {
        Some(rows) if rows.len() <= MOST_ROWS => {
            rows.iter().filter(|row| !is_empty(row)).map(|row| finding(row, answers)).collect()
        }
        Some(_) => vec![Finding::new(rows.text())],
        None => vec![finding(rows, answers)],
    }
}

/// A row as the push that it stands for. One that is a text may hold the push, as other fields of this partner do.
fn finding(row: &Json<'_>, answers: &Answers) -> Finding {
    let body = row.inside_strictly(|push| match (&answers.action, push.get("action")) {
        (Some(action), None) => {
            let action = serde_json::Value::from(action.as_str()).to_string();
            object([("action", action.as_str())].into_iter().chain(members(push)))
        }
        (None, _) | (_, Some(_)) => push.text().to_owned(),
    });
    Finding::new(body.unwrap_or_else(|| row.text().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Settings;

    fn of(answer: &str, answers: Option<Answers>) -> Vec<String> {
        let answers = answers.into_iter().map(|answers| (ACTION_DATA_ROW.to_owned(), answers)).collect();
        let (asked, settings) = (Json::parse(b"{}").unwrap(), Settings { answers, ..Settings::default() });
        let answer = Json::parse(answer.as_bytes()).unwrap();
        found(&Answered { asked: &asked, answer: &answer, settings: &settings })
            .into_iter()
            .map(|one| one.body)
            .collect()
    }

    #[test]
    fn rows_are_pushes_as_they_came() {
        let row = r#"{"action":"single_receipt","orderOutNo":"S1","n":1.10}"#;
        for data in [format!("[{row}]"), row.to_owned(), format!("[{row:?},null,\"\"]"), format!("{row:?}")] {
            assert_eq!(of(&format!(r#"{{"code":200,"data":{data}}}"#), None), [row], "{data}");
        }
    }

    #[test]
    fn configured_rows_are_named_where_they_name_nothing() {
        let answers = || Answers { rows: "/data/list".to_owned(), action: Some("single_receipt".to_owned()) };
        let answer = r#"{"code":200,"data":{"list":[{"billNo":"B1","n":1.10},{"action":"syn_status"}]}}"#;
        let named = [r#"{"action":"single_receipt","billNo":"B1","n":1.10}"#, r#"{"action":"syn_status"}"#];
        assert_eq!(of(answer, Some(answers())), named);
        assert_eq!(of(r#"{"code":200,"data":[7]}"#, Some(answers())), ["7"], "elsewhere than configured");
    }

    #[test]
    fn what_says_nothing_is_no_finding_and_all_else_is() {
        for (data, found) in [
            ("null", &[][..]),
            ("[]", &[]),
            ("\" \"", &[]),
            ("{}", &[]),
            ("7", &["7"]),
            ("\"later\"", &["\"later\""]),
            ("[[1],true]", &["[1]", "true"]),
            (r#"{"rows":1}"#, &[r#"{"rows":1}"#]),
        ] {
            assert_eq!(of(&format!(r#"{{"code":200,"data":{data}}}"#), None), found, "{data}");
        }
        let many = format!("[{}]", vec!["1"; MOST_ROWS + 1].join(","));
        assert_eq!(of(&format!(r#"{{"data":{many}}}"#), None), [many]);
    }
}
