//! News of one cause, gathered for one message.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Cause, Finding};
use crate::Utc;

/// Most places that are counted apart.
const MOST_PLACES: usize = 10;

/// Most subjects that are named.
const MOST_ABOUT: usize = 5;

/// Longest name of a place or subject, in characters.
const LONGEST: usize = 80;

/// News of one cause. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Number of times that it happened.
    pub count: u64,
    /// Time of the first.
    pub since: Utc,
    /// Time of the last.
    pub until: Utc,
    /// Number by place: the first places. The others are the rest of `count`.
    #[serde(default)]
    pub places: BTreeMap<String, u64>,
    /// The first subjects.
    #[serde(default)]
    pub about: Vec<String>,
}

/// News by cause.
pub type Groups = BTreeMap<Cause, Group>;

impl Group {
    /// The group with a finding in it.
    pub fn add(&mut self, finding: &Finding) {
        let own = Self {
            count: finding.count,
            since: finding.at,
            until: finding.at,
            places: BTreeMap::from([(clipped(&finding.place), finding.count)]),
            about: finding.about.iter().map(|about| clipped(about)).collect(),
        };
        self.merge(&own);
    }

    /// The group with a later one in it.
    pub fn merge(&mut self, later: &Self) {
        if self.count == 0 {
            *self = later.clone();
            return;
        }
        self.count = self.count.saturating_add(later.count);
        (self.since, self.until) = (self.since.min(later.since), self.until.max(later.until));
        for (place, count) in &later.places {
            if let Some(known) = self.places.get_mut(place) {
                *known = known.saturating_add(*count);
            } else if self.places.len() < MOST_PLACES {
                self.places.insert(place.clone(), *count);
            }
        }
        for about in &later.about {
            if self.about.len() < MOST_ABOUT && !self.about.contains(about) {
                self.about.push(about.clone());
            }
        }
    }
}

/// Merges groups into others, which are of earlier news.
pub(super) fn merge(into: &mut Groups, later: &Groups) {
    for (cause, group) in later {
        into.entry(*cause).or_default().merge(group);
    }
}

fn clipped(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
