//! The state that is kept between looks, in one note that every process reads.
//!
//! It is stored only over the version that it was read from, which decides who sends: a message that is due moves from `waiting`
//! to `sending` in the write before it goes out. A process that dies then leaves it there, and after a while another one sends
//! it: a message may come twice, but is never lost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::group::merge;
use super::news::Known;
use super::{Facts, Finding, Groups, Rule};
use crate::Utc;

/// Name of the note that holds the state.
pub const NOTE: &str = "alerts";

/// Time after which a message that is being sent counts as not sent. Longer than sending one may take.
const SENDING: Duration = Duration::from_mins(2);

/// Time for which the news of an alert is kept that this process does not know: another one may.
const UNKNOWN: Duration = Duration::from_hours(24);

/// State of the alerts. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    #[serde(default)]
    known: Known,
    #[serde(default)]
    alerts: BTreeMap<String, Told>,
}

/// State of one alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// News that no message has told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    waiting: Groups,
    /// The message that a process is sending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sending: Option<Sending>,
    /// Time of the latest message, sent or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latest: Option<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sending {
    at: Utc,
    groups: Groups,
}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Id of its alert.
    pub alert: String,
    /// Its news.
    pub groups: Groups,
}

impl State {
    /// Beginning of the counts of the statistics that the next look needs.
    #[must_use]
    pub fn counts_from(&self, now: Utc) -> Utc {
        self.known.counts_from(now)
    }

    /// The state after a look, and the messages that are due: one of each alert at the most. They are to be sent once the state is
    /// stored.
    #[must_use]
    pub fn look(&self, facts: &Facts, rules: &[Rule], now: Utc) -> (Self, Vec<Due>) {
        let mut next = self.clone();
        let news = next.known.news(facts, now);
        let is_recent = |told: &Told| told.waiting.values().any(|group| now.since(group.until) < UNKNOWN);
        next.alerts.retain(|id, told| {
            told.give_back(now);
            rules.iter().any(|rule| rule.id == *id) || is_recent(told) || told.sending.is_some()
        });
        let due = rules.iter().filter_map(|rule| next.due(rule, &news, now)).collect();
        (next, due)
    }

    fn due(&mut self, rule: &Rule, news: &[Finding], now: Utc) -> Option<Due> {
        let mut wanted = news.iter().filter(|finding| rule.wants(finding)).peekable();
        if wanted.peek().is_none() && !self.alerts.contains_key(&rule.id) {
            return None;
        }
        let told = self.alerts.entry(rule.id.clone()).or_default();
        for finding in wanted {
            told.waiting.entry(finding.cause).or_default().add(finding);
        }
        let is_paused = told.latest.is_some_and(|latest| now.is_within(rule.every, latest));
        if told.waiting.is_empty() || told.sending.is_some() || is_paused {
            return None;
        }
        let groups = std::mem::take(&mut told.waiting);
        told.sending = Some(Sending { at: now, groups: groups.clone() });
        told.latest = Some(now);
        Some(Due { alert: rule.id.clone(), groups })
    }

    /// The state after the messages of these alerts were sent, or could not be. The news of those that were not waits for the next.
    #[must_use]
    pub fn sent<'a>(&self, results: impl IntoIterator<Item = (&'a Due, bool)>) -> Self {
        let mut next = self.clone();
        for (due, was_sent) in results {
            let Some(told) = next.alerts.get_mut(&due.alert) else { continue };
            // Another process has taken it over meanwhile.
            if told.sending.as_ref().is_none_or(|sending| sending.groups != due.groups) {
                continue;
            }
            let sending = told.sending.take();
            if !was_sent {
                told.put_back(sending);
            }
        }
        next
    }
}

impl Told {
    /// Gives up a message that has been on its way for too long.
    fn give_back(&mut self, now: Utc) {
        if self.sending.as_ref().is_some_and(|sending| !now.is_within(SENDING, sending.at)) {
            let sending = self.sending.take();
            self.put_back(sending);
        }
    }

    fn put_back(&mut self, sending: Option<Sending>) {
        let Some(Sending { mut groups, .. }) = sending else { return };
        merge(&mut groups, &self.waiting);
        self.waiting = groups;
    }
}
