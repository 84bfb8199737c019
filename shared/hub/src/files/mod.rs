//! Files that a partner names by links: fetched soon after the event, and kept by the hash of their content.
//!
//! The decisions of an attempt are here: the state of a file, the result of a fetch and the time lead to its next state. The
//! record of an event's files is stored apart from the event ([`record`]), so that neither a delivery nor a file waits for the
//! other. Fetching, keeping and serving are not done here.

mod content;
pub mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::progress::SEEN_OVER;
use crate::{EventId, EventType, Utc};

pub use content::{
    BEGINNING, FileHash, Hashing, Kind, LARGEST, NotAFile, begins_as, extension, kind, saved_as, sniffed,
};

/// Delays before the attempts after the first. A link that is dead at first may be that of a file still being written; one
/// that is dead for so long stays so.
const RETRY: [Duration; 6] = [
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(6),
    Duration::from_hours(24),
];

/// Longest wait that a server's `Retry-After` may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Wait after an attempt that this process could not make, or whose file it could not keep. No step of the schedule is used up.
const UNSENT: Duration = Duration::from_mins(1);

/// Wait of a process whose configuration does not have the connection's files fetched: another one's may.
const UNKNOWN: Duration = Duration::from_mins(10);

/// Time for which no process may fetch the files before they are given up.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// Longest text that is kept of a failure, in characters.
const DETAIL: usize = 300;

/// Longest wait that any transition makes, with its jitter.
pub const LONGEST_WAIT: Duration = Duration::from_hours(36);

/// The files of one event, or of one answer. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The type of the event that names them, or `<partner>.<operation>` of the call whose answer does.
    pub by: EventType,
    /// The event; nothing where an answer names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    /// The files, in the order of their links.
    pub entries: Vec<File>,
    /// Number of further links that are not followed: there are too many, or they are too long.
    #[serde(default, skip_serializing_if = "crate::attempt::is_zero")]
    pub left_out: u32,
    /// Since when no process that looked at them may fetch them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Utc>,
}

/// A file behind a link. Stored as JSON: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Name of the member that holds the link.
    pub field: String,
    /// The link.
    pub url: String,
    /// Its state.
    pub state: State,
    /// Time of the next attempt, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Utc>,
    /// Number of attempts so far.
    #[serde(default)]
    pub tries: u32,
    /// Time of the latest change.
    pub at: Utc,
    /// Reason of the latest failure; empty where there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The kept content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// State of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum State {
    /// It is to be fetched at its due time.
    Waiting,
    /// It is kept.
    Kept,
    /// Given up: the link leads nowhere (401, 403, 404, 410).
    Expired,
    /// Given up: the address may not be called, or its server refuses.
    Refused,
    /// Given up: its server did not answer, or failed.
    Unreachable,
    /// Given up: what the link leads to is a page or a message.
    NotAFile,
    /// Given up: it is larger than what is kept.
    TooLarge,
}

impl State {
    /// Whether the file was given up.
    #[must_use]
    pub const fn is_lost(self) -> bool {
        match self {
            Self::Waiting | Self::Kept => false,
            Self::Expired | Self::Refused | Self::Unreachable | Self::NotAFile | Self::TooLarge => true,
        }
    }
}

/// Content that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Hash of the content, by which it is served.
    pub hash: FileHash,
    /// Size in bytes.
    pub size: u64,
    /// Media type by its first bytes.
    pub media_type: String,
    /// Name to save it under.
    pub name: String,
}

/// Result of an attempt at a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The content is kept.
    Kept(Kept),
    /// It was not obtained.
    Failed {
        /// The state that it has once it is given up.
        why: State,
        /// The reason, for the operator. It names no more of the address than its origin.
        text: String,
        /// Whether another attempt may succeed.
        repeats: bool,
        /// The wait that its server asks for.
        retry_after: Option<Duration>,
    },
    /// This process could not fetch it, or could not keep it.
    Unsent {
        /// The reason.
        text: String,
    },
}

