//! The entrance of a push, the same on both hosts: its path is read once, then method, action, connection and key are
//! checked, before its body is.

use std::fmt;
use std::net::IpAddr;
use std::slice;
use std::sync::LazyLock;

use http::Method;
use hub::action::Action;
use hub::{ConnectionId, Secret};
use partners::Partner;

use crate::refusal::{Refusal, Refused};
use config::{Config, Connection};

/// The first segment of the path of every push.
const ROOT: &str = "hooks";

/// The path of a push, `/hooks/<partner>/<connection>/<key>[/<suffix>]`, as its segments ([`hub::path::segments`]).
#[derive(Clone, Copy)]
pub struct PushPath<'p> {
    segments: &'p [String],
}

impl<'p> PushPath<'p> {
    /// The path of these segments, which may be none of a push.
    #[must_use]
    pub const fn of(segments: &'p [String]) -> Self {
        Self { segments }
    }

    /// Whether the path is one of pushes, whatever follows its first segment.
    #[must_use]
    pub fn is_push(&self) -> bool {
        self.segments.first().is_some_and(|root| root == ROOT)
    }

    /// The partner in whose envelope the answer is written, as far as the path names one.
    #[must_use]
    pub fn partner(&self, config: &Config) -> Option<Partner> {
        self.name().and_then(|id| config.partner(id))
    }

    /// The name that stands for a partner in the path.
    fn name(&self) -> Option<&'p str> {
        self.segments.get(1).filter(|_| self.is_push()).map(String::as_str)
    }

    /// The configured connection that the path names, whoever has sent the push.
    #[must_use]
    pub fn connection<'c>(&self, config: &'c Config) -> Option<&'c Connection> {
        let (connection, ..) = self.address()?;
        config.connections.get(&ConnectionId::from(connection))
    }

    /// The connection, the key and the suffix of the action, all as the path has them; nothing where a segment is missing
    /// or too many.
    fn address(&self) -> Option<(&'p str, &'p str, &'p str)> {
        match self.segments {
            [root, _, connection, key] if root == ROOT => Some((connection, key, "")),
            [root, _, connection, key, suffix] if root == ROOT => Some((connection, key, suffix)),
            _ => None,
        }
    }
}

impl fmt::Debug for PushPath<'_> {
    /// Without the segments: one of them is a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushPath").field("is_push", &self.is_push()).finish_non_exhaustive()
    }
}

/// A push whose path leads to an action and whose method is POST. Its sender is not known yet.
#[derive(Clone, Copy)]
pub struct Unverified<'p> {
    path: PushPath<'p>,
    connection: &'p str,
    key: &'p str,
    suffix: &'p str,
    action: Action,
    peer: Option<IpAddr>,
}

impl<'p> Unverified<'p> {
    /// Finds the action of a push among those that the host serves. What leads to none of them is refused in the name of
    /// the last one. The action of a partner that is not built in is that of configured ones.
    pub fn of(
        path: PushPath<'p>,
        config: &Config,
        method: &Method,
        peer: Option<IpAddr>,
        actions: &[Action],
    ) -> Result<Self, Refused> {
        let function = actions.last().map_or("", |action| action.name);
        let refused = |refusal| Refused { function, partner: path.partner(config), refusal, connection: None, peer };
        let (connection, key, suffix) = path.address().ok_or_else(|| refused(Refusal::Path))?;
        let is_built_in = path.name().and_then(Partner::from_id).is_some();
        let of_configured = || actions.iter().find(|action| !is_built_in && action.is_of_configured());
        let action = of_configured().or_else(|| actions.iter().find(|action| action.suffix == suffix));
        let action = action.ok_or_else(|| refused(Refusal::Action))?;
        if method != Method::POST {
            return Err(refused(Refusal::Method));
        }
        Ok(Self { path, connection, key, suffix, action: *action, peer })
    }

    /// Whether the push may be of a partner that another configuration describes.
    #[must_use]
    pub fn is_of_configured(&self) -> bool {
        self.action.is_of_configured()
    }

