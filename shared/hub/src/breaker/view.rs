//! The circuits of a destination, as they are shown.

use serde::Serialize;

use super::{Circuit, Health};
use crate::Utc;
use crate::time::Rfc3339;

/// A circuit of a destination.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Circuit"))]
pub struct CircuitView {
    /// The event type or operation; `*` for the destination as a whole.
    pub kind: String,
    /// The circuit's state.
    pub state: CircuitState,
    /// The time of the next probe, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Rfc3339>,
}

/// State of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum CircuitState {
    /// Everything is sent, though attempts may have failed.
    Closed,
    /// Nothing is sent before its time.
    Open,
    /// The next one is sent as a probe.
    Half,
}

impl CircuitView {
    fn of(kind: &str, circuit: &Circuit, now: Utc) -> Self {
        let (state, until) = match circuit.open_until {
            None => (CircuitState::Closed, None),
            Some(until) if now < until => (CircuitState::Open, Some(Rfc3339(until))),
            Some(_) => (CircuitState::Half, None),
        };
        Self { kind: kind.to_owned(), state, until }
    }
}

impl Health {
    /// The circuit of the destination as a whole, and one for each kind that has been failing.
    #[must_use]
    pub fn circuits(&self, now: Utc) -> Vec<CircuitView> {
        let kinds = self.kinds.iter().map(|(kind, track)| CircuitView::of(kind, &track.circuit, now));
        std::iter::once(CircuitView::of("*", &self.circuit, now)).chain(kinds).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{AttemptReport, Permit};
    use super::*;
    use crate::EventId;
    use crate::delivery::Outcome;

    #[test]
    fn circuit_is_closed_then_open_then_half_open() {
        let now = Utc(1_790_000_000_000_000);
        let states = |health: &Health, now| {
            let circuits = health.circuits(now).into_iter();
            circuits.map(|circuit| (circuit.kind, circuit.state, circuit.until.is_some())).collect::<Vec<_>>()
        };
        let mut health = Health::default();
        assert_eq!(states(&health, now), [("*".to_owned(), CircuitState::Closed, false)]);
        for n in 0..20 {
            let (kind, outcome, took) = ("xhq.syn_status", Outcome::NoAnswer, Duration::from_secs(1));
            let report = AttemptReport { kind, event: EventId([n; 24]), outcome, status: None, took };
            health = health.after(Permit::Go, &report, now);
        }
        let both = |state, has_time| ["*", "xhq.syn_status"].map(|kind| (kind.to_owned(), state, has_time));
        assert_eq!(states(&health, now), both(CircuitState::Open, true));
        assert_eq!(states(&health, now.after(Duration::from_mins(1))), both(CircuitState::Half, false));
    }
}
