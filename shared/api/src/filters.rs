//! Filters that the lists of events, deliveries and calls share, and the list of the store that each is picked from.

use std::time::Duration;

use http::StatusCode;
use hub::routes::Pattern;
use hub::shipment::meant;
use hub::slip::nearest;
use hub::{ConnectionId, Utc, event_types};
use partners::{Partner, operation};
use serde::Serialize;
use store::{Listed, Listing, Numbered, Received, Source};

use crate::request::quoted;
use crate::{Caller, Parameters, Problem, moment};

/// Time by which the store's list goes further back than events are kept: what is received late in a day expires late.
const MARGIN: Duration = Duration::from_hours(24);

/// Filters of a list, as they were asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Filters {
    /// The connection.
    pub connection: Option<ConnectionId>,
    #[serde(serialize_with = "printed")]
    kind: Option<Pattern>,
    number: Option<String>,
    /// Earliest time of reception.
    pub since: Option<Utc>,
    /// End of the time of reception.
    pub until: Option<Utc>,
}

#[allow(clippy::ref_option, reason = "serde hands it on so")]
fn printed<S: serde::Serializer>(kind: &Option<Pattern>, to: S) -> Result<S::Ok, S::Error> {
    kind.as_ref().map(Pattern::as_str).serialize(to)
}

impl Filters {
    /// The filters of a query: `connection`, `type`, `number`, `since` and `until`, of which a path need not take all.
    pub fn of(caller: Caller<'_>, asked: &Parameters) -> Result<Self, Problem> {
        let time = |name: &'static str| asked.get(name).map(|text| moment(name, text)).transpose();
        let (since, until) = (time("since")?, time("until")?);
        if since.zip(until).is_some_and(|(since, until)| until <= since) {
            return Err(Problem::field("until", "must be later than since"));
        }
        Ok(Self {
            connection: asked.get("connection").map(|name| caller.wanted(name)).transpose()?,
            kind: asked.get("type").map(|text| kind(text, &caller.described())).transpose()?,
            number: asked.get("number").map(ToOwned::to_owned),
            since,
            until,
        })
    }

    /// Whether the key may see an item and the filters want it; `number` is the list's own.
    #[must_use]
    pub fn hold(&self, caller: Caller<'_>, item: &Listed) -> bool {
        let received = item.meta.received;
        caller.sees(&item.key.connection)
            && self.connection.as_ref().is_none_or(|connection| item.key.connection == *connection)
            && self.kind.as_ref().is_none_or(|kind| kind.matches(item.meta.kind.as_str()))
            && self.since.is_none_or(|since| since <= received)
            && self.until.is_none_or(|until| received < until)
            && !item.work.is_aside()
    }

    /// Whether a time is given.
    #[must_use]
    pub const fn has_time(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// The list of what belongs to the number that is given; none where none is.
    #[must_use]
    pub fn numbered<'a>(
        &self,
        caller: Caller<'a>,
        sources: &'a [Source],
    ) -> Option<Listing<'a, impl Fn(&ConnectionId) -> bool + use<'a>>> {
        let keys = meant(self.number.as_deref()?);
        Some(Listing::Numbered(Numbered { keys, sources, sees: move |id: &ConnectionId| caller.sees(id) }))
    }

    /// The list of recent events, or of recent calls alone. A 409 where the configuration has it off.
    pub fn recent(&self, caller: Caller<'_>, calls: bool, now: Utc) -> Result<Received, Problem> {
        if !caller.lists_recent() {
            let detail = "the configuration has `recent_events = false`, so that events cannot be listed by time: set it to true, \
                          or ask for `number`, or for what has failed or is pending by `state`";
            return Err(Problem::new(StatusCode::CONFLICT, "recent-off", detail));
        }
        let (mut connections, kept) = caller.kept();
        connections.retain(|id| self.connection.as_ref().is_none_or(|connection| id == connection));
        let kept = i64::try_from((kept + MARGIN).as_micros()).unwrap_or(i64::MAX);
        let oldest = Utc(now.0.saturating_sub(kept));
        let since = self.since.map_or(oldest, |since| since.max(oldest));
        Ok(Received { connections, since, until: self.until.unwrap_or(Utc(i64::MAX)), calls })
    }
}

/// Types of events and of commands that are asked for: one, or all with the same beginning.
fn kind(text: &str, described: &[Partner]) -> Result<Pattern, Problem> {
    let begin = text.strip_suffix('*').unwrap_or(text);
    if begin.contains('*') {
        return Err(Problem::field("type", "must be a type such as xhq.syn_status, or the beginning of one and *"));
    }
    let pattern = Pattern::new(text.to_owned());
    let commands = operation::all().chain(described.iter().copied().flat_map(operation::of));
    let commands = commands.map(|row| format!("{}.{}", row.partner, row.name));
    let types = event_types::all().chain(described.iter().copied().flat_map(event_types::of));
    let known: Vec<_> = types.map(ToOwned::to_owned).chain(commands).collect();
    let partner =
        |id: &str| Partner::from_id(id).or_else(|| described.iter().find(|partner| partner.id() == id).copied());
    // Some partners have more operations than are listed.
    let is_operation =
        text.split_once('.').and_then(|(id, name)| operation::find(partner(id)?, name)).is_some_and(|_| begin == text);
    if is_operation || known.iter().any(|known| pattern.matches(known)) {
        return Ok(pattern);
    }
    let meant = nearest(text, known.iter().map(String::as_str))
        .map(|meant| format!(" (did you mean {meant}?)"))
        .unwrap_or_default();
    let partners: Vec<_> = Partner::ALL.iter().chain(described).map(|partner| partner.id()).collect();
    let partners = partners.join(", ");
    let detail = format!(
        "no event has the type {}{meant}: types are <partner>.<action> and <partner>.<operation>, of {partners}; and {}",
        quoted(text),
        event_types::own().collect::<Vec<_>>().join(", "),
    );
    Err(Problem::field("type", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_is_known_or_the_beginning_of_one() {
        for text in ["xhq.syn_status", "xhq.*", "*", "call.*", "xhq.upload", "yanwen.*", "watch.silent", "xhq.sen*"] {
            assert!(kind(text, &[]).is_ok(), "{text}");
        }
        for (text, hint) in [
            ("xhq.syn_statu", "did you mean xhq.syn_status?"),
            ("xhq.zzzzzzzzzz", "<partner>.<action>"),
            ("x*q", "the beginning of one and *"),
            ("zzz*", "types are"),
            ("通关", "types are"),
        ] {
            let said = serde_json::to_string(&kind(text, &[]).unwrap_err()).unwrap();
            assert!(said.contains(hint) && said.contains(r#""field":"type""#), "{text}: {said}");
        }
    }
}
