//! Reasons for refusing a push or a request of the ERP, and the answers to refused pushes. An unauthorized sender gets the same
//! answer for every reason; only the log has the reason.
//!
//! A scanner may send any number of requests, so the log has a limited number of these lines a minute, and the number of the
//! others. The choice of logged refusals depends on their number alone, so that a logged line reveals nothing about the reason.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use config::Connection;
use hub::{ConnectionId, Utc};
use partners::Partner;
use partners::answer::{self, Answer, Verdict};
use partners::configured::ALL_ACTIONS;

/// Number of refusals that are logged in each [`WINDOW`].
const LINES: u32 = 20;

/// The time that [`LINES`] are for.
const WINDOW: Duration = Duration::from_mins(1);

/// Partners that a path may name.
static PUSHING: LazyLock<String> = LazyLock::new(|| {
    let pushing = Partner::ALL.into_iter().filter(|partner| partner.profile().pushes.is_some());
    let names: Vec<_> = pushing.map(Partner::id).collect();
    let (last, others) = names.split_last().unwrap_or((&"", &[]));
    format!(
        "the first part of the URL behind /hooks/ is {}, {last} or the id of one of [[partners]]",
        others.join(", ")
    )
});

/// Reason for refusing a push or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The path is none of a webhook.
    Path,
    /// The path ends in no action, or in one of another partner.
    Action,
    /// The method is not POST.
    Method,
    /// The path names no partner.
    Partner,
    /// The path names no connection of the configuration.
    Connection,
    /// The connection is another partner's than the path says.
    OtherPartner,
    /// The key is none of the connection's.
    Key,
    /// The key is correct, but `allow_ips` does not list the sender's address.
    Source,
    /// The key is correct, but the partner's signature is wrong or missing.
    Signature,
    /// The signature is of another time.
    Time,
    /// No API key of the configuration: a request of the ERP's, and no push.
    ApiKey,
}

impl Refusal {
    /// The reason of the refusal, in a few words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Path => "no such path",
            Self::Action => "no such action of the partner",
            Self::Method => "not POST",
            Self::Partner => "no such partner",
            Self::Connection => "no such connection",
            Self::OtherPartner => "the connection is another partner's",
            Self::Key => "wrong key",
            Self::Source => "right key, but allow_ips does not list the address",
            Self::Signature => "right key, but the signature is wrong or missing",
            Self::Time => "right key, but it was signed too long ago or ahead of time",
            Self::ApiKey => "wrong API key",
        }
    }

    /// Remedy for the operator.
    #[must_use]
    pub fn check(self) -> &'static str {
        match self {
            Self::Path => "webhooks are at /hooks/<partner>/<connection>/<key>[/<action>]",
            Self::Action => "compare the end of the URL with the table of actions in docs/partners.md, or leave it out",
            Self::Method => "partners push with POST",
            Self::Partner => &PUSHING,
            Self::Connection => "compare the URL with the ids in the configuration that the hub was started with",
            Self::OtherPartner => "compare the partner in the URL with the connection's in the configuration",
            Self::Key => "compare the URL that the partner was given with the connection's keys",
            Self::Signature => {
                "compare the partner's verify in the configuration with its document, and the credential with its console"
            }
            Self::Time => {
                "compare this machine's clock with the time, and the window of the partner's verify with its document"
            }
            Self::ApiKey => "compare the token of the Authorization header with the keys of [[api_keys]]",
            Self::Source => "add the address to allow_ips if it is the partner's, or the proxy's before the hub",
        }
    }
}

/// The ends of the URLs of a described partner's actions, as the remedy for another.
fn actions(partner: Partner) -> Option<String> {
    partner.described()?;
    let Some(table) = partner.push_table() else {
        return Some(format!("{partner} pushes nothing: its description has no [partners.push]"));
    };
    let own = table.actions.iter().filter_map(|action| action.suffix.as_deref());
    let ends: Vec<_> = [ALL_ACTIONS].into_iter().chain(own).map(|end| format!("/{end}")).collect();
    Some(format!("the URLs of {partner} end in {}, of which /{ALL_ACTIONS} takes every action", ends.join(", ")))
}

/// A push that was turned away, as far as it may be logged: no word of its path, because any may be a key.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The webhook function.
    pub function: &'static str,
    /// The partner that the path names.
    pub partner: Option<Partner>,
    /// Reason of the refusal.
    pub refusal: Refusal,
    /// The connection of the configuration that the path names.
    pub connection: Option<ConnectionId>,
    /// Address of the sender, as far as it is known.
    pub peer: Option<IpAddr>,
}

impl Refused {
    /// Logs the refusal and gives its answer. A wrong method is the partner's mistake, and not logged.
    #[must_use]
    pub fn answer(&self, now: Utc) -> Answer {
        if self.refusal == Refusal::Method {
            return refuse(self.partner, Verdict::NotPost);
        }
        log(self, now);
        refuse(self.partner, Verdict::Unauthorized)
    }
}

