//! Where a configuration's secrets come from when they are not in it.

use std::io;
use std::path::Path;

/// Reads an environment variable; nothing where it is not set or no text.
type ReadEnv<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;
/// Reads a file of text.
type ReadFile<'a> = Box<dyn Fn(&Path) -> io::Result<String> + 'a>;

/// Where `{ env = "NAME" }` and `{ file = "path" }` are looked up.
pub struct Sources<'a> {
    /// Reads an environment variable; nothing where it is not set or no text.
    pub env: ReadEnv<'a>,
    /// Reads a file of text.
    pub file: ReadFile<'a>,
}

impl Sources<'_> {
    /// The process's environment and file system.
    #[must_use]
    pub fn system() -> Self {
        Self { env: Box::new(|name| std::env::var(name).ok()), file: Box::new(|path| std::fs::read_to_string(path)) }
    }
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources")
    }
}
