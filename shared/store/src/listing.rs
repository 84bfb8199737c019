//! Pages of filtered lists: a page is a bounded amount of reading, however few of the items are wanted.

use hub::order::Place;
use hub::{ConnectionId, Utc};

use crate::{Failed, Listed, Numbered, Page, Pending, Received, Result, Store, StoreError, next_in_view};

/// The largest number of items that are looked at for a page, roughly.
pub const LOOKED_AT: usize = 4_000;

/// The largest number of the store's pages that are read for a page.
const READS: usize = 8;

/// The number of items that are read at once where few of them are wanted.
const AT_ONCE: usize = 1_000;

/// Items that a list is picked from.
#[derive(Clone, Debug)]
pub enum Listing<'a, V> {
    /// Events and calls by their reception, the newest first.
    Recent(Received),
    /// Failed work, in the order of [`Store::failed`].
    Failed(Failed),
    /// Pending work, in the order of [`Store::pending`].
    Pending(Pending),
    /// Events and calls of a business key, the newest first.
    Numbered(Numbered<'a, V>),
}

/// Part of a list that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The `next` of the page before, of the first none.
    pub from: Option<&'a str>,
    /// Most items of the page.
    pub limit: usize,
    /// Whether the list has items that are not to be hinted at: `next` is there only while something wanted follows, as far as
    /// a page's reading goes.
    pub hides: bool,
}

/// A page of a filtered list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The items that are wanted.
    pub items: Vec<Listed>,
    /// Cursor of the next page, opaque and printable; none at the end. A page may be empty and not be the last.
    pub next: Option<String>,
    /// Whether this page and the following ones are all there is.
    pub complete: bool,
}

/// A page of the wanted items of a list, picked from about [`LOOKED_AT`] that are looked at.
/// [`StoreError::BadCursor`] where `from` is not the `next` of a page.
pub async fn found<S, V>(
    store: &S,
    listing: &Listing<'_, V>,
    Part { from, limit, hides }: Part<'_>,
    wanted: impl Fn(&Listed) -> bool,
    now: Utc,
) -> Result<Found>
where
    S: Store,
    V: Fn(&ConnectionId) -> bool,
{
    let limit = limit.max(1);
    if let Listing::Numbered(numbered) = listing {
        let before = from.map(|from| place(from).ok_or(StoreError::BadCursor { verb: "numbered" })).transpose()?;
        let page = numbered.newest(store, (before, limit), wanted, now).await?;
        let last = page.items.last().filter(|_| page.more).map(|last| Place::of(&last.key, &last.meta));
        let next = last.map(|last| format!("{}.{}", last.received.0, last.id));
        return Ok(Found { items: page.items, next, complete: page.complete });
    }
    let (mut items, mut from, mut looked_at) = (Vec::new(), from.map(ToOwned::to_owned), 0);
    let (mut most, mut reads) = (limit, READS);
    while reads > 0 {
        reads -= 1;
        let room = limit - items.len();
        let page = loop {
            let page = listing.page(store, from.as_deref(), most, now).await?;
            looked_at += page.items.len();
            // The place to go on from is known behind a whole page alone: one with too many is read again as far as they fit.
            let over = page.items.iter().enumerate().filter(|(_, item)| wanted(item)).nth(room);
            match over {
                Some((at, _)) => most = at,
                None => break page,
            }
        };
        items.extend(page.items.into_iter().filter(&wanted));
        from = page.next;
        if from.is_none() || items.len() >= limit || looked_at >= LOOKED_AT {
            break;
        }
        most = AT_ONCE;
    }
    if hides {
        let wanted = &wanted;
        let seen = |from: String| async move {
            let page = listing.page(store, Some(&from), AT_ONCE, now).await?;
            Ok((page.items.iter().any(wanted), page.next))
        };
        from = next_in_view(from, reads, seen).await?;
    }
    Ok(Found { items, next: from, complete: true })
}

impl<V> Listing<'_, V> {
    async fn page<S: Store>(&self, store: &S, from: Option<&str>, limit: usize, now: Utc) -> Result<Page> {
        match self {
            Self::Recent(which) => store.recent(which, from, limit, now).await,
            Self::Failed(which) => store.failed(which, from, limit, now).await,
            Self::Pending(which) => store.pending(which, from, limit, now).await,
            Self::Numbered(_) => Ok(Page { items: Vec::new(), unreadable: 0, next: None }),
        }
    }
}

/// The place that a cursor of a business key stands for.
fn place(text: &str) -> Option<Place> {
    let (received, id) = text.split_once('.')?;
    Some(Place { received: Utc(received.parse().ok()?), id: id.parse().ok()? })
}
