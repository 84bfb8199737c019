//! The spans of a push, of its reception and of the admission of its events, and the fields of its log lines.

use std::sync::atomic::{AtomicU64, Ordering};

use config::Context;
use hub::admission::Draft;
use hub::trace::{Kind, Place, SpanId, TRACE_ID, TraceId};
use hub::{EventKey, EventType, Utc, trace};
use partners::answer::{Answer, Verdict};
use tokio::time::Instant;
use tracing::Span;
use tracing::field::Empty;

use crate::entrance::Verified;
use crate::receive::Stored;

/// Number of events of a push that its log lines name.
const NOTED: usize = 20;

/// Number of the latest push, which tells apart those without an event.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A push that is traced, from its arrival to its answer.
pub(crate) struct Reception {
    began: Utc,
    number: u64,
    /// When the store was asked to admit its events.
    admits: Utc,
    /// Types of its events, in their order.
    kinds: Vec<EventType>,
    /// Its events that are stored.
    events: Vec<Admission>,
}

/// An event that is stored, new or not.
struct Admission {
    key: EventKey,
    kind: EventType,
    is_new: bool,
    over: Utc,
}

impl Reception {
    /// The reception of a push that arrived then; nothing where nothing is traced.
    pub(crate) fn begin<S, Q>(context: &Context<S, Q>, arrived: Instant) -> Option<Self> {
        context.config.traces.as_ref()?;
        let elapsed = i64::try_from(arrived.elapsed().as_micros()).unwrap_or_default();
        let began = Utc(context.now().0.saturating_sub(elapsed));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Some(Self { began, number, admits: began, kinds: Vec::new(), events: Vec::new() })
    }

    /// Notes that these are to be stored.
    pub(crate) fn admits(&mut self, now: Utc, drafts: &[Draft]) {
        self.admits = now;
        self.kinds = drafts.iter().map(|draft| draft.kind.clone()).collect();
    }

    /// Notes how that was over for one of them.
    pub(crate) fn admitted(&mut self, index: usize, stored: Option<&Stored>, over: Utc) {
        if let (Some((key, hints)), Some(kind)) = (stored, self.kinds.get(index)) {
            let (key, kind, is_new) = (key.clone(), kind.clone(), hints.is_some());
            self.events.push(Admission { key, kind, is_new, over });
        }
    }

    /// The trace of a push of which nothing is stored.
    fn alone(&self) -> TraceId {
        TraceId::of_parts(&[b"push", &self.began.0.to_be_bytes(), &self.number.to_be_bytes()])
    }

    /// Records the spans of a push that is answered. Each event has a trace of its own, in which the push is a span.
    pub(crate) fn end<S, Q>(self, context: &Context<S, Q>, verified: &Verified<'_>, answer: &Answer) {
        let ended = context.now();
        let (number, lost) = (self.kinds.len(), self.kinds.len() - self.events.len());
        let span = |place: &Place| {
            let suffix = verified.action.suffix;
            let slash = if suffix.is_empty() { "" } else { "/" };
            let route = format!("/hooks/{}/{{connection}}/{{key}}{slash}{suffix}", verified.partner().id());
            let is_ours = answer.verdict == Verdict::Unavailable;
            let span = trace::Span::new(place, Kind::Server, format!("POST {route}"), (self.began, ended));
            let span = span.failed(is_ours.then_some("the push was not kept"));
            span.with("http.request.method", "POST")
                .with("http.route", route)
                .with("http.response.status_code", answer.status)
                .with("tongguan.partner", verified.partner().id())
                .with("tongguan.connection", verified.connection().to_string())
                .with("tongguan.verdict", answer.verdict.name())
                .with_some("tongguan.push.events", (number > 1).then_some(number))
                .with_some("tongguan.push.lost", (lost > 0).then_some(lost))
        };
        if self.events.is_empty() {
            let trace = self.alone();
            if let Some(place) = context.place(trace, SpanId::reception(trace), None) {
                context.record(&place, || span(&place));
            }
        }
        let mut first = None;
        for event in &self.events {
            let trace = TraceId::of(&event.key.id);
            let root = SpanId::reception(trace);
            let own = if event.is_new { root } else { SpanId::repetition(trace, self.began) };
            let Some(place) = context.place(trace, own, None) else { return };
            context.record(&place, || {
                let span = span(&place).within((!event.is_new).then_some(root)).linked(first);
                span.with("tongguan.event.id", event.key.id.to_string())
                    .with("tongguan.event.type", event.kind.to_string())
                    .with("tongguan.admission", if event.is_new { "new" } else { "duplicate" })
            });
            let admission = Place { span: SpanId::of_parts(trace, &[b"admission", &own.0]), ..place };
            context.record(&admission, || {
                let times = (self.admits, event.over);
                trace::Span::new(&admission, Kind::Internal, "store.admit", times).within(Some(own))
            });
            first = first.or(Some(place));
        }
    }
}

/// The log span of a push that is traced, unless its caller has one that takes the name of the trace.
pub(crate) fn span() -> Span {
    if Span::current().has_field(TRACE_ID) {
        return Span::none();
    }
    tracing::info_span!("push", connection = Empty, subject = Empty, event = Empty, events = Empty, trace_id = Empty)
}

/// Notes what a push was about in the caller's span, where that has the fields.
pub(crate) fn note(reception: Option<&Reception>, keys: &[EventKey]) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    let shown = keys.get(..NOTED).unwrap_or(keys);
    let list = |text: fn(&EventKey) -> String| shown.iter().map(text).collect::<Vec<_>>().join(" ");
    match reception {
        Some(reception) if keys.is_empty() => _ = span.record(TRACE_ID, reception.alone().to_string()),
        Some(_) => _ = span.record(TRACE_ID, list(|key| TraceId::of(&key.id).to_string())),
        None => {}
    }
    if keys.is_empty() {
        return;
    }
    span.record("subject", list(|key| key.subject.to_string()));
    span.record("event", list(|key| key.id.to_string()));
    if keys.len() > NOTED {
        span.record("events", keys.len());
    }
}
