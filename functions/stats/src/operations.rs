//! The operations that can be called through a connection. `/openapi.json` tells it of the built-in partners alone, to everybody; this tells it of
//! every partner, to whom the connection is known.

use api::contract::Original;
use api::contract::stats::{ListedOperation, OperationEffect, Operations};
use api::{Problem, Routed};
use bytes::Bytes;
use config::{Connection, Context};
use http::{Response, StatusCode};
use partners::operation::{self, Effect, FilePlace, Operation, document};
use serde_json::{Value, json};

use crate::urls::named;

pub(crate) fn answer<S, Q>(context: &Context<S, Q>, asked: &Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let connection = named(&context.config, asked)?;
    let operations = operation::of(connection.partner).map(|row| listed(connection, row)).collect();
    let (id, partner) = (connection.id.clone(), connection.partner.id());
    api::json(StatusCode::OK, &Operations { connection: id, partner, operations })
}

fn listed(connection: &Connection, row: &'static Operation<'static>) -> ListedOperation {
    let effect = match row.effect {
        Effect::Query => OperationEffect::Query,
        Effect::Command { .. } => OperationEffect::Command,
    };
    ListedOperation {
        name: row.name,
        effect,
        repeatable: row.effect.repeatable(),
        source: row.source,
        description: document::description(row),
        deprecated: row.deprecated.is_some(),
        requires: connection.settings.required.get(row.name).cloned().unwrap_or_default(),
        body: document::body(row, enclosure),
        example: Original::of(row.example),
    }
}

/// The schema of a file that comes with a call, which is in the document for everybody.
fn enclosure(place: FilePlace) -> Value {
    let name = if place == FilePlace::Base64 { "EnclosureOrBase64" } else { "Enclosure" };
    json!({"$ref": format!("/openapi.json#/components/schemas/{name}")})
}
