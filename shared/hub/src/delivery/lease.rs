//! Deliveries that consumers lease: the ERP asks for them at a pull endpoint and acknowledges each by a receipt.
//!
//! A lease is a claim of the delivery, and a receipt names that claim. Whatever ends the claim makes the receipt outdated, so that
//! no consumer settles what another one has.

use std::time::Duration;

use crate::attempt::Attempt;
use crate::delivery::{Delivery, State};
use crate::progress::{Next, Outgoing as _};
use crate::{EndpointId, Utc};

/// Number of leases without an acknowledgement after which a delivery has failed, once it has waited for as long as one that is
/// sent ([`PATIENCE`](crate::progress::PATIENCE)). Time alone fails none: nobody may have asked.
pub const MOST_LEASES: u32 = 100;

/// Difference by which the clocks of two processes may differ when they look at a lease.
const SKEW: Duration = Duration::from_mins(1);

/// The name of the note that says when consumers last asked at a pull endpoint, in microseconds.
#[must_use]
pub fn asked_note(endpoint: &EndpointId) -> String {
    format!("pull#{endpoint}")
}

/// Result of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// The delivery after it.
    Done(Delivery),
    /// The same receipt was redeemed like this before.
    Already,
    /// Its lease is not the latest one, or was ended in another way.
    Outdated,
}

impl Delivery {
    /// Whether a consumer may lease it at `now`. A lease that ends later than the endpoint's `lease` allows was made by a clock that
    /// ran ahead, and counts as over.
    #[must_use]
    pub fn is_leasable(&self, lease: Duration, now: Utc) -> bool {
        let is_leased = self.progress.is_claimed && now < self.progress.due;
        self.pull && self.is_pending() && !(is_leased && self.progress.due <= now.after(lease + SKEW))
    }

    /// The delivery leased until `until`; failed where too many leases have ended without an acknowledgement.
    #[must_use]
    pub fn leased(mut self, until: Utc, now: Utc) -> Self {
        if self.progress.is_claimed && self.progress.lapse(MOST_LEASES, now) == Next::GivenUp {
            return self.follow(Next::GivenUp);
        }
        self.progress.begin_claim(until);
        self
    }

    /// The delivery acknowledged by the receipt for a claim, and by which API key. The lease may be over, as long as nobody else has
    /// leased it since.
    #[must_use]
    pub fn acknowledged(&self, claim: u32, by: &str, now: Utc) -> Redeemed {
        if self.is_leased_as(claim) {
            let mut done = self.clone();
            let detail = format!("acknowledged by the API key {by}");
            done.progress.record(Attempt { at: now, detail, ..Attempt::default() });
            return Redeemed::Done(done.settled(State::Delivered, now));
        }
        let was_ended = self.pull && self.state == State::Delivered && self.progress.claim == claim.saturating_add(1);
        if was_ended { Redeemed::Already } else { Redeemed::Outdated }
    }

    /// The delivery given back by the receipt for a claim: it may be leased from `now` on.
    #[must_use]
    pub fn given_back(&self, claim: u32, now: Utc) -> Redeemed {
        if self.is_leased_as(claim) {
            let mut done = self.clone();
            done.progress.give_back(now);
            return Redeemed::Done(done);
        }
        let is_free = self.pull && self.is_pending() && !self.progress.is_claimed;
        let was_ended = is_free && self.progress.claim == claim.saturating_add(1);
        if was_ended { Redeemed::Already } else { Redeemed::Outdated }
    }

    /// The pending delivery started over in the other way: leased instead of sent, or sent instead of leased.
    #[must_use]
    pub fn redirected(mut self, now: Utc) -> Self {
        self.pull = !self.pull;
        self.progress.restart(now);
        self
    }

