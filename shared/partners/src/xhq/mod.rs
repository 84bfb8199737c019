//! XHQ 信号旗 (CodeFlag AI), the customs-broker platform: "docking", v185.

mod actions;
mod answers;
mod envelope;
mod following;
mod operations;
mod rows;

use std::time::Duration;

use crate::Profile;
use crate::profile::{Calls, Envelope, Pushes, Recovery, Setting, Telling};

pub(crate) const PROFILE: Profile = Profile {
    id: "xhq",
    names: &["信号旗", "信號旗", "xinhaoqi", "codeflag", "signalflag", "baoguan001"],
    about: "Operations of XHQ 信号旗.",
    // No limit is printed; ten seconds is what common HTTP clients give.
    deadline: Duration::from_secs(10),
    budget: Duration::from_secs(5),
    pushes: Some(Pushes {
        envelope: Envelope::Code(envelope::answer),
        action: Telling::Code(actions::action),
        types: actions::TYPES,
        imports: actions::IMPORTS,
        subjects: &["order", "bl", "entry", "ciq", "serial"],
        keys: &[("order", "orderOutNo"), ("bl", "billNo"), ("entry", "entryId"), ("serial", "orderNo")],
        common: &[],
        links: actions::LINKS,
    }),
    calls: Calls {
        production: Some("http://api.platform.codeflagai.com/api/docking/"),
        test: Some("http://api.t.baoguan001.com/api/docking/"),
        credentials: &["app_id", "bgh_id"],
        operations: &[operations::INPUT, operations::FETCH, operations::BROKER],
        judge: answers::judge,
        learned: Some(answers::serial),
        // What a row of the list holds is lost: it is an event of its own type, kept as it is.
        recovery: Some(Recovery {
            query: "failedPushQuery",
            confirm: "failedPushConfirm",
            serials: "orderNos",
            cutoff: "cutoffTime",
            event_type: "xhq.failed_push",
        }),
        following: &[following::ORDERS],
        ..Calls::PLAIN
    },
    settings: &[Setting::Encodings, Setting::FeeActions, Setting::Answers],
};
