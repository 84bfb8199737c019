//! The role of an API key: each includes the rights of those before it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Rights of an API key. A greater one includes the lesser.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(description = "", inline))]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also replays and confirms deliveries, resolves, cancels and retries calls, and runs tests.
    Operator,
    /// Also calls partners.
    #[default]
    Erp,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Erp];

    /// The name that the configuration and the API have for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Erp => "erp",
        }
    }

    /// Whether a key of this role may do what needs that one.
    #[must_use]
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_includes_the_rights_of_lesser_ones() {
        for (at, role) in Role::ALL.into_iter().enumerate() {
            for (below, needed) in Role::ALL.into_iter().enumerate() {
                assert_eq!(role.may(needed), at >= below, "{role} {needed}");
            }
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
        }
    }

    #[test]
    fn key_without_a_role_has_every_right() {
        assert!(Role::ALL.into_iter().all(|needed| Role::default().may(needed)));
    }
}