/// Reason why the body of a push or of an ERP's request was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is over the limit.
    TooLarge,
    /// It broke off, or took too long.
    Incomplete,
    /// Other large bodies left no room in time.
    NoRoom,
    /// As many requests of its key are in progress as may be.
    Busy,
}

/// The text for a sender whose body broke off or took too long.
pub const INCOMPLETE: &str = "the body did not arrive whole and in time, please send it again";

/// The text for a sender whose large body found no room.
pub const NO_ROOM: &str = "too many large bodies arrive at once, please send it again";

/// The text for a sender that has too many requests in progress.
pub const BUSY: &str = "too many requests with this key are in progress, please send it again";

/// The answer to a push whose body was not read. What did not arrive cannot be kept, and only a resend brings it.
#[must_use]
pub fn unread(partner: Partner, why: Unread) -> Answer {
    let later = |text| answer::answer(partner, Verdict::Unavailable, text);
    match why {
        Unread::TooLarge => refuse(Some(partner), Verdict::TooLarge),
        Unread::Incomplete => later(INCOMPLETE),
        Unread::NoRoom => later(NO_ROOM),
        Unread::Busy => later(BUSY),
    }
}

/// The negative answer to a push that is not even looked at.
#[must_use]
pub fn refuse(partner: Option<Partner>, verdict: Verdict) -> Answer {
    let text = text(verdict);
    partner.map_or_else(|| answer::anyone(verdict, text), |partner| answer::answer(partner, verdict, text))
}

/// The answer of a connection to a push whose event's type ends in one of these names.
pub(crate) fn answered(connection: &Connection, names: &[&str], verdict: Verdict, text: &str) -> Answer {
    answer::replied(connection.partner, &connection.push_answers, names, verdict, text)
}

pub(crate) fn refused(connection: &Connection, names: &[&str], verdict: Verdict) -> Answer {
    answered(connection, names, verdict, text(verdict))
}

/// Text of a refusal.
const fn text(verdict: Verdict) -> &'static str {
    match verdict {
        // The answer does not reveal the reason to a stranger; the log has it.
        Verdict::Unauthorized => {
            "no such address: check the connection and the key in the URL, and that your IP address is allowed to push"
        }
        Verdict::NotPost => "use POST",
        Verdict::TooLarge => "the body is larger than 6 MB",
        Verdict::Unavailable => "the push could not be stored, please repeat it",
        Verdict::Accepted | Verdict::Duplicate | Verdict::Malformed => "",
    }
}

/// The refusals of a minute: how many were logged, and which were not.
#[derive(Debug, Default)]
struct Log {
    begun: Utc,
    lines: u32,
    unlogged: BTreeMap<(Refusal, Option<ConnectionId>), u64>,
}

/// The process's own.
static LOG: Mutex<Log> = Mutex::new(Log { begun: Utc(0), lines: 0, unlogged: BTreeMap::new() });

/// Logs a refusal, as far as the log has room for it.
pub fn log(refused: &Refused, now: Utc) {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).take(refused, now);
}

/// Logs how many refusals of a minute that is over were not logged, where no refusal since has brought that up.
pub fn tell(now: Utc) {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).turn(now);
}

/// The same for a process that ends, of the minute that lasts.
pub fn tell_all() {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).tell();
}

impl Log {
    /// Begins another minute where the present one is over.
    fn turn(&mut self, now: Utc) {
        // A clock that was set back begins a minute, too.
        if now < self.begun || now.since(self.begun) >= WINDOW {
            (self.begun, self.lines) = (now, 0);
            self.tell();
        }
    }

    fn tell(&mut self) {
        let unlogged = std::mem::take(&mut self.unlogged);
        if !unlogged.is_empty() {
            let total: u64 = unlogged.values().sum();
            tracing::warn!(total, refusals = summary(&unlogged), "refusals beyond the limit of single log lines");
        }
    }

    fn take(&mut self, refused: &Refused, now: Utc) {
        self.turn(now);
        let connection = refused.connection.as_ref();
        if self.lines >= LINES {
            let count = self.unlogged.entry((refused.refusal, connection.cloned())).or_default();
            *count = count.saturating_add(1);
            return;
        }
        self.lines += 1;
        let own = refused.partner.filter(|_| refused.refusal == Refusal::Action).and_then(actions);
        tracing::warn!(
            function = refused.function,
            connection = connection.map(ConnectionId::as_str),
            peer = refused.peer.map(tracing::field::display),
            check = own.as_deref().unwrap_or(refused.refusal.check()),
            outcome = Verdict::Unauthorized.name(),
            "{} refused: {}",
            if refused.refusal == Refusal::ApiKey { "request" } else { "push" },
            refused.refusal.what()
        );
    }
}

