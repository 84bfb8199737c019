//! The event types that the webhooks make of the partners' pushes.
//!
//! A push whose action is not known is `<partner>.unknown`, one that is not what the documents describe
//! `<partner>.malformed`. The ends of calls are [`crate::call::EVENT_TYPES`].

use partners::Partner;

const XHQ: &[&str] = &[
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

const TRACKINGEYES: &[&str] = &["trackingeyes.customs_status", "trackingeyes.unknown", "trackingeyes.malformed"];

const ONEDATA: &[&str] = &["onedata.rates", "onedata.ports", "onedata.unknown", "onedata.malformed"];

/// The types of the events that a partner's pushes become, in full. None where the partner pushes nothing.
#[must_use]
pub const fn of(partner: Partner) -> &'static [&'static str] {
    match partner {
        Partner::Xhq => XHQ,
        Partner::TrackingEyes => TRACKINGEYES,
        Partner::OneData => ONEDATA,
        Partner::Yanwen => &[],
    }
}

/// The types of all events: of every partner's pushes, and of the ends of calls.
pub fn all() -> impl Iterator<Item = &'static str> {
    Partner::ALL.into_iter().flat_map(of).copied().chain(crate::call::EVENT_TYPES)
}
