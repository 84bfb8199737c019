//! A watch: news of a shipment is expected within a time. Where none comes, the partner is asked, and where that brings none
//! either, the silence is reported, once.
//!
//! The decisions of one look at a watch are here: what was known before, what the shipment's timeline shows now, the rules of
//! the configuration, and the time lead to the next due time, to a question, to a silence that is reported, or to the end. News
//! writes nothing: it is found when the watch is due.

mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::progress::SEEN_OVER;
use crate::{EventType, Milestone, Utc};

pub use record::{SUBJECT, begun, is_subject, key, shipment, silence};

/// The type of the event that reports a silence.
pub const SILENT: &str = "watch.silent";

/// The types of the events that the hub makes of watches.
pub const EVENT_TYPES: [&str; 1] = [SILENT];

/// Wait after a question that could not be sent: the connection was in use, or the partner's circuit open. No longer than the
/// interval of the questions.
const UNSENT: Duration = Duration::from_mins(5);

/// Wait of a process whose configuration has no such watch: another one's may.
const UNKNOWN: Duration = Duration::from_hours(1);

/// Time for which no process has known the watch before it ends.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// The state of a watch. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The type of the event that began it, or the call's `<partner>.<operation>`: which rules hold depends on it.
    pub by: EventType,
    /// Its beginning.
    pub since: Utc,
    /// Time of the next look; nothing once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Utc>,
    /// Reception of the latest news that was seen.
    pub news: Utc,
    /// The latest question since that news.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Utc>,
    /// When the silence since that news was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Utc>,
    /// First time at which its longest time was seen to have passed; an hour later it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Utc>,
    /// Since when no process that looked at it has known its rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Utc>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// The end of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When it was seen.
    pub at: Utc,
    /// Why.
    pub why: End,
}

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The shipment is at a milestone after which nothing is expected.
    Milestone,
    /// The partner says that all has come.
    Complete,
    /// It has lasted for as long as it may.
    Time,
    /// It is not in the configuration any more.
    Unknown,
}

/// The rules of a watch.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Time without news that is not yet a silence.
    pub silence: Duration,
    /// Interval of the questions during a silence; none where the partner is not asked.
    pub every: Option<Duration>,
    /// Milestones that end it.
    pub until: &'a [Milestone],
    /// Its longest duration.
    pub longest: Duration,
}

/// Facts that the shipment's timeline shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Reception of the latest news; nothing where there is none.
    pub news: Option<Utc>,
    /// Milestones that were reached.
    pub milestones: Vec<Milestone>,
    /// The partner says that all has come.
    pub is_complete: bool,
}

/// Result of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing was sent.
    Unsent,
    /// The partner was asked; what is known since.
    Sent(Known),
}

/// Consequence of a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until the watch is due again, or for ever where it has ended.
    Wait(Watch),
    /// The partner is to be asked, once the watch is stored: until its due time nobody else asks.
    Ask(Watch),
    /// The silence is to be reported before the watch is stored.
    Report(Watch),
}

impl Rules<'_> {
    /// Those of a watch that is not in the configuration.
    pub const NONE: Self = Self { silence: Duration::ZERO, every: None, until: &[], longest: Duration::ZERO };

    /// Longest time until a look is due.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        self.silence.max(self.every.unwrap_or_default()).max(UNKNOWN)
    }

    /// Interval of the looks during a silence.
    fn interval(&self) -> Duration {
        self.every.unwrap_or(self.silence)
    }
}

impl Watch {
    /// A watch that begins with news received at `news`.
    #[must_use]
    pub fn new(by: EventType, news: Utc, rules: &Rules<'_>) -> Self {
        let due = Some(news.after(rules.silence));
        Self { by, since: news, due, news, asked: None, reported: None, over: None, unknown: None, ended: None }
    }

