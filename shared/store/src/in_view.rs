//! A page of what may be seen, of a list that has others' items too.

use crate::{Listed, Page, Result};

/// Largest number of pages of the list that are read for one.
pub const LOOKS: usize = 16;

/// A page of the items that may be seen. `read` gives the list's page from a place on. Pages without any are passed over.
///
/// Where it `hides` others' items, `next` is there only while something that may be seen follows, so that it tells nothing of
/// those: up to [`LOOKS`] pages are read to find out. Beyond them the search goes on from `next`, whatever follows.
pub async fn in_view<F>(
    read: impl Fn(Option<String>) -> F,
    from: Option<String>,
    is_seen: impl Fn(&Listed) -> bool,
    hides: bool,
) -> Result<Page>
where
    F: Future<Output = Result<Page>>,
{
    let mut page = read(from).await?;
    page.items.retain(&is_seen);
    let mut looks = 1;
    while page.items.is_empty() && looks < LOOKS {
        let Some(next) = page.next.take() else { return Ok(page) };
        page = Page { unreadable: page.unreadable, ..read(Some(next)).await? };
        page.items.retain(&is_seen);
        looks += 1;
    }
    if hides {
        let (read, is_seen) = (&read, &is_seen);
        let seen = |from| async move {
            let following = read(Some(from)).await?;
            Ok((following.items.iter().any(is_seen), following.next))
        };
        page.next = next_in_view(page.next, LOOKS - looks, seen).await?;
    }
    Ok(page)
}

/// The place from which a list goes on: that of the first page, of so many from `next` on, with something that may be seen; none
/// where the list ends before. `seen` tells of the page at a place whether it has anything, and where the following one begins.
pub async fn next_in_view<F>(
    mut next: Option<String>,
    looks: usize,
    seen: impl Fn(String) -> F,
) -> Result<Option<String>>
where
    F: Future<Output = Result<(bool, Option<String>)>>,
{
    for _ in 0..looks {
        let Some(from) = next.take() else { break };
        let (is_there, following) = seen(from.clone()).await?;
        if is_there {
            return Ok(Some(from));
        }
        next = following;
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use hub::event::Meta;
    use hub::{EventId, EventKey, Utc, Work};

    use super::*;

    /// A list of connections' items by pages of two, and what is seen of it from each page on.
    fn pages(list: &[&str], sees: &str, hides: bool) -> Vec<(usize, bool)> {
        let read = async |from: Option<String>| {
            let at: usize = from.map_or(0, |from| from.parse().unwrap());
            let items = list.iter().zip(0..).skip(at).take(2).map(|(connection, n)| {
                let key =
                    EventKey { connection: (*connection).into(), subject: "order:1".into(), id: EventId([n; 24]) };
                Listed { key, meta: Meta::json("t".into(), Utc(0), Utc(1), 2), work: Work::default() }
            });
            let next = (at + 2 < list.len()).then(|| (at + 2).to_string());
            Ok(Page { items: items.collect(), unreadable: 0, next })
        };
        let (mut came, mut from) = (Vec::new(), None);
        loop {
            let page = in_view(&read, from, |item| item.key.connection.as_str() == sees, hides);
            let page = page.now_or_never().unwrap().unwrap();
            came.push((page.items.len(), page.next.is_some()));
            from = page.next;
            if from.is_none() {
                return came;
            }
        }
    }

    #[test]
    fn items_of_others_are_passed_over_and_not_hinted_at() {
        assert_eq!(pages(&["b"; 9], "a", true), [(0, false)]);
        assert_eq!(pages(&["a", "b", "b", "b", "b"], "a", true), [(1, false)]);
        assert_eq!(pages(&["b", "b", "a", "a", "b", "b", "b", "a"], "a", true), [(2, true), (1, false)]);
        assert_eq!(pages(&["a"; 5], "a", false), [(2, true), (2, true), (1, false)]);
    }

    #[test]
    fn search_behind_many_pages_of_others_goes_on_later() {
        let mut list = vec!["b"; 2 * LOOKS + 2];
        list.push("a");
        assert_eq!(pages(&list, "a", true), [(0, true), (1, false)]);
    }
}
