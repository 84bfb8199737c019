//! The ladders of milestones, and the milestone that a shipment is at.

use std::collections::BTreeSet;

use crate::event::Meta;
use crate::shipment::Direction;
use crate::{EventKey, EventType, Milestone, Utc};

/// One milestone of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The milestone.
    pub milestone: Milestone,
    /// Types of the events whose documents have a code for it. Where one of them takes part in a shipment, a later rung without
    /// this one means that a push may be lost. Empty where a later rung does not imply it.
    pub told_by: &'static [&'static str],
}

const STATUS: &str = "xhq.syn_status";
const RECEIPT: &str = "xhq.single_receipt";
const CUSTOMS: &str = "trackingeyes.customs_status";

const fn rung(milestone: Milestone, told_by: &'static [&'static str]) -> Rung {
    Rung { milestone, told_by }
}

// XHQ 附件4 numbers an order's statuses in this sequence, and 附件3 has 申报成功 beside it. TrackingEyes' example begins at
// 入库. Release does not imply a closed review: 附件3 has two releases on a guarantee (担保放行).
const ORDER_ACCEPTED: Rung = rung(Milestone::OrderAccepted, &[STATUS]);
const PREPARED: Rung = rung(Milestone::Prepared, &[STATUS]);
const DECLARED: Rung = rung(Milestone::Declared, &[STATUS, RECEIPT]);
const ACCEPTED: Rung = rung(Milestone::Accepted, &[RECEIPT, CUSTOMS]);
const REVIEWED: Rung = rung(Milestone::Reviewed, &[]);
const RELEASED: Rung = rung(Milestone::Released, &[RECEIPT, CUSTOMS]);
const DEPARTED: Rung = rung(Milestone::Departed, &[]);
const CLEARED: Rung = rung(Milestone::Cleared, &[]);

const EXPORT: [Rung; 8] = [ORDER_ACCEPTED, PREPARED, DECLARED, ACCEPTED, REVIEWED, RELEASED, DEPARTED, CLEARED];
const IMPORT: [Rung; 7] = [ORDER_ACCEPTED, PREPARED, DECLARED, ACCEPTED, REVIEWED, RELEASED, CLEARED];

/// The ladder of a direction, from its lowest rung. A shipment of unknown direction has that of exports, whose further rung no
/// other implies. A proof draft, an inspection, duties, the arrival and the gate are on no ladder, because no document says
/// between which other milestones they must come.
#[must_use]
pub const fn ladder(direction: Option<Direction>) -> &'static [Rung] {
    match direction {
        Some(Direction::Export) | None => &EXPORT,
        Some(Direction::Import) => &IMPORT,
    }
}

/// An event that says that a milestone was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The milestone.
    pub milestone: Milestone,
    /// The partner's time for it, where its document gives one.
    pub occurred: Option<Utc>,
    /// The time at which the event was received.
    pub received: Utc,
    /// The event.
    pub event: EventKey,
}

impl Sign {
    /// The signs of an event: the milestones that it lists with their times, and its own.
    pub fn of<'e>(key: &'e EventKey, meta: &'e Meta) -> impl Iterator<Item = Self> + 'e {
        let sign = |milestone, occurred| Self { milestone, occurred, received: meta.received, event: key.clone() };
        let dated = meta.dated.iter().map(move |dated| sign(dated.milestone, Some(dated.at)));
        let listed = |milestone: &Milestone| meta.dated.iter().any(|dated| dated.milestone == *milestone);
        let own = meta.milestone.filter(|milestone| !listed(milestone));
        dated.chain(own.map(|milestone| sign(milestone, meta.occurred)))
    }

    fn moment(&self) -> Utc {
        self.occurred.unwrap_or(self.received)
    }
}

/// The milestones of a shipment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The milestone that the shipment is at.
    pub current: Option<Milestone>,
    /// Each milestone that was reached, in the order of time. Of several events that say the same it has the first since the
    /// latest rejection or withdrawal, else the latest before that.
    pub reached: Vec<Sign>,
    /// Rungs that a reached one implies and no event tells.
    pub missing: Vec<Milestone>,
}

