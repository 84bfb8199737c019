//! Pushes of 1datatech: rates carry a `batchNo` (3.3), port data a `dataType` or a result (inferred).

use crate::Json;
use crate::json::Kind;
use crate::operation::Settings;

/// The action a push has the shape of. Which `dataType` it is, the action knows.
pub(super) fn action(body: &Json<'_>, _: &Settings) -> Option<&'static str> {
    if body.get("batchNo").is_some() {
        return Some("rate_push");
    }
    let result = |result: &Json<'_>| result.get("subNo").is_some() || result.get("resultData").is_some();
    let typed = |envelope: &Json<'_>| envelope.field("dataType").is_some();
    let ports = envelopes(body).iter().any(typed) || results(body).any(result);
    ports.then_some("port_push")
}

/// The envelopes of a port push: the body, or the elements of an array, each an envelope or a result alone (inferred).
#[must_use]
pub fn envelopes<'a>(push: &'a Json<'_>) -> &'a [Json<'a>] {
    push.elements().unwrap_or(std::slice::from_ref(push))
}

/// The results of a port push: the `data` of an envelope is one, or an array of them.
pub fn results<'a>(push: &'a Json<'_>) -> impl Iterator<Item = &'a Json<'a>> {
    let alone = push.elements().is_some();
    let results = move |envelope: &'a Json<'a>| match envelope.get("data").map(|data| (data, data.kind())) {
        Some((data, Kind::Object(_))) => std::slice::from_ref(data),
        Some((_, Kind::Array(results))) => results,
        None if alone => std::slice::from_ref(envelope),
        None | Some((_, Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_))) => &[],
    };
    envelopes(push).iter().flat_map(results).filter(|result| result.is_object())
}
