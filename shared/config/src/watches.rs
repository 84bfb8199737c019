//! `[[watches]]`: news of shipments that is expected within a time, and where to ask when none comes.

use std::time::Duration;

use hub::routes::Pattern;
use hub::slip::nearest;
use hub::watch::Rules;
use hub::{Alias, ConnectionId, Event, EventType, Milestone, Subject, call};
use partners::operation::{self, Credential};
use partners::profile::Following;

use super::Connection;
use super::document::Ids;
use super::patterns::{everything, watched};
use super::reader::{Item, Table};

/// Duration of a watch where the configuration has none.
const LONGEST: Duration = Duration::from_hours(24 * 90);

/// Shipments of a connection that are watched, and how.
#[derive(Clone, Debug)]
pub struct Watching {
    /// The connection.
    pub connection: ConnectionId,
    /// Types of the events, and `<partner>.<operation>` of the commands, that begin a watch.
    pub types: Vec<Pattern>,
    /// For how long no news is no silence.
    pub silence: Duration,
    /// How the partner is asked; nothing where it is not.
    pub asks: Option<Asks>,
    /// Milestones that end a watch.
    pub until: Vec<Milestone>,
    /// The partner's documented rules of following, of each kind of shipment that it has: they also end a watch.
    pub following: Vec<&'static Following>,
    /// For how long a watch lasts at the most.
    pub longest: Duration,
}

/// How a partner is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asks {
    /// The operation and its keys.
    pub following: &'static Following,
    /// Interval of the questions during a silence.
    pub every: Duration,
}

impl Watching {
    /// The rules of its watches.
    #[must_use]
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            silence: self.silence,
            every: self.asks.map(|asks| asks.every),
            until: &self.until,
            longest: self.longest,
        }
    }

    /// Whether an event of that type begins its watches.
    #[must_use]
    pub fn begins_with(&self, connection: &ConnectionId, kind: &EventType) -> bool {
        self.connection == *connection && self.types.iter().any(|pattern| pattern.matches(kind.as_str()))
    }

    /// The shipments that an event or a command is about, of those that are watched. Where the partner is asked, one that has
    /// no key to be asked by is not watched.
    #[must_use]
    pub fn shipments(&self, event: &Event) -> Vec<Subject> {
        let (subject, aliases) = (&event.key.subject, &event.meta.aliases);
        let has_ended = event.meta.milestone.is_some_and(|milestone| self.until.contains(&milestone));
        if has_ended || subject.is_digest() || subject.as_str().starts_with("malformed:") {
            return Vec::new();
        }
        let key = self.asks.map(|asks| asks.following.key);
        if call::is_subject(subject) {
            // A command may be about several.
            let is_own = |alias: &&Alias| match key {
                Some(key) => is_of(alias.as_str(), key),
                None => self.following.iter().any(|following| is_of(alias.as_str(), following.key)),
            };
            let own: Vec<_> = aliases.iter().filter(is_own).collect();
            // One without a key that its partner's shipments go by is about its first.
            let first = aliases.first().filter(|_| own.is_empty() && key.is_none());
            let watched = own.into_iter().chain(first);
            return watched.filter_map(|alias| self.spellings(alias.as_str()).into_iter().next()).collect();
        }
        let mut keys = std::iter::once(subject.as_str()).chain(aliases.iter().map(Alias::as_str));
        let can_be_asked = key.is_none_or(|key| keys.any(|one| is_of(one, key)));
        let spelled = || self.spellings(subject.as_str()).into_iter().take(1).collect();
        if can_be_asked { spelled() } else { Vec::new() }
    }

    /// The subjects that a business key may be spelled as, the one that it is watched under first.
    #[must_use]
    pub fn spellings(&self, key: &str) -> Vec<Subject> {
        let following = self.following.iter().find(|following| is_of(key, following.key));
        match following.zip(key.split_once(':')) {
            None => vec![Subject::from(key)],
            Some((following, (kind, value))) => {
                (following.spellings)(value).iter().map(|value| Subject::new(kind, value)).collect()
            }
        }
    }
}

/// Whether a business key is of that kind.
fn is_of(key: &str, kind: &str) -> bool {
    key.split_once(':').is_some_and(|(own, _)| own == kind)
}

