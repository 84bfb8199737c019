//! Sources of a configuration's secrets that are not in it.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::Path;

use super::Credentials;

/// Reads an environment variable; nothing where it is not set.
type ReadEnv<'a> = Box<dyn Fn(&str) -> Option<Vec<u8>> + 'a>;
/// Reads a file.
type ReadFile<'a> = Box<dyn Fn(&Path) -> io::Result<Vec<u8>> + 'a>;

/// The largest file that is taken for a secret, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Places where `{ env = "NAME" }`, `{ file = "path" }` and `{ secret = "name" }` are looked up.
pub struct Sources<'a> {
    /// Reads an environment variable; nothing where it is not set.
    pub env: ReadEnv<'a>,
    /// Reads a file.
    pub file: ReadFile<'a>,
    /// The credentials secret.
    pub credentials: Credentials,
}

impl Sources<'_> {
    /// The process's environment and file system, without a credentials secret.
    #[must_use]
    pub fn system() -> Self {
        Self::system_with(Credentials::Absent)
    }

    /// The process's environment and file system, and what it knows of the credentials secret.
    #[must_use]
    pub fn system_with(credentials: Credentials) -> Self {
        let env = |name: &str| std::env::var_os(name).map(OsString::into_encoded_bytes);
        Self { env: Box::new(env), file: Box::new(read), credentials }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sources")
    }
}
