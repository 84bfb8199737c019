//! Logs: to standard error, so that standard output stays for what a command answers.
//!
//! A line that cannot be written is left out. Where the terminal has closed, a complaint about that on standard error
//! would be a panic of whoever logs.

use std::error::Error;
use std::io::IsTerminal as _;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
pub use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that says what is logged, in the syntax of [`Targets`]: `debug`, `info,runtime=trace`.
pub const FILTER: &str = "TONGGUAN_LOG";

/// An error with what caused it, outermost first: log formats print the outermost alone.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Logs of one JSON object per line; `span` in it says what it is about. Each line is written at once.
pub fn lines<W>(writer: W, filter: Targets) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false).json();
    let lines = lines.flatten_event(true).with_current_span(true).with_span_list(false);
    registry().with(lines.with_filter(filter))
}

/// Starts logging, one JSON object per line where a machine reads it. A second start does nothing, so that tests and
/// functions in one process may each call it.
pub fn init(json: bool) {
    let wanted = std::env::var(FILTER).ok().filter(|filter| !filter.is_empty());
    let filter = wanted.as_deref().map(str::parse::<Targets>);
    let unreadable = matches!(filter, Some(Err(_)));
    let filter = filter.and_then(Result::ok).unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let started = if json {
        lines(std::io::stderr, filter).try_init()
    } else {
        let ansi = std::io::stderr().is_terminal();
        let lines = fmt::layer().with_writer(std::io::stderr).log_internal_errors(false).with_ansi(ansi);
        registry().with(lines.with_filter(filter)).try_init()
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
