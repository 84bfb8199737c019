//! The operations that can be called through each connection, by the configuration of this machine or by a hub that is asked. A hub
//! of an earlier version tells no operations: those of the built-in partners are known here.

use config::Connection;
use hub::ConnectionId;
use partners::Partner;
use partners::operation::{self, Effect, Operation};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::place::Place;
use crate::source::{Asked, Source};

/// A connection that can be called.
pub(crate) struct Callable {
    pub(crate) id: String,
    pub(crate) partner: String,
    pub(crate) operations: Vec<Offered>,
}

/// An operation.
pub(crate) struct Offered {
    pub(crate) name: String,
    pub(crate) effect: Effect,
    /// The partner's document and section.
    pub(crate) source: String,
    pub(crate) is_deprecated: bool,
    /// Fields that the configuration of the connection requires.
    pub(crate) requires: Vec<String>,
    /// A body, as JSON.
    pub(crate) example: String,
}

impl From<&Operation<'_>> for Offered {
    fn from(row: &Operation<'_>) -> Self {
        Self {
            name: row.name.to_owned(),
            effect: row.effect,
            source: row.source.to_owned(),
            is_deprecated: row.deprecated.is_some(),
            requires: Vec::new(),
            example: row.example.to_owned(),
        }
    }
}

/// The operations of a partner, by its table.
pub(crate) fn of(partner: Partner) -> Vec<Offered> {
    operation::of(partner).map(Offered::from).collect()
}

impl Callable {
    /// The operation of that name; also one without a row, where the partner takes any name.
    pub(crate) fn operation(self, name: &str) -> Option<Offered> {
        let any = || operation::find(Partner::from_id(&self.partner)?, name).map(|row| Offered::from(&row));
        let any = any();
        self.operations.into_iter().find(|row| row.name == name).or(any)
    }

    fn of(connection: Connection) -> Self {
        let Connection { id, partner, mut settings, .. } = connection;
        let required =
            |row: Offered| Offered { requires: settings.required.remove(&row.name).unwrap_or_default(), ..row };
        let operations = of(partner).into_iter().map(required).collect();
        Self { id: id.to_string(), partner: partner.id().to_owned(), operations }
    }
}

/// The connections of the hub, or of the configuration of this machine's; only this one, where one is named.
pub(crate) async fn callable(place: &Place, named: Option<&ConnectionId>) -> anyhow::Result<Vec<Callable>> {
    #[derive(Deserialize)]
    struct Connections {
        connections: Vec<Listed>,
    }
    #[derive(Deserialize)]
    struct Listed {
        id: String,
        partner: String,
    }
    let is_wanted = |id: &str| named.is_none_or(|named| named.as_str() == id);
    let Some(hub) = place.hub()? else {
        let connections = place.read()?.connections.into_values();
        return Ok(connections.filter(|connection| is_wanted(connection.id.as_str())).map(Callable::of).collect());
    };
    let hub = Source::Hub(hub);
    let Connections { connections } = hub.get(&Asked::get(&["connections"])).await?;
    let mut callable = Vec::new();
    for Listed { id, partner } in connections.into_iter().filter(|listed| is_wanted(&listed.id)) {
        let operations = match told(&hub, &id).await? {
            Some(operations) => operations,
            None => Partner::from_id(&partner).map(of).unwrap_or_default(),
        };
        callable.push(Callable { id, partner, operations });
    }
    Ok(callable)
}

/// The operations of a connection as the hub tells them; nothing where its version does not.
async fn told(hub: &Source, connection: &str) -> anyhow::Result<Option<Vec<Offered>>> {
    #[derive(Deserialize)]
    struct Operations {
        operations: Vec<Told>,
    }
    #[derive(Deserialize)]
    struct Told {
        name: String,
        effect: String,
        repeatable: bool,
        source: String,
        deprecated: bool,
        requires: Vec<String>,
        example: Box<RawValue>,
    }
    let body = match hub.answer(&Asked::get(&["connections", connection, "operations"])).await? {
        Ok(body) => body,
        // A gateway says 403 of a path that it does not know.
        Err(problem) if problem.status == 404 || (problem.status == 403 && !problem.is_of_hub()) => return Ok(None),
        Err(problem) => return Err(problem.into()),
    };
    let Operations { operations } = serde_json::from_slice(&body)?;
    let offered = operations.into_iter().map(|told| Offered {
        name: told.name,
        effect: if told.effect == "query" { Effect::Query } else { Effect::Command { repeatable: told.repeatable } },
        source: told.source,
        is_deprecated: told.deprecated,
        requires: told.requires,
        example: told.example.get().to_owned(),
    });
    Ok(Some(offered.collect()))
}
