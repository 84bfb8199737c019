//! Answers about keys, their actions and the configuration.

use hub::audit::EntryView;
use hub::time::Rfc3339;
use hub::{ConnectionId, Role};
use serde::Serialize;
use serde_json::Value;

use super::Next;
use crate::answer::Printed;

/// The rights of the key that asks.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Me<'a> {
    /// The key's id in the configuration; `invocation` for a direct invocation.
    pub id: &'a str,
    /// The key's role.
    pub role: Role,
    /// The ids of the configured connections that the key may see.
    pub connections: Vec<&'a ConnectionId>,
}

/// A page of the audit trail.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct Audit {
    /// The entries, latest first: those that touched a connection that the key may see, and the key's own.
    pub entries: Vec<Printed<EntryView>>,
    /// The cursor of the next page. A page may be shorter than `limit`, and even empty, and not be the last.
    pub next: Next,
}

/// The configuration that the hub runs with, without its secrets, as far as the key may see it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct FoundConfiguration {
    /// A digest of `file` as the hub has it, with everything that the key may not see.
    pub version: String,
    /// The time at which this version was first used; absent until the hub has noted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Rfc3339>,
    /// The document as JSON. Secrets, and the paths of URLs, are `[REDACTED]`; keys that are left out have their defaults.
    pub file: Value,
    /// The warnings of `tongguan check-config`; none for a key that is limited to some connections.
    pub warnings: Vec<String>,
    /// The latest changes, the latest first, 20 at the most.
    pub changes: Vec<ConfigurationChange>,
}

/// A change of the configuration.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, description = ""))]
pub struct ConfigurationChange {
    /// The time at which the hub noticed it.
    pub at: Rfc3339,
    /// The names of the keys that changed, such as `connections.xhq-sh.keys`; a changed secret is named without its value.
    pub keys: Vec<String>,
}