    fn is_leased_as(&self, claim: u32) -> bool {
        self.pull && self.progress.is_claimed && self.is_current(claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::PATIENCE;
    use crate::routes::Route;

    const NOW: Utc = Utc(1_790_000_000_000_000);
    const LEASE: Duration = Duration::from_mins(1);

    fn fresh() -> Delivery {
        let route = Route { endpoint: "erp".into(), connections: Vec::new(), types: Vec::new(), pull: true };
        Delivery::by(&route, NOW, NOW.after(LEASE))
    }

    /// A lease from a moment on, and its claim.
    fn leased(delivery: Delivery, at: Utc) -> (Delivery, u32) {
        let leased = delivery.leased(at.after(LEASE), at);
        let claim = leased.progress.claim;
        (leased, claim)
    }

    #[test]
    fn fresh_delivery_is_leasable_at_once_and_then_not() {
        assert!(fresh().is_leasable(LEASE, NOW));
        let (once, _) = leased(fresh(), NOW);
        assert!(!once.is_leasable(LEASE, NOW) && !once.is_leasable(LEASE, NOW.after(LEASE / 2)));
        assert!(once.is_leasable(LEASE, NOW.after(LEASE)));
        let sent = Delivery { pull: false, ..fresh() };
        let over = Delivery { state: State::Delivered, ..fresh() };
        assert!(!sent.is_leasable(LEASE, NOW) && !over.is_leasable(LEASE, NOW));
    }

    #[test]
    fn lease_of_a_clock_that_ran_ahead_is_over() {
        let (ahead, _) = leased(fresh(), NOW.after(LEASE * 100));
        assert!(ahead.is_leasable(LEASE, NOW));
        let (near, _) = leased(fresh(), NOW.after(SKEW));
        assert!(!near.is_leasable(LEASE, NOW));
    }

    #[test]
    fn acknowledgement_counts_once_and_repeated_is_harmless() {
        let (once, claim) = leased(fresh(), NOW);
        // Late, but nobody else has it.
        let Redeemed::Done(done) = once.acknowledged(claim, "erp", NOW.after(LEASE * 9)) else { panic!() };
        assert_eq!(done.state, State::Delivered);
        assert_eq!(done.acknowledged(claim, "erp", NOW.after(LEASE * 10)), Redeemed::Already);
        assert_eq!(done.given_back(claim, NOW), Redeemed::Outdated);
    }

    #[test]
    fn outdated_receipt_leaves_the_lease_of_another() {
        let (once, first) = leased(fresh(), NOW);
        let (twice, second) = leased(once, NOW.after(LEASE));
        assert_ne!(first, second);
        assert_eq!(twice.acknowledged(first, "erp", NOW), Redeemed::Outdated);
        assert_eq!(twice.given_back(first, NOW), Redeemed::Outdated);
        let Redeemed::Done(done) = twice.acknowledged(second, "erp", NOW) else { panic!() };
        assert_eq!(done.acknowledged(first, "erp", NOW), Redeemed::Outdated);
        // A replay is another delivery of the same event.
        let (again, third) = leased(done.replayed(NOW), NOW);
        assert!(third > second && again.acknowledged(second, "erp", NOW) == Redeemed::Outdated);
    }

    #[test]
    fn what_is_given_back_is_leasable_at_once() {
        let (once, claim) = leased(fresh(), NOW);
        let Redeemed::Done(free) = once.given_back(claim, NOW.after(LEASE / 2)) else { panic!() };
        assert!(free.is_leasable(LEASE, NOW.after(LEASE / 2)) && free.progress.attempts.is_empty());
        assert_eq!(free.given_back(claim, NOW), Redeemed::Already);
        assert_eq!(free.acknowledged(claim, "erp", NOW), Redeemed::Outdated);
        let (again, _) = leased(free, NOW.after(LEASE / 2));
        assert_eq!((again.progress.tries, again.given_back(claim, NOW)), (0, Redeemed::Outdated));
    }

    #[test]
    fn time_alone_fails_no_delivery_and_neither_do_leases() {
        let (late, _) = leased(fresh(), NOW.after(PATIENCE * 10));
        assert_eq!(late.state, State::Pending, "nobody has asked for weeks");
        let (mut delivery, mut now) = (fresh(), NOW);
        for _ in 0..MOST_LEASES * 2 {
            delivery = delivery.leased(now.after(LEASE), now);
            now = now.after(LEASE);
        }
        assert_eq!(delivery.state, State::Pending, "three hours of a consumer that dies");
        assert_eq!(delivery.progress.attempts.len(), 1);
        for _ in 0..2 {
            now = now.after(PATIENCE);
            delivery = delivery.leased(now.after(LEASE), now);
        }
        assert_eq!(delivery.state, State::Failed);
        assert!(delivery.progress.attempts.last().unwrap().detail.contains("never acknowledged"));
        let (again, _) = leased(delivery.replayed(now), now);
        assert_eq!(again.leased(now.after(LEASE * 2), now.after(LEASE)).state, State::Pending, "it starts over");
    }

    #[test]
    fn stored_form_says_that_it_is_pulled() {
        let text = serde_json::to_string(&fresh()).unwrap();
        assert!(text.contains(r#""pull":true"#), "{text}");
        assert_eq!(serde_json::from_str::<Delivery>(&text).unwrap(), fresh());
        let sent = serde_json::to_string(&Delivery { pull: false, ..fresh() }).unwrap();
        assert!(!sent.contains("pull"), "{sent}");
    }

    #[test]
    fn redirected_delivery_starts_over_in_the_other_way() {
        let (once, claim) = leased(fresh(), NOW);
        let sent = once.redirected(NOW.after(LEASE));
        assert!(!sent.pull && !sent.progress.is_claimed && sent.progress.due == NOW.after(LEASE));
        assert_eq!(sent.acknowledged(claim, "erp", NOW), Redeemed::Outdated);
        assert!(sent.redirected(NOW.after(LEASE)).is_leasable(LEASE, NOW.after(LEASE)));
    }
}
