//! Alerts: messages to the operators about what needs them.
//!
//! One look at the store makes [`Facts`]; the [`State`] that is kept between looks tells the news among them ([`Finding`]). News
//! is grouped for each alert until its message may go out, so that a storm is one message with counts. A message that could not
//! be sent is sent with the next one. Texts and formats of messages are not decided here.

mod facts;
mod group;
mod news;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::routes::Pattern;
use crate::{ConnectionId, Utc};

pub use facts::{Circuit, Count, Facts, Failures, Item, Ledger};
pub use group::{Group, Groups};
pub use state::{Due, NOTE, State};

/// The cause of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A circuit of an endpoint or of a partner's address has opened.
    CircuitOpened,
    /// All circuits of such a destination have closed again.
    CircuitClosed,
    /// Deliveries were given up.
    DeliveryFailed,
    /// Calls of which the result is unknown.
    CallAmbiguous,
    /// Pushes that were answered after the partner's deadline.
    PushLate,
    /// Pushes that could not be kept: the partner was told to repeat them.
    PushNotKept,
    /// Shipments without news for longer than their watch allows.
    Silence,
    /// Files that events name were given up.
    FileLost,
    /// The ledger of a connection does not balance.
    LedgerUnbalanced,
    /// The disk with the hub's data has little space left.
    DiskNearlyFull,
}

impl Cause {
    /// All of them, in the order of messages.
    pub const ALL: [Self; 10] = [
        Self::CircuitOpened,
        Self::CircuitClosed,
        Self::DeliveryFailed,
        Self::CallAmbiguous,
        Self::PushLate,
        Self::PushNotKept,
        Self::Silence,
        Self::FileLost,
        Self::LedgerUnbalanced,
        Self::DiskNearlyFull,
    ];

    /// Its name in the configuration and in messages to a webhook.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CircuitOpened => "circuit_opened",
            Self::CircuitClosed => "circuit_closed",
            Self::DeliveryFailed => "delivery_failed",
            Self::CallAmbiguous => "call_ambiguous",
            Self::PushLate => "push_late",
            Self::PushNotKept => "push_not_kept",
            Self::Silence => "silence",
            Self::FileLost => "file_lost",
            Self::LedgerUnbalanced => "ledger_unbalanced",
            Self::DiskNearlyFull => "disk_nearly_full",
        }
    }

    /// The cause of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }
}

/// The kind of a receiver of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A robot of a WeCom (企业微信) group.
    Wecom,
    /// A custom robot of a DingTalk (钉钉) group.
    Dingtalk,
    /// A custom bot of a Feishu (飞书) group.
    Feishu,
    /// A URL that takes JSON, signed like deliveries.
    Webhook,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wecom, Self::Dingtalk, Self::Feishu, Self::Webhook];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::Webhook => "webhook",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The host of such robots in their vendor's documents.
    #[must_use]
    pub const fn host(self) -> Option<&'static str> {
        match self {
            Self::Wecom => Some("qyapi.weixin.qq.com"),
            Self::Dingtalk => Some("oapi.dingtalk.com"),
            Self::Feishu => Some("open.feishu.cn"),
            Self::Webhook => None,
        }
    }
}

/// The language of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Chinese.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its cause.
    pub cause: Cause,
    /// The endpoint, partner's address or connection where it happened.
    pub place: String,
    /// The connections that it concerns.
    pub connections: Vec<ConnectionId>,
    /// The shipment, order or kind of request that it is about, where there is one.
    pub about: Option<String>,
    /// Number of times that it happened; of a ledger, its difference.
    pub count: u64,
    /// Time at which it happened.
    pub at: Utc,
}

/// The choice of one alert among the findings, and the least pause between its messages.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Id of the alert.
    pub id: String,
    /// The causes that it tells of.
    pub causes: Vec<Cause>,
    /// The connections that it tells of.
    pub connections: Vec<Pattern>,
    /// Least time between two messages.
    pub every: Duration,
}

impl Rule {
    /// Whether the alert tells of a cause.
    #[must_use]
    pub fn tells(&self, cause: Cause) -> bool {
        self.causes.contains(&cause)
    }

    /// Whether the alert tells of a finding.
    #[must_use]
    pub fn wants(&self, finding: &Finding) -> bool {
        let own = |id: &ConnectionId| self.connections.iter().any(|pattern| pattern.matches(id.as_str()));
        self.tells(finding.cause) && finding.connections.iter().any(own)
    }
}
