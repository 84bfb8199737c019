//! Paths of requests, read in one way on every host.
//!
//! A path is split at its slashes before its percent-encoding is taken away, so that an encoded slash parts nothing.
//! Empty segments are ignored: doubled and trailing slashes are artefacts of string concatenation.

use percent_encoding::percent_decode_str;

/// First segments of the hub's own paths. A stage or a base path of a proxy may stand before them.
pub const ROOTS: [&str; 17] = [
    "hooks",
    "deliveries",
    "events",
    "files",
    "shipments",
    "calls",
    "uploads",
    "stats",
    "ledger",
    "connections",
    "endpoints",
    "me",
    "audit",
    "configuration",
    "openapi.json",
    "console",
    "health",
];

/// The segments of the hub's own part of a path, without their percent-encoding. None where a segment is `.` or `..`:
/// clients resolve those before they send, and a proxy that filters by path is not to be walked around.
#[must_use]
pub fn segments(path: &str) -> Vec<String> {
    let segments: Vec<String> = own(path).split('/').filter(|raw| !raw.is_empty()).map(decoded).collect();
    if path.split('/').map(decoded).any(|segment| matches!(segment.as_str(), "." | "..")) {
        return Vec::new();
    }
    segments
}

/// The hub's own part of a path, unchanged, with the slash before it; the whole path where no segment of it is a root.
#[must_use]
pub fn own(path: &str) -> &str {
    let is_own = |rest: &&str| {
        let first = rest.split('/').nth(1).unwrap_or_default();
        ROOTS.contains(&decoded(first).as_str())
    };
    let mut starts = path.match_indices('/').filter_map(|(at, _)| path.get(at..));
    starts.find(is_own).unwrap_or(path)
}

/// A segment without its percent-encoding. What is no encoding of UTF-8 is replaced.
#[must_use]
pub fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_before_it_is_decoded() {
        assert_eq!(segments("/calls/xhq-sh/order:F%201%2F%E9%80%9A+"), ["calls", "xhq-sh", "order:F 1/通+"]);
        assert_eq!(segments("/hooks%2Fxhq/a"), ["hooks/xhq", "a"]);
        assert_eq!(segments("/events/a/100%/%zz"), ["events", "a", "100%", "%zz"], "what encodes nothing stays");
    }

    #[test]
    fn slashes_and_encodings_that_mean_nothing_are_left_out() {
        let plain = ["hooks", "xhq", "xhq-sh", "k_1", "syn_status"];
        for path in [
            "/hooks/xhq/xhq-sh/k_1/syn_status",
            "/hooks/xhq/xhq-sh/k_1/syn_status/",
            "//hooks//xhq/xhq-sh///k_1/syn_status//",
            "/%68ooks/xh%71/xhq%2Dsh/k%5F1/syn%5fstatus",
        ] {
            assert_eq!(segments(path), plain, "{path}");
        }
        assert!(segments("/").is_empty() && segments("").is_empty() && segments("//").is_empty());
    }

    #[test]
    fn path_before_a_root_is_dropped() {
        for path in ["/prod/hooks/x", "/a/b/hooks/x", "//prod//hooks/x"] {
            assert_eq!(segments(path), ["hooks", "x"], "{path}");
        }
        assert_eq!((own("/prod/calls//c/op/"), own("/other"), own("")), ("/calls//c/op/", "/other", ""));
        assert_eq!(segments("/events/hooks/order:1"), ["events", "hooks", "order:1"], "the first root counts");
        assert_eq!(segments("/other/x"), ["other", "x"]);
    }

    #[test]
    fn a_path_with_dot_segments_names_nothing() {
        for path in ["/hooks/../calls/a/b", "/hooks/./x", "/x/../hooks/y", "/hooks/%2e%2E/calls", "/hooks/x/."] {
            assert!(segments(path).is_empty(), "{path}");
        }
        assert_eq!(segments("/hooks/.x/..y"), ["hooks", ".x", "..y"]);
    }
}
