//! Pushes of TrackingEyes: waybills, told by their shape.

use crate::Json;
use crate::json::Kind;
use crate::operation::Settings;

/// The action a push has the shape of. What is neither object nor array is left to the action to refuse, and so is an array
/// with something else among the waybills.
pub(super) fn action(body: &Json<'_>, _: &Settings) -> Option<&'static str> {
    let waybill = |json: &Json<'_>| ["customsStatus", "blNo", "id"].iter().any(|name| json.get(name).is_some());
    let known = match body.kind() {
        Kind::Object(_) => waybill(body),
        Kind::Array(elements) => elements.iter().any(|element| !element.is_object() || waybill(element)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) => true,
    };
    known.then_some("customs_status")
}
