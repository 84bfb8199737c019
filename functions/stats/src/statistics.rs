//! Statistics of a span of time.

use std::collections::BTreeMap;
use std::iter;
use std::time::Duration;

use api::contract::stats::{
    CallStatistics, ConnectionStatistics, Delays, EndpointStatistics, Margins, PushStatistics, Statistics,
};
use api::{Caller, Parameters, Problem, Routed};
use bytes::Bytes;
use config::{Connection, Context};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http::{Response, StatusCode};
use hub::statistics::{ConnectionFigures, EndpointFigures, KEPT, STEP, step};
use hub::time::Rfc3339;
use hub::{ConnectionId, EndpointId, Utc};
use store::Store;

use crate::PARALLEL;

/// Span that is answered where none is asked for.
const USUAL: Duration = Duration::from_hours(24);

/// Most steps of an answer: those of a week.
const MOST: usize = 7 * 24 * 6;

/// Figures of one connection by step.
type Steps = BTreeMap<Utc, ConnectionFigures>;

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    Routed { caller, query, .. }: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let connection = query.get("connection").map(|name| caller.wanted(name)).transpose()?;
    let (since, until) = span(&query, context.now())?;
    let wanted = |id: &ConnectionId| caller.sees(id) && connection.as_ref().is_none_or(|wanted| wanted == id);
    let wanted = context.config.connections.values().filter(|connection| wanted(&connection.id));
    let reading: Vec<_> = wanted.map(|connection| read(context, connection, since, until)).collect();
    let figures: Vec<(&Connection, Steps)> = stream::iter(reading).buffered(PARALLEL).try_collect().await?;
    let steps: Vec<Utc> =
        iter::successors(Some(since), |at| Some(at.after(STEP))).take_while(|at| *at < until).collect();
    let endpoints = endpoints(caller, connection.as_ref(), context)
        .into_iter()
        .map(|id| {
            let own = delivered(&id, &figures, &steps);
            (id, own)
        })
        .collect();
    let connections =
        figures.iter().map(|(connection, own)| (connection.id.clone(), pushed(connection, own, &steps))).collect();
    let (since, until) = (Rfc3339(since), Rfc3339(until));
    api::json(StatusCode::OK, &Statistics { since, until, step_seconds: STEP.as_secs(), connections, endpoints })
}

/// The span that is asked for, in full steps.
fn span(query: &Parameters, now: Utc) -> Result<(Utc, Utc), Problem> {
    let given = |name: &'static str| query.get(name).map(|text| api::moment(name, text)).transpose();
    let ends = |at: Utc| if step(at) == at { at } else { step(at).after(STEP) };
    let until = given("until")?.map_or_else(|| step(now).after(STEP), ends);
    let usual = Utc(until.0.saturating_sub(i64::try_from(USUAL.as_micros()).unwrap_or(i64::MAX)));
    let since = given("since")?.map_or(usual, step);
    if since >= until {
        return Err(Problem::field("since", "must be before until"));
    }
    if until.since(since) > STEP * u32::try_from(MOST).unwrap_or(u32::MAX) {
        return Err(Problem::field("since", "must be within a week of until: ask for the days one after another"));
    }
    Ok((since, until))
}

/// The figures of a connection: those in the store, and those that this process has not stored yet.
async fn read<'c, S: Store, Q>(
    context: &Context<S, Q>,
    connection: &'c Connection,
    since: Utc,
    until: Utc,
) -> Result<(&'c Connection, Steps), Problem> {
    let id = &connection.id;
    let stored = context.store.counts(id, since, until, context.now()).await.map_err(|error| Problem::store(&error))?;
    let mut steps: Steps = stored.into_iter().map(|(step, counts)| (step, ConnectionFigures::of(&counts))).collect();
    let own =
        context.counters.unstored().into_iter().filter(|(step, of, _)| of == id && since <= *step && *step < until);
    own.for_each(|(step, _, figures)| steps.entry(step).or_default().add(&figures));
    Ok((connection, steps))
}

