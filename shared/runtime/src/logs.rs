//! Logs: to standard error, so that standard output stays for what a command answers.

use std::error::Error;
use std::io::IsTerminal as _;

use tracing::Subscriber;
pub use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that says what is logged, in the syntax of [`EnvFilter`]: `debug`, `info,runtime=trace`.
pub const FILTER: &str = "TONGGUAN_LOG";

/// An error with what caused it, outermost first: log formats print the outermost alone.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Logs of one JSON object per line; `span` in it says what it is about. Each line is written at once.
pub fn lines<W>(writer: W, filter: EnvFilter) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let logs = tracing_subscriber::fmt().with_writer(writer).with_env_filter(filter);
    logs.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()
}

/// Starts logging, one JSON object per line where a machine reads it. A second start does nothing, so that tests and
/// functions in one process may each call it.
pub fn init(json: bool) {
    let wanted = std::env::var(FILTER).ok().filter(|filter| !filter.is_empty());
    let filter = wanted.as_deref().map(EnvFilter::try_new);
    let unreadable = matches!(filter, Some(Err(_)));
    let filter = filter.and_then(Result::ok).unwrap_or_else(|| EnvFilter::new("info"));
    let started = if json {
        lines(std::io::stderr, filter).try_init()
    } else {
        let ansi = std::io::stderr().is_terminal();
        let logs = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
        logs.with_ansi(ansi).finish().try_init()
    };
    if started.is_ok() && unreadable {
        tracing::warn!("{FILTER} cannot be read as a filter; logging at info");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logged_error_names_its_causes() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = store::StoreError::Unavailable { verb: "admit", source: Box::new(refused) };
        assert_eq!(chain(&error), "the store is unavailable: admit: connection refused");
    }
}
