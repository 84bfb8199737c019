//! The output of commands: texts from outside are escaped, and a closed pipe ends the command silently.
//!
//! A pipe whose reader has gone (`events list | head -1`) is an error of kind `BrokenPipe`, on which a command ends without a
//! message, like other Unix tools.

use std::fmt::Display;
use std::io::{self, Write as _};

use hub::printable::{Block, Line};

/// Prints a line to standard output.
macro_rules! say {
    ($($text:tt)*) => { $crate::out::line(format_args!($($text)*)) };
}

/// Prints a line to standard error, where that is read.
macro_rules! tell {
    ($($text:tt)*) => { $crate::out::note(format_args!($($text)*)) };
}

/// Prints one line, whatever is in it.
pub(crate) fn line(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", Line(text))
}

/// Prints lines as they are broken; nothing else in them is taken as it is.
pub(crate) fn block(text: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", Block(text))
}

/// Prints a JSON text, which stays the same JSON.
pub(crate) fn json(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", hub::printable::json(text))
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Prints a line to standard error. Nothing depends on whether it is read.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", Line(text));
}

/// Prints lines to standard error. Nothing depends on whether they are read.
pub(crate) fn notes(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", Block(text));
}

/// Result of printing, for a command whose exit code has another meaning: a closed pipe is no error.
pub(crate) fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    printed.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}