/// The milestones of a shipment from what its events say, in any order, and the types of its events.
///
/// A rejection or withdrawal begins the ladder anew, and is the current milestone until a later one is known. Otherwise the
/// current milestone is the highest rung since then. One that is on no ladder, such as an inspection, is current while no rung
/// has a later time. The last rung is final.
#[must_use]
pub fn milestones(ladder: &[Rung], mut signs: Vec<Sign>, types: &BTreeSet<EventType>) -> Milestones {
    let order = |sign: &Sign| (sign.moment(), rung_of(ladder, sign), sign.received, sign.event.id);
    signs.sort_by_key(order);
    let restart = signs.iter().rfind(|sign| matches!(sign.milestone, Milestone::Rejected | Milestone::Withdrawn));
    let is_before = |sign: &&Sign| restart.is_some_and(|restart| sign.moment() <= restart.moment());
    let (before, since): (Vec<&Sign>, Vec<&Sign>) = signs.iter().partition(is_before);
    let mut reached: Vec<&Sign> = Vec::new();
    for sign in since.iter().chain(before.iter().rev()) {
        if !reached.iter().any(|known| known.milestone == sign.milestone) {
            reached.push(sign);
        }
    }
    reached.sort_by_key(|sign| order(sign));
    Milestones {
        current: current(ladder, &since).or(restart.map(|sign| sign.milestone)),
        missing: missing(ladder, &reached, types),
        reached: reached.into_iter().cloned().collect(),
    }
}

/// The milestone that signs in the order of time lead to.
fn current(ladder: &[Rung], signs: &[&Sign]) -> Option<Milestone> {
    let (on, beside): (Vec<&Sign>, Vec<&Sign>) = signs.iter().partition(|sign| rung_of(ladder, sign).is_some());
    // Of equal ones the latest.
    let highest = on.into_iter().max_by_key(|sign| rung_of(ladder, sign));
    let is_final = highest.is_some_and(|sign| rung_of(ladder, sign) == ladder.len().checked_sub(1));
    let beside = beside.last().filter(|beside| highest.is_none_or(|highest| beside.moment() > highest.moment()));
    let sign = beside.filter(|_| !is_final).copied().or(highest);
    sign.map(|sign| sign.milestone)
}

/// The rungs below the highest that was reached which should have been told.
fn missing(ladder: &[Rung], reached: &[&Sign], types: &BTreeSet<EventType>) -> Vec<Milestone> {
    let top = reached.iter().filter_map(|sign| rung_of(ladder, sign)).max().unwrap_or_default();
    let is_told = |rung: &&Rung| rung.told_by.iter().any(|kind| types.iter().any(|own| own.as_str() == *kind));
    let is_reached = |rung: &Rung| reached.iter().any(|sign| sign.milestone == rung.milestone);
    let below = ladder.iter().take(top).filter(is_told);
    below.filter(|rung| !is_reached(rung)).map(|rung| rung.milestone).collect()
}

/// The place of a sign's milestone on a ladder; nothing where it is on no rung.
fn rung_of(ladder: &[Rung], sign: &Sign) -> Option<usize> {
    ladder.iter().position(|rung| rung.milestone == sign.milestone)
}

#[cfg(test)]
mod tests {
    use Milestone::*;

    use super::*;
    use crate::EventId;

    fn sign(milestone: Milestone, occurred: Option<i64>, received: i64) -> Sign {
        let id = EventId([u8::try_from(received).unwrap(); 24]);
        let event = EventKey { connection: "c".into(), subject: "order:1".into(), id };
        Sign { milestone, occurred: occurred.map(Utc), received: Utc(received), event }
    }

    fn of(signs: &[(Milestone, i64)], types: &[&str]) -> Milestones {
        let signs = (0..).zip(signs).map(|(n, (milestone, at))| sign(*milestone, Some(*at), n)).collect();
        milestones(ladder(None), signs, &types.iter().map(|kind| EventType::from(*kind)).collect())
    }

