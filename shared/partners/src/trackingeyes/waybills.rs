//! Waybills with their customs status, as they are pushed (报关状态推送接口) and downloaded (报关状态下载接口).

use std::borrow::Cow;

use crate::Json;
use crate::json::Kind;
use crate::pulled::{Answered, Finding, is_empty, members, object};

/// The type of the event that a waybill becomes.
pub(super) const CUSTOMS_STATUS: &str = "trackingeyes.customs_status";

/// Fields of a push that the download does not have, with the values of the push's example (报关状态推送接口): with these, what
/// both tell is the push itself.
const IN_PUSHES_ALONE: [(&str, &str); 2] = [("extendNo", "\"\""), ("endId", "\"0\"")];

/// The waybills of a download (`result`), as the array that would be pushed.
pub(super) fn found(answered: &Answered<'_>) -> Vec<Finding> {
    let result = answered.answer.get("result").filter(|result| !is_empty(result));
    result.map(|result| Finding::new(result.text())).into_iter().collect()
}

/// Facts of each waybill in both the push and the download. The `id` is an integer in the push's table and example and a text in the
/// download's; here it is a number.
pub(super) fn facts(payload: &Json<'_>) -> Vec<String> {
    let waybills = payload.elements().unwrap_or(std::slice::from_ref(payload)).iter();
    waybills.filter(|waybill| waybill.is_object()).map(fact).collect()
}

fn fact(waybill: &Json<'_>) -> String {
    let id = waybill.get("id").map(number).unwrap_or_default();
    let shared = members(waybill).into_iter().filter(|(name, _)| IN_PUSHES_ALONE.iter().all(|(own, _)| own != name));
    let shared = shared.map(|(name, text)| if name == "id" { (name, id.as_ref()) } else { (name, text) });
    object(shared.chain(IN_PUSHES_ALONE))
}

/// An id as a number, where it is a whole one.
fn number<'a>(id: &'a Json<'_>) -> Cow<'a, str> {
    match id.kind() {
        Kind::String(text) if is_whole(text.trim()) => text.trim().into(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Array(_) | Kind::Object(_) => {
            id.text().into()
        }
    }
}

/// Whether JSON prints a number like this.
fn is_whole(text: &str) -> bool {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        facts(&Json::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn push_and_download_tell_the_same() {
        let push = of(r#"[{"id":1906651379888427008,"extendNo":"ours","blNo":"B1","n":1.10,"endId":77}]"#);
        let download = of(r#"{"id":"1906651379888427008","blNo":"B1","n":1.10}"#);
        assert_eq!(push, download);
        assert_eq!(push, [r#"{"id":1906651379888427008,"blNo":"B1","n":1.10,"extendNo":"","endId":"0"}"#]);
        assert_ne!(download, of(r#"{"id":"1906651379888427008","blNo":"B2","n":1.10}"#));
    }

    #[test]
    fn an_odd_id_stays_as_it_is() {
        for id in ["null", "\"A1\"", "\"007\"", "\"\"", "[1]", "1e3"] {
            assert_eq!(of(&format!(r#"{{"id":{id}}}"#)), [format!(r#"{{"id":{id},"extendNo":"","endId":"0"}}"#)]);
        }
        assert_eq!(of("[7,null]"), Vec::<String>::new());
    }
}
