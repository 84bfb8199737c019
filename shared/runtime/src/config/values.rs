//! What single values of a configuration look like.

use std::time::Duration;

use url::Url;

/// The duration of `"500ms"`, `"5s"`, `"2m"`, `"1h"`, `"1d"`.
pub(super) fn duration(text: &str) -> Option<Duration> {
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

/// Words that a text may be a slip of.
pub(super) trait MatchesWord {
    /// The word that the text becomes by one letter more, less or other, or by two swapped.
    fn slip_of<'w>(&self, words: &[&'w str]) -> Option<&'w str>;
}

impl MatchesWord for str {
    fn slip_of<'w>(&self, words: &[&'w str]) -> Option<&'w str> {
        words.iter().copied().find(|word| *word != self && one_edit_apart(self, word))
    }
}

fn one_edit_apart(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same_start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let ends = |from_a: usize, from_b: usize| a.get(same_start + from_a..) == b.get(same_start + from_b..);
    let swapped = a.get(same_start).is_some()
        && a.get(same_start) == b.get(same_start + 1)
        && a.get(same_start + 1) == b.get(same_start);
    match (a.len(), b.len()) {
        (x, y) if x == y => ends(1, 1) || (swapped && ends(2, 2)),
        (x, y) if x == y + 1 => ends(1, 0),
        (x, y) if x + 1 == y => ends(0, 1),
        _ => false,
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
    fn a_slip_is_one_edit() {
        let words = ["keys", "base_url", "retry"];
        for (text, word) in
            [("key", "keys"), ("keyss", "keys"), ("kyes", "keys"), ("base-url", "base_url"), ("retyr", "retry")]
        {
            assert_eq!(text.slip_of(&words), Some(word), "{text}");
        }
        for text in ["keys", "ky", "url", "", "retries"] {
            assert_eq!(text.slip_of(&words), None, "{text}");
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
