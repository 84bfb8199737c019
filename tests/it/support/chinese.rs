//! Each problem that a test meets has Chinese texts too.

use api::chinese::chinese;
use serde_json::Value;

/// Details of that many characters may have been cut.
const CUT: usize = 900;

/// Checks an answer, where it is a problem.
pub(crate) fn has_chinese_texts(body: &[u8]) {
    if !body.starts_with(br#"{"type":"urn:tongguan:problem:"#) {
        return;
    }
    let Ok(problem) = serde_json::from_slice::<Value>(body) else { return };
    if problem["title"].as_str().is_some_and(|title| !title.is_ascii()) {
        return;
    }
    let remedies = problem["errors"].as_array().into_iter().flatten().map(|error| &error["remedy"]);
    for text in std::iter::once(&problem["detail"]).chain(remedies).filter_map(Value::as_str) {
        assert!(text.len() > CUT || chinese(text).is_some(), "no Chinese in shared/api/src/chinese/texts.rs: {text}");
    }
}
