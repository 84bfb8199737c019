//! 1datatech 壹沓, the rate and port data vendor.

mod actions;
mod answers;
mod envelope;
mod following;
mod operations;
mod ports;
mod rates;

use std::time::Duration;

pub use actions::{envelopes, results};
pub use ports::{Item, PORTS, State, bill, containers, declarations, is_released, items, keys, subscription};

use crate::Profile;
use crate::profile::{Calls, Envelope, Pushes, Setting, Telling, Tokens};
use crate::pulled::Common;
use crate::recipe;

pub(crate) const PROFILE: Profile = Profile {
    id: "onedata",
    names: &["壹沓", "一沓", "yida", "1data", "onedata"],
    about: "Operations of 1datatech 壹沓.",
    // Then the push counts as failed (3.3 运价结果实时推送).
    deadline: Duration::from_millis(500),
    budget: Duration::from_millis(350),
    pushes: Some(Pushes {
        envelope: Envelope::Code(envelope::answer),
        action: Telling::Code(actions::action),
        types: &[rates::RATES, PORTS, "onedata.unknown", "onedata.malformed"],
        imports: &[],
        subjects: &["port", "bl", "container", "entry", "batch"],
        keys: &[("batch", "batchNo")],
        // Within 500 ms there is no time to look for an answer that came first.
        links: &[],
        common: &[
            Common { event_type: rates::RATES, facts: rates::facts, push_looks: false },
            Common { event_type: PORTS, facts: ports::facts, push_looks: false },
        ],
    }),
    calls: Calls {
        production: Some("https://openapi.1datatech.net"),
        any_credential: true,
        operations: &[operations::OPERATIONS],
        seal: Some(recipe::seal),
        tokens: Some(Tokens {
            needed: |settings| settings.token.is_some(),
            request: recipe::token_request,
            read: recipe::token,
            expired: recipe::is_expired,
        }),
        judge: answers::judge,
        keys: Some(ports::subscriptions),
        types: &[rates::RATES_COMPLETE],
        following: &[following::PORTS, following::RATES],
        ..Calls::PLAIN
    },
    settings: &[Setting::Recipes],
};
