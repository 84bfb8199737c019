//! Export of spans to a collector, by OTLP over HTTP.
//!
//! In the background: no push and no delivery waits for it. A collector that does not answer costs spans, which are counted.

use std::sync::Arc;
use std::time::Duration;

use config::Traces;
use hub::trace::{Span, Spans};
use outbound::{Client, KeepAlive, RECEIPT, Request, Sent};
use serde_json::Value;
use telemetry::otlp;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::work::LocalCurrent;

/// Most spans of one request: some hundreds of kilobytes.
const BATCH: usize = 512;

/// Interval at which spans are exported, and at which it is looked whether they are to be.
const EVERY: Duration = Duration::from_millis(250);
const IDLE: Duration = Duration::from_secs(1);

/// Time for one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Pauses after requests that may be repeated, from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Interval at which a lasting failure is logged.
const TELL_EVERY: Duration = Duration::from_mins(10);

/// Time for the last spans at the end of the hub.
const FLUSHING: Duration = Duration::from_secs(3);

/// Characters of a collector's answer that are logged.
const SHOWN: usize = 200;

/// Result of a request with spans.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Came {
    /// The collector took them, but for so many.
    Taken { rejected: u64, why: String },
    /// They may be sent again, after the wait that it asks for.
    Later { wait: Option<Duration>, why: String },
    /// They are lost.
    Lost { why: String },
}

/// The meaning of a collector's answer, by the protocol: a few statuses ask for a repetition, and no other is repeated.
fn came(sent: &Sent) -> Came {
    match sent {
        Sent::Failed { text, .. } => Came::Later { wait: None, why: text.clone() },
        Sent::Answered { status: 200..=299, body, .. } => {
            let partial = serde_json::from_slice::<Value>(body).unwrap_or_default();
            let rejected = partial.pointer("/partialSuccess/rejectedSpans");
            // 64 bits are a text in the protocol's JSON; some print a number.
            let rejected = rejected.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
            let why = partial.pointer("/partialSuccess/errorMessage").and_then(Value::as_str).unwrap_or_default();
            Came::Taken { rejected: rejected.unwrap_or_default(), why: why.chars().take(SHOWN).collect() }
        }
        Sent::Answered { status, retry_after, .. } => {
            let why = format!("it answered with status {status}: {}", sent.detail(SHOWN));
            match status {
                429 | 502 | 503 | 504 => Came::Later { wait: *retry_after, why },
                _ => Came::Lost { why },
            }
        }
    }
}

/// The export of a hub's spans.
pub(crate) struct Exporter {
    current: LocalCurrent,
    spans: Spans,
    /// Made when something is exported for the first time.
    client: Option<Client>,
    /// Spans that were taken from the queue and are not known to have arrived.
    batch: Vec<Span>,
    pause: Duration,
    failing: Failing,
}

/// State of the log about a failure that lasts.
#[derive(Debug, Default)]
struct Failing {
    told: Option<Instant>,
    /// Number of dropped spans that the log knows of.
    dropped: u64,
}

impl Exporter {
    pub(crate) fn new(current: LocalCurrent) -> Arc<Mutex<Self>> {
        let spans = current.get().context.spans.clone();
        let (pause, failing) = (FIRST_PAUSE, Failing::default());
        Arc::new(Mutex::new(Self { current, spans, client: None, batch: Vec::new(), pause, failing }))
    }

    /// Exports one batch; the pause before the next. A batch is kept until it has arrived, also where this is cut off.
    async fn step(&mut self) -> Duration {
        let courier = self.current.get();
        let Some(traces) = courier.context.config.traces.as_ref().filter(|traces| traces.url.is_some()) else {
            self.batch.append(&mut self.spans.take(usize::MAX));
            self.drop_batch();
            return IDLE;
        };
        if self.batch.is_empty() {
            self.batch = self.spans.take(BATCH);
        }
        if self.batch.is_empty() {
            return EVERY;
        }
        let came = match self.request(traces) {
            Ok((client, request)) => came(&client.send(request).await),
            Err(why) => Came::Lost { why },
        };
        let pause = match &came {
            Came::Taken { rejected, .. } => {
                let all = count(self.batch.len());
                self.spans.settle(all.saturating_sub(*rejected), (*rejected).min(all));
                self.batch.clear();
                self.pause = FIRST_PAUSE;
                if self.spans.waiting() < BATCH { EVERY } else { Duration::ZERO }
            }
            Came::Later { wait, .. } => {
                let pause = wait.unwrap_or(self.pause).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                pause
            }
            Came::Lost { .. } => {
                self.drop_batch();
                EVERY
            }
        };
        self.tell(&came);
        pause
    }

