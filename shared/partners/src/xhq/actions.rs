//! Pushes of XHQ (chapter 二). It allows one URL only and tells its pushes apart by `action`.

use crate::Json;
use crate::json::Kind;
use crate::links::Linked;
use crate::operation::Settings;

pub(super) const TYPES: &[&str] = &[
    "xhq.syn_status",
    "xhq.send_data",
    "xhq.sendBgh_data",
    "xhq.single_data",
    "xhq.single_receipt",
    "xhq.msg_notice",
    "xhq.electronic_ledger",
    "xhq.fee_push",
    "xhq.ai_data",
    "xhq.bonded_list",
    "xhq.import_node",
    "xhq.import_partner",
    "xhq.unknown",
    "xhq.malformed",
];

/// 二.3 and 五.3 海关回执: `authorizationLetter` is in the newer text of 二.3 alone.
pub(super) const LINKS: &[Linked] = &[Linked {
    event_type: "xhq.single_receipt",
    within: "paramJson",
    fields: &["releaseNotice", "customsDeclaration", "authorizationLetter", "examinePdf"],
}];

/// 二.5 进口保税核注清单, 二.7 进口流程节点, 二.8 进口合作方.
pub(super) const IMPORTS: &[&str] = &["xhq.bonded_list", "xhq.import_node", "xhq.import_partner"];

/// The action a push names (附件2 回调接口类型), to the letter and the case, as in `sendBgh_data`: a misspelt name may be
/// the name of something new. The fee push (二.6) is known by configuration.
pub(super) fn action(body: &Json<'_>, settings: &Settings) -> Option<&'static str> {
    let name = match body.get("action")?.kind() {
        Kind::String(name) => name.as_ref(),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => return None,
    };
    match name {
        "syn_status" => Some("syn_status"),
        "send_data" | "sendBgh_data" | "single_data" => Some("send_data"),
        "single_receipt" => Some("single_receipt"),
        "msg_notice" => Some("msg_notice"),
        "electronic_ledger" => Some("electronic_ledger"),
        _ => settings.fee_actions.iter().any(|action| action == name).then_some("fee_push"),
    }
}
