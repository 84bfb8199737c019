//! Events by their ids. The database knows each; a hub finds an event by what it is about.

use std::collections::BTreeMap;

use anyhow::bail;
use hub::{EventId, EventKey};

use crate::progress::Progress;
use crate::source::{Asked, Pages, Source};

/// Most events of a list that are looked through.
const MOST: usize = 10_000;

/// The request for an event.
pub(crate) fn asked(key: &EventKey) -> Asked {
    Asked::get(&["events", key.connection.as_str(), key.subject.as_str(), &key.id.to_string()])
}

/// The key of an event.
pub(crate) async fn event(
    source: &Source,
    id: EventId,
    about: Option<&str>,
    progress: &Progress,
) -> anyhow::Result<EventKey> {
    let found = events(source, &[id], about, progress).await?.pop();
    found.ok_or_else(|| missing(id))
}

/// The keys of events, in their order. All must be there.
pub(crate) async fn events(
    source: &Source,
    ids: &[EventId],
    about: Option<&str>,
    progress: &Progress,
) -> anyhow::Result<Vec<EventKey>> {
    let mut found = BTreeMap::new();
    if let Source::Database(database) = source {
        for id in ids {
            let key = database.find(*id).await?.ok_or_else(|| missing(*id))?;
            found.insert(*id, key);
        }
    } else {
        let listed = Asked::get(&["events"]);
        let lists = match about {
            Some(number) => vec![listed.with("number", Some(number))],
            // Those that somebody asks about are most often among these.
            None => vec![
                listed.clone().with("state", Some("failed")),
                listed.clone().with("state", Some("pending")),
                listed,
            ],
        };
        for asked in lists {
            let mut pages = Pages::new(source, asked, MOST);
            while ids.iter().any(|id| !found.contains_key(id))
                && let Some(items) = progress.during(pages.next()).await?
            {
                progress.add(items.len());
                for item in items {
                    let key: EventKey = serde_json::from_str(item.get())?;
                    if ids.contains(&key.id) {
                        found.insert(key.id, key);
                    }
                }
            }
        }
    }
    let key = |id: &EventId| match (found.get(id), about) {
        (Some(key), _) => Ok(key.clone()),
        (None, Some(number)) => bail!("event {id} does not exist, has expired, or is not about {number}"),
        (None, None) => bail!(
            "event {id} does not exist, has expired, or is not among the failed, the pending and the latest {MOST} events of the \
             hub: say what it is about with --about NUMBER"
        ),
    };
    ids.iter().map(key).collect()
}

fn missing(id: EventId) -> anyhow::Error {
    anyhow::anyhow!("event {id} does not exist, or has expired")
}
