//! The event types that the webhooks make of the partners' pushes.
//!
//! A push whose action is not known is `<partner>.unknown`, one that is not what the documents describe
//! `<partner>.malformed`. The ends of calls are [`crate::call::EVENT_TYPES`].

use partners::Partner;

/// The types of the events that a partner's pushes and answers become, in full. None where the partner pushes nothing.
pub fn of(partner: Partner) -> impl Iterator<Item = &'static str> {
    let profile = partner.profile();
    let pushed = profile.pushes.map_or(&[][..], |pushes| pushes.types);
    pushed.iter().chain(profile.calls.types).copied()
}

/// The types of all events: of every partner's pushes and answers, and of the ends of calls.
pub fn all() -> impl Iterator<Item = &'static str> {
    Partner::ALL.into_iter().flat_map(of).chain(crate::call::EVENT_TYPES)
}
