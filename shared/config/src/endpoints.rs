//! `[[endpoints]]` and `[[api_keys]]`: the ERP as a receiver and as a caller.

use std::time::Duration;

use hub::EndpointId;
use hub::Role;
use hub::Secret;
use hub::envelope::Format;
use hub::order::Order;
use hub::routes::{Pattern, Route, pushed};
use hub::signature::SigningKey;
use partners::Partner;

use super::connections::{SHORTEST_KEY, http_url};
use super::document::Ids;
use super::patterns::{self, everything, warn_of_duplicate};
use super::reader::{Item, Table};
use super::secrets::Availability;
use super::{ApiKey, Endpoint, PullEndpoint, attempts, trust};

/// Default timeout of an attempt, if half of `sweep_every` is not less.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Default of the most attempts under way at once.
const CONCURRENCY: u32 = 32;

/// Default lease of a pull endpoint.
const LEASE: Duration = Duration::from_mins(1);

/// Keys of an endpoint that is sent to, which a pull endpoint has not.
const SENDING: [&str; 9] =
    ["url", "secrets", "format", "retry", "allow_private", "ca_file", "ca_pem", "timeout", "concurrency"];

/// An endpoint of either kind.
pub(super) enum Receiver {
    Sent(Box<Endpoint>),
    Pulled(PullEndpoint),
}

impl Receiver {
    pub(super) const fn id(&self) -> &EndpointId {
        match self {
            Self::Sent(endpoint) => &endpoint.id,
            Self::Pulled(endpoint) => &endpoint.id,
        }
    }
}

pub(super) fn read(
    mut table: Table<'_>,
    ids: &mut Ids,
    connections: &Ids,
    sweep_every: Duration,
    system_roots: bool,
) -> Option<(Receiver, Route)> {
    let id = ids.take(&mut table, "\"erp\"");
    let pull = table.or("pull", false, Item::flag);
    if pull == Some(true) {
        return read_pulled(table, id, connections);
    }
    if let Some(lease) = table.get("lease") {
        lease.wrong::<()>("is for endpoints with pull = true: remove it, or add that and remove url and secrets");
    }
    pull?;
    let url = table.need("url", "\"https://erp.example.com/events\"").and_then(|item| http_url(&item));
    let keys = table.need("secrets", "[\"whsec_...\"]").and_then(|item| signing_keys(&item));
    let format = table.or("format", Format::default(), format);
    let from = table.or("connections", vec![everything()], |item| patterns::connections(item, connections));
    let types = table.or("types", vec![everything()], patterns::types);
    let schedule = attempts::retry(&mut table);
    let allow_private = table.or("allow_private", false, Item::flag);
    let timeout = attempts::timeout(&mut table, TIMEOUT, sweep_every);
    let concurrency = attempts::concurrency(&mut table, CONCURRENCY);
    let order = table.or("order", Order::default(), order);
    let trust = trust::read(&mut table, system_roots);
    let reading = table.reading();
    table.close(&[]);
    let id = EndpointId::from(id?);
    let (types, format) = (types?, format?);
    let types = if format == Format::Raw { partners_own(types, &reading.described().sound) } else { types };
    let route = Route { endpoint: id.clone(), connections: from?, types, pull: false };
    let endpoint = Endpoint {
        id,
        url: url?,
        keys: match keys? {
            Availability::Known(keys) => Some(keys),
            Availability::Unread => None,
        },
        format,
        schedule: schedule?,
        allow_private: allow_private?,
        trust: trust?,
        timeout: timeout?,
        concurrency: concurrency?,
        order: order?,
    };
    Some((Receiver::Sent(Box::new(endpoint)), route))
}

