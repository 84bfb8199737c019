//! Facts of a shipment's timeline for its watch: the latest news, milestones, keys to ask by, and whether the partner says that
//! all has come.

use std::collections::BTreeSet;

use config::{Context, Watching};
use hub::watch::Known;
use hub::{Alias, ConnectionId, Subject, Utc, event_types, pulled};
use partners::Json;
use store::{Listed, Store, StoreError, TIMELINE};

/// Kinds of keys under which news of a shipment may be that does not name it otherwise.
const KINDS: [&str; 4] = ["bl", "entry", "ciq", "waybill"];

/// Largest number of further subjects that are read.
const MOST_SUBJECTS: usize = 8;

/// The known facts of a shipment.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) known: Known,
    /// Its business keys, its subject first.
    pub(super) keys: Vec<String>,
    /// Number of rows of a batch before the first that is lacking.
    pub(super) rows_before_gap: u64,
}

/// Reads the timeline of a shipment, those of the weaker keys that its own events carry (a receipt may name the bill alone), and
/// its recovered pushes.
/// The payload of the latest news is read unless it is older than what was `seen`.
pub(super) async fn read<S: Store, Q>(
    context: &Context<S, Q>,
    watching: &Watching,
    connection: &ConnectionId,
    shipment: &Subject,
    seen: Utc,
) -> Result<Timeline, StoreError> {
    let mut items = Vec::new();
    let is_recovered = context.config.connections.get(connection).is_some_and(|settings| settings.recover.is_some());
    for spelled in watching.spellings(shipment.as_str()) {
        items.extend(latest_of(context, connection, &spelled).await?);
        if is_recovered {
            for subject in recovered_of(context, connection, &spelled).await? {
                items.extend(latest_of(context, connection, &subject).await?);
            }
        }
    }
    let mut keys = BTreeSet::new();
    let aliases = items.iter().flat_map(|item| &item.meta.aliases).map(Alias::as_str);
    let keys: Vec<String> =
        std::iter::once(shipment.as_str()).chain(aliases).filter(|key| keys.insert(*key)).map(str::to_owned).collect();
    let weaker = keys.iter().skip(1).filter(|key| key.split_once(':').is_some_and(|(kind, _)| KINDS.contains(&kind)));
    for key in weaker.take(MOST_SUBJECTS) {
        items.extend(latest_of(context, connection, &Subject::from(key.as_str())).await?);
    }
    items.retain(|item| is_news(watching, item));
    let is_complete = |item: &Listed| {
        let kind = item.meta.kind.as_str();
        watching.following.iter().any(|following| !following.complete.is_empty() && following.complete == kind)
    };
    let latest = items.iter().max_by_key(|item| (item.meta.received, item.key.id));
    let mut known = Known {
        news: latest.map(|latest| latest.meta.received),
        milestones: items.iter().filter_map(|item| item.meta.milestone).collect(),
        is_complete: items.iter().any(is_complete),
    };
    let mut pages: Vec<_> =
        items.iter().filter_map(|item| Some((item.meta.received, item.meta.pulled?.rows?))).collect();
    pages.sort_by_key(|(received, _)| *received);
    let pages: Vec<_> = pages.into_iter().map(|(_, rows)| rows).collect();
    // What was seen when the watch began was not read then.
    let unseen = latest.filter(|latest| latest.meta.received >= seen && !known.is_complete);
    if let Some(latest) = unseen {
        known.is_complete = is_last(context, watching, latest).await?;
    }
    Ok(Timeline { known, keys, rows_before_gap: pulled::rows_before_gap(&pages) })
}

/// The subjects of failed pushes of a shipment that were recovered: each is about the partner's own serial, and names the order.
async fn recovered_of<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &ConnectionId,
    shipment: &Subject,
) -> Result<Vec<Subject>, StoreError> {
    let known = context.store.resolve(&Alias::from(shipment.as_str()), context.now()).await?;
    let own = known.into_iter().filter(|(at, subject)| at == connection && subject.as_str().starts_with("serial:"));
    Ok(own.map(|(_, subject)| subject).take(MOST_SUBJECTS).collect())
}

/// The latest events of a subject. One that cannot be read is left out, and the engine logs it: it is no news, and must not keep
/// the silence from being told.
async fn latest_of<S: Store, Q>(
    context: &Context<S, Q>,
    connection: &ConnectionId,
    subject: &Subject,
) -> Result<Vec<Listed>, StoreError> {
    let (now, mut items, mut from) = (context.now(), Vec::new(), None);
    loop {
        let page = context.store.history(connection, subject, from.as_deref(), TIMELINE, now).await?;
        items.extend(page.items);
        items.sort_by_key(|item: &Listed| (item.meta.received, item.key.id));
        items.drain(..items.len().saturating_sub(TIMELINE));
        from = page.next;
        if from.is_none() {
            return Ok(items);
        }
    }
}

/// Whether an event is news of a shipment: no event of the hub's own.
fn is_news(watching: &Watching, item: &Listed) -> bool {
    let kind = item.meta.kind.as_str();
    let is_own = event_types::own().any(|own| own == kind) || item.work.call.is_some() || item.work.watch.is_some();
    let is_wanted = watching.types.iter().any(|pattern| pattern.matches(kind)) || is_followed(watching, kind);
    // What a recovered push was is not known.
    !is_own && (is_wanted || event_types::recovered().any(|recovered| recovered == kind))
}

/// Whether an event of that type is what the question brings, whatever types begin the watch.
fn is_followed(watching: &Watching, kind: &str) -> bool {
    watching.following.iter().any(|following| following.news == kind || following.complete == kind)
}

/// Whether the latest news says that it was the last.
async fn is_last<S: Store, Q>(
    context: &Context<S, Q>,
    watching: &Watching,
    latest: &Listed,
) -> Result<bool, StoreError> {
    let kind = latest.meta.kind.as_str();
    let Some(following) = watching.following.iter().find(|following| following.news == kind) else { return Ok(false) };
    let record = match context.store.load(&latest.key, context.now()).await {
        Ok(record) => record,
        // Its delivery reports the damage.
        Err(StoreError::Damaged { .. } | StoreError::Corrupt { .. }) => None,
        Err(error) => return Err(error),
    };
    let Some(record) = record else { return Ok(false) };
    let data = record.event.data();
    Ok(Json::parse(&data).is_ok_and(|payload| (following.is_last)(&payload)))
}
