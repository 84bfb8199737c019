//! The question of a watch to its partner. What the answer brings is kept like a push.

use hub::watch::{Asked, Watch};
use inbound::receive::Lost;
use partners::Json;
use partners::operation::{self, Operation};
use queue::Queue;
use store::{Store, StoreError};

use super::Look;
use super::timeline::Timeline;
use crate::call::{ask_aside, keep_answer};

impl<S: Store, Q: Queue> Look<'_, S, Q> {
    /// Asks the partner about the shipment, and reads what is known then.
    pub(super) async fn ask(&self, watch: &Watch, timeline: &Timeline) -> Result<Asked, StoreError> {
        let (courier, connection) = (self.courier, self.connection);
        let Some(asks) = self.watching.asks else { return Ok(Asked::Unsent) };
        let kind = asks.following.key;
        let of_kind = timeline.keys.iter().filter_map(|key| key.strip_prefix(kind)?.strip_prefix(':'));
        let body = (asks.following.body)(&of_kind.collect::<Vec<_>>());
        let operation = operation::find(connection.partner, asks.following.ask);
        let Some((operation, body)) = operation.zip(body) else {
            // It has no key to be asked by: as good as asked in vain.
            return Ok(Asked::Sent(timeline.known.clone()));
        };
        let Ok(body) = Json::parse(body.as_bytes()) else { return Ok(Asked::Unsent) };
        let (id, subject, name) = (&connection.id, &self.shipment, operation.name);
        match Box::pin(ask_aside(courier, connection, &operation, &body)).await {
            Ok(answer) => {
                self.take_in(&operation, &body, &answer.body).await?;
                Ok(Asked::Sent(self.timeline(watch.news).await?.known))
            }
            Err(why) if why.is_sent() => {
                let why = why.reason();
                tracing::info!(connection = %id, %subject, operation = name, why, "a watched shipment was asked for in vain");
                Ok(Asked::Sent(timeline.known.clone()))
            }
            Err(why) => {
                let why = why.reason();
                tracing::debug!(connection = %id, %subject, operation = name, why, "a watched shipment could not be asked for");
                Ok(Asked::Unsent)
            }
        }
    }

    /// Keeps the data that an answer brings.
    async fn take_in(&self, operation: &Operation<'_>, asked: &Json<'_>, answer: &[u8]) -> Result<(), StoreError> {
        let kept = Box::pin(keep_answer(self.courier, self.connection, operation, asked, answer)).await;
        kept.map_err(|lost| match lost {
            Lost::Store(error) => error,
            lost @ (Lost::Unread | Lost::Late | Lost::Contended) => {
                StoreError::Unavailable { verb: "admit", source: lost.into() }
            }
        })
    }
}
