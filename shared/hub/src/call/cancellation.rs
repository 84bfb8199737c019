//! Cancellation of a call that is not on its way to the partner, and its stored form.

use partners::Partner;
use serde::{Deserialize, Serialize, Serializer};

use super::view::operation;
use super::{Call, Standing};
use crate::Utc;
use crate::event::Meta;
use crate::progress::Outgoing as _;

/// A cancellation, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Time of the cancellation.
    pub at: Utc,
    /// Id of the API key that made it.
    pub by: String,
}

/// The stored form of a standing: a cancelled call is one that failed, with a cancellation. An earlier version, which knows of no
/// cancellation, reads it so.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) fn stored_standing<S: Serializer>(standing: &Standing, serializer: S) -> Result<S::Ok, S::Error> {
    let stored = if *standing == Standing::Cancelled { Standing::Failed } else { *standing };
    stored.serialize(serializer)
}

/// The call with the standing that is stored with its cancellation ([`stored_standing`]).
pub(super) fn read_standing(call: Call) -> Call {
    let is_cancelled = call.standing == Standing::Failed && call.cancellation.is_some();
    Call { standing: if is_cancelled { Standing::Cancelled } else { call.standing }, ..call }
}

impl Call {
    /// Whether it may be on its way to the partner. A command that must not be sent twice is marked before it is sent. Another one,
    /// or one of an unknown operation, may be on its way for as long as it is claimed.
    fn may_be_sent(&self, meta: &Meta, described: &[Partner], now: Utc) -> bool {
        let is_marked = operation(meta, self, described).is_some_and(|operation| !operation.effect.repeatable());
        self.sending || (!is_marked && self.progress.is_claimed && now < self.progress.due)
    }

    /// The call with that metadata cancelled by the API key of that id, where the configuration describes these partners. Nothing
    /// where it is not queued, or may be on its way to the partner.
    #[must_use]
    pub fn cancelled(mut self, by: &str, meta: &Meta, described: &[Partner], now: Utc) -> Option<Self> {
        if !self.is_pending() || self.may_be_sent(meta, described, now) {
            return None;
        }
        self.cancellation = Some(Cancellation { at: now, by: by.to_owned() });
        Some(self.ended(Standing::Cancelled, now))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use partners::operation;

    use super::*;
    use crate::call::sequence::{Earlier, Position};
    use crate::call::{Request, accepted};
    use crate::schedule::Schedule;
    use crate::{ConnectionId, EventId};

    const HOUR: Utc = Utc(3_600_000_000);

    /// A fresh upload, under its first lease, and its metadata.
    fn fresh() -> (Call, Meta) {
        let (connection, operation) = (ConnectionId::from("xhq-sh"), operation::find(Partner::Xhq, "upload").unwrap());
        let body = r#"{"orderOutNo":"SO-1"}"#;
        let request = Request { connection: &connection, operation: &operation, key: "k", body, file: None };
        let record = accepted(&request, Utc(0), Duration::from_secs(30), Duration::from_hours(24)).unwrap();
        (record.work.call.unwrap(), record.event.meta)
    }

    #[test]
    fn call_is_cancelled_unless_it_may_be_on_its_way() {
        let (fresh, meta) = fresh();
        let cancelled = fresh.clone().cancelled("erp", &meta, &[], Utc(5)).unwrap();
        assert_eq!(
            (cancelled.standing, cancelled.pending(), cancelled.progress.due),
            (Standing::Cancelled, None, Utc(5))
        );
        assert_eq!(cancelled.cancellation, Some(Cancellation { at: Utc(5), by: "erp".to_owned() }));
        assert_eq!(cancelled.clone().cancelled("erp", &meta, &[], Utc(6)), None);
        assert_eq!(fresh.clone().claimed_to_send(HOUR).cancelled("erp", &meta, &[], Utc(5)), None, "it is being sent");
        assert_eq!(
            fresh.clone().claimed_to_send(Utc(4)).cancelled("erp", &meta, &[], Utc(5)),
            None,
            "it may have been sent"
        );
        for end in [Standing::Succeeded, Standing::Failed, Standing::Ambiguous] {
            assert_eq!(fresh.clone().ended(end, Utc(1)).cancelled("erp", &meta, &[], Utc(5)), None);
        }
        // A command that may be sent twice is not marked, and one that is not known may be such a one.
        let unknown = Call { operation: "gone".to_owned(), ..fresh };
        assert_eq!(unknown.clone().cancelled("erp", &meta, &[], Utc(5)), None, "its first lease");
        assert!(unknown.clone().cancelled("erp", &meta, &[], HOUR).is_some(), "the lease is over");
        assert!(
            unknown.postponed(HOUR, "", &Schedule::default(), Utc(4)).cancelled("erp", &meta, &[], Utc(5)).is_some()
        );
    }

    /// An earlier version knows of no cancellation and would not read the item.
    #[test]
    fn cancelled_call_is_stored_as_one_that_failed() {
        let (fresh, meta) = fresh();
        let earlier = Earlier { call: EventId([7; 24]), due: None };
        let position = Position { after: Vec::new(), waits_for: Some(earlier) };
        let waiting = fresh.waiting(&position, Duration::from_secs(30), Utc(1));
        let cancelled = waiting.clone().cancelled("erp", &meta, &[], Utc(5)).unwrap();
        let stored = serde_json::to_value(&cancelled).unwrap();
        assert_eq!((stored["standing"].as_str(), stored["cancelled"]["by"].as_str()), (Some("failed"), Some("erp")));
        for call in [waiting, cancelled] {
            assert_eq!(serde_json::from_value::<Call>(serde_json::to_value(&call).unwrap()).unwrap(), call);
        }
    }
}
