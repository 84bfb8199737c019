//! Checker of files: it knows what each server answered, what the archive has, and holds each change of a record to that. It knows
//! nothing of how the hub decides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hub::files::{File, FileHash, Files, State};
use hub::{Alias, ConnectionId, EventKey, Subject, Utc};
use store::Listed;

use super::super::checker::Verdict;

const MINUTE: Duration = Duration::from_mins(1);

/// The least delay after each attempt, as the documents say.
const SCHEDULE: [u64; 6] = [1, 5, 30, 2 * 60, 6 * 60, 24 * 60];

/// Longest time until a file is put off again that could not be kept or was claimed.
const UNSETTLED: Duration = Duration::from_mins(6);

/// Longest time from an event until each of its files is kept or given up: the schedule with its jitter, waits that servers ask
/// for, and the time for which nothing works.
pub(super) const SETTLED_WITHIN: Duration = Duration::from_hours(56);

/// How long ago the answer may be that a change follows from.
const RECENT: Duration = Duration::from_mins(3);

/// A server's answer, as the hub must understand it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A file, with this content.
    Content(FileHash),
    /// None, which is this state once it is given up, and whether another attempt may be made.
    None(State, bool),
}

/// Hashes, and the shipments that they belong to.
pub(in crate::simulation) type Named = BTreeSet<(FileHash, (ConnectionId, Subject))>;

/// A stored change of files.
pub(in crate::simulation) struct Change<'a> {
    pub(in crate::simulation) record: &'a Listed,
    pub(in crate::simulation) before: &'a Files,
    pub(in crate::simulation) after: &'a Files,
    pub(in crate::simulation) named: &'a Named,
}

/// Known facts about the files of a history.
#[derive(Debug, Default)]
pub(in crate::simulation) struct Desk {
    /// Answers by link, the latest last.
    seen: BTreeMap<String, Vec<(Utc, Seen)>>,
    archived: BTreeSet<FileHash>,
    /// Kept content, with the events that name it and their ends.
    owners: BTreeMap<FileHash, BTreeMap<EventKey, Utc>>,
    /// Number of files by their end.
    pub(super) ends: BTreeMap<&'static str, usize>,
}

impl Desk {
    /// A server answers.
    pub(super) fn answered(&mut self, link: &str, seen: Seen, now: Utc) {
        self.seen.entry(link.to_owned()).or_default().push((now, seen));
    }

    /// The archive has some content.
    pub(super) fn archived(&mut self, hash: FileHash) {
        self.archived.insert(hash);
    }

    /// Aliases are written: content that one names is there.
    pub(in crate::simulation) fn named(&self, aliases: &[Alias]) -> Verdict {
        let hashes = aliases.iter().filter_map(|alias| alias.as_str().strip_prefix("file:")?.parse::<FileHash>().ok());
        match hashes.into_iter().find(|hash| !self.archived.contains(hash)) {
            Some(hash) => Err(format!("{hash} is named before it is in the archive")),
            None => Ok(()),
        }
    }

    /// The archive has removed some content: nothing that lives names it.
    pub(super) fn removed(&mut self, hash: FileHash, now: Utc) -> Verdict {
        self.archived.remove(&hash);
        let owners = self.owners.get(&hash).into_iter().flatten();
        match owners.into_iter().find(|(_, until)| now < **until) {
            Some((key, until)) => Err(format!("{hash} is removed and {} names it until {until}", key.id)),
            None => Ok(()),
        }
    }

    /// The store took a change of a record of files.
    pub(in crate::simulation) fn changed(&mut self, change: &Change<'_>, now: Utc) -> Verdict {
        let Change { before, after, .. } = change;
        let links = |files: &Files| files.entries.iter().map(|file| file.url.clone()).collect::<Vec<_>>();
        if links(before) != links(after) {
            return Err(format!("the files {:?} became {:?}", links(before), links(after)));
        }
        for (old, new) in before.entries.iter().zip(&after.entries).filter(|(old, new)| old != new) {
            self.moved(change, old, new, now).map_err(|what| format!("{}: {what}: {new:?}", new.url))?;
        }
        Ok(())
    }

    fn moved(&mut self, change: &Change<'_>, old: &File, new: &File, now: Utc) -> Verdict {
        if old.state != State::Waiting {
            return Err(format!("it was {:?}", old.state));
        }
        if new.tries > 7 || new.tries < old.tries || new.due.is_some() != (new.state == State::Waiting) {
            return Err("no state that it may have".to_owned());
        }
        let seen = self.seen.get(&new.url).into_iter().flatten();
        let recent: Vec<_> = seen.filter(|(at, _)| now.since(*at) <= RECENT).map(|(_, seen)| *seen).collect();
        if new.state == State::Waiting {
            return put_off(old, new, now);
        }
        if now.since(change.record.meta.received) > SETTLED_WITHIN {
            return Err("it was settled long after its schedule".to_owned());
        }
        *self.ends.entry(name(new.state)).or_default() += 1;
        match &new.kept {
            Some(kept) if new.state == State::Kept => {
                let key = &change.record.key;
                let shipment = hub::files::record::shipment(&change.record.meta).unwrap_or_else(|| "".into());
                if !recent.contains(&Seen::Content(kept.hash)) {
                    return Err(format!("its server had no such content, but {recent:?}"));
                }
                if !self.archived.contains(&kept.hash) {
                    return Err("its content is not in the archive".to_owned());
                }
                if !change.named.contains(&(kept.hash, (key.connection.clone(), shipment)))
                    && now < change.record.meta.expires
                {
                    return Err("its content does not name its shipment".to_owned());
                }
                self.owners.entry(kept.hash).or_default().insert(key.clone(), change.record.meta.expires);
                Ok(())
            }
            None if new.state.is_lost() => {
                let is_final = recent.contains(&Seen::None(new.state, false));
                let is_over = new.tries == 7 && recent.contains(&Seen::None(new.state, true));
                if is_final || is_over { Ok(()) } else { Err(format!("it is given up after {recent:?}")) }
            }
            _ => Err("its content and its state are not of one mind".to_owned()),
        }
    }

    /// Whether the archive has nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.archived.is_empty()
    }
}

/// A file waits for its next attempt as long as the schedule says, or until the end of a claim.
fn put_off(old: &File, new: &File, now: Utc) -> Verdict {
    let Some(due) = new.due else { return Err("it waits for nothing".to_owned()) };
    let wait = due.since(now);
    if new.tries == old.tries {
        return if wait <= UNSETTLED { Ok(()) } else { Err(format!("it is put off by {wait:?} without an attempt")) };
    }
    let Some(step) = SCHEDULE.get(old.tries as usize).map(|minutes| MINUTE * u32::try_from(*minutes).unwrap()) else {
        return Err("its schedule is over".to_owned());
    };
    // A slow store may have taken its time.
    let (least, most) = (step.saturating_sub(MINUTE), step.mul_f64(1.25).max(MINUTE * 60) + MINUTE);
    let is_right = new.tries == old.tries + 1 && (least..=most).contains(&wait);
    if is_right { Ok(()) } else { Err(format!("its next attempt is in {wait:?}, not in {step:?}")) }
}

const fn name(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Kept => "kept",
        State::Expired => "expired",
        State::Refused => "refused",
        State::Unreachable => "unreachable",
        State::NotAFile => "no file",
        State::TooLarge => "too large",
    }
}
