//! `[[endpoints]]` and `[[api_keys]]`: the ERP as a receiver and as a caller.

use std::time::Duration;

use hub::EndpointId;
use hub::Secret;
use hub::call::EVENT_TYPES;
use hub::envelope::Format;
use hub::routes::{Pattern, Route};
use hub::signature::SigningKey;
use partners::Partner;

use super::connections::{SHORTEST_KEY, http_url};
use super::document::Ids;
use super::reader::{Item, Table};
use super::values::MatchesWord as _;
use super::{ApiKey, Endpoint, attempts};

/// How long an attempt may take where nothing is said, if the sweeper leaves it that long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many attempts may be under way at once where nothing is said.
const CONCURRENCY: u32 = 32;

pub(super) fn read(
    mut table: Table<'_>,
    ids: &mut Ids,
    connections: &Ids,
    sweep_every: Duration,
) -> Option<(Endpoint, Route)> {
    let id = ids.take(&mut table, "\"erp\"");
    let url = table.need("url", "\"https://erp.example.com/events\"").and_then(|item| http_url(&item));
    let keys = table.need("secrets", "[\"whsec_...\"]").and_then(|item| signing_keys(&item));
    let format = table.or("format", Format::default(), format);
    let from = table.or("connections", vec![everything()], |item| connection_patterns(item, connections));
    let types = table.or("types", vec![everything()], type_patterns);
    let schedule = attempts::retry(&mut table);
    let allow_private = table.or("allow_private", false, Item::flag);
    let timeout = attempts::timeout(&mut table, TIMEOUT, sweep_every);
    let concurrency = attempts::concurrency(&mut table, CONCURRENCY);
    table.close(&[]);
    let id = EndpointId::from(id?);
    let route = Route { endpoint: id.clone(), connections: from?, types: types? };
    let endpoint = Endpoint {
        id,
        url: url?,
        keys: keys?,
        format: format?,
        schedule: schedule?,
        allow_private: allow_private?,
        timeout: timeout?,
        concurrency: concurrency?,
    };
    Some((endpoint, route))
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
    let connections = table.or("connections", vec![everything()], |item| connection_patterns(item, connections));
    table.close(&[]);
    Some(ApiKey { id: id?, key: key?, connections: connections? })
}

fn everything() -> Pattern {
    Pattern::new("*".to_owned())
}

fn signing_keys(item: &Item<'_>) -> Option<Vec<SigningKey>> {
    let keys = item.each(|item| {
        SigningKey::new(item.secret()?.expose()).map_or_else(|error| item.wrong(error.to_string()), Some)
    })?;
    match keys.len() {
        0 => item.wrong("must hold at least one secret: \"whsec_\" and the base64 of 24 to 64 random bytes"),
        1 | 2 => Some(keys),
        _ => item.wrong("must hold at most two secrets, the new and the old one while rotating"),
    }
}

fn format(item: &Item<'_>) -> Option<Format> {
    match item.text()? {
        "cloudevents" => Some(Format::CloudEvents),
        "raw" => Some(Format::Raw),
        _ => item.wrong("must be \"cloudevents\" or \"raw\""),
    }
}

/// Patterns of a list, at least one, with `*` at the end if anywhere.
fn patterns(item: &Item<'_>, mut fits: impl FnMut(&Item<'_>, &str) -> Option<()>) -> Option<Vec<Pattern>> {
    let patterns = item.each(|item| {
        let text = item.text()?;
        if text.is_empty() || text.strip_suffix('*').unwrap_or(text).contains('*') {
            return item.wrong("must be a name, or the beginning of one and *");
        }
        fits(item, text)?;
        Some(Pattern::new(text.to_owned()))
    })?;
    if patterns.is_empty() { item.wrong("must hold at least one: leave it out for all") } else { Some(patterns) }
}

fn connection_patterns(item: &Item<'_>, connections: &Ids) -> Option<Vec<Pattern>> {
    patterns(item, |item, text| {
        if text.ends_with('*') || connections.contains(text) {
            return Some(());
        }
        let known: Vec<_> = connections.iter().collect();
        match text.slip_of(&known) {
            Some(meant) => item.wrong(format!("is no connection: did you mean {meant}?")),
            None => item.wrong("is no connection: name one that is configured, or end it with *"),
        }
    })
}

fn type_patterns(item: &Item<'_>) -> Option<Vec<Pattern>> {
    patterns(item, |item, text| {
        let fits = |known: &str| text.strip_suffix('*').map_or(text == known, |prefix| known.starts_with(prefix));
        let of_partner = Partner::ALL.into_iter().any(|partner| {
            let begin = format!("{partner}.");
            text.starts_with(&begin) || (text.ends_with('*') && fits(&begin))
        });
        if of_partner || EVENT_TYPES.into_iter().any(fits) {
            return Some(());
        }
        let (partners, calls) = (Partner::ALL.map(Partner::id).join(", "), EVENT_TYPES.join(", "));
        item.wrong(format!("matches no event: types are <partner>.<action>, of {partners}; and {calls}"))
    })
}
