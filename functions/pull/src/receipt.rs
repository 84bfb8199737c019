//! Receipts: the name of a lease that its consumer settles it by, opaque and sealed.

use api::contract::pull::ReceiptState;
use api::{Problem, Seal};
use config::Context;
use hub::delivery::{Redeemed, State};
use hub::{EndpointId, EventKey, Utc, Work};
use store::{Settled, Store, StoreError};

use crate::batch::settled;

/// Most tries of a change while other deliveries of the event change.
const TRIES: usize = 8;

/// A lease: the delivery of an event, and the number of its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Key of the stored event.
    pub key: EventKey,
    /// Number of the claim.
    pub claim: u32,
}

/// Use of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The delivery is delivered.
    Acknowledge,
    /// The delivery can be leased again at once.
    Release,
}

impl Receipt {
    /// The text that stands for it.
    pub(crate) fn sealed(&self, seal: &Seal, now: Utc) -> Result<String, Problem> {
        let EventKey { connection, subject, id } = &self.key;
        // A subject may have blanks, no other part has.
        let text = format!("{} {id} {connection} {subject}", self.claim);
        Ok(seal.sealed(Some(text), now)?.unwrap_or_default())
    }

    /// The receipt that a text stands for, of whatever age; nothing where it is of another key or endpoint, or no receipt.
    pub(crate) fn opened(seal: &Seal, text: &str) -> Option<Self> {
        let text = seal.opened_at_any_age(text)?;
        let mut parts = text.splitn(4, ' ');
        let (claim, id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (connection, subject) = (parts.next()?.into(), parts.next()?.into());
        Some(Self { key: EventKey { connection, subject, id }, claim })
    }
}

/// Redeems a receipt, for the API key of that name. Repeating it changes nothing.
pub async fn redeem<S: Store, Q>(
    context: &Context<S, Q>,
    endpoint: &EndpointId,
    receipt: Option<&Receipt>,
    how: How,
    by: &str,
) -> Result<ReceiptState, StoreError> {
    let Some(Receipt { key, claim }) = receipt else { return Ok(ReceiptState::Unknown) };
    for _ in 0..TRIES {
        let now = context.now();
        let Some(found) = context.store.inspect(key, now).await? else { return Ok(ReceiptState::Unknown) };
        let Some(delivery) = found.work.delivery(endpoint) else { return Ok(ReceiptState::Unknown) };
        let (redeemed, state) = match how {
            How::Acknowledge => (delivery.acknowledged(*claim, by, now), ReceiptState::Acknowledged),
            How::Release => (delivery.given_back(*claim, now), ReceiptState::Released),
        };
        let next = match redeemed {
            Redeemed::Already => return Ok(state),
            Redeemed::Outdated => return Ok(ReceiptState::Outdated),
            Redeemed::Done(next) => next,
        };
        let changed = Work { version: found.work.version + 1, ..found.work }.with(next.clone());
        if context.store.settle(key, &changed).await? == Settled::Done {
            if next.state == State::Delivered {
                settled(context, key, &next, now);
            }
            return Ok(state);
        }
    }
    let source =
        format!("event {} was changed by other processes {TRIES} times in between; repeat the request", key.id);
    Err(StoreError::Unavailable { verb: "settle", source: source.into() })
}
