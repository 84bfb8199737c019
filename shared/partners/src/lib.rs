//! The partners: one folder for each, which ends in one [`Profile`], and what all of them share.
//!
//! [`json`] reads their JSON, [`answer`] is the vocabulary of our answers, [`operation`] the steps of a call to one of them.
//! A folder holds every fact about its partner, and neither a step of a call nor a decision of the hub.
//!
//! Everything here is pure. Nothing in this crate performs I/O, reads a clock or an environment, or decides what the
//! hub does with a push; that is the `hub` crate's business.

pub mod answer;
pub mod configured;
mod hex;
pub mod json;
pub mod links;
pub mod onedata;
pub mod operation;
pub mod profile;
pub mod pulled;
pub mod recipe;
pub mod sentence;
pub mod title;
mod trackingeyes;
mod xhq;
mod yanwen;

pub use answer::{Answer, Verdict};
pub use hex::Hex;
pub use json::Json;
pub use profile::Profile;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde::{Serialize, Serializer};

use configured::Configured;

/// A company whose API the hub speaks: a built-in one, or one of the configuration. Written in lower case in URLs, event types and the
/// configuration. Two of one id are equal.
#[derive(Clone, Copy)]
pub enum Partner {
    /// 信号旗 (CodeFlag AI), the customs-broker platform.
    Xhq,
    /// 云当, the customs tracking service.
    TrackingEyes,
    /// 壹沓 1datatech, the rate and port data vendor.
    OneData,
    /// 燕文, the clearance carrier. It is called; it pushes nothing that is documented.
    Yanwen,
    /// One that a configuration describes.
    Configured(Configured),
}

impl Partner {
    /// Every built-in partner, in the order of the documents.
    pub const ALL: [Self; 4] = [Self::Xhq, Self::TrackingEyes, Self::OneData, Self::Yanwen];

    /// Everything that is known of it. This is the one place that tells partners apart: what differs is a field there.
    #[must_use]
    pub const fn profile(self) -> &'static Profile {
        match self {
            Self::Xhq => &xhq::PROFILE,
            Self::TrackingEyes => &trackingeyes::PROFILE,
            Self::OneData => &onedata::PROFILE,
            Self::Yanwen => &yanwen::PROFILE,
            Self::Configured(own) => own.profile(),
        }
    }

    /// The name in URLs, event types and the configuration.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.profile().id
    }

    /// The built-in partner of that name, exactly as [`Partner::id`] writes it.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partner| partner.id() == id)
    }

    /// Whether the configuration describes it.
    #[must_use]
    pub const fn is_configured(self) -> bool {
        matches!(self, Self::Configured(_))
    }

    /// The built-in partner that another name than its [`Partner::id`] means: its Chinese or English name, its site's, or its id in
    /// another case. For suggestions alone; nothing is taken for a partner by it.
    #[must_use]
    pub fn meant_by(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partner| partner.is_called(name))
    }

    /// Whether a name may mean this partner, as [`Partner::meant_by`] compares them.
    #[must_use]
    pub fn is_called(self, name: &str) -> bool {
        let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let name: String = plain(name);
        let known = |known: &&str| {
            let known: String = plain(known);
            !known.is_empty() && name.contains(&known)
        };
        name == self.id() || self.profile().names.iter().any(known)
    }

    /// The time within which the partner must have our answer: [`Profile::deadline`].
    #[must_use]
    pub const fn deadline(self) -> Duration {
        self.profile().deadline
    }

    /// The time the store may take: [`Profile::budget`].
    #[must_use]
    pub const fn budget(self) -> Duration {
        self.profile().budget
    }
}

impl PartialEq for Partner {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Partner {}

impl PartialOrd for Partner {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Partner {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id().cmp(other.id())
    }
}

impl Hash for Partner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl Serialize for Partner {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.id())
    }
}

impl fmt::Debug for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl fmt::Display for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_of_a_partner_mean_it() {
        for (name, partner) in [
            ("信号旗", Partner::Xhq),
            ("XHQ", Partner::Xhq),
            ("上海信号旗报关", Partner::Xhq),
            ("CodeFlag AI", Partner::Xhq),
            ("云当网", Partner::TrackingEyes),
            ("Tracking-Eyes", Partner::TrackingEyes),
            ("壹沓科技", Partner::OneData),
            ("1datatech", Partner::OneData),
            ("One_Data", Partner::OneData),
            ("燕文物流", Partner::Yanwen),
            ("YANWEN Express", Partner::Yanwen),
        ] {
            assert_eq!(Partner::meant_by(name), Some(partner), "{name}");
        }
        for name in ["", "acme", "菜鸟", "xh"] {
            assert_eq!(Partner::meant_by(name), None, "{name}");
        }
    }

    /// The network and the gateway need a part of the deadline.
    #[test]
    fn every_budget_leaves_a_tenth_of_a_second_to_the_deadline() {
        for partner in Partner::ALL {
            let left = partner.deadline().checked_sub(partner.budget());
            assert!(left >= Some(Duration::from_millis(100)), "{partner}: {left:?}");
        }
    }
}