    fn reached(found: &Milestones) -> Vec<(Milestone, i64)> {
        found.reached.iter().map(|sign| (sign.milestone, sign.moment().0)).collect()
    }

    #[test]
    fn receipts_in_any_order_end_at_the_highest_rung() {
        // A release and a closure may carry the same time, listed in either order.
        for signs in [
            [(Accepted, 1), (Released, 5), (Cleared, 5)],
            [(Cleared, 5), (Accepted, 1), (Released, 5)],
            [(Released, 5), (Cleared, 5), (Accepted, 1)],
        ] {
            let found = of(&signs, &[RECEIPT]);
            assert_eq!((found.current, &found.missing[..]), (Some(Cleared), &[Declared][..]));
            assert_eq!(reached(&found), [(Accepted, 1), (Released, 5), (Cleared, 5)]);
        }
    }

    #[test]
    fn later_rung_implies_what_parts_of_the_shipment_would_tell() {
        assert_eq!(
            of(&[(Declared, 1), (Cleared, 5)], &[STATUS, RECEIPT]).missing,
            [OrderAccepted, Prepared, Accepted, Released]
        );
        assert_eq!(of(&[(Cleared, 5)], &[CUSTOMS]).missing, [Accepted, Released]);
        assert_eq!(of(&[(Released, 5)], &["onedata.ports"]).missing, []);
        assert_eq!(of(&[(Departed, 5)], &[CUSTOMS]).missing, [Accepted, Released]);
        for side in [DraftReview, UnderInspection, TaxDue, Arrived, GateIn, Rejected, Withdrawn] {
            assert_eq!(of(&[(side, 5)], &[STATUS, RECEIPT, CUSTOMS]).missing, [], "{side}");
        }
        assert_eq!(of(&[], &[STATUS]), Milestones::default());
    }

    #[test]
    fn side_state_is_current_until_a_later_rung() {
        assert_eq!(of(&[(Accepted, 1), (UnderInspection, 2)], &[]).current, Some(UnderInspection));
        assert_eq!(of(&[(Accepted, 1), (UnderInspection, 2), (Reviewed, 3)], &[]).current, Some(Reviewed));
        assert_eq!(of(&[(UnderInspection, 2), (Released, 2)], &[]).current, Some(Released), "at the same time");
        assert_eq!(of(&[(Cleared, 1), (Arrived, 2)], &[]).current, Some(Cleared), "nothing follows the last rung");
        assert_eq!(of(&[(Arrived, 2)], &[]).current, Some(Arrived));
    }

    #[test]
    fn rejection_sets_back_until_a_later_rung() {
        let rejected = [(Declared, 1), (Accepted, 2), (Rejected, 3)];
        let found = of(&rejected, &[]);
        assert_eq!(found.current, Some(Rejected));
        assert_eq!(reached(&found), rejected);
        let again = of(&[&rejected[..], &[(Declared, 4), (Declared, 6)]].concat(), &[]);
        assert_eq!(again.current, Some(Declared));
        assert_eq!(reached(&again), [(Accepted, 2), (Rejected, 3), (Declared, 4)]);
        assert_eq!(of(&[(Declared, 3), (Rejected, 3)], &[]).current, Some(Rejected), "at the same time");
    }

    #[test]
    fn event_without_partners_time_counts_by_its_reception() {
        let signs = vec![sign(Accepted, None, 7), sign(Withdrawn, Some(3), 9)];
        let found = milestones(ladder(None), signs, &BTreeSet::new());
        assert_eq!((found.current, reached(&found)), (Some(Accepted), vec![(Withdrawn, 3), (Accepted, 7)]));
        assert_eq!(found.reached[1].occurred, None);
    }

    #[test]
    fn ladders_climb_to_cleared() {
        for direction in [None, Some(Direction::Export), Some(Direction::Import)] {
            let ladder = ladder(direction);
            assert_eq!(ladder.last().map(|rung| rung.milestone), Some(Cleared));
            let departs = ladder.iter().any(|rung| rung.milestone == Departed);
            assert_eq!(departs, direction != Some(Direction::Import));
        }
    }
}
