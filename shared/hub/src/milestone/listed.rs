//! Milestones of a snapshot that lists what has happened, row by row, to the parts of a whole: receipts of the declarations of a
//! bill, for example.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{DatedMilestone, Milestone};
use crate::Utc;

/// A row whose code means a milestone.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The part that it is about; nothing where it names none.
    pub part: Option<&'a str>,
    /// The milestone.
    pub milestone: Milestone,
    /// Its time, as printed.
    pub time: Option<&'a str>,
}

/// Milestone of the whole, from its rows in their order. That of each part is that of the latest row about it; of equal times, the one
/// listed first. Rows of the whole itself (arrival, departure) name no part and count for each. Where parts are at different
/// milestones the whole has none.
#[must_use]
pub fn reached<'a>(rows: impl IntoIterator<Item = Listed<'a>>) -> Option<Milestone> {
    let mut whole = None;
    let mut parts = BTreeMap::<_, Option<_>>::new();
    for (place, row) in rows.into_iter().enumerate() {
        let latest = if row.is_of_whole() { &mut whole } else { parts.entry(row.part).or_default() };
        *latest = later(*latest, Some((row.time, Reverse(place), row.milestone)));
    }
    let mut each = parts.into_values().map(|own| later(own, whole));
    let (_, _, milestone) = each.next().unwrap_or(whole)?;
    each.all(|other| other.is_some_and(|(_, _, other)| other == milestone)).then_some(milestone)
}

/// A row's time, its place in the list, and its milestone.
type Known<'a> = (Option<&'a str>, Reverse<usize>, Milestone);

fn later<'a>(one: Option<Known<'a>>, other: Option<Known<'a>>) -> Option<Known<'a>> {
    one.into_iter().chain(other).max_by_key(|(time, place, _)| (*time, *place))
}

/// The milestones that every part has a row for, each with the time at which the last one had it. The rows of the whole itself are
/// each part's, as in [`reached`].
#[must_use]
pub fn dated<'a>(rows: impl IntoIterator<Item = Listed<'a>>) -> Vec<DatedMilestone> {
    let (mut whole, mut parts) = (Vec::new(), BTreeMap::<_, Vec<DatedMilestone>>::new());
    let mut listed: Vec<Milestone> = Vec::new();
    for row in rows {
        let milestone = row.milestone;
        let own = if row.is_of_whole() { &mut whole } else { parts.entry(row.part).or_default() };
        let Some(at) = row.time.and_then(Utc::parse) else { continue };
        own.push(DatedMilestone { milestone, at });
        if !listed.contains(&milestone) {
            listed.push(milestone);
        }
    }
    if parts.is_empty() {
        parts.insert(None, Vec::new());
    }
    let last = |milestone: Milestone| {
        let of = |own: &Vec<DatedMilestone>| {
            let all = own.iter().chain(&whole).filter(|own| own.milestone == milestone);
            all.map(|own| own.at).max()
        };
        let times: Option<Vec<_>> = parts.values().map(of).collect();
        times?.into_iter().max().map(|at| DatedMilestone { milestone, at })
    };
    listed.into_iter().filter_map(last).collect()
}

impl Listed<'_> {
    /// Whether it is about the whole itself, which arrives and leaves at once.
    const fn is_of_whole(&self) -> bool {
        self.part.is_none() && matches!(self.milestone, Milestone::Arrived | Milestone::Departed)
    }
}
