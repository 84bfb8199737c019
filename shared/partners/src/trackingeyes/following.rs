//! How a waybill is followed: its customs status is downloaded.

use serde_json::json;

use crate::Json;
use crate::profile::{Following, Question};

/// Largest number of waybills in one download; what its sibling interfaces take (inferred).
const MOST: usize = 30;

/// A waybill ends by its `endStatus`, which has a value then (its values are those of a sibling push, inferred).
pub(super) const WAYBILLS: Following = Following {
    ask: "customs_status_download",
    key: "waybill",
    spellings: |id| vec![id.to_owned()],
    body: Question::Code(|ids, _| {
        let ids = ids.get(..MOST.min(ids.len())).filter(|ids| !ids.is_empty())?;
        Some(json!({"billId": ids.join(",")}).to_string())
    }),
    news: "trackingeyes.customs_status",
    is_last,
    complete: "",
    until: &[],
};

fn is_last(payload: &Json<'_>) -> bool {
    let waybills = payload.elements().unwrap_or(std::slice::from_ref(payload));
    !waybills.is_empty() && waybills.iter().all(|waybill| waybill.field("endStatus").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waybill_ends_with_its_end_status() {
        for (payload, last) in [
            (r#"[{"endStatus":"E"}]"#, true),
            (r#"{"endStatus":"EF"}"#, true),
            (r#"[{"endStatus":""}]"#, false),
            (r#"[{"endStatus":null},{"endStatus":"E"}]"#, false),
            (r#"[{"endId":"0"}]"#, false),
            ("[]", false),
        ] {
            assert_eq!(is_last(&Json::parse(payload.as_bytes()).unwrap()), last, "{payload}");
        }
    }

    #[test]
    fn waybills_are_asked_for_in_one_list() {
        assert_eq!(WAYBILLS.body.of(&["1", "2"], 0).as_deref(), Some(r#"{"billId":"1,2"}"#));
        assert_eq!(WAYBILLS.body.of(&[], 0), None);
    }
}
