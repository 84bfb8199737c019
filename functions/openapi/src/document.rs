//! The whole document, put together from the parts in the other modules.

mod audit;
mod calls;
mod components;
mod deliveries;
mod derived;
mod files;
mod lists;
mod operations;
mod parts;
mod pull;
mod shipments;
mod stats;
mod uploads;

use partners::Partner;
use serde_json::{Value, json};

use self::derived::Schemas;

/// The document: every path of the ERP's API, one for each operation of the table, and the events that it receives.
#[must_use]
pub fn document() -> Value {
    let mut derived = Schemas::new();
    let own = [
        &deliveries::paths(&mut derived)[..],
        &shipments::paths(&mut derived),
        &files::paths(&mut derived),
        &calls::paths(&mut derived),
        &uploads::paths(&mut derived),
        &stats::paths(&mut derived),
        &pull::paths(&mut derived),
        &audit::paths(&mut derived),
    ]
    .concat();
    let paths = own.into_iter().chain(operations::paths());
    let components = parts::within(components::components(derived), "schemas", operations::schemas());
    json!({
        "openapi": "3.1.0",
        "info": {
            // Generators make names of packages of it.
            "title": "Tongguan",
            "summary": "Tongguan 通关: the customs and freight hub, as the ERP uses it.",
            "description": ABOUT,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        // Relative to this document, under any stage or base path.
        "servers": [{"url": "."}],
        "security": [{"key": []}],
        "tags": tags(),
        "paths": paths.collect::<serde_json::Map<_, _>>(),
        "webhooks": {"event": deliveries::webhook()},
        "components": components,
    })
}

const ABOUT: &str = "\
Send `Authorization: Bearer <key>` with one of the configuration's `api_keys`. Items that a key may not see are answered as \
absent. A key's role says what it may do: a `viewer` reads; an `operator` also replays, confirms, resolves, cancels and \
retries; an `erp`, the default, also calls partners. Errors are RFC 9457 problems whose `type` is stable; with \
`Accept-Language: zh` their `title`, `detail` and remedies are in Chinese.

A subject or alias is `<kind>:<value>`, such as `order:SO-1` or `bl:COSU6123456780`; in a path it is percent-encoded \
where it has characters that need it. Times are UTC.

A partner's operation is called at `POST /calls/{connection}/{operation}`, with the fields of the partner's document. \
Other fields pass through unchanged, and so do fields that are missing from the document; those that a connection's \
configuration names in `required` must be given. A number may be given as a string and a string as a number; any other \
violation of the schema is a 400 that names each field. Query parameters that a path does not list are a 400. The hub adds \
the connection's credentials, tokens and signatures.";

fn tags() -> Value {
    let mut tags = vec![
        json!({"name": "deliveries", "description": "The hub's deliveries to the ERP: list them, confirm and replay failed ones."}),
        json!({"name": "events", "description": "Events that the partners pushed, by time, number or subject."}),
        json!({"name": "shipments", "description": "Everything that belongs to one business key, over all connections."}),
        json!({"name": "files", "description": "Files that events and answers name by links."}),
        json!({"name": "calls", "description": "Calls to partners and their results."}),
        json!({"name": "state", "description": "The state of connections and endpoints, statistics, and tests."}),
        json!({"name": "audit", "description": "API keys: their rights, what they have changed, and the configuration."}),
        json!({"name": "pull", "description": "Endpoints at which the ERP asks for its events itself."}),
        json!({"name": "receiver", "description": "The request that an endpoint of the ERP receives."}),
        json!({"name": "openapi", "description": "This document."}),
    ];
    let partner = |partner: Partner| json!({"name": partner.id(), "description": partner.profile().about});
    tags.extend(Partner::ALL.map(partner));
    tags.into()
}