fn summary(unlogged: &BTreeMap<(Refusal, Option<ConnectionId>), u64>) -> String {
    let parts = unlogged.iter().map(|((refusal, connection), count)| {
        let at = connection.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
        format!("{}{at}: {count}", refusal.what())
    });
    parts.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use telemetry::logs::testing::logged;

    const NOW: Utc = Utc(1_790_000_000_000_000);

    #[test]
    fn each_refusal_says_what_is_wrong_and_where_to_look() {
        use Refusal as R;
        let all = [
            R::Path,
            R::Action,
            R::Method,
            R::Partner,
            R::Connection,
            R::OtherPartner,
            R::Key,
            R::Source,
            R::Signature,
            R::Time,
            R::ApiKey,
        ];
        let connection = Some(ConnectionId::from("xhq-sh"));
        let peer = Some("203.0.113.7".parse().unwrap());
        let text = logged(|| {
            let mut log = Log::default();
            for refusal in all {
                let connection = connection.clone();
                log.take(&Refused { function: "callback", partner: None, refusal, connection, peer }, NOW);
            }
        });
        assert_eq!(text.lines().count(), all.len(), "{text}");
        for (line, refusal) in text.lines().zip(all) {
            assert!(line.contains(&format!(" refused: {} ", refusal.what())), "{line}");
            assert!(line.contains(refusal.check()) && line.contains("peer=203.0.113.7"), "{line}");
        }
    }

    /// Regression: the log named the table of the built-in partners' actions.
    #[test]
    fn wrong_action_of_a_described_partner_is_told_its_own() {
        let text = |more: &str| {
            format!(
                r#"[[partners]]
                id = "acme"
                {more}"#
            )
        };
        let pushes = r#"push.answers = { accepted = { body = "1" }, unavailable = { body = "2" } }
            push.actions = [
                { name = "moves", suffix = "moved", keys = [{ kind = "bl", at = "/b" }], example = '{"b":1}', when = { at = "/b" } },
                { name = "rest", keys = [{ kind = "bl", at = "/c" }], example = '{"c":1}' },
            ]"#;
        for (text, check) in [
            (text(pushes), "the URLs of acme end in /push, /moved, of which /push takes every action"),
            (text(""), "acme pushes nothing: its description has no [partners.push]"),
        ] {
            let config = config::Config::parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
            let refused = Refused { refusal: Refusal::Action, partner: config.partner("acme"), ..stranger() };
            let line = logged(|| Log::default().take(&refused, NOW));
            assert!(line.contains(check), "{line}");
        }
    }

    fn stranger() -> Refused {
        Refused { function: "callback", partner: None, refusal: Refusal::Path, connection: None, peer: None }
    }

    /// Regression: each refusal was a line, so a scanner filled the log.
    #[test]
    fn a_flood_of_refusals_is_counted_and_not_logged() {
        let stranger = stranger();
        let connection = Some(ConnectionId::from("xhq-sh"));
        let partner = Refused { refusal: Refusal::Key, connection, ..stranger.clone() };
        let mut log = Log::default();
        let flood = logged(|| {
            (0..1000).for_each(|_| log.take(&stranger, NOW));
            log.take(&partner, NOW.after(WINDOW / 2));
        });
        assert_eq!(flood.lines().count(), LINES as usize, "{flood}");
        let later = logged(|| log.take(&partner, NOW.after(WINDOW)));
        let lines: Vec<_> = later.lines().collect();
        assert!(lines.len() == 2 && lines[1].contains("push refused: wrong key"), "{later}");
        assert!(
            lines[0].contains("no such path: 980; wrong key (xhq-sh): 1") && lines[0].contains("total=981"),
            "{later}"
        );
        let set_back = logged(|| log.take(&partner, Utc(0)));
        assert_eq!(set_back.lines().count(), 1, "{set_back}");
    }

    /// Regression: the number of unlogged refusals was logged with the next refusal only, so never after a flood had stopped.
    #[test]
    fn count_of_an_ended_flood_is_logged() {
        let stranger = stranger();
        let mut log = Log::default();
        let told = |log: &mut Log, tell: fn(&mut Log)| logged(|| tell(log));
        logged(|| (0..30).for_each(|_| log.take(&stranger, NOW)));
        assert_eq!(told(&mut log, |log| log.turn(NOW.after(WINDOW / 2))), "", "the minute lasts");
        assert!(told(&mut log, |log| log.turn(NOW.after(WINDOW))).contains("no such path: 10"));
        assert_eq!(told(&mut log, |log| log.turn(NOW.after(WINDOW * 2))), "", "it is told once");
        logged(|| (0..30).for_each(|_| log.take(&stranger, NOW.after(WINDOW * 2))));
        assert!(told(&mut log, Log::tell).contains("no such path: 10"), "the process ends");
    }
}
