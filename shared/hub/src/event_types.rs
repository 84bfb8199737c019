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

/// The types of the rows of the partners' lists of failed pushes, in full.
pub fn recovered() -> impl Iterator<Item = &'static str> {
    Partner::ALL.into_iter().filter_map(|partner| Some(partner.profile().calls.recovery?.event_type))
}

/// The types of the events that the hub itself makes: the ends of calls, and what watches tell.
pub fn own() -> impl Iterator<Item = &'static str> {
    crate::call::EVENT_TYPES.into_iter().chain(crate::watch::EVENT_TYPES)
}

/// The types of all events: of every partner's pushes and answers, of its failed pushes, and the hub's own.
pub fn all() -> impl Iterator<Item = &'static str> {
    Partner::ALL.into_iter().flat_map(of).chain(recovered()).chain(own())
}
