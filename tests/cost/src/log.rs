//! Bytes of the log: the functions' own lines as they print them, metrics included, and the lines that Lambda and the
//! gateway add.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::Value;
use telemetry::logs;
use telemetry::metrics::{self, Metric, Sample};
use tracing::Dispatch;

/// The stack, as its metrics name it.
const STACK: &str = "tongguan";

/// An invocation's id, as Lambda gives one.
pub(crate) const REQUEST_ID: &str = "79b4f56e-95b1-4643-9700-2807f4e68189";

/// Lambda's own lines for an invocation, as its documentation prints them:
/// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>
const INVOCATION: [&str; 2] = [
    r#"{"time":"2026-11-28T08:00:00.000Z","type":"platform.start","record":{"requestId":"79b4f56e-95b1-4643-9700-2807f4e68189","version":"$LATEST"}}"#,
    r#"{"time":"2026-11-28T08:00:00.000Z","type":"platform.report","record":{"requestId":"79b4f56e-95b1-4643-9700-2807f4e68189","metrics":{"durationMs":23.456,"billedDurationMs":24,"memorySizeMB":512,"maxMemoryUsedMB":34},"status":"success"}}"#,
];

/// A line of the gateway's access log, in the template's format.
const ACCESS: &str = r#"{"requestId":"79b4f56e-95b1-4643-9700-2807f4e68189","time":1795334400000,"method":"POST","route":"/hooks/{partner}/{connection}/{key}/single_receipt","status":"200","ip":"203.0.113.127","bytes":"24","latency":"34","function":"200","functionLatency":"30","functionRequestId":"79b4f56e-95b1-4643-9700-2807f4e68189","error":"-"}"#;

/// The lines that are logged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Logs into this one, at the level that the template has.
    pub(crate) fn dispatch(&self) -> Dispatch {
        // Where there is only one log, what another thread comes upon first is taken for something that nobody logs.
        static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| {
            let all = logs::Targets::new().with_default(tracing::level_filters::LevelFilter::TRACE);
            logs::lines(io::sink, all).into()
        });
        LazyLock::force(&ANOTHER);
        let log = self.clone();
        let info = logs::Targets::new().with_default(tracing::level_filters::LevelFilter::INFO);
        logs::lines(move || log.clone(), info).into()
    }

    /// The metrics of a sample, as a function prints them.
    pub(crate) fn count(&self, at: hub::Utc, sample: &Sample) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(metrics::emf(STACK, at, sample).as_bytes());
        lines.push(b'\n');
    }

    /// The bytes since the last time, with those of an invocation and of the gateway's requests. Times are taken for equally
    /// long numbers, or no two counts would agree.
    pub(crate) fn take(&self, gateway: f64) -> f64 {
        let lines = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = String::from_utf8_lossy(&lines).into_owned();
        let own: usize = lines.lines().map(|line| 1 + even(line).len()).sum();
        let lambda: usize = INVOCATION.iter().map(|line| line.len() + 1).sum();
        let bytes = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        bytes(own + lambda) + gateway * bytes(ACCESS.len() + 1)
    }
}

/// A line in which every time that was measured has four digits.
fn even(line: &str) -> String {
    let Ok(Value::Object(mut line)) = serde_json::from_str(line) else { return line.to_owned() };
    let times = [Metric::AckTime, Metric::AckMargin, Metric::DeliveryLag].map(Metric::name);
    for (name, value) in &mut line {
        if name == "ms" || times.contains(name) {
            *value = 12.34.into();
        }
    }
    Value::Object(line).to_string()
}
