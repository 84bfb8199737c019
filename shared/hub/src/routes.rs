//! Routes: the endpoints that receive an event.

use partners::Partner;

use crate::{ConnectionId, EndpointId, EventType};

/// A name, a prefix that ends in `*`, or `*` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern as the configuration writes it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The pattern as the configuration writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name is of this pattern.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.strip_suffix('*').map_or(self.0 == name, |prefix| name.starts_with(prefix))
    }
}

/// Every type that partners push, the built-in ones and those configured, and none of the hub's own.
pub fn pushed(configured: &[Partner]) -> impl Iterator<Item = Pattern> {
    let partners = Partner::ALL.into_iter().chain(configured.iter().copied());
    let pushes = partners.filter_map(|partner| partner.profile().pushes);
    pushes.flat_map(|pushes| pushes.types).map(|kind| Pattern((*kind).to_owned()))
}

/// Connections and event types that an endpoint receives.
#[derive(Clone, Debug)]
pub struct Route {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Connections whose events it wants.
    pub connections: Vec<Pattern>,
    /// Of which types.
    pub types: Vec<Pattern>,
    /// Consumers lease its deliveries (`pull = true`); nothing is sent to it.
    pub pull: bool,
}

impl Route {
    /// Whether the endpoint wants events of that type from that connection.
    #[must_use]
    pub fn wants(&self, connection: &ConnectionId, kind: &EventType) -> bool {
        self.connections.iter().any(|pattern| pattern.matches(connection.as_str()))
            && self.types.iter().any(|pattern| pattern.matches(kind.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_names_prefixes_or_everything() {
        let matches = |pattern: &str, name| Pattern::new(pattern.to_owned()).matches(name);
        assert!(matches("*", "xhq.syn_status") && matches("xhq.*", "xhq.syn_status"));
        assert!(matches("xhq.syn_status", "xhq.syn_status") && !matches("xhq.syn", "xhq.syn_status"));
        assert!(!matches("onedata.*", "xhq.syn_status"));
    }
}
