//! Answers about keys, their actions and the configuration.

use hub::{ConnectionId, Role};
use serde::Serialize;

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