impl File {
    /// The file behind a link, due at once.
    #[must_use]
    pub const fn new(field: String, url: String, now: Utc) -> Self {
        Self { field, url, state: State::Waiting, due: Some(now), tries: 0, at: now, detail: String::new(), kept: None }
    }

    /// Whether it is to be fetched at `now`.
    #[must_use]
    pub fn is_due(&self, now: Utc) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// The file after an attempt. `jitter` is in `0.0..1.0`.
    #[must_use]
    pub fn attempted(self, outcome: Outcome, now: Utc, jitter: f64) -> Self {
        let spread = 1.0 + jitter.clamp(0.0, 1.0) / 4.0;
        match outcome {
            Outcome::Kept(kept) => Self {
                state: State::Kept,
                due: None,
                tries: self.tries.saturating_add(1),
                at: now,
                detail: String::new(),
                kept: Some(kept),
                ..self
            },
            Outcome::Unsent { text } => {
                Self { due: Some(now.after(UNSENT.mul_f64(spread))), at: now, detail: cut(&text), ..self }
            }
            Outcome::Failed { why, text, repeats, retry_after } => {
                let step = usize::try_from(self.tries).unwrap_or(usize::MAX);
                let delay = RETRY.get(step).filter(|_| repeats).map(|delay| delay.mul_f64(spread));
                let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
                let due = delay.map(|delay| now.after(delay.max(asked)));
                let state = if due.is_some() { State::Waiting } else { why };
                Self { state, due, tries: self.tries.saturating_add(1), at: now, detail: cut(&text), ..self }
            }
        }
    }

    fn given_up(self, why: State, text: &str, now: Utc) -> Self {
        Self { state: why, due: None, at: now, detail: cut(text), ..self }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL).collect()
}

impl Files {
    /// Time of the next attempt at one of them; nothing once all are settled.
    #[must_use]
    pub fn due(&self) -> Option<Utc> {
        self.entries.iter().filter_map(|file| file.due).min()
    }

    /// Time at which the first of those that were given up was; nothing while some are waited for, or where none was.
    #[must_use]
    pub fn lost_since(&self) -> Option<Utc> {
        let lost = self.entries.iter().filter(|file| file.state.is_lost()).map(|file| file.at);
        lost.min().filter(|_| self.due().is_none())
    }

    /// The files with those that are due claimed until `until`: no other process fetches them before.
    #[must_use]
    pub fn claimed(&self, until: Utc, now: Utc) -> Self {
        let claim = |file: &File| File { due: if file.is_due(now) { Some(until) } else { file.due }, ..file.clone() };
        Self { entries: self.entries.iter().map(claim).collect(), unknown: None, ..self.clone() }
    }

    /// The files after a look by a process that may not fetch them: the configuration has no such connection, or does not have
    /// its files fetched.
    #[must_use]
    pub fn unconfigured(&self, now: Utc) -> Self {
        // A time that lies ahead was seen on a clock that has been set back.
        let since = self.unknown.filter(|since| *since <= now).unwrap_or(now);
        let is_over = now.since(since) >= FORGOTTEN;
        let next = |file: &File| match file.due {
            None => file.clone(),
            Some(_) if is_over => {
                let why = "the configuration does not have the connection's files fetched: set files = true";
                file.clone().given_up(State::Refused, why, now)
            }
            Some(due) => File { due: Some(due.max(now.after(UNKNOWN))), ..file.clone() },
        };
        Self { entries: self.entries.iter().map(next).collect(), unknown: Some(since), ..self.clone() }
    }

    /// The files due no later than the longest wait from now on; nothing where they are.
    #[must_use]
    pub fn brought_back(&self, now: Utc) -> Option<Self> {
        let latest = now.after(LONGEST_WAIT.max(SEEN_OVER));
        let is_far = self.entries.iter().any(|file| file.due.is_some_and(|due| due > latest));
        let back = |file: &File| match file.due {
            Some(due) if due > latest => File { due: Some(now.after(UNSENT)), at: file.at.min(now), ..file.clone() },
            Some(_) | None => file.clone(),
        };
        is_far.then(|| Self { entries: self.entries.iter().map(back).collect(), ..self.clone() })
    }
}
