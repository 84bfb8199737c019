//! The spans of attempts, their places in traces, and the fields of log lines.
//!
//! Everything is derived from the stored event, so that attempts after a restart or in another process are in the same trace.

use std::borrow::Cow;

use config::{Context, Endpoint};
use hub::call::Call;
use hub::delivery::{Delivery, Outcome, State};
use hub::trace::{Kind, Place, Span, SpanId, TRACE_ID, TraceId};
use hub::{Event, EventKey, Utc, Work, event_types};
use tracing::field::Empty;

use crate::parcel::DeliveryResult;

/// An attempt that is traced.
#[derive(Clone, Debug)]
pub(crate) struct Traced {
    /// Its span, as the ERP is told of it.
    pub(crate) place: Place,
    parent: Option<SpanId>,
    /// Number of the attempt, from 1: steps of the schedule that were used up before, and one.
    number: u32,
}

/// The log span of an attempt that is traced, or none where the caller's takes the name of the trace; nothing where nothing is traced.
pub(crate) fn span<S, Q>(context: &Context<S, Q>, key: &EventKey, endpoint: Option<&str>) -> Option<tracing::Span> {
    context.config.traces.as_ref()?;
    // A span between would hide the caller's from the lines.
    let has_own = tracing::Span::current().has_field(TRACE_ID);
    if has_own { Some(tracing::Span::none()) } else { next_span(context, key, endpoint.unwrap_or_default()) }
}

/// The log span of a further attempt of the same job.
pub(crate) fn next_span<S, Q>(context: &Context<S, Q>, key: &EventKey, endpoint: &str) -> Option<tracing::Span> {
    context.config.traces.as_ref()?;
    let (event, connection) = (&key.id, &key.connection);
    Some(tracing::info_span!("attempt", %event, %connection, endpoint, trace_id = Empty))
}

/// The trace of an event or a call, and the span at which it begins, where that is another's.
fn trace_of(key: &EventKey, call: Option<&Call>) -> (TraceId, Option<Place>) {
    let caller = call.and_then(Call::caller);
    (caller.map_or_else(|| TraceId::of(&key.id), |caller| caller.trace), caller)
}

/// Notes the trace of a call in the span of the log, where calls are traced.
pub(crate) fn note_call<S, Q>(context: &Context<S, Q>, key: &EventKey, call: &Call) {
    if context.config.traces.is_some() {
        note(trace_of(key, Some(call)).0);
    }
}

/// Notes the trace in the span of the log.
fn note(trace: TraceId) {
    let span = tracing::Span::current();
    if !span.is_disabled() {
        span.record(TRACE_ID, trace.to_string());
    }
}

impl Traced {
    /// The attempt at a delivery of a stored event, begun then; nothing where nothing is traced.
    pub(crate) fn delivery<S, Q>(
        context: &Context<S, Q>,
        (event, work): (&Event, &Work),
        (delivery, began): (&Delivery, Utc),
    ) -> Option<Self> {
        context.config.traces.as_ref()?;
        let (trace, caller) = trace_of(&event.key, work.call.as_ref());
        note(trace);
        let id = SpanId::attempt(trace, &event.key.id, delivery.endpoint.as_str(), (delivery.progress.claim, began));
        // No request brought what the hub has noticed itself, or found in an answer.
        let kind = event.meta.kind.as_str();
        let is_pushed = event.meta.pulled.is_none() && event_types::own().all(|own| own != kind);
        let parent = match &work.call {
            Some(_) => Some(SpanId::request(trace, &event.key.id)),
            None => is_pushed.then(|| SpanId::reception(trace)),
        };
        let number = delivery.progress.tries.saturating_add(1);
        Some(Self { place: context.place(trace, id, caller.as_ref())?, parent, number })
    }

    /// The attempt at a call, begun then.
    pub(crate) fn call<S, Q>(context: &Context<S, Q>, key: &EventKey, call: &Call, began: Utc) -> Option<Self> {
        context.config.traces.as_ref()?;
        let (trace, caller) = trace_of(key, Some(call));
        let id = SpanId::attempt(trace, &key.id, "", (call.progress.claim, began));
        let (parent, number) = (Some(SpanId::request(trace, &key.id)), call.progress.tries.saturating_add(1));
        Some(Self { place: context.place(trace, id, caller.as_ref())?, parent, number })
    }

    fn span(&self, name: impl Into<Cow<'static, str>>, times: (Utc, Utc)) -> Span {
        Span::new(&self.place, Kind::Client, name, times).within(self.parent)
    }

    /// Records a delivery's attempt. `after` is the delivery as the attempt has left it; nothing where that was not stored.
    pub(crate) fn delivered<S, Q>(
        &self,
        context: &Context<S, Q>,
        (key, kind, endpoint): (&EventKey, &str, &Endpoint),
        (returned, after): (&DeliveryResult, Option<&Delivery>),
        times: (Utc, Utc),
    ) {
        context.record(&self.place, || {
            let failure = match (returned.outcome, returned.status) {
                (Outcome::Delivered, _) => None,
                (_, Some(_)) => Some("the endpoint did not take the event"),
                (_, None) => Some("there was no answer"),
            };
            self.span("deliver", times)
                .failed(failure)
                .with("http.request.method", "POST")
                .with_some("http.response.status_code", returned.status)
                .with_some("server.address", endpoint.url.host_str().map(str::to_owned))
                .with_some("server.port", endpoint.url.port_or_known_default())
                .with("tongguan.endpoint", endpoint.id.to_string())
                .with("tongguan.connection", key.connection.to_string())
                .with("tongguan.event.id", key.id.to_string())
                .with("tongguan.event.type", kind.to_owned())
                .with("tongguan.outcome", outcome(returned.outcome))
                .with("tongguan.attempt", self.number)
                .with_some("tongguan.state", after.map(|after| state(after.state)))
        });
    }

    /// Records a call's attempt, in its state as that has left it.
    pub(crate) fn called<S, Q>(
        &self,
        context: &Context<S, Q>,
        (key, partner): (&EventKey, &str),
        (call, status, host): (&Call, Option<u16>, Option<&str>),
        times: (Utc, Utc),
    ) {
        context.record(&self.place, || {
            let has_succeeded = call.standing == hub::call::Standing::Succeeded;
            let code = call.said.as_ref().and_then(|said| said.code.clone());
            self.span(format!("{partner}.{}", call.operation), times)
                .failed((!has_succeeded).then_some("the call has not succeeded"))
                .with_some("http.response.status_code", status)
                .with_some("server.address", host.map(str::to_owned))
                .with("tongguan.partner", partner.to_owned())
                .with("tongguan.connection", key.connection.to_string())
                .with("tongguan.operation", call.operation.clone())
                .with("tongguan.call.id", key.id.to_string())
                .with_some("tongguan.partner.code", code)
                .with("tongguan.attempt", self.number)
                .with("tongguan.state", call.standing.name())
        });
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Refused { .. } => "refused",
        Outcome::NoAnswer => "no_answer",
        Outcome::Impossible => "impossible",
        Outcome::Unsent => "unsent",
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Delivered => "delivered",
        State::Failed => "failed",
        State::Confirmed => "confirmed",
    }
}
