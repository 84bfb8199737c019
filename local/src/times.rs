//! Times as they are printed for persons: RFC 3339 in this machine's zone, or in UTC.

use hub::Utc;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Prints a time.
pub(crate) type Print = fn(Utc) -> String;

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
}
