//! Logs: to standard error, so that standard output stays for what a command answers.
//!
//! A line that cannot be written is left out. Where the terminal has closed, a complaint about that on standard error
//! would be a panic of the code that logs.

use std::error::Error;
use std::fmt as text;
use std::io::IsTerminal as _;

use hub::Utc;
use hub::printable::{Line, Word};
use tracing::Subscriber;
use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::MakeExt as _;
pub use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that says what is logged, in the syntax of [`Targets`]: `debug`, `info,inbound=trace`.
pub const FILTER: &str = "TONGGUAN_LOG";

/// The variable that, set to anything, keeps colours out of the log (<https://no-color.org>).
const NO_COLOR: &str = "NO_COLOR";

/// An error with what caused it, outermost first: log formats print the outermost alone.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Prints a time at the beginning of a line.
pub type PrintTime = fn(Utc) -> String;

/// The form of the log.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// One JSON object a line, for machines.
    Json,
    /// One line of text each, for persons.
    Text(PrintTime),
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

/// Logs of one line of text each, whatever the texts in it hold: what is not one word is quoted and escaped. A log that
/// has no reader any more (`2>&1 | head`) loses its lines and stops nothing.
pub fn text<W>(writer: W, filter: Targets, time: PrintTime, colours: bool) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false).with_ansi(colours);
    let lines = lines.with_timer(Time(time)).fmt_fields(debug_fn(print).delimited(" "));
    registry().with(lines.with_filter(filter))
}

/// Prints a field of a line. Texts come in quotes and escaped already, as `Debug` has them; what is printed by `Display`
/// does not.
fn print(to: &mut Writer<'_>, field: &Field, value: &dyn text::Debug) -> text::Result {
    let value = format!("{value:?}");
    match field.name() {
        "message" => write!(to, "{}", Line(value)),
        name if to.has_ansi_escapes() => write!(to, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{}", word(&value)),
        name => write!(to, "{name}={}", word(&value)),
    }
}

fn word(value: &str) -> String {
    if is_quoted(value) { Line(value).to_string() } else { Word(value).to_string() }
}

/// Whether a value is a text in quotes, from its first character to its last.
fn is_quoted(value: &str) -> bool {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return false };
    let mut escaped = false;
    let ends_within = inner.chars().any(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    });
    !ends_within && !escaped
}

struct Time(PrintTime);

impl FormatTime for Time {
    fn format_time(&self, to: &mut Writer<'_>) -> text::Result {
        to.write_str(&(self.0)(crate::system_clock()()))
    }
}

/// Whether a log is coloured: on a terminal that shows colours, unless `NO_COLOR` is set.
fn is_coloured(terminal: bool, env: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    let refused = env(NO_COLOR).is_some_and(|value| !value.is_empty());
    terminal && !refused && env("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Starts logging, one JSON object per line where a machine reads it. A second start does nothing, so that tests and
/// functions in one process may each call it.
pub fn init(form: Form) {
    start(form, LevelFilter::INFO);
}

/// Starts logging for an operator's command, which prints itself what it does: errors alone.
pub fn init_errors(time: PrintTime) {
    start(Form::Text(time), LevelFilter::ERROR);
}

fn start(form: Form, level: LevelFilter) {
    let wanted = std::env::var(FILTER).ok().filter(|filter| !filter.is_empty());
    let filter = wanted.as_deref().map(str::parse::<Targets>);
    let unreadable = matches!(filter, Some(Err(_)));
    let filter = filter.and_then(Result::ok).unwrap_or_else(|| Targets::new().with_default(level));
    let started = match form {
        Form::Json => lines(std::io::stderr, filter).try_init(),
        Form::Text(time) => {
            let colours = is_coloured(std::io::stderr().is_terminal(), |name| std::env::var_os(name));
            text(std::io::stderr, filter, time, colours).try_init()
        }
    };
    if started.is_ok() && unreadable {
        tracing::warn!("{FILTER} cannot be read as a filter; logging at {level}");
    }
}

/// A log that tests read.
#[cfg(any(test, feature = "testing"))]
#[allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that fails says why")]
pub mod testing {
    use std::sync::{Arc, Mutex};

    use super::{LevelFilter, Targets, text};

    /// A log in memory.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Log output of a closure, as text.
    pub fn logged(log: impl FnOnce()) -> String {
        logged_in(false, log)
    }

    /// The same, with colours or without.
    pub fn logged_in(colours: bool, log: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let filter = Targets::new().with_default(LevelFilter::INFO);
        tracing::subscriber::with_default(text(move || writer.clone(), filter, |_| "now".to_owned(), colours), log);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{logged, logged_in};
    use super::*;

    #[test]
    fn a_logged_error_names_its_causes() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = store::StoreError::Unavailable { verb: "admit", source: Box::new(refused) };
        assert_eq!(chain(&error), "the store is unavailable: admit: connection refused");
    }

    /// Regression: an order number with a line break wrote a line of its own, with a level and a text of the sender's.
    #[test]
    fn outside_texts_stay_in_their_line_and_field() {
        let order = "a\n2026-11-28T00:00:00Z ERROR fake: forged\u{1b}[31m\0\u{9b}\u{202e}";
        let line = logged(|| {
            tracing::info!(subject = %order, text = order, id = 7, plain = %"S1", "refused: {order}");
            tracing::info!(forged = %"\"a\" endpoint=\"b\"", none = ?None::<u8>, "x");
        });
        assert_eq!(line.lines().count(), 2, "{line}");
        assert!(!line.chars().any(|c| c != '\n' && hub::printable::is_hidden(c)), "{line}");
        let shown = r"a\n2026-11-28T00:00:00Z ERROR fake: forged\u{1b}[31m\u{0}\u{9b}\u{202e}";
        let text = format!("refused: {shown} subject=\"{shown}\"");
        assert!(line.contains(&text) && line.contains(" id=7 plain=S1\n"), "{line}");
        assert!(line.contains(r#"x forged="\"a\" endpoint=\"b\"" none=None"#), "{line}");
    }

    #[test]
    fn colours_are_the_logs_own_only() {
        let line = logged_in(true, || tracing::info!(subject = %"\u{1b}[31m", "x"));
        assert!(line.contains("\u{1b}[3msubject") && line.contains(r"\u{1b}[31m"), "{line:?}");
    }

    #[test]
    fn no_color_and_a_dumb_terminal_are_respected() {
        let with = |terminal, set: &[(&str, &str)]| {
            let env = |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
            is_coloured(terminal, env)
        };
        assert!(with(true, &[]) && with(true, &[("NO_COLOR", ""), ("TERM", "xterm")]));
        assert!(!with(false, &[]) && !with(true, &[("NO_COLOR", "1")]) && !with(true, &[("TERM", "dumb")]));
    }
}
