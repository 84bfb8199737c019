//! Pushes of the partners that the configuration describes (`[[partners]]`), whichever they are.
//!
//! Their tables say how a push is told, read and answered ([`hub::configured`]). One function serves them all, at
//! `/hooks/<partner>/<connection>/<key>/<suffix>` with the suffixes of their actions, and `push` for all of a partner's actions.

use hub::action::Action;

/// The webhook of configured partners. A push has its own suffix in place of this one's.
pub const ACTION: Action = hub::configured::action("{action}");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_is_that_of_no_built_in_partner() {
        assert!(ACTION.is_of_configured() && ACTION.examples.is_empty());
    }
}
