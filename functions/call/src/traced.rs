//! The spans of requests for operations. A request with a `traceparent` is a part of that trace; the others have one of their own.

use std::sync::atomic::{AtomicU64, Ordering};

use api::Problem;
use bytes::Bytes;
use config::{Connection, Context};
use http::{HeaderMap, Response, StatusCode};
use hub::trace::{Kind, Place, Span, SpanId, TRACEPARENT, TraceId};
use hub::{EventKey, Utc};
use partners::operation::Operation;

/// Name of the route, in which no value stands.
const ROUTE: &str = "/calls/{connection}/{operation}";

/// Number of the latest query, which tells queries apart: they have no ids.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The caller's span; nothing where there is none, or more than one.
pub(crate) fn caller(headers: &HeaderMap) -> Option<Place> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let place = lines.next()?.to_str().ok()?.trim().parse().ok()?;
    lines.next().is_none().then_some(place)
}

/// A request for an operation that is traced.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    caller: Option<Place>,
    began: Utc,
    connection: &'a Connection,
    operation: &'a Operation<'a>,
}

/// Which request a call came about by.
#[derive(Clone, Copy)]
pub(crate) enum Accepted {
    /// This one.
    Now,
    /// An earlier one, with its caller.
    Earlier(Option<Place>),
    /// None: it is not accepted.
    Never,
}

type Answered = Result<Response<Bytes>, Problem>;

impl<'a> Asked<'a> {
    /// A request that begins now; nothing where nothing is traced.
    pub(crate) fn begin<S, Q>(
        context: &Context<S, Q>,
        caller: Option<Place>,
        (connection, operation): (&'a Connection, &'a Operation<'a>),
    ) -> Option<Self> {
        context.config.traces.as_ref()?;
        Some(Self { caller, began: context.now(), connection, operation })
    }

    /// The caller's span as it is stored with a call.
    pub(crate) fn traceparent(&self) -> Option<String> {
        self.caller.map(|caller| caller.to_string())
    }

    /// Records the request for a command.
    pub(crate) fn commanded<S, Q>(
        &self,
        context: &Context<S, Q>,
        (call, accepted): (&EventKey, Accepted),
        answered: &Answered,
    ) {
        let trace_of = |caller: Option<Place>| caller.map_or_else(|| TraceId::of(&call.id), |caller| caller.trace);
        let first = match accepted {
            Accepted::Earlier(caller) => Some((trace_of(caller), SpanId::request(trace_of(caller), &call.id))),
            Accepted::Now | Accepted::Never => None,
        };
        let of_first = || first.map_or_else(|| trace_of(None), |(trace, _)| trace);
        let trace = self.caller.map_or_else(of_first, |caller| caller.trace);
        let own = match accepted {
            Accepted::Now => SpanId::request(trace, &call.id),
            Accepted::Earlier(_) | Accepted::Never => {
                SpanId::of_parts(trace, &[b"repeated", &call.id.0, &self.began.0.to_be_bytes()])
            }
        };
        let Some(place) = context.place(trace, own, self.caller.as_ref()) else { return };
        context.record(&place, || {
            let link = first.map(|(trace, span)| Place { trace, span, is_sampled: place.is_sampled });
            self.request(&place, context.now(), answered).linked(link).with("tongguan.call.id", call.id.to_string())
        });
    }

    /// Records the request for a query, and what the partner was asked for it. `status` is that of the partner's answer.
    pub(crate) fn queried<S, Q>(
        &self,
        context: &Context<S, Q>,
        (asked, status, succeeded): ((Utc, Utc), Option<u16>, bool),
        answered: &Answered,
    ) {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let parts = [b"query", &self.began.0.to_be_bytes()[..], &number];
        let trace = self.caller.map_or_else(|| TraceId::of_parts(&parts), |caller| caller.trace);
        let Some(place) = context.place(trace, SpanId::of_parts(trace, &parts), self.caller.as_ref()) else { return };
        context.record(&place, || self.request(&place, context.now(), answered));
        let question = Place { span: SpanId::of_parts(trace, &[b"question", &place.span.0]), ..place };
        context.record(&question, || {
            let (partner, operation) = (self.connection.partner.id(), self.operation.name);
            let host = self.connection.base_url.as_ref().and_then(|url| url.host_str());
            Span::new(&question, Kind::Client, format!("{partner}.{operation}"), asked)
                .within(Some(place.span))
                .failed((!succeeded).then_some("the partner did not answer with success"))
                .with_some("http.response.status_code", status)
                .with_some("server.address", host.map(str::to_owned))
                .with("tongguan.partner", partner)
                .with("tongguan.connection", self.connection.id.to_string())
                .with("tongguan.operation", operation.to_owned())
        });
    }

    fn request(&self, place: &Place, ended: Utc, answered: &Answered) -> Span {
        let status = answered.as_ref().map_or_else(Problem::status, Response::status);
        let is_ours = status.is_server_error() && status != StatusCode::BAD_GATEWAY;
        Span::new(place, Kind::Server, format!("POST {ROUTE}"), (self.began, ended))
            .within(self.caller.map(|caller| caller.span))
            .failed(is_ours.then_some("the request was not accepted"))
            .with("http.request.method", "POST")
            .with("http.route", ROUTE)
            .with("http.response.status_code", status.as_u16())
            .with("tongguan.partner", self.connection.partner.id())
            .with("tongguan.connection", self.connection.id.to_string())
            .with("tongguan.operation", self.operation.name.to_owned())
    }
}
