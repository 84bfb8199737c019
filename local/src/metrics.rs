//! `/metrics` in Prometheus' text format, at an address of its own.
//!
//! Not at the port of pushes: that is open to partners, whose connections and volumes are nobody else's business, and its places
//! may be taken when the figures are wanted most.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use config::Config;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hub::Utc;
use hub::trace::Spans;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use partners::Partner;
use partners::answer::Verdict;
use store_sqlite::SqliteStore;
use telemetry::metrics::{Dimension, Metric, Sample, emit};
use telemetry::prometheus::{Registry, counter, gauge};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::process;
use crate::ready::Vitals;
use crate::server::Use;

/// Most connections at once.
const PLACES: usize = 8;

/// Longest time of a connection.
const LONGEST: Duration = Duration::from_secs(30);

/// Longest time for the figures of the store.
const STORE: Duration = Duration::from_secs(2);

/// Sources of the figures.
pub(crate) struct Figures {
    pub(crate) store: SqliteStore,
    pub(crate) spans: Spans,
    pub(crate) vitals: Vitals,
    pub(crate) limits: Use,
    pub(crate) kept: &'static Registry,
}

/// Begins the counters of what is configured, so that the first of anything is seen to be more than none.
pub(crate) fn begin(config: &Config) {
    let now = telemetry::system_clock()();
    for connection in config.connections.values() {
        let of = vec![
            (Dimension::Partner, connection.partner.id().to_owned()),
            (Dimension::Connection, connection.id.to_string()),
        ];
        if connection.partner.profile().pushes.is_some() {
            let outcomes = [Verdict::Accepted, Verdict::Duplicate, Verdict::Malformed, Verdict::Unavailable];
            let values = outcomes.map(|verdict| (Metric::of(verdict), 0.0)).to_vec();
            emit(now, &Sample { of, values, notes: vec![] });
        }
    }
    for endpoint in config.endpoints.keys().chain(config.pulled.keys()) {
        let values = vec![(Metric::Delivered, 0.0), (Metric::GivenUp, 0.0)];
        emit(now, &Sample::of(Dimension::Endpoint, endpoint, values));
    }
}

/// The metrics of a push that was answered. Of one at an unknown connection nothing that its sender chose is told.
pub(crate) fn pushed(
    now: Utc,
    (partner, connection): (Option<Partner>, Option<&config::Connection>),
    verdict: Verdict,
    took: Duration,
) {
    let partner = connection.map(|connection| connection.partner).or(partner);
    let of = vec![
        (Dimension::Partner, partner.map_or("", Partner::id).to_owned()),
        (Dimension::Connection, connection.map_or_else(String::new, |connection| connection.id.to_string())),
    ];
    let values = telemetry::metrics::answered(verdict, partner, took);
    emit(now, &Sample { of, values, notes: vec![] });
}

/// Serves the figures until the hub stops.
pub(crate) async fn serve(listener: TcpListener, figures: Figures, mut stop: watch::Receiver<bool>) {
    let (figures, places) = (Arc::new(figures), Arc::new(Semaphore::new(PLACES)));
    let mut visits = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((stream, _)) = stream else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let figures = Arc::clone(&figures);
        visits.spawn(async move {
            let service = service_fn(move |request| {
                let figures = Arc::clone(&figures);
                async move { Ok::<_, Infallible>(answer(&figures, &request).await) }
            });
            let served = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service);
            let _ = timeout(LONGEST, served).await;
            drop(place);
        });
        while visits.try_join_next().is_some() {}
    }
}

async fn answer(figures: &Figures, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_wanted = request.method() == Method::GET && request.uri().path() == "/metrics";
    let (status, text) = if is_wanted {
        (StatusCode::OK, figures.print().await)
    } else {
        (StatusCode::NOT_FOUND, "GET /metrics\n".to_owned())
    };
    api::answered(status, "text/plain; version=0.0.4; charset=utf-8", text).map(Full::new)
}

impl Figures {
    /// All of them. Those of the store are left out where it does not answer.
    async fn print(&self) -> String {
        let mut text = self.kept.print();
        text += concat!(
            "# HELP tongguan_info Version of the hub\n# TYPE tongguan_info gauge\ntongguan_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1\n"
        );
        let vitals = &self.vitals;
        let since = vitals.since_sweep().as_secs_f64();
        gauge(&mut text, "tongguan_sweep_age_seconds", "Time since a sweep has ended well", since);
        let held = f64::from(u8::from(vitals.hold.is_on()));
        gauge(&mut text, "tongguan_on_hold", "1 while the hub sends nothing", held);
        if let Some((free, all)) = vitals.disk.latest().free {
            gauge(&mut text, "tongguan_disk_free_bytes", "Free space of the disk with the data", number(free));
            gauge(&mut text, "tongguan_disk_bytes", "Size of the disk with the data", number(all));
        }
        self.print_limits(&mut text);
        let store = &self.store;
        let refusing = f64::from(u8::from(store.is_refusing()));
        gauge(
            &mut text,
            "tongguan_disk_refusing",
            "1 while new pushes and calls are refused for lack of space",
            refusing,
        );
        if let Ok(Ok(space)) = timeout(STORE, store.space()).await {
            let all = number(space.used_bytes().saturating_add(space.free_bytes()));
            gauge(&mut text, "tongguan_database_bytes", "Size of the database, without its log", all);
            gauge(
                &mut text,
                "tongguan_database_free_bytes",
                "Pages of it that hold nothing",
                number(space.free_bytes()),
            );
        }
        let (exported, dropped) = self.spans.counts();
        counter(
            &mut text,
            "tongguan_spans_exported_total",
            "Spans that the collector of traces took",
            number(exported),
        );
        let meaning = "Spans that it did not take, or for which there was no room to wait for it";
        counter(&mut text, "tongguan_spans_dropped_total", meaning, number(dropped));
        process::print(&mut text);
        text
    }

    /// Figures of the limits of the port and of the writer.
    fn print_limits(&self, text: &mut String) {
        let Use { places, budget, keys } = &self.limits;
        let ((connections, known), (in_progress, refused)) = (places.counts(), keys.counts());
        let size = |count: usize| number(u64::try_from(count).unwrap_or(u64::MAX));
        gauge(text, "tongguan_connections", "Connections at the port", size(connections));
        gauge(text, "tongguan_connections_known", "Those of them that have shown a right key", size(known));
        gauge(text, "tongguan_body_budget_used_bytes", "Memory for large bodies in progress", size(budget.used()));
        gauge(text, "tongguan_requests_in_progress", "Requests with a right key in progress", size(in_progress));
        let meaning = "Requests refused because their key had as many in progress as it may";
        counter(text, "tongguan_requests_refused_total", meaning, number(refused));
        gauge(text, "tongguan_writes_waiting", "Changes that wait for the database", size(self.store.waiting()));
    }
}

#[allow(clippy::cast_precision_loss, reason = "sizes of files and disks, for a graph")]
const fn number(bytes: u64) -> f64 {
    bytes as f64
}
