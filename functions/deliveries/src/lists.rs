//! Lists of events and of deliveries by filters.
//!
//! The store knows what has failed and what is pending without looking at anything else, and events by the time of their
//! reception. What is asked for decides which of these lists a page is picked from.

use api::contract::{Next, RecentDeliveries, RecentDelivery, RecentEvent, RecentEvents};
use api::{Filters, MOST_BYTES, Problem, Routed, json as answer_json};
use bytes::Bytes;
use config::Context;
use http::{Response, StatusCode};
use hub::delivery::State;
use hub::{EndpointId, Work};
use serde::{Deserialize, Serialize};
use store::{Failed, Listed, Listing, Part, Pending, Store, found};

use crate::{MOST, is_listed};

/// The query parameters of `GET /events`.
pub(crate) const EVENTS: &[&str] = &["connection", "type", "number", "state", "since", "until", "from", "limit"];

/// The query parameters of `GET /deliveries`.
pub(crate) const DELIVERIES: &[&str] =
    &["state", "endpoint", "connection", "type", "number", "since", "until", "from", "limit"];

/// State of an event's deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Wanted {
    /// One of them is in this state.
    Any(State),
    /// There is none, and it is no call.
    Unrouted,
}

impl Wanted {
    fn of(text: &str) -> Result<Self, Problem> {
        if text == "unrouted" {
            return Ok(Self::Unrouted);
        }
        let read = state(text).map(Self::Any);
        read.ok_or_else(|| Problem::field("state", "must be pending, failed, delivered, confirmed or unrouted"))
    }

    fn holds(self, work: &Work) -> bool {
        match self {
            Self::Any(state) => work.deliveries.iter().any(|delivery| delivery.state == state),
            Self::Unrouted => work.tally().unrouted > 0,
        }
    }
}

fn state(text: &str) -> Option<State> {
    State::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text)).ok()
}

/// Events by the time of their reception, by state, or by number.
pub(crate) async fn events<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let (mut limit, now) = (asked.limit(MOST)?, context.now());
    let filters = Filters::of(caller, &asked)?;
    let wanted = asked.get("state").map(Wanted::of).transpose()?;
    let seal = caller.seal(&("GET /events", &filters, wanted));
    let from = seal.opened(asked.get("from"), now)?;
    let sources = caller.sources();
    let listing = match (filters.numbered(caller, &sources), wanted) {
        (Some(numbered), _) => numbered,
        (None, Some(Wanted::Any(State::Failed))) => Listing::Failed(Failed::Waiting),
        (None, Some(Wanted::Any(State::Pending))) => Listing::Pending(Pending::Any),
        (None, _) => Listing::Recent(filters.recent(caller, false, now)?),
    };
    let holds = |item: &Listed| filters.hold(caller, item) && wanted.is_none_or(|wanted| wanted.holds(&item.work));
    loop {
        let part = Part { from: from.as_deref(), limit, hides: caller.is_limited() };
        let page = found(&context.store, &listing, part, holds, now).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        let events = api::printed(page.items.iter().map(RecentEvent::of))?;
        if let Some(fewer) = api::fewer(&events, limit, MOST_BYTES) {
            limit = fewer;
            continue;
        }
        let next = Next(seal.sealed(page.next, now)?);
        return answer_json(StatusCode::OK, &RecentEvents { events, next, complete: page.complete });
    }
}

/// Deliveries by the time of their event's reception, by state, by endpoint, or by number.
pub(crate) async fn deliveries<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query: asked, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let (mut limit, now) = (asked.limit(MOST)?, context.now());
    let filters = Filters::of(caller, &asked)?;
    let read =
        |text| state(text).ok_or_else(|| Problem::field("state", "must be pending, failed, delivered or confirmed"));
    let wanted = asked.get("state").map(read).transpose()?;
    let endpoint = asked.get("endpoint").map(EndpointId::from);
    let unknown = endpoint.as_ref().and_then(|endpoint| caller.endpoint(endpoint).err());
    let seal = caller.seal(&("GET /deliveries", &filters, wanted, &endpoint));
    let from = seal.opened(asked.get("from"), now)?;
    let sources = caller.sources();
    let listing = match (filters.numbered(caller, &sources), wanted) {
        (Some(numbered), _) => numbered,
        (None, Some(State::Failed)) => Listing::Failed(endpoint.clone().map_or(Failed::Waiting, Failed::At)),
        (None, Some(State::Pending)) => Listing::Pending(endpoint.clone().map_or(Pending::Any, Pending::At)),
        (None, Some(State::Delivered | State::Confirmed) | None) => {
            Listing::Recent(filters.recent(caller, false, now)?)
        }
    };
    let of = |item: &Listed| RecentDelivery::all(item, wanted, endpoint.as_ref()).next().is_some();
    let holds = |item: &Listed| filters.hold(caller, item) && of(item);
    loop {
        let part = Part { from: from.as_deref(), limit, hides: caller.is_limited() };
        let page = found(&context.store, &listing, part, holds, now).await;
        let page = page.map_err(|error| Problem::store(&error))?;
        let rows = page.items.iter().flat_map(|item| RecentDelivery::all(item, wanted, endpoint.as_ref()));
        let deliveries = api::printed(rows)?;
        if let Some(fewer) = api::fewer(&deliveries, limit, MOST_BYTES) {
            limit = fewer;
            continue;
        }
        // An endpoint that was misspelt would look like one without deliveries.
        if let (Some(endpoint), Some(unknown)) =
            (endpoint.as_ref().filter(|_| from.is_none() && deliveries.is_empty()), unknown)
            && !(wanted == Some(State::Failed) && is_listed(context, endpoint, None, caller).await?)
        {
            return Err(unknown);
        }
        let next = Next(seal.sealed(page.next, now)?);
        return answer_json(StatusCode::OK, &RecentDeliveries { deliveries, next, complete: page.complete });
    }
}
