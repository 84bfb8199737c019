//! Times as persons read and write them: in this machine's zone, or in UTC.

use std::time::Duration;

use hub::Utc;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Prints a time.
pub(crate) type Print = fn(Utc) -> String;

/// The present time.
pub(crate) fn now() -> Utc {
    telemetry::system_clock()()
}

/// The zone in which times are printed, and read where they name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Local,
    Utc,
}

/// A moment, as an option has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So long ago.
    Ago(Duration),
    At(Utc),
    /// A day, from its beginning, or a time of a day.
    Clock(DateTime),
}

impl Zone {
    pub(crate) const fn print(self) -> Print {
        match self {
            Self::Local => local,
            Self::Utc => utc,
        }
    }

    fn tz(self) -> TimeZone {
        match self {
            Self::Local => TimeZone::system(),
            Self::Utc => TimeZone::UTC,
        }
    }

    /// A time as the hub prints it, for a person.
    pub(crate) fn reprint(self, text: &str) -> String {
        Utc::parse(text).map_or_else(|| hub::printable::Word(text).to_string(), self.print())
    }

    /// The time that a moment is.
    pub(crate) fn time(self, moment: Moment, now: Utc) -> Utc {
        moment_in(moment, now, &self.tz())
    }
}

/// Reads a moment: `90s`, `2h`, `3d` ago; `2026-11-28`, `2026-11-28T16:00`, or RFC 3339 with its offset.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    if let Some(ago) = config::duration(text) {
        return Ok(Moment::Ago(ago));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(Moment::At(Utc(timestamp.as_microsecond())));
    }
    text.parse().map(Moment::Clock).map_err(|_| {
        "must be so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (2026-11-28T16:00, or with its offset, +08:00 or Z)".to_owned()
    })
}

fn moment_in(moment: Moment, now: Utc, zone: &TimeZone) -> Utc {
    match moment {
        Moment::Ago(ago) => Utc(now.0.saturating_sub(i64::try_from(ago.as_micros()).unwrap_or(i64::MAX)).max(0)),
        Moment::At(time) => time,
        Moment::Clock(time) => {
            let found = zone.to_ambiguous_timestamp(time).compatible();
            found.map_or(Utc(0), |timestamp| Utc(timestamp.as_microsecond()))
        }
    }
}

/// A time in this machine's zone, with its offset: `2026-11-28T21:30:00.000000+08:00`.
pub(crate) fn local(time: Utc) -> String {
    in_zone(time, TimeZone::system())
}

/// A time in UTC: `2026-11-28T13:30:00.000000Z`.
pub(crate) fn utc(time: Utc) -> String {
    time.to_string()
}

fn in_zone(time: Utc, zone: TimeZone) -> String {
    let timestamp = Timestamp::from_microsecond(time.0).unwrap_or(Timestamp::MAX);
    timestamp.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S.%6f%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_a_zone_has_its_offset() {
        let time = Utc(1_795_902_600_000_001);
        let china = TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(in_zone(time, china), "2026-11-29T05:50:00.000001+08:00");
        assert_eq!(utc(time), "2026-11-28T21:50:00.000001Z");
    }

    #[test]
    fn moment_is_ago_or_a_day_or_a_time() {
        let china = TimeZone::fixed(jiff::tz::offset(8));
        let now = Utc::parse("2026-11-29T00:00:00Z").unwrap();
        for (text, time) in [
            ("2h", "2026-11-28T22:00:00Z"),
            ("3d", "2026-11-26T00:00:00Z"),
            ("500ms", "2026-11-28T23:59:59.5Z"),
            ("99999d", "1970-01-01T00:00:00Z"),
            ("2026-11-28", "2026-11-27T16:00:00Z"),
            ("2026-11-28T16:00", "2026-11-28T08:00:00Z"),
            ("2026-11-28 16:00:05", "2026-11-28T08:00:05Z"),
            ("2026-11-28T16:00:00Z", "2026-11-28T16:00:00Z"),
            ("2026-11-28T16:00:00+01:00", "2026-11-28T15:00:00Z"),
        ] {
            assert_eq!(moment_in(moment(text).unwrap(), now, &china), Utc::parse(time).unwrap(), "{text}");
        }
        for text in ["", "2", "h", "yesterday", "2026-13-01", "-2h", "2 h", "2026-11-28T25:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