/// Reads a watch of one of the `connections`, whose `ids` are those of all, mistaken ones included.
pub(super) fn read(mut table: Table<'_>, connections: &[&Connection], ids: &Ids) -> Option<Watching> {
    let at = table.need("connection", "\"xhq-sh\"");
    let connection = at.as_ref().and_then(|item| connection(item, ids));
    let known = connection.as_ref().and_then(|id| connections.iter().find(|known| known.id == *id)).copied();
    let types = table.or("types", vec![everything()], watched);
    let silence = table.need("silence", "\"24h\"").and_then(|item| item.duration());
    let ask = table.or("ask", None, |item| ask(item, known).map(Some));
    let every = table.or("every", None, |item| item.duration().map(Some));
    let until = table.or("until", None, |item| item.each(milestone).map(Some));
    let longest = table.or("for", LONGEST, Item::duration);
    if matches!((&ask, &every), (Some(None), Some(Some(_)))) {
        table.mistake("every", "is how often the partner is asked: add ask, or remove it".to_owned());
    }
    if let (Some(item), Some(None), true) = (&at, &until, known.is_some_and(|known| known.partner.is_configured())) {
        item.warn("is at a partner whose file names no end: give until, the milestones that end a watch, or each lasts as long as for");
    }
    table.close(&[]);
    let (connection, silence, ask) = (connection?, silence?, ask?);
    let following: Vec<_> = known.map_or(&[][..], |known| known.partner.profile().calls.following).iter().collect();
    let documented = ask.map_or_else(|| following.clone(), |ask| vec![ask]);
    let documented = documented.into_iter().flat_map(|following| following.until).copied();
    let every = every?.unwrap_or(silence);
    Some(Watching {
        connection,
        types: types?,
        silence,
        asks: ask.map(|following| Asks { following, every }),
        until: until?.unwrap_or_else(|| documented.filter_map(Milestone::named).collect()),
        following,
        longest: longest?,
    })
}

fn connection(item: &Item<'_>, ids: &Ids) -> Option<ConnectionId> {
    let text = item.text()?;
    if ids.contains(text) {
        return Some(text.into());
    }
    match nearest(text, ids.iter()) {
        Some(meant) => item.wrong(format!("is no connection: did you mean {meant}?")),
        None => item.wrong("is no connection: name one that is configured"),
    }
}

/// The operation that asks, with the connection's credentials for it.
fn ask(item: &Item<'_>, connection: Option<&Connection>) -> Option<&'static Following> {
    let text = item.text()?;
    // Without a sound connection its partner is not known; that is a mistake already.
    let connection = connection?;
    let following = connection.partner.profile().calls.following;
    let Some(found) = following.iter().find(|following| following.ask == text) else {
        let known: Vec<_> = following.iter().map(|following| following.ask).collect();
        return match (nearest(text, known.iter().copied()), known.is_empty()) {
            (Some(meant), _) => {
                item.wrong(format!("is no operation that a shipment is asked for by: did you mean {meant}?"))
            }
            (None, true) if connection.partner.is_configured() => item.wrong(format!(
                "must be left out: {} has no operation to ask by, which brings an action, has one of keys and needs no other field",
                connection.partner
            )),
            (None, true) => item.wrong(format!("must be left out: {} has nothing to be asked", connection.partner)),
            (None, false) => item.wrong(format!("must be one of {}", known.join(", "))),
        };
    };
    let credentials = operation::find(connection.partner, text).map_or(&[][..], |row| row.credentials).iter();
    let lacks = |name: &&str| !connection.credentials.contains_key(*name) && !connection.unread.contains(*name);
    // Of a described partner what is not documented is the token, which is asked for.
    let is_token = |credential: &&Credential| connection.partner.is_configured() && !credential.documented;
    let mut needed = credentials.filter(|credential| !is_token(credential)).map(|credential| credential.name);
    match needed.find(lacks) {
        Some(name) => item.wrong(format!("needs {name}, which connection {} lacks", connection.id)),
        None => Some(found),
    }
}

fn milestone(item: &Item<'_>) -> Option<Milestone> {
    let text = item.text()?;
    Milestone::named(text).or_else(|| {
        let names = Milestone::ALL.map(Milestone::name);
        match nearest(text, names) {
            Some(meant) => item.wrong(format!("is no milestone: did you mean {meant}?")),
            None => item.wrong(format!("must be one of {}", names.join(", "))),
        }
    })
}