    /// Checks the sender: partner, connection, key and address. The comparison of keys takes as long for a wrong key, or
    /// for an unknown connection, as for a right key.
    pub fn verify<'c>(&self, config: &'c Config) -> Result<Verified<'c>, Refused> {
        let partner = self.path.partner(config);
        let connection = config.connections.get(&ConnectionId::from(self.connection));
        let keys = connection.map_or(slice::from_ref(&*NO_KEY), |connection| &connection.keys);
        let key = keys.iter().fold(false, |found, key| found | key.matches(self.key));
        let refusal = match (partner, connection) {
            (None, _) => Refusal::Partner,
            (_, None) => Refusal::Connection,
            (Some(partner), Some(connection)) => match self.action_of(partner) {
                _ if connection.partner != partner => Refusal::OtherPartner,
                None => Refusal::Action,
                Some(_) if !key => Refusal::Key,
                Some(_) if !self.is_listed(connection) => Refusal::Source,
                Some(action) => return Ok(Verified { connection, action }),
            },
        };
        // The path's own words are not logged: one of them may be a key in the wrong place.
        let connection = connection.map(|connection| connection.id.clone());
        Err(Refused { function: self.action.name, partner, refusal, connection, peer: self.peer })
    }

    /// The action, as that partner has it; nothing where it has none of this suffix.
    fn action_of(&self, partner: Partner) -> Option<Action> {
        if self.action.is_of_configured() {
            let suffix = partner.push_table()?.suffix(self.suffix)?;
            return Some(Action { suffix, ..self.action });
        }
        self.action.partners.contains(&partner).then_some(self.action)
    }

    /// Whether the connection takes pushes from the peer's address.
    fn is_listed(&self, connection: &Connection) -> bool {
        let peer = self.peer.map(|peer| peer.to_canonical());
        connection.allow_ips.is_empty()
            || peer.is_some_and(|peer| connection.allow_ips.iter().any(|net| net.contains(&peer)))
    }
}

/// A key that no connection has: the key of a push at an unknown connection is compared with it, so that the time of the
/// answer does not reveal which connections exist.
static NO_KEY: LazyLock<Secret> = LazyLock::new(|| Secret::new("-".repeat(32)));

/// The connection whose key a push has, and the action that reads it. Made by [`Unverified::verify`] alone.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) action: Action,
}

impl Verified<'_> {
    /// The webhook function.
    #[must_use]
    pub const fn function(&self) -> &'static str {
        self.action.name
    }

    /// The partner whose account the connection is.
    #[must_use]
    pub const fn partner(&self) -> Partner {
        self.connection.partner
    }
}

#[cfg(test)]
mod tests {
    use hub::path::segments;

    use super::*;

    fn read(path: &str) -> Option<(String, String, String)> {
        let segments = segments(path);
        let (connection, key, suffix) = PushPath::of(&segments).address()?;
        Some((connection.to_owned(), key.to_owned(), suffix.to_owned()))
    }

    #[test]
    fn one_address_is_read_in_every_spelling() {
        let own = |suffix: &str| Some(("xhq-sh".to_owned(), "k_1".to_owned(), suffix.to_owned()));
        for (path, suffix) in [
            ("/hooks/xhq/xhq-sh/k_1", ""),
            ("/hooks/xhq/xhq-sh/k_1/", ""),
            ("//hooks/xhq//xhq-sh/k_1/syn_status//", "syn_status"),
            ("/prod/hooks/xhq/xhq-sh/k_1/send_data", "send_data"),
            ("/hooks/%78hq/xhq%2dsh/k%5F1/send%5Fdata", "send_data"),
        ] {
            assert_eq!(read(path), own(suffix), "{path}");
            assert_eq!(PushPath::of(&segments(path)).name(), Some("xhq"), "{path}");
        }
    }

    #[test]
    fn invalid_address_is_none() {
        for path in [
            "",
            "/",
            "/hooks",
            "/hooks/xhq/xhq-sh",
            "/hooks/xhq/xhq-sh//",
            "/hook/xhq/xhq-sh/k",
            "/hooks/xhq/xhq-sh/k/a/b",
            "/hooks%2Fxhq/xhq-sh/k/a",
            "/hooks/xhq/../xhq/xhq-sh/k",
        ] {
            assert_eq!(read(path), None, "{path}");
        }
        assert_eq!(PushPath::of(&segments("/hook/xhq/xhq-sh/k")).name(), None);
        // An encoded slash is part of the key, which has none.
        assert_eq!(read("/hooks/xhq/xhq-sh%2Fk/a").map(|(connection, ..)| connection).unwrap(), "xhq-sh/k");
    }

    #[test]
    fn the_key_is_not_printed() {
        assert!(!format!("{:?}", PushPath::of(&segments("/hooks/xhq/c/hunter2"))).contains("hunter2"));
    }
}
