//! The companies whose APIs the hub speaks.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A company whose API the hub speaks. Written in lower case in URLs, event types and the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partner {
    /// 信号旗 (CodeFlag AI), the customs-broker platform.
    Xhq,
    /// 云当, the customs tracking service.
    TrackingEyes,
    /// 壹沓 1datatech, the rate and port data vendor.
    OneData,
    /// 燕文, the clearance carrier. It is called; it pushes nothing that is documented.
    Yanwen,
}

impl Partner {
    /// Every partner, in the order of the documents.
    pub const ALL: [Self; 4] = [Self::Xhq, Self::TrackingEyes, Self::OneData, Self::Yanwen];

    /// The name in URLs, event types and the configuration.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Xhq => "xhq",
            Self::TrackingEyes => "trackingeyes",
            Self::OneData => "onedata",
            Self::Yanwen => "yanwen",
        }
    }

    /// The partner of that name, exactly as [`Partner::id`] writes it.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|partner| partner.id() == id)
    }

    /// The partner that another name than its [`Partner::id`] means: its Chinese or English name, its site's, or its id in
    /// another case. For suggestions alone; nothing is taken for a partner by it.
    #[must_use]
    pub fn meant_by(name: &str) -> Option<Self> {
        let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let name: String = plain(name);
        Self::ALL.into_iter().find(|partner| {
            let known = partner.names().iter().any(|known| name.contains(known));
            name == partner.id() || known
        })
    }

    /// What the partner is called elsewhere, as [`Partner::meant_by`] compares it.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Xhq => &["信号旗", "信號旗", "xinhaoqi", "codeflag", "signalflag", "baoguan001"],
            Self::TrackingEyes => &["云当", "雲當", "yundang", "trackingeyes", "trackingeye"],
            Self::OneData => &["壹沓", "一沓", "yida", "1data", "onedata"],
            Self::Yanwen => &["燕文", "yanwen", "yw56"],
        }
    }

    /// The time within which the partner must have our answer, as far as it says.
    ///
    /// 1datatech: 500 ms, then the push counts as failed (3.3 运价结果实时推送). XHQ and TrackingEyes print no limit;
    /// ten seconds is what common HTTP clients give.
    #[must_use]
    pub const fn deadline(self) -> Duration {
        match self {
            Self::OneData => Duration::from_millis(500),
            Self::Xhq | Self::TrackingEyes | Self::Yanwen => Duration::from_secs(10),
        }
    }

    /// The time the store may take before the partner is given its retryable negative: the deadline less what the
    /// network and the gateway need on the way out.
    #[must_use]
    pub const fn budget(self) -> Duration {
        match self {
            Self::OneData => Duration::from_millis(350),
            Self::Xhq | Self::TrackingEyes | Self::Yanwen => Duration::from_secs(5),
        }
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

    /// What the network and the gateway take of it is not the store's to spend.
    #[test]
    fn every_budget_leaves_a_tenth_of_a_second_to_the_deadline() {
        for partner in Partner::ALL {
            let left = partner.deadline().checked_sub(partner.budget());
            assert!(left >= Some(Duration::from_millis(100)), "{partner}: {left:?}");
        }
    }
}
