//! The questions of a watch to its partner. The data of the answers is kept like a push.

use hub::watch::{Asked, Watch};
use inbound::receive::Lost;
use partners::Json;
use partners::operation::{self, Operation};
use queue::Queue;
use store::{Store, StoreError};

use super::timeline::Timeline;
use super::{Look, has_time};
use crate::call::{ask_aside, keep_answer};

/// Largest number of questions of one look: a batch has many pages. The next look asks for those that are still lacking.
const QUESTIONS: usize = 20;

/// Result of one question.
enum Reply {
    /// The data of the answer is kept.
    Kept,
    /// There was no answer, or none with data.
    InVain,
    /// Nothing was sent.
    Unsent,
}

impl<S: Store, Q: Queue> Look<'_, S, Q> {
    /// Asks the partner about the shipment, page by page where it is a batch, and reads what is known then.
    pub(super) async fn ask(&self, watch: &Watch, mut timeline: Timeline) -> Result<Asked, StoreError> {
        let Some(asks) = self.watching.asks else { return Ok(Asked::Unsent) };
        let Some(operation) = operation::find(self.connection.partner, asks.following.ask) else {
            return Ok(Asked::Sent(timeline.known));
        };
        let kind = asks.following.key;
        let keys = std::mem::take(&mut timeline.keys);
        let of_kind = keys.iter().filter_map(|key| key.strip_prefix(kind)?.strip_prefix(':')).collect::<Vec<_>>();
        let mut asked: Vec<String> = Vec::new();
        while asked.len() < QUESTIONS && !timeline.known.is_complete {
            // From the first page again where a later one brings nothing: the batch may have changed. A shipment without a key to
            // ask by is as good as asked for in vain.
            let next = [timeline.rows_before_gap, 0].map(|before| asks.following.body.of(&of_kind, before));
            let Some(body) = next.into_iter().flatten().find(|body| !asked.contains(body)) else { break };
            if !asked.is_empty() && !has_time(self.courier, self.until) {
                break;
            }
            match self.question(&operation, &body).await? {
                Reply::Unsent if asked.is_empty() => return Ok(Asked::Unsent),
                Reply::Unsent | Reply::InVain => break,
                Reply::Kept => timeline = self.timeline(watch.news).await?,
            }
            asked.push(body);
        }
        Ok(Asked::Sent(timeline.known))
    }

    /// Asks one question, and keeps the data that its answer brings.
    async fn question(&self, operation: &Operation<'_>, body: &str) -> Result<Reply, StoreError> {
        let Ok(body) = Json::parse(body.as_bytes()) else { return Ok(Reply::Unsent) };
        let (id, subject, name) = (&self.connection.id, &self.shipment, operation.name);
        match Box::pin(ask_aside(self.courier, self.connection, operation, &body)).await {
            Ok(answer) => {
                self.take_in(operation, &body, &answer.body).await?;
                Ok(Reply::Kept)
            }
            Err(why) if why.is_sent() => {
                let why = why.reason();
                tracing::info!(connection = %id, %subject, operation = name, why, "a watched shipment was asked for in vain");
                Ok(Reply::InVain)
            }
            Err(why) => {
                let why = why.reason();
                tracing::debug!(connection = %id, %subject, operation = name, why, "a watched shipment could not be asked for");
                Ok(Reply::Unsent)
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
