//! The URLs that a partner pushes to.

use api::contract::stats::{PushUrl, PushUrls};
use api::{Problem, Routed};
use bytes::Bytes;
use config::{Config, Connection, Context};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use hub::Secret;
use partners::configured::ALL_ACTIONS;

/// The path of a connection's webhook, with a key in it; nothing where the connection has none.
pub(crate) fn path(connection: &Connection, suffix: &str) -> Option<String> {
    let key = connection.keys.first().map(Secret::expose)?;
    let path = format!("/hooks/{}/{}/{key}", connection.partner, connection.id);
    Some(if suffix.is_empty() { path } else { format!("{path}/{suffix}") })
}

/// The connection of the configuration that the path of a request names.
pub(crate) fn named<'c>(config: &'c Config, asked: &Routed<'_>) -> Result<&'c Connection, Problem> {
    let id = asked.caller.connection(asked.named("id"))?;
    config.connections.get(&id).ok_or_else(|| asked.caller.no_connection(id.as_str()))
}

pub(crate) fn answer<S, Q>(context: &Context<S, Q>, asked: &Routed<'_>) -> Result<Response<Bytes>, Problem> {
    let connection = named(&context.config, asked)?;
    let public = context.config.public_url.as_ref().map_or("", |url| url.as_str().trim_end_matches('/'));
    let own = callback::ACTIONS.into_iter().rev().filter(|action| action.partners.contains(&connection.partner));
    let url = |action: hub::action::Action| {
        let path = path(connection, action.suffix)?;
        Some(PushUrl { action: action.name, url: format!("{public}{path}") })
    };
    let described = connection.partner.push_table().into_iter().flat_map(|table| {
        let own = table.actions.iter().filter_map(|row| Some((row.name.as_str(), row.suffix.as_deref()?)));
        [(ALL_ACTIONS, ALL_ACTIONS)].into_iter().chain(own)
    });
    let described = described.filter_map(|(action, suffix)| {
        let path = path(connection, suffix)?;
        Some(PushUrl { action, url: format!("{public}{path}") })
    });
    let urls = own.filter_map(url).chain(described).collect();
    let mut response = api::json(StatusCode::OK, &PushUrls { urls })?;
    // A key is no text for a cache.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