/// Reads an endpoint with `pull = true`.
fn read_pulled(mut table: Table<'_>, id: Option<String>, connections: &Ids) -> Option<(Receiver, Route)> {
    let lease = table.or("lease", LEASE, Item::duration);
    let from = table.or("connections", vec![everything()], |item| patterns::connections(item, connections));
    let types = table.or("types", vec![everything()], patterns::types);
    let order = table.or("order", Order::default(), order);
    for name in SENDING {
        if let Some(item) = table.get(name) {
            item.wrong::<()>("is for endpoints that are sent to, and this one has pull = true: remove one of the two");
        }
    }
    table.close(&[]);
    let id = EndpointId::from(id?);
    let route = Route { endpoint: id.clone(), connections: from?, types: types?, pull: true };
    Some((Receiver::Pulled(PullEndpoint { id, lease: lease?, order: order? }), route))
}

/// Types of a raw endpoint, whose `*` means partners' events only. It receives the hub's own events, such as the ends of calls,
/// only where its `types` name them, because it could not tell them from a partner's.
fn partners_own(types: Vec<Pattern>, described: &[Partner]) -> Vec<Pattern> {
    let everything = everything();
    let of = |pattern| if pattern == everything { pushed(described).collect() } else { vec![pattern] };
    types.into_iter().flat_map(of).collect()
}

/// Reads an API key. `tokens` are those of the keys before it.
pub(super) fn read_api_key(
    mut table: Table<'_>,
    ids: &mut Ids,
    connections: &Ids,
    tokens: &mut Vec<Secret>,
) -> Option<ApiKey> {
    let id = ids.take(&mut table, "\"erp\"");
    let key = table.need("key", "{ env = \"NAME\" }").and_then(|item| {
        let key = item.secret()?;
        let again = tokens.iter().any(|other| other.matches(key.expose()));
        tokens.push(key.clone());
        if again {
            return item.wrong("is the key of another api_keys entry too: every key must be its own");
        }
        if key.expose().chars().count() < SHORTEST_KEY {
            return item.wrong("must have 32 or more characters");
        }
        if !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return item.wrong("must be of visible ASCII characters only: it stands in a header");
        }
        Some(key)
    });
    let connections = table.or("connections", vec![everything()], |item| patterns::connections(item, connections));
    let role = table.or("role", Role::default(), role);
    table.close(&[]);
    Some(ApiKey { id: id?, key: key?, connections: connections?, role: role? })
}

fn signing_keys(item: &Item<'_>) -> Option<Availability<Vec<SigningKey>>> {
    let mut seen = Vec::new();
    let keys = item.each(|item| {
        let Availability::Known(secret) = item.credential()? else { return Some(Availability::Unread) };
        warn_of_duplicate(item, &mut seen, secret.expose().to_owned());
        SigningKey::new(secret.expose())
            .map_or_else(|error| item.wrong(error.to_string()), |key| Some(Availability::Known(key)))
    })?;
    match keys.len() {
        0 => item.wrong("must hold at least one secret: \"whsec_\" and the base64 of 24 to 64 random bytes"),
        1 | 2 => Some(all(keys)),
        _ => item.wrong("must hold at most two secrets, the new and the old one while rotating"),
    }
}

/// All keys of a list, or none of them.
fn all(keys: Vec<Availability<SigningKey>>) -> Availability<Vec<SigningKey>> {
    let known = keys.into_iter().map(|key| match key {
        Availability::Known(key) => Some(key),
        Availability::Unread => None,
    });
    known.collect::<Option<Vec<_>>>().map_or(Availability::Unread, Availability::Known)
}

fn role(item: &Item<'_>) -> Option<Role> {
    let text = item.text()?;
    let named = Role::ALL.into_iter().find(|role| role.name() == text);
    named.map_or_else(|| item.wrong("must be \"viewer\", \"operator\" or \"erp\""), Some)
}

fn order(item: &Item<'_>) -> Option<Order> {
    match item.text()? {
        "none" => Some(Order::None),
        "subject" => Some(Order::Subject),
        _ => item.wrong("must be \"none\" or \"subject\""),
    }
}

fn format(item: &Item<'_>) -> Option<Format> {
    match item.text()? {
        "cloudevents" => Some(Format::CloudEvents),
        "raw" => Some(Format::Raw),
        _ => item.wrong("must be \"cloudevents\" or \"raw\""),
    }
}