    fn drop_batch(&mut self) {
        self.spans.settle(0, count(self.batch.len()));
        self.batch.clear();
    }

    /// The request with the batch, and its client.
    fn request(&mut self, traces: &Traces) -> Result<(Client, Request), String> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => Client::new(KeepAlive::Brief).map_err(|error| telemetry::logs::chain(&error))?,
        };
        self.client = Some(client.clone());
        let url = traces.url.clone().ok_or("there is no collector")?;
        let own = ("content-type".into(), otlp::CONTENT_TYPE.to_owned());
        let given = traces.headers.iter().map(|(name, value)| (name.clone().into(), value.expose().to_owned()));
        let request = Request {
            method: http::Method::POST,
            url,
            headers: std::iter::once(own).chain(given).collect(),
            body: otlp::request(&self.batch).into(),
            attached: None,
            sink: None,
            timeout: TIMEOUT,
            // A collector is the operator's own, and most often near.
            allow_private: true,
            trust: courier::trust(&traces.trust),
            // Spans are known by their ids.
            repeatable: true,
            limit: RECEIPT,
        };
        Ok((client, request))
    }

    /// Logs what changes, and a failure that lasts from time to time.
    fn tell(&mut self, came: &Came) {
        let (_, dropped) = self.spans.counts();
        let why = match came {
            Came::Taken { rejected: 0, .. } => {
                if self.failing.told.take().is_some() {
                    tracing::info!(dropped = dropped - self.failing.dropped, "spans are exported again");
                    self.failing.dropped = dropped;
                }
                return;
            }
            Came::Taken { rejected, why } => format!("the collector rejected {rejected} spans: {why}"),
            Came::Later { why, .. } | Came::Lost { why } => why.clone(),
        };
        if self.failing.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            let dropped = dropped - self.failing.dropped;
            tracing::warn!(why, dropped, "spans are not exported: look at the collector, and at traces.endpoint");
            self.failing = Failing { told: Some(Instant::now()), dropped: self.failing.dropped + dropped };
        }
    }
}

fn count(spans: usize) -> u64 {
    u64::try_from(spans).unwrap_or(u64::MAX)
}

/// Exports spans until the hub stops.
pub(crate) async fn run(exporter: Arc<Mutex<Exporter>>, mut stop: watch::Receiver<bool>) {
    loop {
        let export = async {
            let pause = exporter.lock().await.step().await;
            sleep(pause).await;
        };
        tokio::select! {
            () = export => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Exports the last spans, when all that records them has ended. What the collector does not take now is dropped.
pub(crate) async fn flush(exporter: &Mutex<Exporter>) {
    let mut exporter = exporter.lock().await;
    let flushed = timeout(FLUSHING, async {
        loop {
            let (before, _) = exporter.spans.counts();
            exporter.step().await;
            let is_over = exporter.batch.is_empty() && exporter.spans.waiting() == 0;
            if is_over || exporter.spans.counts().0 == before {
                return;
            }
        }
    });
    let _ = flushed.await;
    let left = exporter.batch.len() + exporter.spans.waiting();
    if left > 0 {
        tracing::warn!(spans = left, "the last spans were not exported: the collector did not take them in time");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, body: &'static str) -> Came {
        came(&Sent::answer(status, Bytes::from_static(body.as_bytes())))
    }

    #[test]
    fn answer_means_what_the_protocol_says() {
        let taken = |rejected, why: &str| Came::Taken { rejected, why: why.to_owned() };
        assert_eq!(answer(200, "{}"), taken(0, ""));
        assert_eq!(answer(200, ""), taken(0, ""));
        assert_eq!(answer(200, r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}}"#), taken(3, "old"));
        assert_eq!(answer(202, r#"{"partialSuccess":{"rejectedSpans":2}}"#), taken(2, ""));
        for status in [429, 502, 503, 504] {
            assert!(matches!(answer(status, ""), Came::Later { .. }), "{status}");
        }
        for status in [301, 400, 401, 404, 413, 500] {
            assert!(matches!(answer(status, ""), Came::Lost { .. }), "{status}");
        }
    }

    #[test]
    fn failure_is_told_with_the_beginning_of_the_answer() {
        let Came::Lost { why } = answer(400, "bad span") else { panic!() };
        assert_eq!(why, "it answered with status 400: bad span");
    }
}
