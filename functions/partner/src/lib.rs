//! Pushes of the partners that the configuration describes (`[[partners]]`), whichever they are.
//!
//! Their tables say how a push is told, read and answered ([`hub::configured`]). One function serves them all, at
//! `/hooks/<partner>/<connection>/<key>/<suffix>` with the suffixes of their actions, and `push` for all of a partner's actions.

use hub::action::{Action, Push, Reading, unknown};
use hub::configured;

/// The webhook of configured partners. A push has its suffix in place of this one's.
pub const ACTION: Action = Action {
    name: "partner",
    partners: &[],
    suffix: "{action}",
    about: "pushes of the partners that the configuration describes",
    subjects: &[],
    examples: &[],
    read,
};

/// Reads a push by what it says. One at an action's own URL is read before it comes here ([`hub::admission::read`]).
fn read(push: &Push<'_>) -> Reading {
    match push.partner.push_table() {
        Some(table) => configured::read(table, push.partner, "", push.body),
        None => unknown(push),
    }
}
