//! Forms of single values of a configuration.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::Url;

/// The duration of `"500ms"`, `"5s"`, `"2m"`, `"1h"`, `"1d"`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(digits)?;
    let count: u64 = count.parse().ok()?;
    let of_seconds = |seconds: u64| count.checked_mul(seconds).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(count)),
        "s" => of_seconds(1),
        "m" => of_seconds(60),
        "h" => of_seconds(3600),
        "d" => of_seconds(86_400),
        _ => None,
    }
}

/// A duration as [`duration`] reads it, in the largest unit that fits evenly.
pub(super) fn print(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let even = units.into_iter().find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit));
    even.map_or_else(|| format!("{ms}ms"), |(unit, name)| format!("{}{name}", ms / unit))
}

/// Whether a text is a name: `[a-z0-9-]{1,64}`.
pub(super) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a text can stand in a URL's path as it is.
pub(super) fn is_url_safe(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A URL without what may be secret in it.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The address and port of a text. The error is the rest of a sentence that begins with the key's name, and suggests a
/// correction, with `port` where the text has none.
pub fn socket_address(text: &str, port: u16) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let such_as = |host: &str, port: u16, why: &str| {
        Err(format!(
            "must be an address and port such as \"{host}:{port}\"{}{why}",
            if why.is_empty() { "" } else { ": " }
        ))
    };
    if text.contains("://") {
        return such_as("127.0.0.1", port, "it is no URL");
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        // `::1:8787` is an address, too.
        let host = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
        return such_as(&host, port, "the port is missing, and an IPv6 address stands in [ ]");
    }
    let (host, given) = text.rsplit_once(':').unwrap_or((text, ""));
    let Ok(given) = (if given.is_empty() { Ok(port) } else { given.parse::<u16>() }) else {
        return such_as("127.0.0.1", port, "a port is a number from 0 to 65535");
    };
    match host {
        "localhost" => such_as("127.0.0.1", given, "localhost is a name, and names are not looked up"),
        "" | "*" => such_as("0.0.0.0", given, "0.0.0.0 stands for every address, 127.0.0.1 for this machine alone"),
        _ if host.bytes().all(|byte| byte.is_ascii_digit()) => {
            such_as("127.0.0.1", host.parse().unwrap_or(given), "a port needs an address before it")
        }
        _ => such_as("127.0.0.1", given, "names are not looked up; 0.0.0.0 stands for every address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        let cases = [
            ("500ms", Some(500)),
            ("5s", Some(5000)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("1d", Some(86_400_000)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5 s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5S", None),
            ("1h30m", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ];
        for (text, ms) in cases {
            assert_eq!(duration(text), ms.map(Duration::from_millis), "{text}");
        }
        for text in ["500ms", "5s", "90s", "2m", "1h", "12h", "7d", "0ms"] {
            assert_eq!(print(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn invalid_listen_address_is_reported_with_the_reason() {
        assert_eq!(socket_address("[::1]:8901", 8787), Ok(([0, 0, 0, 0, 0, 0, 0, 1], 8901).into()));
        for (text, suggestion, why) in [
            ("localhost:8901", "127.0.0.1:8901", "localhost is a name"),
            ("localhost", "127.0.0.1:8787", "localhost is a name"),
            (":8901", "0.0.0.0:8901", "every address"),
            ("*:8901", "0.0.0.0:8901", "every address"),
            ("8901", "127.0.0.1:8901", "a port needs an address"),
            ("10.0.0.1", "10.0.0.1:8787", "the port is missing"),
            ("::1", "[::1]:8787", "[ ]"),
            ("[::1]", "[::1]:8787", "[ ]"),
            ("http://127.0.0.1:8901", "127.0.0.1:8787", "no URL"),
            ("127.0.0.1:99999", "127.0.0.1:8787", "0 to 65535"),
            ("erp.example.com:80", "127.0.0.1:80", "not looked up"),
            ("", "0.0.0.0:8787", ""),
        ] {
            let told = socket_address(text, 8787).unwrap_err();
            assert!(told.contains(&format!("\"{suggestion}\"")) && told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        assert!(is_name("xhq-sh") && is_name(&"a".repeat(64)));
        for text in ["", "Xhq", "a_b", "a b", "信号旗", &"a".repeat(65)] {
            assert!(!is_name(text), "{text}");
        }
    }
}