/// The endpoints that receive something of these connections.
fn endpoints<S, Q>(caller: Caller<'_>, connection: Option<&ConnectionId>, context: &Context<S, Q>) -> Vec<EndpointId> {
    let routes = context.config.routes.iter().filter(|route| {
        connection.is_none_or(|id| route.connections.iter().any(|pattern| pattern.matches(id.as_str())))
    });
    let wanting: Vec<_> = routes.map(|route| route.endpoint.clone()).collect();
    caller.endpoints().filter(|id| wanting.contains(*id)).cloned().collect()
}

fn pushed(connection: &Connection, own: &Steps, steps: &[Utc]) -> ConnectionStatistics {
    let (mut pushes, mut margin_ms) = (PushStatistics::default(), Margins::default());
    let mut calls = CallStatistics::default();
    let none = ConnectionFigures::default();
    for step in steps {
        let figures = own.get(step).unwrap_or(&none);
        let own = &figures.pushes;
        pushes.accepted.push(own.accepted);
        pushes.duplicate.push(own.duplicate);
        pushes.refused.push(own.refused);
        pushes.late.push(own.late);
        pushes.not_kept.push(own.not_kept);
        let deadline = connection.partner.deadline();
        margin_ms.p1.push(own.margin(deadline, 10));
        margin_ms.p50.push(own.margin(deadline, 500));
        calls.succeeded.push(figures.calls.succeeded);
        calls.failed.push(figures.calls.failed);
        calls.ambiguous.push(figures.calls.ambiguous);
    }
    ConnectionStatistics { partner: connection.partner.id(), pushes, margin_ms, calls }
}

/// The statistics of an endpoint over these connections.
fn delivered(id: &EndpointId, connections: &[(&Connection, Steps)], steps: &[Utc]) -> EndpointStatistics {
    let mut endpoint = EndpointStatistics::default();
    for step in steps {
        let mut sum = EndpointFigures::default();
        let of_step = connections.iter().filter_map(|(_, own)| own.get(step)?.endpoints.get(id));
        of_step.for_each(|figures| sum.add(figures));
        endpoint.delivered.push(sum.delivered);
        endpoint.failed.push(sum.failed);
        let Delays { p50, p95, p99 } = &mut endpoint.delay_ms;
        for (percentile, permille) in [(p50, 500), (p95, 950), (p99, 990)] {
            percentile.push(sum.delay(permille));
        }
    }
    endpoint
}

/// Time within which the latest push and delivery are looked for, and then within ever longer ones, up to that for which counts
/// are kept: what is busy costs little, and what is idle has little to read.
const LOOKS: [Duration; 4] = [Duration::from_hours(2), Duration::from_hours(24), Duration::from_hours(7 * 24), KEPT];

/// Times of the latest push and of the latest delivery to each endpoint.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// Of a push that was kept.
    pub(crate) push: Option<Utc>,
    /// Of a delivery that the endpoint accepted.
    pub(crate) deliveries: BTreeMap<EndpointId, Utc>,
}

impl Latest {
    /// Reads the latest times of a connection that are `wanted`; others may be missing.
    pub(crate) async fn read<S: Store, Q>(
        context: &Context<S, Q>,
        connection: &ConnectionId,
        wanted: impl Fn(&Self) -> bool,
    ) -> Result<Self, Problem> {
        let (mut latest, now) = (Self::default(), context.now());
        for (_, _, figures) in context.counters.unstored().into_iter().filter(|(_, of, _)| of == connection) {
            latest.add(&figures);
        }
        let mut until = step(now).after(STEP);
        for look in LOOKS {
            if wanted(&latest) {
                break;
            }
            let since = step(Utc(now.0.saturating_sub(i64::try_from(look.as_micros()).unwrap_or(i64::MAX))));
            let found = context.store.counts(connection, since, until, now).await;
            for (_, counts) in found.map_err(|error| Problem::store(&error))? {
                latest.add(&ConnectionFigures::of(&counts));
            }
            until = since;
        }
        Ok(latest)
    }

    fn add(&mut self, figures: &ConnectionFigures) {
        self.push = self.push.max(figures.pushes.last);
        for (endpoint, figures) in &figures.endpoints {
            if let Some(at) = figures.last {
                let own = self.deliveries.entry(endpoint.clone()).or_insert(at);
                *own = at.max(*own);
            }
        }
    }
}
