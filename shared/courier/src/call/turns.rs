//! Turns of the commands about one order: one waits while an earlier one is queued.

use std::time::Duration;

use hub::Event;
use hub::breaker::FALLBACK;
use inbound::sequence;
use queue::Queue;
use store::{Store, StoreError};

use crate::claim::Claim;
use crate::index::{self, CallFacts};
use crate::outcome::{Ended, JobError, JobOutcome, Step};
use crate::target::ToPartner;

/// Wait of a command behind one that cannot be read.
const UNREADABLE: Duration = FALLBACK;

impl<'a, S: Store, Q: Queue> Claim<'a, S, Q, ToPartner<'a>> {
    /// Goes on with the first command of its orders that is to be sent. One behind others is postponed.
    pub(crate) async fn first_of_its_orders(mut self, event: &Event) -> Step<Self> {
        let (courier, key) = (self.courier, self.key);
        let position = match sequence::position(&courier.context.store, &key.connection, &self.item, courier.now())
            .await
        {
            Ok(position) => position,
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Damaged { .. })) => {
                let error = telemetry::logs::chain(&error);
                tracing::error!(call = %key.id, connection = %key.connection, error, "a call waits for one that cannot be read: repair that or cancel this");
                let why = "postponed: an earlier call about the same order cannot be read";
                return Err(self.postponed(courier.now().after(UNREADABLE), why).await);
            }
            Err(error) => return Err(JobError::Before(error).into()),
        };
        if position.waits_for.is_none() {
            // Stored with the next change: those that have ended are not looked at again.
            if let Some(call) = &mut self.work.call {
                call.after = position.after;
            }
            return Ok(self);
        }
        // It may wait for long, and is found by its keys meanwhile.
        if self.work.index_by.is_some()
            && index::write(&courier.context, event, CallFacts::of(&self.work)).await.is_ok()
        {
            self.work.index_by = None;
        }
        let (now, every) = (courier.now(), courier.context.config.sweep_every);
        let waiting = self.change(|call| call.waiting(&position, every, now)).await?;
        sequence::look_again(&courier.context, key, &waiting.item).await;
        Err(Ended::from(JobOutcome::Postponed))
    }
}
