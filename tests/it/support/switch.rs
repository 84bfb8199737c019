//! Tests that need something outside of this process, which an environment variable names.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Mutex;

/// What the variable says. Where it is not set, one line tells that its tests are skipped, past the harness, which would
/// keep it to itself.
pub(crate) fn named(variable: &'static str, what: &str) -> Option<String> {
    static TOLD: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
    if value.is_none() && TOLD.lock().unwrap().insert(variable) {
        let line = format!("skipped: {what}, because {variable} is not set\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    value
}
