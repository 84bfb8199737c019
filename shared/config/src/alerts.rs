//! `[[alerts]]`: who is told what needs an operator.

use std::fmt;
use std::time::Duration;

use hub::Secret;
use hub::alert::{Cause, Kind, Language, Rule};
use hub::signature::SigningKey;
use hub::slip::nearest;
use url::Url;

use super::connections::http_url;
use super::document::Ids;
use super::patterns::{self, everything, warn_of_duplicate};
use super::reader::{Item, Table};
use super::secrets::Availability;
use super::{Trust, trust};

/// Default of the least pause between two messages.
const EVERY: Duration = Duration::from_mins(5);

/// A receiver of alerts.
#[derive(Clone)]
pub struct Alert {
    /// Its kind.
    pub kind: Kind,
    /// Its URL, which is a secret; nothing where that is in a secret that this process does not read.
    pub url: Option<Url>,
    /// The secret that signs messages to it.
    pub secret: AlertSecret,
    /// Its id, causes, connections and pause.
    pub rule: Rule,
    /// Language of its messages.
    pub language: Language,
    /// The hub's own URL, for links into the console.
    pub console: Option<Url>,
    /// Whether its address may be private or loopback.
    pub allow_private: bool,
    /// Accepted certificate authorities.
    pub trust: Trust,
}

/// The secret that signs messages to a receiver.
#[derive(Clone, Debug)]
pub enum AlertSecret {
    /// There is none: the URL is the only secret.
    None,
    /// It is in a secret that this process does not read.
    Unread,
    /// That of a robot's security settings.
    Robot(Secret),
    /// That of a webhook, as of an endpoint.
    Webhook(SigningKey),
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alert")
            .field("kind", &self.kind)
            .field("url", &self.url.as_ref().map(|_| "[REDACTED]"))
            .field("secret", &self.secret)
            .field("rule", &self.rule)
            .field("language", &self.language)
            .field("console", &self.console.as_ref().map(Url::as_str))
            .field("allow_private", &self.allow_private)
            .finish_non_exhaustive()
    }
}

impl Alert {
    /// The keys whose values this process does not read.
    pub(super) fn unread(&self) -> impl Iterator<Item = &'static str> {
        let secret = matches!(self.secret, AlertSecret::Unread).then_some("secret");
        self.url.is_none().then_some("url").into_iter().chain(secret)
    }
}

pub(super) fn read(mut table: Table<'_>, ids: &mut Ids, connections: &Ids, system_roots: bool) -> Option<Alert> {
    let id = ids.take(&mut table, "\"ops\"");
    let kind = table.need("kind", "\"wecom\"").and_then(|item| kind(&item));
    let allow_private = table.or("allow_private", false, Item::flag);
    let may_be_plain = allow_private.unwrap_or(true);
    let url = table.need("url", "{ env = \"NAME\" }").and_then(|item| url(&item, kind, may_be_plain));
    let secret = match table.get("secret") {
        Some(item) => secret(&item, kind),
        None if kind == Some(Kind::Webhook) => {
            table.mistake("secret", "is missing: add secret = \"whsec_...\", which signs the messages".to_owned());
            None
        }
        None => Some(AlertSecret::None),
    };
    let causes = table.or("causes", Cause::ALL.to_vec(), causes);
    let from = table.or("connections", vec![everything()], |item| patterns::connections(item, connections));
    let language = table.or("language", Language::default(), language);
    let every = table.or("every", EVERY, Item::duration);
    let console = table.or("console_url", None, |item| console(item).map(Some));
    let trust = trust::read(&mut table, system_roots);
    table.close(&[]);
    Some(Alert {
        kind: kind?,
        url: match url? {
            Availability::Known(url) => Some(url),
            Availability::Unread => None,
        },
        secret: secret?,
        rule: Rule { id: id?, causes: causes?, connections: from?, every: every? },
        language: language?,
        console: console?,
        allow_private: allow_private?,
        trust: trust?,
    })
}

fn kind(item: &Item<'_>) -> Option<Kind> {
    let text = item.text()?;
    Kind::named(text).or_else(|| {
        let names = Kind::ALL.map(Kind::name);
        match nearest(text, names) {
            Some(meant) => item.wrong(format!("is no kind of alert: did you mean {meant}?")),
            None => item.wrong(format!("must be one of {}", names.join(", "))),
        }
    })
}

/// The URL of a receiver. Nothing of it is quoted: robots have their key in it.
fn url(item: &Item<'_>, kind: Option<Kind>, may_be_plain: bool) -> Option<Availability<Url>> {
    let Availability::Known(secret) = item.credential()? else { return Some(Availability::Unread) };
    let Some(url) = Url::parse(secret.expose()).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return item.wrong("must be the robot's whole URL, which begins with https://");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return item.wrong("must hold no user name or password");
    }
    if url.scheme() == "http" && !may_be_plain {
        return item.wrong("must begin with https://: without TLS its key could be read on the way (allow_private = true permits http)");
    }
    let owner = Kind::ALL.into_iter().find(|other| other.host().is_some() && other.host() == url.host_str());
    match (owner, kind) {
        (Some(owner), Some(kind)) if owner != kind => {
            item.wrong(format!("is an address of another kind: set kind = \"{}\"", owner.name()))
        }
        (None | Some(_), _) => Some(Availability::Known(url)),
    }
}

fn secret(item: &Item<'_>, kind: Option<Kind>) -> Option<AlertSecret> {
    if kind == Some(Kind::Wecom) {
        return item.wrong("must be left out: a robot of WeCom has none but its url");
    }
    let Availability::Known(secret) = item.credential()? else { return Some(AlertSecret::Unread) };
    match kind? {
        Kind::Webhook => match SigningKey::new(secret.expose()) {
            Ok(key) => Some(AlertSecret::Webhook(key)),
            Err(error) => item.wrong(error.to_string()),
        },
        // The document shows it so.
        Kind::Dingtalk if !secret.expose().starts_with("SEC") => {
            item.wrong("must be the robot's 加签 secret, which begins with SEC")
        }
        Kind::Wecom | Kind::Dingtalk | Kind::Feishu => Some(AlertSecret::Robot(secret)),
    }
}

fn causes(item: &Item<'_>) -> Option<Vec<Cause>> {
    let mut seen = Vec::new();
    let causes = item.each(|item| {
        let text = item.text()?;
        warn_of_duplicate(item, &mut seen, text.to_owned());
        Cause::named(text).or_else(|| {
            let names = Cause::ALL.map(Cause::name);
            match nearest(text, names) {
                Some(meant) => item.wrong(format!("is no cause of alerts: did you mean {meant}?")),
                None => item.wrong(format!("must be one of {}", names.join(", "))),
            }
        })
    })?;
    if causes.is_empty() { item.wrong("must hold at least one: leave it out for all") } else { Some(causes) }
}

fn language(item: &Item<'_>) -> Option<Language> {
    let text = item.text()?;
    let known = Language::ALL.into_iter().find(|language| language.name() == text);
    known.or_else(|| item.wrong("must be \"zh\" or \"en\""))
}

fn console(item: &Item<'_>) -> Option<Url> {
    let url = http_url(item)?;
    if url.query().is_some() || url.fragment().is_some() {
        return item.wrong(
            "must be the hub's address alone, such as \"https://hub.example.com\": pages of the console are added",
        );
    }
    if url.path().trim_end_matches('/').ends_with("/console") {
        return item.wrong("must be the hub's address without /console, which is added");
    }
    Some(url)
}
