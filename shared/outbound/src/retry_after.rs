//! `Retry-After` (RFC 9110 10.2.3): seconds, or a date in any of the three forms of 5.6.7.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// Most years that a two-digit year may be in the future; later ones are a century earlier.
const YEARS_AHEAD: i32 = 50;

/// The wait a server asks for; nothing where the value is neither seconds nor a date. A date that is past asks for none.
pub(crate) fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = date(value, now)?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// A date as HTTP writes it. The day of the week says nothing that the date does not, so a wrong one is no objection.
fn date(value: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(at) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value) {
        return Some(at);
    }
    let rest = value.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches([',', ' ']);
    let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    let utc = |date: DateTime| TimeZone::UTC.to_timestamp(date).ok();
    // asctime has no zone, and is in UTC here.
    if let Ok(at) = DateTime::strptime("%b %d %H:%M:%S %Y", &rest) {
        return utc(at);
    }
    let rest = rest.strip_suffix(" GMT").or_else(|| rest.strip_suffix(" UTC"))?;
    if let Ok(at) = DateTime::strptime("%d %b %Y %H:%M:%S", rest) {
        return utc(at);
    }
    let at = BrokenDownTime::parse("%d-%b-%y %H:%M:%S", rest).ok()?.to_datetime().ok()?;
    recent(at, now).and_then(utc)
}

/// A date of a year of two digits, in the latest century in which it is at most [`YEARS_AHEAD`] years from now.
fn recent(at: DateTime, now: Timestamp) -> Option<DateTime> {
    let latest = now.to_zoned(TimeZone::UTC).datetime().checked_add(YEARS_AHEAD.years()).ok()?;
    let (two_digits, century) = (at.year().rem_euclid(100), latest.year() - latest.year().rem_euclid(100));
    let of = |century: i16| at.with().year(century + two_digits).build().ok();
    of(century).filter(|at| *at <= latest).or_else(|| of(century - 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(cases: &[(&str, Option<u64>)]) {
        let now: Timestamp = "2026-11-06T08:49:37Z".parse().unwrap();
        for (value, seconds) in cases {
            assert_eq!(parse(value, now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn seconds_or_a_date() {
        seconds(&[
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Fri, 06 Nov 2026 08:50:07 GMT", Some(30)),
            ("Fri, 06 Nov 2026 08:00:00 GMT", Some(0)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
        ]);
    }

    /// Regression: the two obsolete forms, which RFC 9110 5.6.7 has every recipient accept, asked for no wait.
    #[test]
    fn obsolete_dates_are_read() {
        seconds(&[
            ("Friday, 06-Nov-26 08:50:07 GMT", Some(30)),
            ("Fri Nov  6 08:50:07 2026", Some(30)),
            ("Fri Nov 06 08:50:07 2026", Some(30)),
            ("Friday, 06-Nov-98 08:50:07 GMT", Some(0)),
            // A wrong day of the week, and another case.
            ("Mon, 06 Nov 2026 08:50:07 GMT", Some(30)),
            ("Monday, 06-nov-26 08:50:07 GMT", Some(30)),
            ("Friday, 06-Nov-26 08:50:07", None),
            ("Fri Nov 31 08:50:07 2026", None),
            ("Fri Nov  6 25:50:07 2026", None),
        ]);
    }

    #[test]
    fn two_digit_year_is_at_most_fifty_years_ahead() {
        let year = |text: &str, now: &str| {
            let at = date(text, now.parse().unwrap()).unwrap();
            at.to_zoned(TimeZone::UTC).year()
        };
        assert_eq!(year("Friday, 06-Nov-26 08:49:37 GMT", "2026-01-01T00:00:00Z"), 2026);
        assert_eq!(year("Friday, 06-Nov-76 08:49:37 GMT", "2026-11-06T08:49:37Z"), 2076);
        assert_eq!(year("Friday, 06-Nov-76 08:49:38 GMT", "2026-11-06T08:49:37Z"), 1976);
        assert_eq!(year("Friday, 06-Nov-05 08:49:37 GMT", "2090-01-01T00:00:00Z"), 2105);
        assert_eq!(year("Tuesday, 29-Feb-00 08:49:37 GMT", "2026-01-01T00:00:00Z"), 2000);
    }
}
