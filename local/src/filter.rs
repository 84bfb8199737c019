//! Checks of a list's filters against the configuration and the store: a mistyped filter would print an empty list.

use config::Config;
use hub::slip::nearest;
use hub::{ConnectionId, event_types};
use partners::{Partner, operation};
use store_sqlite::SqliteStore;

/// The kinds of business keys, as `--about` and `--subject` take them.
const KINDS: [&str; 13] = [
    "order",
    "bl",
    "entry",
    "ciq",
    "waybill",
    "serial",
    "mawb",
    "port",
    "batch",
    "container",
    "push",
    "malformed",
    "call",
];

/// Refuses a connection of which there is neither a configuration nor an event.
pub(crate) async fn check_connection(
    config: &Config,
    store: &SqliteStore,
    connection: Option<&ConnectionId>,
) -> anyhow::Result<()> {
    let Some(connection) = connection else { return Ok(()) };
    let stored = store.connections().await?;
    if config.connections.contains_key(connection) || stored.contains(connection) {
        return Ok(());
    }
    let known: Vec<_> = config.connections.keys().chain(&stored).map(ConnectionId::as_str).collect();
    anyhow::bail!("--connection: there is no connection {connection}{}", suggestion(connection.as_str(), &known))
}

/// Refuses a type, or the beginning of one and `*`, that neither an event nor a call can have.
pub(crate) fn check_type(kind: Option<&str>) -> anyhow::Result<()> {
    let Some(kind) = kind else { return Ok(()) };
    let operations = || operation::all().map(|row| format!("{}.{}", row.partner, row.name));
    let known = match kind.strip_suffix('*') {
        Some(begin) => {
            event_types::all().any(|known| known.starts_with(begin))
                || operations().any(|known| known.starts_with(begin))
        }
        None => event_types::all().any(|known| known == kind) || is_operation(kind),
    };
    if known {
        return Ok(());
    }
    let operations: Vec<_> = operations().collect();
    let mut all: Vec<&str> = event_types::all().collect();
    all.extend(operations.iter().map(String::as_str));
    anyhow::bail!("--type: no event has the type {kind}{}", suggestion(kind.trim_end_matches('*'), &all))
}

fn is_operation(kind: &str) -> bool {
    let Some((partner, name)) = kind.split_once('.') else { return false };
    Partner::from_id(partner).is_some_and(|partner| operation::find(partner, name).is_some())
}

fn suggestion(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(meant) => format!(": did you mean {meant}?"),
        None => format!("; there are {}", known.join(", ")),
    }
}

/// Message about a business key that matches nothing, and whether its kind exists.
pub(crate) fn unknown_key(about: &str) -> (String, bool) {
    let (kind, value) = about.split_once(':').unwrap_or(("", about));
    if KINDS.contains(&kind) {
        return (format!("nothing is known about {about}"), true);
    }
    let hint = match nearest(kind, KINDS) {
        Some(meant) => format!("did you mean {meant}:{value}?"),
        None => format!("a key goes with its kind, such as order:{value}; kinds are {}", KINDS.join(", ")),
    };
    (format!("nothing is known about {about}: {hint}"), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_nothing_has_is_refused() {
        for kind in ["xhq.single_receipt", "xhq.*", "*", "call.failed", "xhq.upload", "yanwen.s3.other", "xhq.unknown"]
        {
            assert!(check_type(Some(kind)).is_ok(), "{kind}");
        }
        for (kind, told) in [
            ("nonsense", "there are xhq.syn_status"),
            ("xhq.single_reciept", "did you mean xhq.single_receipt?"),
            ("XHQ.upload", "did you mean xhq.upload?"),
            ("acme.*", "no event has the type acme.*"),
        ] {
            let error = check_type(Some(kind)).unwrap_err().to_string();
            assert!(error.contains(told), "{kind}: {error}");
        }
    }

    /// Regression: of `container:X` it was said that it goes with its kind, such as `order:container:X`.
    #[test]
    fn the_hint_at_a_key_names_what_is_wrong_with_it() {
        for (about, told, known) in [
            ("container:X", "nothing is known about container:X", true),
            ("contianer:X", "nothing is known about contianer:X: did you mean container:X?", false),
            ("Order:X", "nothing is known about Order:X: did you mean order:X?", false),
            ("X", "nothing is known about X: a key goes with its kind, such as order:X; kinds are order, bl,", false),
        ] {
            let (text, might) = unknown_key(about);
            assert!(text.starts_with(told) && might == known, "{text}");
        }
    }
}
