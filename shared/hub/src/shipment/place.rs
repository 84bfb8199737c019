//! The order of a shipment's events: the partner's time, then that of reception.

use std::fmt;
use std::str::FromStr;

use crate::event::Meta;
use crate::{EventId, EventKey, Utc};

/// The time that an event stands at: the partner's where its document gives one, else that of its reception.
#[must_use]
pub fn moment(meta: &Meta) -> Utc {
    meta.occurred.unwrap_or(meta.received)
}

/// Place of an event in its shipment. Prints as a cursor, `<moment>:<received>:<id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    moment: Utc,
    received: Utc,
    id: EventId,
}

impl Place {
    /// The place of an event.
    #[must_use]
    pub fn of(key: &EventKey, meta: &Meta) -> Self {
        Self { moment: moment(meta), received: meta.received, id: key.id }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.moment.0, self.received.0, self.id)
    }
}

/// The text is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a place is <moment>:<received>:<id>")]
pub struct NotAPlace;

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(NotAPlace);
        let (moment, received, id) = (part()?, part()?, part()?);
        let time = |text: &str| text.parse().map(Utc).map_err(|_| NotAPlace);
        Ok(Self { moment: time(moment)?, received: time(received)?, id: id.parse().map_err(|_| NotAPlace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(moment: i64, received: i64, id: u8) -> Place {
        Place { moment: Utc(moment), received: Utc(received), id: EventId([id; 24]) }
    }

    #[test]
    fn partners_time_stands_before_reception_and_id() {
        let mut places = [place(2, 1, 1), place(1, 9, 1), place(1, 2, 9), place(1, 9, 0)];
        places.sort();
        assert_eq!(places, [place(1, 2, 9), place(1, 9, 0), place(1, 9, 1), place(2, 1, 1)]);
    }

    #[test]
    fn place_survives_printing() {
        for place in [place(-5, 7, 3), place(i64::MAX, i64::MIN, 255)] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in ["", "1", "1:2", "1:2:x", "x:2:00", "1:2:00:3"] {
            assert_eq!(text.parse::<Place>(), Err(NotAPlace), "{text}");
        }
    }
}