    /// Whether its silence was reported, and no news has been seen since.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.reported.is_some() && self.ended.is_none()
    }

    /// The watch after a look at its shipment. A question may take `lease`.
    #[must_use]
    pub fn looked(self, known: &Known, rules: &Rules<'_>, lease: Duration, now: Utc) -> Next {
        let mut watch = Self { unknown: None, ..self }.informed(known);
        if let Some(why) = watch.end(known, rules, now) {
            return Next::Wait(watch.ended(why, now));
        }
        let silent = watch.news.after(rules.silence);
        if now < silent {
            watch.due = Some(silent);
            return Next::Wait(watch);
        }
        let is_asked = |every: Duration| watch.asked.is_some_and(|asked| now.is_within(every, asked));
        if rules.every.is_some_and(|every| !is_asked(every)) {
            watch.due = Some(now.after(lease));
            return Next::Ask(watch);
        }
        watch.silent(rules, now)
    }

    /// The watch after its partner was asked, or could not be.
    #[must_use]
    pub fn asked(self, asked: &Asked, rules: &Rules<'_>, now: Utc) -> Next {
        let mut watch = self;
        let known = match asked {
            Asked::Sent(known) => known,
            // A partner that cannot be asked for an interval is as good as one that was asked in vain.
            Asked::Unsent if now.since(watch.news) >= rules.silence + rules.interval() => {
                return match watch.silent(rules, now) {
                    Next::Wait(watch) => Next::Wait(watch.again(rules, now)),
                    Next::Report(watch) => Next::Report(watch.again(rules, now)),
                    next @ Next::Ask(_) => next,
                };
            }
            Asked::Unsent => return Next::Wait(watch.again(rules, now)),
        };
        let before = watch.news;
        watch.asked = Some(now);
        watch = watch.informed(known);
        if let Some(why) = watch.end(known, rules, now) {
            return Next::Wait(watch.ended(why, now));
        }
        if watch.news > before {
            watch.due = Some(watch.news.after(rules.silence));
            return Next::Wait(watch);
        }
        watch.silent(rules, now)
    }

    /// The watch after a look by a process that does not know its rules.
    #[must_use]
    pub fn unconfigured(self, now: Utc) -> Self {
        // A time that lies ahead was seen on a clock that has been set back.
        let since = self.unknown.filter(|since| *since <= now).unwrap_or(now);
        if now.since(since) >= FORGOTTEN {
            return self.ended(End::Unknown, now);
        }
        Self { due: Some(now.after(UNKNOWN)), unknown: Some(since), ..self }
    }

    /// The watch due no later than the longest wait from now on; nothing where it is.
    #[must_use]
    pub fn brought_back(&self, longest: Duration, now: Utc) -> Option<Self> {
        let latest = now.after(longest);
        let is_far = self.due.is_some_and(|due| due > latest);
        let before = |time: Option<Utc>| time.map(|time| time.min(now));
        is_far.then(|| Self {
            due: Some(latest),
            news: self.news.min(now),
            asked: before(self.asked),
            reported: before(self.reported),
            ..self.clone()
        })
    }

    /// With the latest news: it ends a silence.
    fn informed(mut self, known: &Known) -> Self {
        if let Some(news) = known.news.filter(|news| *news > self.news) {
            (self.news, self.asked, self.reported) = (news, None, None);
        }
        self
    }

    fn end(&mut self, known: &Known, rules: &Rules<'_>, now: Utc) -> Option<End> {
        if known.milestones.iter().any(|milestone| rules.until.contains(milestone)) {
            return Some(End::Milestone);
        }
        if known.is_complete {
            return Some(End::Complete);
        }
        // One wrong reading of a clock ends nothing.
        let is_over = now.since(self.since) >= rules.longest;
        self.over = is_over.then(|| self.over.filter(|seen| *seen <= now).unwrap_or(now));
        self.over.is_some_and(|seen| now.since(seen) >= SEEN_OVER).then_some(End::Time)
    }

    /// The silence goes on: it is reported where it was not.
    fn silent(mut self, rules: &Rules<'_>, now: Utc) -> Next {
        self.due = Some(now.after(rules.interval()));
        if self.reported.is_some() {
            return Next::Wait(self);
        }
        self.reported = Some(now);
        Next::Report(self)
    }

    fn again(self, rules: &Rules<'_>, now: Utc) -> Self {
        Self { due: Some(now.after(UNSENT.min(rules.interval()))), ..self }
    }

    fn ended(self, why: End, now: Utc) -> Self {
        Self { due: None, ended: Some(Ended { at: now, why }), ..self }
    }
}
