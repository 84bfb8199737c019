//! Moments in time, in UTC, to the microsecond.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime, date};
use jiff::fmt::temporal::Pieces;
use jiff::{Timestamp, tz};
use serde::{Deserialize, Serialize};

/// A source of the time. A function, so that tests can move it.
pub type Clock = Arc<dyn Fn() -> Utc + Send + Sync>;

/// A moment: microseconds since 1970-01-01T00:00:00Z. Prints as RFC 3339 with six decimals.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Utc(pub i64);

impl Utc {
    /// The moment `span` later; the end of time where that is further than an `i64` reaches.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time since `earlier`; zero where that is later than this.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether this is less than `span` after `earlier`. Not where that lies ahead: the clock was set back since.
    #[must_use]
    pub fn is_within(self, span: Duration, earlier: Self) -> bool {
        earlier <= self && self.since(earlier) < span
    }

    /// Whole seconds since 1970, as signatures and TTL attributes want it.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole milliseconds since 1970; 0 before.
    #[must_use]
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.0.div_euclid(1_000)).unwrap_or_default()
    }

    /// Reads RFC 3339 (`2026-01-31T08:00:00Z`) or, without an offset, the partners' and operators' time of day in
    /// UTC+8 (`2026-01-31 16:00:00`). What lies behind the last moment that can be kept, at the end of the year 9999, is
    /// that moment.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Some(Self(timestamp.as_microsecond()));
        }
        let china = tz::TimeZone::fixed(tz::offset(8));
        match text.parse::<DateTime>() {
            Ok(naive) => {
                let timestamp = china.to_timestamp(naive).ok();
                timestamp.map(|timestamp| Self(timestamp.as_microsecond())).or_else(|| latest(naive.date()))
            }
            Err(_) => latest(Pieces::parse(text).ok()?.date()),
        }
    }
}

/// The last moment that can be kept, where a time of that day could not be for being later.
fn latest(day: Date) -> Option<Utc> {
    (day >= date(9999, 12, 30)).then_some(Utc(Timestamp::MAX.as_microsecond()))
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX);
        write!(f, "{timestamp:.6}")
    }
}

impl fmt::Debug for Utc {
    /// Prints it as `Display` does, so that no log shows microseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A time as the API prints it, in RFC 3339. [`Utc`] itself is stored as a number.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(inline, with = "String", description = "", extend("format" = "date-time")))]
pub struct Rfc3339(pub Utc);

impl Serialize for Rfc3339 {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_rfc_3339() {
        let moment = Utc(1_564_620_414_000_000);
        assert_eq!(moment.to_string(), "2019-08-01T00:46:54.000000Z");
        assert_eq!(Utc::parse(&moment.to_string()), Some(moment));
        assert_eq!(format!("{moment:?}"), moment.to_string());
    }

    #[test]
    fn future_time_is_within_no_span() {
        let span = Duration::from_micros(5);
        let within = |now: i64| Utc(now).is_within(span, Utc(10));
        assert_eq!([9, 10, 14, 15].map(within), [false, true, true, false]);
    }

    #[test]
    fn a_time_without_zone_is_chinas() {
        assert_eq!(Utc::parse("2019-08-01 08:46:54"), Some(Utc(1_564_620_414_000_000)));
        assert_eq!(Utc::parse("yesterday"), None);
    }

    /// Regression: a cutoff of "whenever" was no time.
    #[test]
    fn end_of_calendar_is_the_last_moment() {
        let last = Utc::parse("9999-12-30T22:00:00.999999Z");
        assert!(last.is_some());
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59+08:00", "9999-12-31 23:59:59", "9999-12-30T23:00:00Z"]
        {
            assert_eq!(Utc::parse(text), last, "{text}");
        }
        for text in ["9999-12-32T23:59:59Z", "9999-12-31T25:00:00Z", "9999-12-31T23:59:59", "-9999-01-01T00:00:00Z"] {
            assert_eq!(Utc::parse(text).is_some(), text == "9999-12-31T23:59:59", "{text}");
        }
    }
}
