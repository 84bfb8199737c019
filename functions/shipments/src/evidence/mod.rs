//! Evidence of a shipment: a zip of everything, as far as the key may see it. The files and their check are in the crate
//! `evidence`.
//!
//! A long shipment comes in parts. The place at which the next begins is in `Link`, and with it the head of this part, which the
//! next one continues.

mod entries;
mod files;

use api::{MOST_BYTES, Problem, Routed};
use bytes::Bytes;
use config::Context;
use evidence::{About, Digest, Pack, PackError};
use futures::stream::{self, StreamExt as _};
use http::header::LINK;
use http::{HeaderValue, Response, StatusCode};
use hub::audit::{Action, Ended};
use hub::shipment::{Place, meant};
use inbound::trail;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Asked, Store};

use crate::MOST;
use crate::one::{audit, missing};

/// Number of events that are read at once: a large one has 6 MB.
const AT_ONCE: usize = 8;

/// Most characters of a key in the name of a file: file systems have limits.
const LONGEST_NAME: usize = 80;

/// The place at which a part begins. It is sealed into the cursor, which is valid for an hour.
#[derive(Serialize, Deserialize)]
struct Begin {
    /// The last event of the part before.
    after: String,
    /// Number of this part.
    part: u32,
    /// Number of the events in the parts before.
    events: u32,
    /// The head of the part before.
    head: Digest,
    /// The place among the files, where all events are in the parts before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<files::Next>,
}

pub(crate) async fn answer<S: Store, Q>(
    context: &Context<S, Q>,
    asked: Routed<'_>,
) -> Result<Response<Bytes>, Problem> {
    let (caller, now) = (asked.caller, context.now());
    let (limit, keys) = (asked.query.limit_or(MOST, MOST)?, meant(asked.named("key")));
    let seal = caller.seal(&("GET /shipments/evidence", &keys));
    let begin = seal.opened(asked.query.get("from"), now)?;
    let begin =
        begin.map(|text| serde_json::from_str::<Begin>(&text).map_err(|_| Problem::bad_cursor())).transpose()?;
    let after =
        begin.as_ref().map(|begin| begin.after.parse::<Place>().map_err(|_| Problem::bad_cursor())).transpose()?;
    let (part, before) = begin.as_ref().map_or((1, 0), |begin| (begin.part, begin.events));
    let sources = caller.sources();
    let wanted = Asked { keys, sources: &sources, sees: |id: &_| caller.sees(id), after, limit };
    let found = store::shipment(&context.store, wanted, now).await.map_err(|error| Problem::store(&error))?;
    if found.events == 0 {
        return Err(missing());
    }

    let mut pack = Pack::new(MOST_BYTES);
    if part == 1 {
        let trail = audit(context, caller, &found.subjects).await?;
        pack.add(&[entries::json("audit.json".to_owned(), now, &json!({"entries": trail}))?]).map_err(not_made)?;
    }
    let (mut more, mut number) = (found.more, before);
    let mut last = begin.as_ref().map(|begin| begin.after.clone());
    let loads = found.items.into_iter().map(|item| async move {
        let record = context.store.load(&item.key, now).await;
        (item, record)
    });
    let mut loads = stream::iter(loads).buffered(AT_ONCE);
    while let Some((item, record)) = loads.next().await {
        let account = context.config.account(&item.key.connection);
        let files = entries::of_event(number + 1, &item, record, &account)?;
        if !pack.add_event(&files).map_err(not_made)? {
            more = true;
            break;
        }
        number += 1;
        last = Some(Place::of(&item.key, &item.meta).to_string());
    }
    drop(loads);
    // Events that came since then stand before the rest of the files.
    let mut next_file = begin.as_ref().and_then(|begin| begin.files);
    if !more {
        let records = files::records(context, &found.subjects).await?;
        let from = next_file.unwrap_or(files::Next::List);
        next_file = files::pack(&mut pack, context.archive.as_deref(), &records, from, now).await?;
        more = next_file.is_some();
    }

    let texts = |keys: &[hub::Subject]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let about = About {
        hub: env!("CARGO_PKG_VERSION").to_owned(),
        made: now.to_string(),
        by: caller.id.to_owned(),
        limited: caller.is_limited(),
        keys: texts(&found.keys),
        related: texts(&found.related),
        complete: found.complete,
        part,
        last: !more,
        ..About::default()
    };
    let previous = begin.as_ref().map(|begin| begin.head);
    let (zip, head) = pack.finish(about, previous, now.seconds()).map_err(not_made)?;
    let strongest = found.keys.first().map(ToString::to_string).unwrap_or_default();
    // The trail keeps the head, by which the file can be told from one that was made or changed by somebody else.
    let request = json!({"shipment": strongest, "part": part, "head": head});
    let noted = trail::begin(context, caller.actor(), Action::Evidence, request).await;
    let noted = noted.map_err(|error| Problem::store(&error))?;
    noted.end(context, Ended::with(StatusCode::OK.as_u16()), Vec::new()).await;

    let name: String = strongest.chars().take(LONGEST_NAME).collect();
    let mut response = api::zip(&format!("evidence-{name}-part{part}.zip"), zip);
    let next =
        last.filter(|_| more).map(|after| Begin { after, part: part + 1, events: number, head, files: next_file });
    let next = next.map(|next| serde_json::to_string(&next)).transpose().map_err(PackError::from).map_err(not_made)?;
    if let Some(cursor) = seal.sealed(next, now)? {
        let limit = asked.query.get("limit").map(|limit| format!("&limit={limit}")).unwrap_or_default();
        // Relative, because a stage or a proxy's path may stand before the hub's own.
        let link = HeaderValue::from_str(&format!("<?from={cursor}{limit}>; rel=\"next\""));
        response.headers_mut().extend(link.map(|link| (LINK, link)));
    }
    Ok(response)
}

/// The zip could not be made, which is the hub's own fault.
fn not_made(error: impl Into<PackError>) -> Problem {
    let error = error.into();
    tracing::error!(error = telemetry::logs::chain(&error), "an evidence file could not be made");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "the answer could not be written")
}
