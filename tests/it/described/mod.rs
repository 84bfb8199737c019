//! Partners that a configuration describes: their pushes, answers and events from end to end.

mod bodies;
mod conversions;
mod identity;
mod replies;

use hub::admission::{self, Arrival, Origin};
use hub::{ConnectionId, configured};
use partners::Partner;
use partners::configured::ALL_ACTIONS;
use partners::operation::Settings;

use crate::support::http::{Reply, exchange, request};
use crate::support::key;

/// The partner of a configuration's text.
fn partner(text: &str) -> Partner {
    config::Config::parse(text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}")).partners[0]
}

/// The events of a body at the URL of that last segment.
fn read(partner: Partner, suffix: &str, body: &str) -> Arrival {
    let suffix = partner.push_table().unwrap().suffix(suffix).unwrap_or(ALL_ACTIONS);
    let (connection, settings) = (ConnectionId::from("c"), Settings::default());
    let origin = Origin { connection: &connection, partner, settings: &settings };
    admission::read(&configured::action(suffix), origin, &body.to_owned().into(), None)
}

/// Pushes once to a connection that is called as its partner.
async fn push(hub: &tongguan::Hub, id: &str, end: &str, headers: &str, body: &[u8]) -> Reply {
    let path = format!("/hooks/{id}/{id}/{}/{end}", key(id));
    exchange(hub.address(), request("POST", &path, headers, body)).await.unwrap()
}
