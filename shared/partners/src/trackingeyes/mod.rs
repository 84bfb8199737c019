//! TrackingEyes 云当, the customs tracking service.

mod actions;
mod answers;
mod envelope;
mod following;
mod operations;
mod waybills;

use std::time::Duration;

use crate::Profile;
use crate::profile::{Calls, Envelope, Pushes, Telling, Tokens};
use crate::pulled::Common;

pub(crate) const PROFILE: Profile = Profile {
    id: "trackingeyes",
    names: &["云当", "雲當", "yundang", "trackingeyes", "trackingeye"],
    about: "Operations of TrackingEyes 云当.",
    // No limit is printed; ten seconds is what common HTTP clients give.
    deadline: Duration::from_secs(10),
    budget: Duration::from_secs(5),
    pushes: Some(Pushes {
        envelope: Envelope::Code(envelope::answer),
        action: Telling::Code(actions::action),
        types: &[waybills::CUSTOMS_STATUS, "trackingeyes.unknown", "trackingeyes.malformed"],
        imports: &[],
        subjects: &["bl", "entry", "waybill"],
        keys: &[("bl", "blNo")],
        links: &[],
        common: &[Common { event_type: waybills::CUSTOMS_STATUS, facts: waybills::facts, push_looks: true }],
    }),
    calls: Calls {
        production: Some("https://api.trackingeyes.com"),
        credentials: &["company_code", "secret"],
        operations: &[operations::OPERATIONS],
        tokens: Some(Tokens {
            needed: |_| true,
            request: answers::token_request,
            read: answers::token,
            // The vendor's subscriptions say so.
            expired: |_, code| code == "401",
        }),
        judge: answers::judge,
        following: &[following::WAYBILLS],
        ..Calls::PLAIN
    },
    settings: &[],
};
